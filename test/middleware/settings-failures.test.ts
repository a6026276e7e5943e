import { afterEach, describe, expect, test } from 'vitest';
import { type SettingsRecord, settingsKey } from '../../src/middleware/core/settings-record.ts';
import { AdjournError } from '../../src/middleware/errors.ts';
import { sessionsOver } from '../../src/middleware/sessions.ts';
import type { Store } from '../../src/middleware/store.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { mortal } from './mortal.ts';
import { adaKey, type ClosingBotOptions, closingBot, gate, silent, timeOf } from './toy.ts';

const shorter = { endpoints: { main: { expiration: 10 } } };
const longer = { endpoints: { main: { expiration: 60 } } };
const eve = { by: 'eve' };
/** Every process looks for changes within this time, ms; only so long a test waits for what happens by itself. */
const patience = { timeout: 5_000 };

const bots = new Set<ReturnType<typeof closingBot>>();
afterEach(async () => {
  for (const { sessions } of bots) await sessions.stop();
  bots.clear();
});

/** Processes over one store and one clock, and what they log. */
function over(store: Store) {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  return (options: ClosingBotOptions & { readonly lines?: string[] } = {}) => {
    const { lines = [], ...more } = options;
    const logger = { ...silent, warn: (line: string) => void lines.push(line) };
    const bot = closingBot({}, { store, clock, logger, ...more });
    bots.add(bot);
    return bot;
  };
}

/** As several processes see it. */
function sharing(store: Store): Store {
  return { ...store, capabilities: { scope: 'shared', durable: true } };
}

/** A store that answers nothing about settings until it is told to. */
function reluctant(store: Store) {
  const { promise, resolve } = gate();
  return {
    answer: resolve,
    store: {
      ...store,
      async find(query) {
        if (query.keys?.includes(settingsKey)) await promise;
        return store.find(query);
      },
    } satisfies Store,
  };
}

async function rearmingOf(store: Store): Promise<boolean> {
  const { records } = await store.find({ keys: [settingsKey] });
  return (records[0]?.record as unknown as SettingsRecord | undefined)?.rearming === true;
}

test('a change is seen by other processes without anybody asking', async () => {
  const start = over(sharing(keyvStore()));
  const [one, other, third] = [start(), start({ worker: false }), start()];
  await one.sessions.settings.set(shorter, eve);
  await expect.poll(async () => [other, third].map((bot) => bot.eventsOf('settings_changed').length), patience).toEqual([1, 1]);
  expect((await other.sessions.explain(adaKey)).effectiveMs).toBe(10 * 60_000);
});

test('who has stopped looks again before a turn, where its settings may be old', async () => {
  const start = over(keyvStore());
  const one = start();
  await one.sessions.settings.set(shorter, eve);
  await one.sessions.stop();
  await one.says('a');
  expect((await one.sessions.explain(adaKey)).effectiveMs).toBe(10 * 60_000);
});

describe('before the settings are known', () => {
  test('a turn waits for them', async () => {
    const store = keyvStore();
    const start = over(store);
    await start().sessions.settings.set({ endpoints: { main: { scope: 'conversation' } } }, eve);
    const { store: slow, answer } = reluctant(store);
    const late = start({ store: slow });
    const place = { user: 'ada', conversation: { id: 'room', kind: 'shared' } } as const;
    const turns = ['a', 'b'].map((text) => late.deliver(late.message(text, place)));
    await late.clock.advance(0);
    expect(late.told).toEqual([]);
    answer();
    await Promise.all(turns);
    expect(late.told).toEqual(['#1 a', '#2 b']);
    expect(late.eventsOf('opened')).toMatchObject([{ key: 'toy/main/room' }]);
  });

  test('but not for long', async () => {
    const { store, answer } = reluctant(keyvStore());
    const bot = over(store)();
    await bot.says('a');
    await bot.says('b');
    expect(bot.told).toEqual(['#1 a', '#2 b']);
    answer();
  });

  test('no worker closes by what the code says', async () => {
    const store = keyvStore();
    const start = over(store);
    const first = start();
    await first.says('a');
    await first.sessions.settings.set(longer, eve);
    await first.sessions.stop();
    const { store: slow, answer } = reluctant(store);
    const late = start({ store: slow, archive: first.archive });
    await late.until('10:45:00');
    expect(await late.closes()).toEqual([]);
    answer();
    await late.until('11:30:00');
    expect((await late.closes()).map(({ endedAt, closedAt }) => `${timeOf(endedAt)} ${timeOf(closedAt)}`)).toEqual([
      '11:00:00 11:00:00',
    ]);
  });

  test('what ran before counts by them afterwards', async () => {
    const store = keyvStore();
    const start = over(store);
    await start({ worker: false }).sessions.settings.set(shorter, eve);
    const { store: slow, answer } = reluctant(store);
    const late = start({ store: slow });
    await late.says('a');
    expect(late.told).toEqual(['#1 a']);
    answer();
    await late.until('10:15:00');
    expect((await late.closes()).map(({ closedAt }) => timeOf(closedAt))).toEqual(['10:10:00']);
  });
});

test('who cannot reach the store goes on with what it has, says so once, and once when it is back', async () => {
  const inner = sharing(keyvStore());
  let out = false;
  let looks = 0;
  const store: Store = {
    ...inner,
    async find(query) {
      if (!query.keys?.includes(settingsKey)) return inner.find(query);
      looks += 1;
      if (out) throw new AdjournError('STORE_UNAVAILABLE', 'No answer.');
      return inner.find(query);
    },
  };
  const start = over(store);
  const lines: string[] = [];
  const bot = start({ lines });
  await bot.sessions.settings.set(shorter, eve);
  out = true;
  const before = looks;
  await expect.poll(() => looks, { timeout: 10_000 }).toBeGreaterThanOrEqual(before + 2);
  expect(bot.eventsOf('error')).toMatchObject([{ code: 'STORE_UNAVAILABLE' }]);
  expect(lines).toEqual([expect.stringContaining('those known go on')]);
  await bot.says('a');
  expect((await bot.sessions.explain(adaKey)).effectiveMs).toBe(10 * 60_000);
  await expect(bot.sessions.settings.get()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await expect(bot.sessions.settings.set(longer, eve)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  out = false;
  await expect.poll(() => lines, patience).toEqual([expect.anything(), expect.stringContaining('count again')]);
  expect(bot.eventsOf('error')).toHaveLength(1);
});

test('a store that was set back takes the settings back', async () => {
  const store = sharing(keyvStore());
  const start = over(store);
  const bot = start();
  await bot.sessions.settings.set(shorter, eve);
  const { lease } = await store.begin(settingsKey, { now: 0, leaseMs: 1_000, waitMs: 0 });
  await store.commit(lease, null, null);
  expect(await bot.sessions.settings.get()).toMatchObject({ version: 0, endpoints: { main: { closing: 'proactive' } } });
  const other = start();
  await other.sessions.settings.set(longer, { by: 'ada' });
  expect(await bot.sessions.settings.get()).toMatchObject({ version: 1, endpoints: { main: { expiration: 60 } } });
  // The same number need not be the same version.
  const again = await store.begin(settingsKey, { now: 0, leaseMs: 1_000, waitMs: 0 });
  await store.commit(again.lease, null, null);
  await bot.until('10:01:00');
  await other.sessions.settings.set(shorter, eve);
  expect(await bot.sessions.settings.get()).toMatchObject({ version: 1, endpoints: { main: { expiration: 10 } } });
});

describe('sessions to be looked at earlier', () => {
  const people = ['ada', 'bob', 'eve', 'kim'];
  const crowd = async (bot: ReturnType<typeof closingBot>) => {
    for (const user of people) await bot.deliver(bot.message('a', { user, conversation: { id: user, kind: 'direct' } }));
  };

  test('are looked up by another process, wherever the one that made the change dies', async () => {
    const seen = new Set<string>();
    for (let calls = 1, over_ = false; !over_; calls++) {
      const store = keyvStore();
      const { store: dying, grant, isDead, lapse, trace } = mortal(sharing(store));
      const start = over(sharing(store));
      const setter = start({ store: dying, worker: false });
      await crowd(setter);
      await setter.until('10:15:00');
      grant(calls);
      await Promise.race([setter.sessions.settings.set(shorter, eve), setter.clock.advance(0)]);
      over_ = !isDead();
      const kept = (await store.find({ keys: [settingsKey] })).records.length > 0;
      seen.add(`${kept ? 'stored' : 'not stored'}, ${(await rearmingOf(store)) ? 'undone' : 'done'}`);
      await lapse();
      const other = start();
      await other.sessions.settings.get();
      await other.until('10:20:00');
      const expected = kept ? people.map(() => '10:16:00') : [];
      expect(
        other.eventsOf('closed').map(({ closedAt }) => timeOf(closedAt)),
        `${calls}: ${trace.join(' ')}`,
      ).toEqual(expected);
      expect(await rearmingOf(store)).toBe(false);
      await other.until('10:40:00');
      expect(other.eventsOf('closed')).toHaveLength(people.length);
      await other.sessions.stop();
      bots.delete(setter);
      expect(calls).toBeLessThan(40);
    }
    expect([...seen].sort()).toEqual(['not stored, done', 'stored, done', 'stored, undone']);
  });

  /** A store on which the second conversation that is looked up waits. */
  const halting = (inner: Store) => {
    const { promise: halfway, resolve: go } = gate();
    let commits = 0;
    let halts = false;
    const store: Store = {
      ...sharing(inner),
      async commit(lease, record, wakeAt) {
        if (halts && lease.key.startsWith('toy/') && ++commits === 2) await halfway;
        return inner.commit(lease, record, wakeAt);
      },
    };
    return {
      store,
      go,
      commits: () => commits,
      halt() {
        halts = true;
      },
    };
  };

  test('are looked up by one process at a time', async () => {
    const { store, halt, go, commits } = halting(keyvStore());
    const start = over(store);
    const setter = start({ worker: false });
    await crowd(setter);
    await setter.until('10:15:00');
    halt();
    const setting = setter.sessions.settings.set(shorter, eve);
    await expect.poll(commits).toBe(people.length);
    const others = [start({ worker: false }), start({ worker: false })];
    for (const { sessions, clock } of others) {
      await sessions.settings.get();
      await clock.advance(0);
    }
    expect(await rearmingOf(store)).toBe(true);
    expect(commits()).toBe(people.length);
    go();
    await setting;
    expect(await rearmingOf(store)).toBe(false);
    expect(commits()).toBe(people.length);
  });

  test('are looked up anew where somebody changes the settings meanwhile', async () => {
    const { store, halt, go, commits } = halting(keyvStore());
    const start = over(store);
    const [setter, other] = [start({ worker: false }), start({ worker: false })];
    await crowd(setter);
    await setter.until('10:15:00');
    halt();
    const setting = setter.sessions.settings.set({ endpoints: { main: { expiration: 25 } } }, eve);
    await expect.poll(commits).toBe(people.length);
    await other.sessions.settings.set(shorter, { by: 'ada' });
    go();
    await setting;
    expect(await rearmingOf(store)).toBe(false);
    const { records } = await store.find({ prefix: 'toy/' });
    expect(records.map(({ wakeAt }) => wakeAt && timeOf(wakeAt))).toEqual(people.map(() => '10:16:00'));
  });

  test('are left alone where they end later: who looks at the old time finds nothing due', async () => {
    const inner = keyvStore();
    let commits = 0;
    const store: Store = {
      ...inner,
      commit: (...args) => {
        commits += 1;
        return inner.commit(...args);
      },
    };
    const bot = over(store)();
    await crowd(bot);
    const before = commits;
    await bot.sessions.settings.set(longer, eve);
    // The change, and that nothing is left undone.
    expect(commits - before).toBe(2);
    await bot.until('12:00:00');
    expect(bot.eventsOf('closed').map(({ closedAt }) => timeOf(closedAt))).toEqual(people.map(() => '11:00:00'));
  });

  test('are those of conversations, not of the library’s own records', async () => {
    const store = keyvStore();
    const bot = over(store)({ worker: false });
    await crowd(bot);
    const [ada] = (await store.find({ keys: [adaKey] })).records;
    const { lease } = await store.begin('~desk/main', { now: 0, leaseMs: 1_000, waitMs: 0 });
    await store.commit(lease, ada?.record ?? {}, null);
    await bot.until('10:15:00');
    expect(await bot.sessions.settings.set(shorter, eve)).toMatchObject({ sessions: people.length, closing: people.length });
    expect((await store.find({ keys: ['~desk/main'] })).records).toEqual([{ ...ada, key: '~desk/main', wakeAt: null }]);
  });

  test('are left to the processes that have adapters', async () => {
    const store = sharing(keyvStore());
    const bot = over(store)({ worker: false });
    await crowd(bot);
    await bot.until('10:15:00');
    const admin = sessionsOver(store, { endpoints: { main: {} }, clock: bot.clock, logger: silent });
    expect(await admin.settings.set(shorter, eve)).toMatchObject({ sessions: people.length, closing: people.length });
    expect(await rearmingOf(store)).toBe(true);
    await bot.sessions.sweep();
    expect(await rearmingOf(store)).toBe(false);
    const { records } = await store.find({ prefix: 'toy/' });
    expect(records.map(({ wakeAt }) => wakeAt && timeOf(wakeAt))).toEqual(people.map(() => '10:16:00'));
  });

  test('a process that was restarted goes on where it was cut off', async () => {
    const store = keyvStore();
    const { store: dying, grant, lapse } = mortal(store);
    const start = over(store);
    const setter = start({ store: dying });
    await crowd(setter);
    await setter.until('10:15:00');
    grant(4);
    await Promise.race([setter.sessions.settings.set(shorter, eve), setter.clock.advance(0)]);
    expect(await rearmingOf(store)).toBe(true);
    await lapse();
    bots.delete(setter);
    const reborn = start();
    await reborn.until('10:20:00');
    expect(reborn.eventsOf('closed').map(({ closedAt }) => timeOf(closedAt))).toEqual(people.map(() => '10:16:00'));
  });
});
