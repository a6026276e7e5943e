import { expect } from 'vitest';
import type { Store } from '../../src/middleware/store.ts';
import { toyBot } from '../middleware/toy.ts';
import { impatient } from './store-model.ts';

const key = 'toy/main/ada';

/** What the next version of adjourn may write one day. */
const newer = {
  v: 2,
  session: { id: 's', data: { cart: ['tea'] } },
  variables: {},
  seen: { sorted: ['m1'] },
  plan: 'unknown yet',
};

/**
 * A process of this version beside one that is newer already: it answers as `onStoreError` says, and neither its turns nor its worker
 * change what it cannot read.
 */
export async function refusesNewerRecords(store: Store): Promise<void> {
  const { lease } = await store.begin(key, impatient);
  await store.commit(lease, newer, 10);
  const bot = toyBot({ store, worker: false });
  const message = bot.message('discard');
  await bot.deliver(message, (turn) => turn.reply(`degraded ${turn.degraded}, new ${turn.session.isNew}`));
  await bot.deliver(message, (turn) => turn.reply(`degraded ${turn.degraded}, new ${turn.session.isNew}`));
  expect(bot.told).toEqual(['degraded true, new false', 'degraded true, new false']);
  expect(bot.events).toMatchObject([
    { type: 'degraded', code: 'ADJ_RECORD_INVALID', key },
    { type: 'degraded', code: 'ADJ_RECORD_INVALID', key },
  ]);

  const strict = toyBot({ store, worker: false, endpoints: { main: { onStoreError: 'throw' } } });
  await expect(strict.says('a')).rejects.toMatchObject({ code: 'ADJ_RECORD_INVALID', where: key });
  await expect(strict.sessions.run(key, async () => {})).rejects.toMatchObject({ code: 'ADJ_RECORD_INVALID' });
  await expect(strict.sessions.end(key)).rejects.toMatchObject({ code: 'ADJ_RECORD_INVALID' });
  expect(await strict.sessions.sweep()).toBe(0);
  expect(strict.events).toMatchObject([{ type: 'error', code: 'ADJ_RECORD_INVALID', key }]);
  expect(strict.told).toEqual([]);

  // Nobody holds it, it is unchanged, and it will be looked at again.
  const begun = await store.begin(key, impatient);
  expect(begun).toMatchObject({ record: newer, revision: 1 });
  await store.release(begun.lease);
  expect((await store.find({ keys: [key] })).records).toEqual([{ key, record: newer, wakeAt: expect.any(Number) }]);
}
