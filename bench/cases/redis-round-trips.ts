import { strict as assert } from 'node:assert';
import { redisStore } from '../../src/stores/redis.ts';
import { bareRedis } from '../harness/bare-redis.ts';
import { countedIn, startBot } from '../harness/bot.ts';
import type { Case } from '../harness/case.ts';
import { each, type Figure, quantile, spreadOf } from '../harness/figures.ts';
import { countKinds } from '../harness/kinds.ts';
import { freePort } from '../harness/ports.ts';
import { counting, startRedis } from '../harness/redis.ts';
import { inRounds } from '../harness/rounds.ts';
import { slowWire } from '../harness/slow-wire.ts';

/** Round trips of a turn over Redis, counted by the server; and what they come to where each takes two milliseconds. */
const measure = 'Redis turn, round trips';
const users = 500;

export const run: Case = async (quick) => {
  const redis = await startRedis();
  const { client, answered } = counting(await redis.connect());
  let prefixes = 0;
  const open = async () => {
    prefixes += 1;
    return redisStore(client, { prefix: `kind${prefixes}` });
  };
  const counted = await countKinds(measure, open, { answered, served: redis.calls });
  const port = await freePort();
  const cut = await slowWire({ from: port, to: redis.port });
  const far = await redis.connect(port);
  const store = redisStore(far);
  const bot = startBot({ store });
  const bare = await bareRedis(far);
  const [rounds, turns] = quick ? [1, 100] : [5, 300];
  let next = 0;
  const user = () => next++ % users;
  const took = await inRounds(rounds, {
    ours: () => median(turns, () => bot.turn(user())),
    bare: () => median(turns, () => bare.turn(user())),
  });
  assert.equal(bot.handled(), (rounds + 1) * turns);
  assert.equal(await countedIn(store), (rounds + 1) * turns, 'Every turn left its mark.');
  await bot.sessions.close();
  await cut();
  await redis.stop();
  const latency: Figure[] = [
    { measure, name: 'p50 at a 2 ms round trip, adjourn', unit: 'ms', ...spreadOf(took.ours) },
    { measure, name: 'p50 at a 2 ms round trip, two bare script calls', unit: 'ms', ...spreadOf(took.bare) },
    {
      measure,
      name: 'p50 at a 2 ms round trip, adjourn ÷ bare',
      unit: '×',
      ...each(took.ours, took.bare, (a, b) => a / b),
      reach: { is: 'at most', value: 1.05 },
    },
  ];
  return [...counted, ...latency];
};

/** One after another. @returns milliseconds */
async function median(turns: number, turn: () => Promise<unknown>): Promise<number> {
  const took: number[] = [];
  for (let index = 0; index < turns; index++) {
    const from = performance.now();
    await turn();
    took.push(performance.now() - from);
  }
  return quantile(
    took.sort((a, b) => a - b),
    0.5,
  );
}
