import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/middleware/clock.ts';
import { redisStore } from '../../src/stores/redis.ts';
import { toyBot } from '../middleware/toy.ts';
import { isInstalled, noServer } from '../stores/redis-cluster.ts';

const there = isInstalled();
if (!there) console.warn(`LEFT OUT: Redis stopped for ten seconds, ${noServer}.`);

/** For how long Redis is away, real milliseconds. */
const awayMs = 10_000;
const people = 20;

/** A Redis of its own, that can be stopped and started again where it was. */
async function ownRedis(folder: string) {
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address() as { port: number };
  free.close();
  let server: ChildProcess | undefined;
  const start = async () => {
    const args = ['--port', String(port), '--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder];
    server = spawn('redis-server', args, { stdio: 'ignore' });
    for (let tries = 0; tries < 200; tries++) {
      const client = createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: false } });
      client.on('error', () => {});
      const answers = await client.connect().then(
        (one) => one.ping(),
        () => undefined,
      );
      client.destroy();
      if (answers === 'PONG') return;
      await sleep(50);
    }
    throw new Error('redis-server does not answer.');
  };
  const stop = async () => {
    if (server === undefined || server.exitCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  };
  await start();
  return { url: `redis://127.0.0.1:${port}`, start, stop };
}

let folder: string;
let redis: Awaited<ReturnType<typeof ownRedis>>;
const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);

beforeEach(async () => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
  folder = await mkdtemp(join(tmpdir(), 'adjourn-outage-'));
  if (there) redis = await ownRedis(folder);
});

afterEach(async () => {
  await redis?.stop();
  await rm(folder, { recursive: true, force: true });
  process.off('unhandledRejection', note);
});

test.runIf(there || process.env['CI']).each([
  ['with its data', true],
  ['empty', false],
])(
  'Redis is stopped for ten seconds and started again %s: turns degrade and recover, and nobody crashes',
  async (_how, keepsData) => {
    expect(there, noServer).toBe(true);
    const client = createClient({ url: redis.url, socket: { reconnectStrategy: 50 } });
    client.on('error', () => {});
    await client.connect();
    const bot = toyBot({ store: redisStore(client, { timeoutMs: 1_000 }), clock: systemClock as never, leaseMs: 2_000 });

    /** What everybody's session is when they write, and whether it is a throw-away one. */
    const everybody = async () => {
      const seen: { readonly user: string; readonly id: string; readonly degraded: boolean; readonly turn: number }[] = [];
      const talk = async (user: string) => {
        const message = bot.message('hi', { conversation: { id: user, kind: 'direct' }, user, at: Date.now() });
        await bot.deliver(message, ({ session, degraded }) =>
          seen.push({ user, id: session.id, degraded, turn: session.turnCount }),
        );
      };
      await Promise.all(Array.from({ length: people }, (_, n) => talk(`u${n}`)));
      return seen.sort((a, b) => a.user.localeCompare(b.user));
    };

    const before = await everybody();
    expect(before.map(({ turn }) => turn)).toEqual(Array(people).fill(1));

    await redis.stop();
    if (!keepsData) await rm(join(folder, 'appendonlydir'), { recursive: true, force: true });
    const until = Date.now() + awayMs;
    while (Date.now() < until) {
      const during = await everybody();
      expect(during.every(({ degraded, id }) => degraded && id.startsWith('degraded:'))).toBe(true);
      await sleep(500);
    }
    expect(bot.names()).not.toContain('closed');
    await redis.start();

    let after = await everybody();
    for (const patience = Date.now() + 20_000; after.some(({ degraded }) => degraded) && Date.now() < patience; ) {
      await sleep(100);
      after = await everybody();
    }
    expect(after.some(({ degraded }) => degraded)).toBe(false);
    const same = after.map(({ id }, n) => id === before[n]?.id);
    expect(same).toEqual(Array(people).fill(keepsData));
    // What was said meanwhile is not counted; what was counted before is not lost.
    if (keepsData) expect(after.every(({ turn }) => turn >= 2)).toBe(true);
    expect(unhandled).toEqual([]);
    await bot.sessions.close();
    client.destroy();
  },
  90_000,
);
