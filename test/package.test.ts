import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { type Packed, pack } from './package/packed.ts';

/** Every way into the packed package, for every kind of project, with no peer installed. */
const ways = Object.keys(manifest.exports)
  .filter((way) => way !== './package.json')
  .map((way) => `adjourn${way.slice(1)}`);

let packed: Packed;
vi.setConfig({ testTimeout: 60_000 });

beforeAll(() => {
  packed = pack();
}, 180_000);
afterAll(() => packed?.remove());

it.each([
  ['node16', 'bot.mts'],
  ['node16', 'bot.cts'],
  ['nodenext', 'bot.mts'],
  ['nodenext', 'bot.cts'],
  ['esnext', 'bot.mts'],
])('its types need no skipLibCheck under module %s in %s', (module, file) => {
  const bot = ways
    .map((way, index) => `import * as part${index} from '${way}';\nexport type Part${index} = typeof part${index};`)
    .join('\n');
  const consumer = packed.consumer(['@types/node'], { 'package.json': '{}', [file]: bot });
  const resolution = module === 'esnext' ? ['--moduleResolution', 'bundler'] : [];
  expect(
    consumer.tool(
      'tsc',
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--types',
      'node',
      '--module',
      module,
      ...resolution,
      file,
    ),
  ).toBe('');
});

it('every way in can be imported, and required where modules cannot be', () => {
  const imports = `${ways.map((way) => `await import('${way}');`).join('\n')}\nconsole.log('loaded');`;
  const requires = `${ways.map((way) => `require('${way}');`).join('\n')}\nconsole.log('loaded');`;
  const consumer = packed.consumer([], { 'package.json': '{}', 'bot.mjs': imports, 'bot.cjs': requires });
  expect(consumer.node('bot.mjs')).toBe('loaded\n');
  expect(consumer.node('--no-experimental-require-module', 'bot.cjs')).toBe('loaded\n');
});
