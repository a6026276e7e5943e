import { describe, expect, test } from 'vitest';
import { AdjournError } from '../../src/middleware/errors.ts';
import type { EndpointOptions } from '../../src/middleware/hooks.ts';
import { sessionsOver } from '../../src/middleware/sessions.ts';
import type { Store } from '../../src/middleware/store.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { adaKey, closingBot, type Data, gate, silent, timeOf, toyBot } from './toy.ts';

const day = 24 * 60 * 60_000;

/** Somebody else's message. */
function of(bot: Pick<ReturnType<typeof toyBot>, 'message'>, user: string) {
  return bot.message('a', { user, conversation: { id: user, kind: 'direct' } });
}

describe('the worker', () => {
  test('closes after a restart what became due before it', async () => {
    const store = keyvStore();
    const one = closingBot({}, { store });
    await one.says('a');
    await one.sessions.stop();
    await one.until('10:35:00');
    const two = closingBot({}, { store, clock: one.clock, archive: one.archive });
    await two.clock.advance(0);
    expect((await two.closes()).map(({ endedAt, closedAt }) => [endedAt, closedAt].map(timeOf))).toEqual([
      ['10:30:00', '10:35:00'],
    ]);
  });

  test('works with a store that takes its time', async () => {
    const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
    const inner = keyvStore();
    const slow: Store = {
      ...inner,
      async begin(key, options) {
        const begun = await inner.begin(key, options);
        await clock.sleep(20);
        if (!options.signal?.aborted) return begun;
        await inner.release(begun.lease);
        throw new AdjournError('LEASE_TIMEOUT', 'The caller gave up.');
      },
    };
    const bot = closingBot({}, { store: slow, clock });
    const turn = bot.says('a');
    await clock.advance(100);
    await turn;
    await bot.until('10:31:00');
    expect(await bot.closes()).toHaveLength(1);
  });

  test('misses nothing that is saved while it asks what is next', async () => {
    const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
    const inner = keyvStore();
    const store: Store = {
      ...inner,
      async nextWake() {
        const at = await inner.nextWake();
        await clock.sleep(100);
        return at;
      },
    };
    const bot = closingBot({ expiration: '1s' }, { store, clock });
    await clock.advance(50);
    await bot.says('a');
    await bot.until('10:00:10');
    expect((await bot.closes()).map(({ closedAt }) => timeOf(closedAt))).toEqual(['10:00:01.050']);
  });

  test('survives an outage of the store', async () => {
    const inner = keyvStore();
    let out = false;
    const lose = () => {
      out = true;
    };
    const guarded =
      <Args extends unknown[], T>(work: (...args: Args) => Promise<T>) =>
      async (...args: Args): Promise<T> => {
        if (out) throw new AdjournError('STORE_UNAVAILABLE', 'It is out.');
        return work(...args);
      };
    const store: Store = {
      ...inner,
      begin: guarded(inner.begin),
      save: guarded(inner.save),
      commit: guarded(inner.commit),
      claimDue: guarded(inner.claimDue),
      nextWake: guarded(inner.nextWake),
    };
    const bot = closingBot({ closingMessage: 'bye', onClosing: lose }, { store });
    await bot.says('a');
    await bot.until('10:30:20');
    expect(bot.eventsOf('error').length).toBeGreaterThan(1);
    expect(bot.vendor.texts()).toEqual([]);
    out = false;
    await bot.says('b');
    expect(bot.told.at(-1)).toBe('#1 b');
    expect(bot.eventsOf('closed')).toMatchObject([{ message: 'skipped:user_returned' }]);
  });

  test('goes on with others when one conversation’s record cannot be read', async () => {
    const inner = keyvStore();
    const store: Store = {
      ...inner,
      async begin(key, options) {
        const begun = await inner.begin(key, options);
        return key.endsWith('/eve') ? { ...begun, record: { ...begun.record, v: 99 } } : begun;
      },
    };
    const clean = closingBot({}, { store: inner, worker: false });
    for (const user of ['eve', 'ada']) await clean.deliver(of(clean, user));
    const bot = closingBot({}, { store, clock: clean.clock, archive: clean.archive });
    await bot.until('10:30:30');
    expect(await bot.closes()).toHaveLength(1);
    expect(bot.eventsOf('error')).toMatchObject([{ code: 'ADJ_RECORD_INVALID', key: 'toy/main/eve' }]);
  });

  test('leaves channels alone that are not mounted in its process', async () => {
    const store = keyvStore();
    const one = closingBot({}, { store, worker: false });
    await one.says('a');
    const other = sessionsOver(store, { clock: one.clock, logger: silent });
    await one.until('11:00:00');
    expect(await other.sweep()).toBe(0);
    expect(await one.closes()).toEqual([]);
    await one.until('11:02:00');
    expect(await one.sessions.sweep()).toBe(1);
    expect(await one.closes()).toHaveLength(1);
  });

  test('stops after what is under way, and takes nothing more', async () => {
    const hook = gate();
    const bot = closingBot({ closingMessage: 'bye', onClosing: () => hook.promise });
    for (const user of ['ada', 'bob']) {
      await bot.deliver(of(bot, user));
      await bot.clock.advance(1_000);
    }
    await bot.until('10:30:00');
    let stopped = false;
    const stop = bot.sessions.stop().then(() => {
      stopped = true;
    });
    await bot.clock.advance(100);
    expect(stopped).toBe(false);
    hook.resolve();
    await stop;
    expect(bot.vendor.asked.map(({ user }) => user)).toEqual(['ada']);
    expect(await bot.closes()).toHaveLength(1);
    await bot.until('10:40:00');
    expect(bot.vendor.asked).toHaveLength(1);
    bot.sessions.start();
    await bot.until('10:41:00');
    expect(bot.vendor.asked).toHaveLength(2);
  });

  test('stops at once between two batches', async () => {
    const bot = closingBot({}, { worker: { rate: 1 } });
    for (const user of ['ada', 'bob', 'eve']) await bot.deliver(of(bot, user));
    await bot.until('10:30:00');
    await bot.sessions.stop();
    expect(bot.eventsOf('closed')).toHaveLength(1);
  });

  test('sweep does what is due, once, and says how much that was', async () => {
    const bot = closingBot({}, { worker: false });
    for (const user of ['ada', 'bob', 'eve']) await bot.deliver(of(bot, user));
    expect(await bot.sessions.sweep()).toBe(0);
    await bot.until('10:31:00');
    expect(await bot.sessions.sweep()).toBe(3);
    expect(bot.eventsOf('closed')).toHaveLength(3);
    expect(await bot.closes()).toHaveLength(1);
    expect(await bot.sessions.sweep()).toBe(0);
  });

  test('renews its lease through a slow hook, so that nobody closes beside it', async () => {
    const store = keyvStore();
    const hook = gate();
    const one = closingBot({ closingMessage: 'bye', onClosing: () => hook.promise }, { store, leaseMs: 40 });
    const two = closingBot({ closingMessage: 'bye' }, { store, clock: one.clock, archive: one.archive });
    await one.says('a');
    await one.until('10:30:00');
    const until = performance.now() + 120;
    while (performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10)); // Leases run on real time.
    expect(await two.sessions.sweep()).toBe(0);
    hook.resolve();
    await one.until('10:30:01');
    expect([...one.vendor.texts(), ...two.vendor.texts()]).toEqual(['10:30:00 bye']);
  });
});

describe('a lazy session nobody returns to', () => {
  test('reads as expired at its deadline and is finalised a day after it, hooks and all, without a text', async () => {
    const hooks: string[] = [];
    const bot = closingBot({ closing: 'lazy', onClose: (_session, { reason }) => void hooks.push(reason) });
    await bot.says('a');
    await bot.until('10:30:00');
    expect((await bot.sessions.explain(adaKey)).session?.expired).toBe(true);
    await bot.clock.advance(day - 1_000);
    expect(await bot.closes()).toEqual([]);
    await bot.clock.advance(1_000);
    expect(await bot.closes()).toMatchObject([
      {
        reason: 'inactivity',
        finalisedBy: 'worker',
        message: 'off',
        script: 'done',
        endedAt: Date.parse('2026-11-02T10:30:00Z'),
      },
    ]);
    expect(hooks).toEqual(['inactivity']);
    expect(bot.vendor.texts()).toEqual([]);
  });

  test.each<[EndpointOptions<Data>, number]>([
    [{ continueWithin: '3d', classifyReturn: () => 'same' }, 3],
    [{ continueWithin: '3d' }, 1],
    [{ continueWithin: 5, classifyReturn: () => 'same' }, 1],
  ])('waits for as long as somebody may go on with it: %o', async (settings, days) => {
    const bot = closingBot({ closing: 'lazy', ...settings });
    await bot.says('a');
    await bot.until('10:30:00');
    await bot.clock.advance(days * day - 1_000);
    expect(await bot.closes()).toEqual([]);
    await bot.clock.advance(1_000);
    expect(await bot.closes()).toHaveLength(1);
  });

  test('its record goes when nothing can be redelivered any more and nothing is kept', async () => {
    const store = keyvStore();
    const bot = closingBot({}, { store });
    const stored = async () => (await store.find({})).records.length;
    await bot.says('a', (turn) => turn.session.variables.set('order', 7, { ttl: 120 }));
    await bot.until('11:30:01');
    expect(await stored()).toBe(1);
    await bot.until('11:59:59');
    expect(await stored()).toBe(1);
    await bot.until('12:00:00');
    expect(await stored()).toBe(0);
  });

  test.each([
    ['a token', 'token'],
    ['a contact’s variable', 'contact'],
  ])('but not while it keeps %s', async (_what, what) => {
    const store = keyvStore();
    const bot = closingBot({}, { store });
    await bot.says('a', ({ session }) => {
      if (what === 'token') session.auth.set('crm', 'x');
      else session.variables.set('name', 'Ada', { scope: 'contact' });
    });
    await bot.clock.advance(3 * day);
    expect((await store.find({})).records).toHaveLength(1);
  });
});

describe('a session that is too long', () => {
  test.each(['lazy', 'proactive'] as const)('maxDuration ends it however lively it is: %s', async (closing) => {
    const bot = closingBot({ closing, maxDuration: 60 });
    for (const time of ['10:00:00', '10:25:00', '10:50:00', '10:59:59', '11:00:00']) {
      await bot.until(time);
      await bot.says('a');
    }
    await bot.clock.advance(1_000);
    expect(bot.told).toEqual(['#1 a', '#2 a', '#3 a', '#4 a', '#1 a']);
    expect(await bot.closes()).toMatchObject([{ reason: 'max_duration', endedAt: Date.parse('2026-11-02T11:00:00Z') }]);
    expect((await bot.closes())[0]).not.toHaveProperty('deadline');
  });

  test('maxTurns ends it with its last turn', async () => {
    const bot = closingBot({ maxTurns: 2 });
    for (const text of ['a', 'b', 'c']) await bot.says(text);
    await bot.clock.advance(1_000);
    expect(bot.told).toEqual(['#1 a', '#2 b', '#1 c']);
    expect(await bot.closes()).toMatchObject([{ reason: 'max_turns', turns: 2, message: 'off' }]);
  });
});

describe('10,000 sessions due at the same minute', () => {
  test('are closed at the configured rate, and no turn waits for the sweep', async () => {
    const rate = 500;
    const bot = closingBot({ closingMessage: 'bye' }, { worker: { rate } });
    const users = Array.from({ length: 10_000 }, (_, index) => `u${index}`);
    for (const user of users) await bot.deliver(of(bot, user));
    await bot.until('10:29:59');
    bot.told.length = 0;
    for (let second = 0; second < users.length / rate; second++) {
      await bot.clock.advance(second === 0 ? 1_000 : 999);
      expect(bot.vendor.asked.length).toBeLessThanOrEqual((second + 1) * rate);
      expect(bot.vendor.asked.length).toBeGreaterThanOrEqual(second * rate);
      // Time stands still here: a turn that had to wait for anything would not come back.
      await bot.says('hello', (turn) => bot.told.push(`#${turn.session.turnCount}`));
      if (second > 0) await bot.clock.advance(1);
    }
    await bot.clock.advance(2_000);
    expect(bot.told).toHaveLength(users.length / rate);
    expect(bot.eventsOf('closed').filter(({ message }) => message === 'sent')).toHaveLength(users.length);
    expect(new Set(bot.vendor.asked.map(({ user }) => user)).size).toBe(users.length);
  }, 60_000);
});

test('a turn of one conversation waits only for its own close', async () => {
  const hook = gate();
  const bot = closingBot({ onClosing: () => hook.promise }, { worker: { concurrency: 2 } });
  for (const user of ['ada', 'bob', 'eve']) {
    await bot.deliver(of(bot, user));
    await bot.clock.advance(1);
  }
  await bot.until('10:30:01');
  bot.told.length = 0;
  await bot.deliver(of(bot, 'eve'));
  expect(bot.told).toEqual(['#1 a']);
  const waits = bot.deliver(of(bot, 'ada'), undefined, { waitMs: 60_000 });
  await bot.clock.advance(100);
  expect(bot.told).toEqual(['#1 a']);
  hook.resolve();
  await waits;
  expect(bot.told).toEqual(['#1 a', '#1 a']);
});

test('worker: false starts none; start() does', async () => {
  const bot = toyBot({ endpoints: { main: { closing: 'proactive' } }, worker: false });
  await bot.says('a');
  bot.sessions.start();
  await bot.clock.advance(31 * 60_000);
  expect(bot.names()).toContain('closed');
  await bot.sessions.stop();
});
