import { strict as assert } from 'node:assert';
import { keyvStore, type Store } from '../../src/index.ts';
import { redisStore } from '../../src/stores/redis.ts';
import { modelIn, startBot } from '../harness/bot.ts';
import type { Case } from '../harness/case.ts';
import { leapingClock } from '../harness/clock.ts';
import { type Figure, quantile } from '../harness/figures.ts';
import { seedRedis, startRedis } from '../harness/redis.ts';
import { talk } from '../harness/talk.ts';

/**
 * What a sweep does to the turns beside it: very many sessions are due at once, and the worker closes them, each with a closing message,
 * while other people go on talking. Their turns are timed before and during the sweep.
 */
const measure = 'tail';
const talkers = 200;
/** Closes a second: twenty-five times what the worker does unless told. */
const rate = 5_000;
/** A sweep that is not over by then is left. */
const longestMs = 20_000;

export const run: Case = async (quick) => {
  const idle = quick ? 2_000 : 100_000;
  const memory = await sweep('in memory', keyvStore(), idle, async (turn) => {
    for (let user = 0; user < idle; user++) await turn(user);
  });
  const redis = await startRedis();
  const client = await redis.connect();
  const store = redisStore(client);
  const overRedis = await sweep('over Redis', store, idle, async (turn) => {
    await turn(0);
    await seedRedis(client, 'adjourn', await modelIn(store), 1, idle);
  });
  await redis.stop();
  return [...memory, ...overRedis];
};

async function sweep(
  where: string,
  store: Store,
  idle: number,
  fill: (turn: (user: number) => Promise<void>) => Promise<void>,
): Promise<Figure[]> {
  const clock = leapingClock();
  let sent = 0;
  const bot = startBot({
    store,
    clock,
    worker: { rate, concurrency: 64 },
    settings: { closing: 'proactive', closingMessage: 'See you.' },
    async send() {
      sent += 1;
      return { outcome: 'sent' };
    },
  });
  // Mounting starts the worker; it is to begin when everything is due.
  await bot.sessions.stop();
  await fill(bot.turn);
  let closed = 0;
  bot.sessions.on('closed', () => {
    closed += 1;
  });
  clock.leap();
  const handled = bot.handled();
  const turn = (index: number) => bot.turn(idle + (index % talkers));
  await talk(turn, (turns) => turns === 500);
  const before = await talk(turn, (turns) => turns === Math.min(3_000, idle));
  const from = performance.now();
  bot.sessions.start();
  const during = await talk(turn, () => closed >= idle || performance.now() - from > longestMs);
  const rateReached = closed / ((performance.now() - from) / 1_000);
  await bot.sessions.close();
  assert(closed <= idle && closed >= during.length / 10, 'Sessions closed meanwhile, none twice.');
  assert.equal(sent, closed, 'Every session that closed got its message, once.');
  assert.equal(bot.handled() - handled, 500 + before.length + during.length, 'Every turn was handled.');
  const p99 = [quantile(before, 0.99), quantile(during, 0.99)] as const;
  return [
    { measure, name: `p99 before the sweep, ${where}`, unit: 'ms', value: p99[0] },
    { measure, name: `p99 during the sweep, ${where}`, unit: 'ms', value: p99[1] },
    { measure, name: `p99 during ÷ before, ${where}`, unit: '×', value: p99[1] / p99[0], reach: { is: 'at most', value: 2 } },
    { measure, name: `closes meanwhile, ${where}`, unit: '/s', value: Math.round(rateReached) },
  ];
}
