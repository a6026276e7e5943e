import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@adjourn/source'] },
  ssr: { resolve: { conditions: ['@adjourn/source'] } },
  test: {
    include: ['test/**/*.test.ts', 'samples/**/*.test.ts'],
    environment: 'node',
    testTimeout: 20_000,
  },
});
