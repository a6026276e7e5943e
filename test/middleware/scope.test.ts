import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createSessions, keyvStore } from 'adjourn';
import Keyv from 'keyv';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { silent } from './toy.ts';

afterEach(() => vi.unstubAllEnvs());

const shared = () => ({ ...keyvStore(), capabilities: { scope: 'shared', durable: true } as const });

/** What `createSessions` warns of. */
function warnings(options: Parameters<typeof createSessions>[0] = {}): string[] {
  const lines: string[] = [];
  createSessions({ ...options, logger: { ...silent, warn: (line) => lines.push(line) } });
  return lines;
}

const refused = expect.objectContaining({ code: 'ADJ_STORE_SCOPE', hint: expect.stringContaining('redisStore') });

describe('many processes', () => {
  it('are refused a store that only one of them can see, the default one too', () => {
    for (const store of [undefined, keyvStore(), keyvStore(new Keyv())]) {
      expect(() => createSessions({ store, processes: 'many', logger: silent })).toThrow(refused);
    }
  });

  it('get one that they share', () => {
    expect(warnings({ store: shared(), processes: 'many' })).toEqual([]);
  });

  it('are nothing that a Keyv could promise', () => {
    expect(() => keyvStore(new Keyv(), { processes: 'many' })).toThrow(refused);
    expect(() => keyvStore(undefined, { processes: 'many' })).toThrow(refused);
    expect(keyvStore(new Keyv(), { processes: 'one' }).capabilities.scope).toBe('process');
  });
});

describe('a store for one process only', () => {
  const place = (where: string) => [expect.stringContaining(`for one process only, in ${where}`)];

  it('is fine where there is one', () => {
    expect(warnings()).toEqual([]);
    expect(warnings({ processes: 'one' })).toEqual([]);
  });

  it('earns one warning in production; a shared one none', () => {
    vi.stubEnv('NODE_ENV', 'production');
    expect(warnings()).toEqual(place('production'));
    expect(warnings({ store: shared() })).toEqual([]);
  });

  it('earns one warning in a cluster worker', async () => {
    const script = new URL('./scope-worker.ts', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@adjourn/source', script]);
    expect(JSON.parse(stdout)).toEqual(place('a cluster worker'));
  });
});
