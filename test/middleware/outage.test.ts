import { describe, expect, it } from 'vitest';
import { AdjournError } from '../../src/middleware/errors.ts';
import type { Store } from '../../src/middleware/store.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { gate, toyBot } from './toy.ts';

/** A store that can be unplugged, in front of another one. */
function unpluggable(inner: Store = keyvStore()) {
  const out = new Set<keyof Store>();
  const call =
    <Args extends unknown[], Result>(name: keyof Store, method: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      if (out.has(name)) throw new AdjournError('STORE_UNAVAILABLE', 'Unplugged.');
      return method(...args);
    };
  const store: Store = {
    ...inner,
    begin: call('begin', inner.begin),
    commit: call('commit', inner.commit),
    save: call('save', inner.save),
    find: call('find', inner.find),
  };
  const unplug = (...names: (keyof Store)[]) => {
    for (const name of names) out.add(name);
  };
  return { store, unplug, plug: () => out.clear() };
}

describe('while the store is out', () => {
  it('the bot answers in a throw-away session, and nothing looks like a new user once it is back', async () => {
    const { store, unplug, plug } = unpluggable();
    const bot = toyBot({ store });
    await bot.says('a');
    unplug('begin', 'commit');
    const outcome = await bot.says('discard', (turn) => {
      const { id, isNew, previous, turnCount } = turn.session;
      turn.session.data.count = 9;
      return turn.reply(`${turn.degraded} ${id.startsWith('degraded:')} ${isNew} ${previous} ${turnCount}`);
    });
    expect(await outcome.saved).toBe(false);
    plug();
    await bot.says('b', (turn) => turn.reply(`#${turn.session.turnCount} ${turn.session.data.count}`));
    expect(bot.told).toEqual(['#1 a', 'true true false undefined 0', '#2 0']);
    expect(bot.names()).toEqual(['opened', 'degraded']);
  });

  it('the turn fails where the endpoint asks for it', async () => {
    const { store, unplug } = unpluggable();
    const bot = toyBot({ store, endpoints: { main: { onStoreError: 'throw' } } });
    unplug('begin');
    await expect(bot.says('a')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(bot.told).toEqual([]);
  });

  it('a turn that cannot be saved is not marked done: its redelivery runs', async () => {
    const { store, unplug, plug } = unpluggable();
    const bot = toyBot({ store });
    const message = bot.message('a');
    unplug('commit');
    const outcome = await bot.deliver(message);
    expect(await outcome.saved).toBe(false);
    expect(bot.names()).toEqual(['error', 'save_failed']);
    plug();
    await bot.deliver(message);
    expect(bot.told).toEqual(['#1 a', '#1 a']);
    expect(bot.names()).toEqual(['error', 'save_failed', 'opened']);
  });

  it('a message that cannot be kept before its turn holds up nobody', async () => {
    const { store, unplug, plug } = unpluggable();
    const bot = toyBot({ store, endpoints: { main: { inbox: 'durable' } } });
    unplug('save');
    await expect(bot.says('a', undefined, { keep: {} })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    plug();
    expect(await (await store.begin('toy/main/ada', { now: 0, leaseMs: 1_000, waitMs: 0 })).record).toBeNull();
  });

  it('data that is no JSON is told as such, and the conversation goes on', async () => {
    const bot = toyBot();
    const outcome = await bot.says('a', (turn) => {
      (turn.session as { data: unknown }).data = { big: 1n };
    });
    expect(await outcome.saved).toBe(false);
    await bot.says('b');
    expect(bot.told).toEqual(['#1 b']);
  });
});

describe('a lease that goes to somebody else', () => {
  it('aborts the signal, and refuses the save of the stale holder', async () => {
    const inner = keyvStore();
    const bot = toyBot({
      store: { ...inner, renew: async () => Promise.reject(new AdjournError('LEASE_LOST', 'Gone.')) },
      leaseMs: 20,
    });
    const lost = gate();
    await bot.says('a', async (turn) => {
      turn.signal.addEventListener('abort', () => lost.resolve());
      await lost.promise;
      expect(turn.signal.reason).toMatchObject({ code: 'LEASE_LOST' });
    });
  });
});
