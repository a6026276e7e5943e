import { spawnSync } from 'node:child_process';
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

/** What a command prints. What it complains about is part of the error, whichever way it complains. */
function run(folder: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

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

it('a bot of modules and an adapter that was required share their sessions and errors', () => {
  const script = `
    import { createRequire } from 'node:module';
    import { AdjournError, createSessions } from 'adjourn';
    const require = createRequire(import.meta.url);
    const { slackSessions } = require('adjourn/slack');
    const { AdjournError: Other, isAdjournError } = require('adjourn');
    const silent = { debug() {}, info() {}, warn() {}, error() {} };
    const sessions = createSessions({ logger: silent });
    const context = { teamId: 'T1', botUserId: 'UB' };
    const event = { type: 'message', channel: 'D1', channel_type: 'im', user: 'U1', text: 'hi', ts: '1790000000.000100' };
    await slackSessions(sessions)({
      body: { type: 'event_callback', api_app_id: 'A1', team_id: 'T1', event_id: 'Ev1', event },
      context,
      client: { chat: { postMessage: async () => {} } },
      next: async () => console.log(sessions.of(context).turnCount, sessions.current()?.key),
    });
    try {
      sessions.of({});
    } catch (error) {
      console.log(error instanceof Other, error instanceof AdjournError, isAdjournError(error, 'ADJ_NO_SESSION'));
    }`;
  writeFileSync(join(bare, 'bot.mjs'), script);
  expect(node(bare, 'bot.mjs')).toBe('1 slack/slack/T1%3AU1\nfalse true true\n');
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
