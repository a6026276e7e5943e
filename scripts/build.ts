import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';

/** Two passes of plain tsc over the same sources: ECMAScript modules and CommonJS, each with its own declarations. */
const passes = ['tsconfig.build.json', 'tsconfig.cjs.json'];

rmSync('dist', { recursive: true, force: true });
for (const project of passes) {
  const { status } = spawnSync('node_modules/.bin/tsc', ['--project', project], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? 1);
}
// The package itself is a module package; this file tells Node and TypeScript that one half of it is not.
writeFileSync('dist/cjs/package.json', '{ "type": "commonjs" }\n');
