import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/middleware/clock.ts';
import { toyBot } from '../middleware/toy.ts';
import { isThere, lost, redisUrl } from '../stores/redis-server.ts';
import { dropping, freshPrefix, missing } from '../stores/sql-servers.ts';
import { type Backend, openBackend } from './backend.ts';

const postgresUrl = new URL(process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/test');
const prefix = freshPrefix();
const folder = await mkdtemp(join(tmpdir(), 'adjourn-frozen-'));

const backends: readonly (readonly [name: string, absent: string | undefined, backend: Backend])[] = [
  [
    'Redis',
    (await isThere()) ? undefined : lost,
    { kind: 'redis', url: redisUrl.href, prefix: `adjourn-frozen-${randomUUID()}`, archive: join(folder, 'archive.db') },
  ],
  ['PostgreSQL', await missing(postgresUrl, 'PostgreSQL'), { kind: 'postgres', url: postgresUrl.href, prefix }],
  ['SQLite', undefined, { kind: 'sqlite', file: join(folder, 'sessions.db') }],
];

beforeAll(() => {
  for (const [name, absent] of backends) if (absent) console.warn(`LEFT OUT: a frozen process over ${name}, ${absent}.`);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  if (backends[1]?.[1] !== undefined) return;
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: postgresUrl.href });
  await client.connect();
  await client.query(dropping(prefix));
  await client.query(`DROP FUNCTION IF EXISTS ${prefix}_archive_tally`);
  await client.end();
});

const present = backends.filter(([, absent]) => absent === undefined || process.env['CI']);

test.each(present)(
  '%s: who was frozen for longer than a lease cannot save, hears of it, and tells',
  async (_name, absent, backend) => {
    expect(absent).toBeUndefined();
    const script = new URL('./frozen-bot.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, ['--conditions=@adjourn/source', script, JSON.stringify(backend)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    try {
      expect((await lines.next()).value).toBe('began');
      child.kill('SIGSTOP');
      const { store, close } = await openBackend(backend);
      const bot = toyBot({ store, clock: systemClock as never, leaseMs: 1_000 });
      let turn = 0;
      await bot.says('meanwhile', ({ session }) => {
        turn = session.turnCount;
      });
      // What the frozen one did is not there: the other's turn is the first.
      expect(turn).toBe(1);
      await sleep(500);
      child.kill('SIGCONT');
      const told = JSON.parse(String((await lines.next()).value));
      expect(told).toMatchObject({ aborted: true, saved: false });
      expect(told.codes).toContain('save_failed LEASE_LOST');
      await bot.says('after', ({ session }) => {
        turn = session.turnCount;
      });
      expect(turn).toBe(2);
      await bot.sessions.close();
      await close();
    } finally {
      child.kill('SIGKILL');
    }
  },
  60_000,
);
