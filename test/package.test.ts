import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import manifest from '../package.json' with { type: 'json' };

/** The packed tarball, as somebody who installed it meets it. */
const root = resolve(import.meta.dirname, '..');
/** No peer can be found from here. */
const bare = mkdtempSync(join(tmpdir(), 'adjourn-'));
/** From here the repository's own packages are found: the peers, Jest, the compiler. */
const furnished = join(root, '.tmp', `package-${process.pid}`);

const run = (folder: string, command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
const node = (folder: string, ...args: string[]) => run(folder, process.execPath, ...args);
const tool = (name: string) => join(root, 'node_modules', '.bin', name);
const ways = Object.keys(manifest.exports)
  .filter((way) => way !== './package.json')
  .map((way) => `adjourn${way.slice(1)}`);

beforeAll(() => {
  node(root, 'scripts/build.ts');
  const [packed] = JSON.parse(
    run(root, 'npm', 'pack', '--json', '--ignore-scripts', '--loglevel=silent', '--pack-destination', bare),
  );
  for (const folder of [bare, furnished]) {
    const installed = join(folder, 'node_modules', 'adjourn');
    mkdirSync(installed, { recursive: true });
    run(folder, 'tar', '-xzf', join(bare, packed.filename), '--strip-components=1', '-C', installed);
  }
}, 120_000);

afterAll(() => {
  for (const folder of [bare, furnished]) rmSync(folder, { recursive: true, force: true });
});

describe('with no peer installed', () => {
  it('every way in loads as a module', () => {
    const script = `${ways.map((way) => `await import('${way}');`).join('\n')}\nconsole.log('loaded');`;
    expect(node(bare, '--input-type=module', '--eval', script)).toBe('loaded\n');
  });

  it('every way in loads by require, also where modules cannot be required', () => {
    const script = `${ways.map((way) => `require('${way}');`).join('\n')}\nconsole.log('loaded');`;
    expect(node(bare, '--no-experimental-require-module', '--input-type=commonjs', '--eval', script)).toBe('loaded\n');
  });
});

describe('types', () => {
  const names = ways
    .map((way, index) => `import * as part${index} from '${way}';\nexport type Part${index} = typeof part${index};`)
    .join('\n');
  const use = `
    import { createSessions } from 'adjourn';
    const sessions = createSessions({ initial: () => ({ cart: [] as string[] }), endpoints: { support: { expiration: '30m' } } });
    export const cart = (host: object): string[] => sessions.of(host).data.cart;`;

  it.each([
    ['node16', 'bot.mts'],
    ['node16', 'bot.cts'],
    ['nodenext', 'bot.mts'],
    ['nodenext', 'bot.cts'],
    ['esnext', 'bot.mts'],
  ])('are right under module %s in %s', (module, file) => {
    writeFileSync(join(furnished, file), `${names}\n${use}\n`);
    const resolution = module === 'esnext' ? ['--moduleResolution', 'bundler'] : [];
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--types',
      'node',
      '--module',
      module,
      ...resolution,
    ];
    expect(run(furnished, tool('tsc'), ...options, file)).toBe('');
  });
});

it('works under Jest, which knows no modules', () => {
  writeFileSync(join(furnished, 'package.json'), '{ "jest": { "testEnvironment": "node" } }');
  writeFileSync(
    join(furnished, 'bot.test.js'),
    `const { createSessions, AdjournError } = require('adjourn');
     test('a bot', () => {
       const sessions = createSessions();
       expect(() => sessions.of({})).toThrow(AdjournError);
       return sessions.close();
     });`,
  );
  expect(() => run(furnished, tool('jest'), '--ci', '--rootDir', furnished)).not.toThrow();
});
