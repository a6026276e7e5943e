import { strict as assert } from 'node:assert';
import { type Clock, keyvStore, type Store, systemClock } from '../../src/index.ts';
import { redisStore } from '../../src/stores/redis.ts';
import { sqlStore } from '../../src/stores/sql.ts';
import { bareClaimsOnPostgres, bareClaimsOnRedis } from '../harness/bare-claims.ts';
import { type Bot, keyOfUser, type Model, modelIn, startBot } from '../harness/bot.ts';
import type { Case } from '../harness/case.ts';
import { type Figure, type Spread, spreadOf } from '../harness/figures.ts';
import { seedPostgres, startPostgres } from '../harness/postgres.ts';
import { seedRedis, startRedis } from '../harness/redis.ts';
import { inFlight } from '../harness/rounds.ts';

/**
 * What the number of stored sessions does: to the cost of a turn, and to how many one worker closes in a second while all are due.
 * Sessions beyond the first are copies of it under other names.
 */
const sizes = [10_000, 100_000, 1_000_000];
const measure = 'due index and growth';
const width = 64;

interface Place {
  readonly name: string;
  readonly store: Store;
  /** Stores users from one number to another, as copies of user 0. */
  fill(model: Model, from: number, to: number): Promise<void>;
  /** Closes `count` of `stored` bare records. @returns closes a second */
  bare?: (stored: number, count: number, record: string) => Promise<number>;
  readonly closes: number;
  stop(): Promise<void>;
}

export const run: Case = async (quick) => {
  const figures: Figure[] = [];
  for (const open of [inMemory, onRedis, onPostgres])
    figures.push(...(await grown(await open(), quick ? [100, 1_000] : sizes, quick)));
  return figures;
};

async function grown(place: Place, steps: readonly number[], quick: boolean): Promise<Figure[]> {
  /** Real time, and as much later as we like. */
  let ahead = 0;
  const clock: Clock = { now: () => systemClock.now() + ahead, sleep: (ms, signal) => systemClock.sleep(ms, signal) };
  const bot = startBot({
    store: place.store,
    clock,
    worker: { rate: 1_000_000, concurrency: 128 },
    settings: { closing: 'proactive' },
  });
  // Mounting starts the worker; it is to begin when everything is due.
  await bot.sessions.stop();
  await bot.turn(0);
  const costs: Spread[] = [];
  let stored = 1;
  for (const size of steps) {
    await place.fill(await modelIn(place.store), stored, size);
    stored = size;
    costs.push(await costAmong(bot, size, quick));
  }
  const [least, most] = [costs[0]?.value ?? Number.NaN, costs.at(-1)?.value ?? Number.NaN];
  const figures: Figure[] = costs.map((cost, step) => ({
    measure,
    name: `turn among ${steps[step]?.toLocaleString('en')} sessions, ${place.name}`,
    unit: 'µs',
    ...cost,
  }));
  const growth = (most / least - 1) * 100;
  figures.push({
    measure,
    name: `growth of a turn's cost, ${place.name}`,
    unit: '%',
    value: growth,
    reach: { is: 'below', value: 10 },
  });
  if (place.bare) {
    const count = quick ? 500 : place.closes;
    ahead = 31 * 60_000;
    const { record } = await modelIn(place.store);
    const ours = await closesOf(bot, count);
    const bare = await place.bare(stored, count, record);
    const among = `among ${stored.toLocaleString('en')}, ${place.name}`;
    figures.push(
      { measure, name: `closes by one worker ${among}`, unit: '/s', value: Math.round(ours) },
      { measure, name: `closes by a bare claim loop ${among}`, unit: '/s', value: Math.round(bare) },
      {
        measure,
        name: `closes ÷ bare claim loop ${among}`,
        unit: '×',
        value: ours / bare,
        reach: { is: 'at least', value: 0.8 },
      },
    );
  }
  await bot.sessions.close();
  await place.stop();
  return figures;
}

/** Turns of people spread over all there are. @returns microseconds of one, at concurrency 64 */
async function costAmong(bot: Bot, size: number, quick: boolean): Promise<Spread> {
  const turns = quick ? 200 : 4_000;
  let next = 0;
  const round = () => inFlight(turns, width, () => bot.turn((next++ * 7_919) % size));
  const handled = bot.handled();
  await round();
  const costs: number[] = [];
  for (let rounds = quick ? 1 : 5; rounds > 0; rounds--) {
    globalThis.gc?.();
    costs.push(1_000_000 / (await round()));
  }
  assert.equal(bot.handled() - handled, turns * (costs.length + 1), 'Every turn was handled.');
  return spreadOf(costs);
}

/** Closes a second while all are due, until `count` have closed. */
async function closesOf(bot: Bot, count: number): Promise<number> {
  const { promise: enough, resolve } = Promise.withResolvers<number>();
  let times = 0;
  const from = performance.now();
  bot.sessions.on('closed', () => {
    times += 1;
    if (times === count) resolve(count / ((performance.now() - from) / 1_000));
  });
  bot.sessions.start();
  const rate = await enough;
  await bot.sessions.stop();
  return rate;
}

async function inMemory(): Promise<Place> {
  const store = keyvStore();
  return {
    name: 'in memory',
    store,
    closes: 0,
    async fill({ record, wakeAt, named }, from, to) {
      for (let user = from; user < to; user++) {
        const { lease } = await store.begin(keyOfUser(user), { now: 0, leaseMs: 30_000, waitMs: 0 });
        await store.commit(lease, JSON.parse(named(record, user)), wakeAt);
      }
    },
    stop: async () => {},
  };
}

async function onRedis(): Promise<Place> {
  const redis = await startRedis();
  const client = await redis.connect();
  return {
    name: 'Redis',
    store: redisStore(client),
    closes: 30_000,
    fill: (model, from, to) => seedRedis(client, 'adjourn', model, from, to),
    bare: (stored, count, record) => bareClaimsOnRedis(client, stored, count, record),
    stop: redis.stop,
  };
}

async function onPostgres(): Promise<Place> {
  const postgres = await startPostgres();
  return {
    name: 'PostgreSQL',
    store: sqlStore(postgres.pool, { prefix: postgres.prefix }),
    closes: 5_000,
    fill: (model, from, to) => seedPostgres(postgres, model, from, to),
    bare: (stored, count, record) => bareClaimsOnPostgres(postgres, stored, count, record),
    stop: postgres.stop,
  };
}
