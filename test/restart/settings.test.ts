import { randomUUID } from 'node:crypto';
import { createClient } from 'redis';
import { afterEach, describe, expect, test } from 'vitest';
import { redisStore } from '../../src/stores/redis.ts';
import { sqlStore } from '../../src/stores/sql.ts';
import { isThere, lost, redisUrl } from '../stores/redis-server.ts';
import { connectPostgres, dropping, missing, postgresUrl } from '../stores/sql-servers.ts';
import { killAll, startProcess } from './process.ts';

/** Every process counts by a change within this time, ms; only so long a test waits for it. */
const patience = { timeout: 5_000, interval: 100 };
/** A lease of a process that died lasts a second, and others look every two. */
const takeOver = { timeout: 15_000, interval: 100 };

const servers = {
  redis: {
    url: redisUrl.href,
    left: (await isThere()) ? undefined : lost,
    async open(prefix: string) {
      const client = createClient({ url: redisUrl.href });
      await client.connect();
      return {
        store: redisStore(client, { prefix }),
        async dispose() {
          const keys = await client.keys(`${prefix}:*`);
          if (keys.length > 0) await client.del(keys);
          client.destroy();
        },
      };
    },
  },
  postgres: {
    url: postgresUrl.href,
    left: await missing(postgresUrl, 'PostgreSQL'),
    async open(prefix: string) {
      const { driver, say, end } = connectPostgres(postgresUrl.href);
      return {
        store: sqlStore(driver, { prefix }),
        async dispose() {
          await say(dropping(prefix));
          await end();
        },
      };
    },
  },
};

afterEach(killAll);

describe.each(Object.entries(servers))('bot processes over %s', (kind, { url, left, open }) => {
  const check = (title: string, count: number, work: (given: Awaited<ReturnType<typeof setUp>>) => Promise<void>) =>
    test(title, { timeout: 60_000 }, async ({ skip }) => {
      if (left !== undefined) {
        console.warn(`LEFT OUT: settings over ${kind}: ${left}`);
        if (process.env['CI']) throw new Error(`Settings over ${kind} were left out: ${left}`);
        skip(left);
      }
      const given = await setUp(count);
      try {
        await work(given);
      } finally {
        killAll();
        await given.dispose();
      }
    });

  /** Processes, and the store they share. */
  const setUp = async (count: number) => {
    const prefix = `s${randomUUID().replaceAll('-', '').slice(0, 20)}`;
    const opened = await open(prefix);
    const bots = await Promise.all(
      Array.from({ length: count }, (_, n) => n + 1).map(async (number) => {
        const bot = await startProcess('./settings-bot.ts', kind, url, prefix);
        const ask = async <T>(path: string, body: object = {}): Promise<T> => {
          const response = await fetch(`${bot.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
          if (!response.ok) throw new Error(await response.text());
          return (await response.json()) as T;
        };
        const state = () => ask<{ minutes: number; turns: number; failures: string[] }>('/state');
        const set = (settings: object, more: object = {}) =>
          ask('/set', { change: { endpoints: { main: settings } }, options: { by: `admin ${number}` }, ...more });
        return { ...bot, number, ask, state, set };
      }),
    );
    const everyone = <T>(look: (bot: (typeof bots)[number]) => Promise<T>) => Promise.all(bots.map(look));
    const rearming = async () => {
      const { records } = await opened.store.find({ keys: ['~settings'] });
      return records[0]?.record['rearming'];
    };
    const wakeUps = async () => {
      const { records } = await opened.store.find({ prefix: 'messenger/' });
      return records.map(({ record, wakeAt }) => {
        const { lastActivityAt } = record['session'] as { lastActivityAt: number };
        return ((wakeAt ?? Number.NaN) - lastActivityAt) / 60_000;
      });
    };
    return { ...opened, bots: bots as [(typeof bots)[0], (typeof bots)[0], ...typeof bots], everyone, rearming, wakeUps };
  };

  check('changes in the middle of their work count in all of them, and no turn fails', 4, async ({ bots, everyone, wakeUps }) => {
    const mine = (number: number) => Array.from({ length: 8 }, (_, n) => `${number}00${n}`);
    await everyone(({ ask, number }) => ask('/load', { users: mine(number) }));
    const turns = () => everyone(async ({ state }) => (await state()).turns);
    await expect.poll(async () => Math.min(...(await turns())), takeOver).toBeGreaterThan(16);
    expect(await bots[0].set({ expiration: 7 })).toMatchObject({ sessions: 32, closing: 0, version: 1 });
    const before = await turns();
    await expect.poll(() => everyone(async ({ state }) => (await state()).minutes), patience).toEqual([7, 7, 7, 7]);
    // They go on working by it, and nobody's wake-up is left where it was.
    await expect.poll(async () => (await turns()).every((now, n) => now > (before[n] ?? 0)), takeOver).toBe(true);
    await expect.poll(async () => Math.max(...(await wakeUps())), takeOver).toBeLessThanOrEqual(7);
    // Of changes made at once all are kept.
    const [one, other] = bots;
    await Promise.all([one.set({ expiration: 9 }), other.set({ maxTurns: 5_000 }), other.set({ maxDuration: '2h' })]);
    await expect.poll(() => everyone(async ({ state }) => (await state()).minutes), patience).toEqual([9, 9, 9, 9]);
    expect(await one.set({ maxTurns: 6_000 })).toMatchObject({ version: 5 });
    expect((await everyone(({ state }) => state())).flatMap(({ failures }) => failures)).toEqual([]);
  });

  check('one that is killed while it looks up sessions leaves the rest to another', 2, async ({ bots, rearming, wakeUps }) => {
    const [one, other] = bots;
    await one.ask('/write', { users: Array.from({ length: 60 }, (_, n) => `7${String(n).padStart(3, '0')}`) });
    const exited = one.exited();
    await expect(one.set({ expiration: 7 }, { dieAfter: 15 })).rejects.toThrow();
    await exited;
    // It can have saved a quarter of them, and cannot have said that nothing is left undone.
    await expect.poll(rearming, takeOver).toBeUndefined();
    expect(new Set(await wakeUps())).toEqual(new Set([7]));
    expect((await other.state()).failures).toEqual([]);
  });
});
