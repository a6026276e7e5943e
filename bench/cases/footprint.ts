import { strict as assert } from 'node:assert';
import { keyvStore } from '../../src/index.ts';
import { redisStore } from '../../src/stores/redis.ts';
import { newBody } from '../harness/body.ts';
import { countedIn, modelIn, nameOf, startBot } from '../harness/bot.ts';
import type { Case } from '../harness/case.ts';
import type { Figure } from '../harness/figures.ts';
import { seedRedis, startRedis } from '../harness/redis.ts';

/** What an idle session takes: one turn long, 500 bytes of bot data, with a close to come. */
const measure = 'memory';

export const run: Case = async (quick) => {
  const sessions = quick ? 2_000 : 50_000;
  return [...(await inRedis(sessions)), await inHeap(Math.min(sessions, 20_000))];
};

async function inRedis(sessions: number): Promise<Figure[]> {
  const redis = await startRedis();
  const client = await redis.connect();
  const store = redisStore(client);
  const bot = startBot({ store, worker: false, settings: { closing: 'proactive' } });
  await bot.turn(0);
  const empty = await redis.bytes();
  const turns = 500;
  for (let user = 1; user < turns; user++) await bot.turn(user);
  await seedRedis(client, 'adjourn', await modelIn(store), turns, sessions);
  assert.equal(await countedIn(store), sessions, 'Every session is there, and has counted.');
  const ours = ((await redis.bytes()) - empty) / (sessions - 1);
  await bot.sessions.close();

  const before = await redis.bytes();
  const record = JSON.stringify({ ...newBody(), count: 1 });
  for (let user = 0; user < sessions; user += 1_000) {
    const users = Array.from({ length: 1_000 }, (_, one) => nameOf(user + one));
    await Promise.all(users.map((name) => client.set(`bare:record:c${name}`, record, { PX: 86_400_000 })));
    await client.zAdd(
      'bare:wake',
      users.map((value) => ({ score: 1_800_000_000_000, value })),
    );
  }
  const bare = ((await redis.bytes()) - before) / sessions;
  await redis.stop();
  return [
    { measure, name: 'Redis, a session', unit: 'B', value: Math.round(ours) },
    { measure, name: 'Redis, the bare data with time to live and index entry', unit: 'B', value: Math.round(bare) },
    { measure, name: 'Redis, a session ÷ bare', unit: '×', value: ours / bare, reach: { is: 'at most', value: 1.3 } },
  ];
}

async function inHeap(sessions: number): Promise<Figure> {
  const store = keyvStore();
  const bot = startBot({ store, worker: false, settings: { closing: 'proactive' } });
  for (let user = 0; user < 500; user++) await bot.turn(user);
  const empty = heap();
  for (let user = 500; user < sessions; user++) await bot.turn(user);
  const bytes = (heap() - empty) / (sessions - 500);
  assert.equal(await countedIn(store), sessions, 'Every session is there, and has counted.');
  await bot.sessions.close();
  return { measure, name: 'heap, a session in memory', unit: 'B', value: Math.round(bytes) };
}

function heap(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
