import { defineConfig } from 'vitest/config';

/** Bots in processes of their own, several at once: one file after another, when the machine has nothing else to do. */
const crowds = ['test/{chaos,processes,restart}/**/*.test.ts', 'test/simulator/processes.test.ts'];

export default defineConfig({
  resolve: { conditions: ['@adjourn/source'] },
  ssr: { resolve: { conditions: ['@adjourn/source'] } },
  test: {
    environment: 'node',
    testTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          include: ['test/**/*.test.ts', 'samples/**/*.test.ts'],
          exclude: crowds,
          // Most of them wait for databases: half the processors, as is usual, would idle.
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: 'crowds', include: crowds, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
