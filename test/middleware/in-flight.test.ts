import { expect, test } from 'vitest';
import type { Turn } from '../../src/middleware/turn.ts';
import { adaKey, type Data, gate } from './toy.ts';
import { twoProcesses } from './two-processes.ts';

/** How long the toy's vendor waits for an answer, and a second beyond, ms. */
const beyond = 4_000;

/** A message that is handled for long in one process and sent again to the other when the vendor's patience is over. */
async function sentAgain({ a, b, clock }: ReturnType<typeof twoProcesses>, handler: (turn: Turn<Data>) => unknown) {
  const message = a.message('slow');
  const original = a.deliver(message, handler);
  await clock.advance(3_000);
  const again = b.deliver(message);
  await clock.advance(beyond);
  return { message, original, again };
}

test('what another process is still handling when the vendor cannot wait any longer is handled once', async () => {
  const world = twoProcesses();
  const { a, b, ran } = world;
  const done = gate();
  const { original, again } = await sentAgain(world, async ({ session }) => {
    session.data.count += 1;
    await done.promise;
    ran.push(`#${session.turnCount}`);
  });
  expect(await again).toMatchObject({ verdict: 'drop' });
  expect(b.told).toEqual(['duplicate']);
  expect(b.names()).toContain('duplicate');
  done.resolve();
  await (await original).saved;
  await a.deliver(a.message('next'), ({ session }) => ran.push(`#${session.turnCount} ${session.data.count}`));
  expect(ran).toEqual(['#1', '#2 1']);
  const { records } = await world.store.find({ keys: [adaKey] });
  expect(records[0]?.record).not.toHaveProperty('running');
});

test('a message that is new to both runs beside the one that lasts', async () => {
  const world = twoProcesses();
  const { a, b, clock, ran } = world;
  const done = gate();
  const original = a.deliver(a.message('slow'), () => done.promise);
  await clock.advance(3_000);
  const other = b.deliver(b.message('other'), () => ran.push('other'));
  await clock.advance(beyond);
  await other;
  expect(ran).toEqual(['other']);
  done.resolve();
  await original;
});

test('nothing of a turn that lasts is saved before it is over', async () => {
  const world = twoProcesses();
  const { a, clock } = world;
  await a.says('first');
  const done = gate();
  const failing = a.deliver(a.message('slow'), async ({ session }) => {
    session.data.count = 5;
    await done.promise;
    throw new Error('no');
  });
  await clock.advance(beyond);
  const saved = async () => (await world.store.find({ keys: [adaKey] })).records[0]?.record;
  expect(await saved()).toMatchObject({ running: [expect.any(String)], session: { turns: 1, data: { count: 0 } } });
  done.resolve();
  await expect(failing).rejects.toThrow('no');
  expect(await saved()).toMatchObject({ session: { turns: 1, data: { count: 0 } } });
  expect(await saved()).not.toHaveProperty('running');
});

test('what a process had in hand when it died is handled again', async () => {
  const world = twoProcesses({ leaseMs: 40 });
  const { a, b, clock, ran } = world;
  const { store } = world;
  // It dies: nothing it does from now on happens.
  const dies = gate<never>();
  let isDead = false;
  const { renew } = store;
  store.renew = async (lease) => (isDead ? dies.promise : renew(lease));
  const message = a.message('slow');
  void a.deliver(message, () => dies.promise);
  await clock.advance(3_000);
  isDead = true;
  // Somebody else holds the conversation next, for long, too.
  const done = gate();
  const began = gate();
  const next = b.deliver(b.message('next'), async () => {
    began.resolve();
    await done.promise;
  });
  await began.promise;
  const again = b.deliver(message, () => ran.push('again'));
  await clock.advance(beyond);
  await again;
  expect(ran).toEqual(['again']);
  done.resolve();
  await next;
});
