import { strict as assert } from 'node:assert';
import { keyvStore, type Store } from '../../src/index.ts';
import { redisStore } from '../../src/stores/redis.ts';
import { sqlStore } from '../../src/stores/sql.ts';
import { bareClaimsOnPostgres, bareClaimsOnRedis } from '../harness/bare-claims.ts';
import { type Bot, keyOfUser, type Model, modelIn, startBot } from '../harness/bot.ts';
import type { Case } from '../harness/case.ts';
import { type LeapingClock, leapingClock } from '../harness/clock.ts';
import { each, type Figure, spreadOf } from '../harness/figures.ts';
import { seedPostgres, startPostgres } from '../harness/postgres.ts';
import { seedRedis, startRedis } from '../harness/redis.ts';
import { inFlight, inRounds } from '../harness/rounds.ts';

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
  readonly bare: (stored: number, count: number, record: string) => Promise<number>;
  readonly closes: number;
  stop(): Promise<void>;
}

export const run: Case = async (quick) => {
  const steps = quick ? [100, 1_000] : sizes;
  const rounds = quick ? 1 : 5;
  const turns = quick ? 200 : 2_500;
  const figures: Figure[] = [];
  for (const open of [onRedis, onPostgres]) {
    const crowds: Crowd<Place>[] = [];
    for (const size of steps) crowds.push(await crowd(await open(), size));
    const took = await inRounds(
      rounds,
      Object.fromEntries(crowds.map((one) => [one.size, () => costAmong(one.bot, one.size, turns)])),
    );
    figures.push(...growth(crowds[0]?.place.name ?? '', steps, (size) => took[size] ?? []));
    const largest = crowds.at(-1);
    if (largest) figures.push(...(await closes(largest, quick ? 500 : largest.place.closes)));
    for (const { bot, place } of crowds) {
      await bot.sessions.close();
      await place.stop();
    }
  }
  return [...(await inHeap(steps, rounds, turns)), ...figures];
};

/** A bot, and how many people it knows. */
interface Crowd<Where> {
  readonly place: Where;
  readonly size: number;
  readonly bot: Bot;
  readonly clock: LeapingClock;
}

async function crowd<Where extends Pick<Place, 'store' | 'fill'>>(place: Where, size: number): Promise<Crowd<Where>> {
  const clock = leapingClock();
  const worker = { rate: 1_000_000, concurrency: 128 };
  const bot = startBot({ store: place.store, clock, worker, settings: { closing: 'proactive' } });
  // Mounting starts the worker; it is to begin when everything is due.
  await bot.sessions.stop();
  await bot.turn(0);
  await place.fill(await modelIn(place.store), 1, size);
  return { place, size, bot, clock };
}

/** One process's heap holds them all, so that they come one after another: collecting garbage is what may grow. */
async function inHeap(steps: readonly number[], rounds: number, turns: number): Promise<Figure[]> {
  const place = inMemory();
  const { bot } = await crowd(place, 1);
  const took = new Map<number, number[]>();
  let stored = 1;
  for (const size of steps) {
    await place.fill(await modelIn(place.store), stored, size);
    stored = size;
    const { cost } = await inRounds(rounds, { cost: () => costAmong(bot, size, turns) });
    took.set(size, cost);
  }
  await bot.sessions.close();
  return growth(place.name, steps, (size) => took.get(size) ?? []);
}

function growth(where: string, steps: readonly number[], took: (size: number) => readonly number[]): Figure[] {
  const [least, most] = [took(steps[0] ?? 0), took(steps.at(-1) ?? 0)];
  const grown = each(most, least, (large, small) => (large / small - 1) * 100);
  return [
    ...steps.map((size): Figure => {
      const name = `turn among ${size.toLocaleString('en')} sessions, ${where}`;
      return { measure, name, unit: 'µs', ...spreadOf(took(size)) };
    }),
    { measure, name: `growth of a turn's cost, ${where}`, unit: '%', ...grown, reach: { is: 'below', value: 10 } },
  ];
}

/** Turns of people spread over all there are. @returns microseconds of one, at concurrency 64 */
async function costAmong(bot: Bot, size: number, turns: number): Promise<number> {
  const handled = bot.handled();
  const cost = 1_000_000 / (await inFlight(turns, width, (index) => bot.turn(((handled + index) * 7_919) % size)));
  assert.equal(bot.handled() - handled, turns, 'Every turn was handled.');
  return cost;
}

async function closes({ place, size, bot, clock }: Crowd<Place>, count: number): Promise<Figure[]> {
  const { record } = await modelIn(place.store);
  clock.leap();
  const ours = await closesOf(bot, count);
  const bare = await place.bare(size, count, record);
  const among = `among ${size.toLocaleString('en')}, ${place.name}`;
  return [
    { measure, name: `closes by one worker ${among}`, unit: '/s', value: Math.round(ours) },
    { measure, name: `closes by a bare claim loop ${among}`, unit: '/s', value: Math.round(bare) },
    { measure, name: `closes ÷ bare claim loop ${among}`, unit: '×', value: ours / bare, reach: { is: 'at least', value: 0.8 } },
  ];
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

function inMemory(): Pick<Place, 'name' | 'store' | 'fill'> {
  const store = keyvStore();
  return {
    name: 'in memory',
    store,
    async fill({ record, wakeAt, named }, from, to) {
      for (let user = from; user < to; user++) {
        const { lease } = await store.begin(keyOfUser(user), { now: 0, leaseMs: 30_000, waitMs: 0 });
        await store.commit(lease, JSON.parse(named(record, user)), wakeAt);
      }
    },
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
