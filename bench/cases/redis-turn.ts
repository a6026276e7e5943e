import { strict as assert } from 'node:assert';
import { redisStore } from '../../src/stores/redis.ts';
import { placesUnder } from '../../src/stores/support/redis-keys.ts';
import { type BareRedis, bareRedis } from '../harness/bare-redis.ts';
import { type Bot, countedIn, keyOfUser, startBot } from '../harness/bot.ts';
import type { Case } from '../harness/case.ts';
import { each, type Figure, spreadOf } from '../harness/figures.ts';
import { type Redis, type RedisClient, startRedis } from '../harness/redis.ts';
import { inFlight, inRounds } from '../harness/rounds.ts';

/**
 * Turns a second over Redis against the least a turn can do, two bare script calls of the same size on the same client, at three
 * degrees of concurrency; and against that with nothing more than JSON read and written.
 */
const users = 10_000;
const measure = 'Redis turn';
const prefix = 'ours';

export const run: Case = async (quick) => {
  const redis = await startRedis();
  const client = await redis.connect();
  const store = redisStore(client, { prefix });
  const bot = startBot({ store });
  const bare = await bareRedis(client);
  const figures: Figure[] = [];
  let turns = 0;
  for (const [width, calls, rounds] of quick ? ([[64, 2_000, 1]] as const) : widths) {
    figures.push(...(await atWidth({ client, bare, bot, redis }, width, calls, rounds)));
    turns += calls * (rounds + 1);
  }
  assert.equal(bot.handled(), turns, 'Every handler ran.');
  assert.equal(await countedIn(store), turns, 'Every turn left its mark.');
  assert.equal(bare.counted(), turns);
  await bot.sessions.close();
  await redis.stop();
  return figures;
};

const widths = [
  [1, 3_000, 5],
  [64, 20_000, 5],
  [512, 20_000, 5],
] as const;

interface Parties {
  readonly client: RedisClient;
  readonly bare: BareRedis;
  readonly bot: Bot;
  readonly redis: Redis;
}

async function atWidth({ client, bare, bot, redis }: Parties, width: number, calls: number, rounds: number): Promise<Figure[]> {
  let next = 0;
  const user = () => next++ % users;
  /** Each contestant's calls to the server are two a turn. */
  const counted = async (turn: () => Promise<unknown>): Promise<number> => {
    const before = await redis.calls();
    const rate = await inFlight(calls, width, turn);
    const each = ((await redis.calls()) - before) / calls;
    assert(each >= 2 && each < 2.02, `Two calls a turn, and now and then one of the worker, not ${each}.`);
    return rate;
  };
  const took = await inRounds(rounds, {
    ours: () => counted(() => bot.turn(user())),
    async bare() {
      bare.size = await sizeOfRecords(client);
      return counted(() => bare.turn(user()));
    },
    json: () => counted(() => bare.withJson(user())),
  });
  const at = `at concurrency ${width}`;
  const share = each(took.ours, took.bare, (a, b) => a / b);
  return [
    { measure, name: `adjourn, ${at}`, unit: '/s', ...spreadOf(took.ours) },
    { measure, name: `two bare script calls, ${at}`, unit: '/s', ...spreadOf(took.bare) },
    { measure, name: `JSON both ways ÷ bare, ${at}`, unit: '×', ...each(took.json, took.bare, (a, b) => a / b) },
    {
      measure,
      name: `adjourn ÷ bare, ${at}`,
      unit: '×',
      ...share,
      ...(width > 1 ? { reach: { is: 'at least', value: 0.9 } } : {}),
    },
  ];
}

/** What a record takes now: it holds the ids of the messages that it has seen. */
async function sizeOfRecords(client: RedisClient): Promise<number> {
  const places = placesUnder(prefix);
  const sizes = await Promise.all(Array.from({ length: 50 }, (_, one) => client.strLen(places.of(keyOfUser(one * 199)).keys[0])));
  const there = sizes.filter((size) => size > 0);
  return Math.round(there.reduce((sum, size) => sum + size, 0) / Math.max(1, there.length));
}
