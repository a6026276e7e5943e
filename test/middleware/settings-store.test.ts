import { describe, expect, test } from 'vitest';
import { noSettings, type SettingsRecord, settingsKey } from '../../src/middleware/core/settings-record.ts';
import type { Store } from '../../src/middleware/store.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { adaKey, type ClosingBotOptions, closingBot, silent, timeOf } from './toy.ts';

const minutes = (ms: number) => ms / 60_000;
const main = (expiration: number | null) => ({ endpoints: { main: { expiration } } });
const eve = { by: 'eve' };

async function rejection(promise: Promise<unknown>): Promise<{ code?: string; message?: string }> {
  return promise.then(
    () => ({}),
    (error) => error,
  );
}

async function stored(store: Store): Promise<SettingsRecord | undefined> {
  const { records } = await store.find({ keys: [settingsKey] });
  expect(records.every(({ wakeAt }) => wakeAt === null)).toBe(true);
  return records[0]?.record as unknown as SettingsRecord | undefined;
}

/** Processes over one store and one clock. Each has its own settings in code; only the last one's worker works. */
function processes(count: number, options: ClosingBotOptions = {}) {
  const store = options.store ?? keyvStore();
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const one = (more: ClosingBotOptions = {}) => closingBot({}, { ...options, store, clock, ...more });
  const bots = Array.from({ length: count }, (_, n) => one(n === count - 1 ? {} : { worker: false }));
  return { store, clock, bots: bots as [ReturnType<typeof one>, ReturnType<typeof one>], one };
}

describe('get', () => {
  test('tells what counts now, and what of it is not as the code says', async () => {
    const bot = closingBot(
      { expiration: 20, onClose: () => {}, developer: ['ada'] },
      { organization: { maxExpiration: 60, carryOver: ({ data }) => ({ data }) } },
    );
    const inCode = {
      organization: { maxExpiration: 60 },
      endpoints: { main: { closing: 'proactive', expiration: 20, developer: ['ada'] } },
    };
    expect(await bot.sessions.settings.get()).toEqual({ version: 0, ...inCode, changed: { organization: {}, endpoints: {} } });
    await bot.until('10:05:00');
    await bot.sessions.settings.set(
      { organization: { maxExpiration: '2h' }, endpoints: { main: { maxTurns: 9 } } },
      { by: 'ada' },
    );
    await bot.until('10:06:00');
    await bot.sessions.settings.set(main(25), eve);
    const [first, second] = [Date.parse('2026-11-02T10:05:00Z'), Date.parse('2026-11-02T10:06:00Z')];
    expect(await bot.sessions.settings.get()).toEqual({
      version: 2,
      last: { by: 'eve', at: second },
      organization: { maxExpiration: '2h' },
      endpoints: { main: { closing: 'proactive', expiration: 25, developer: ['ada'], maxTurns: 9 } },
      changed: {
        organization: { maxExpiration: { by: 'ada', at: first } },
        endpoints: { main: { maxTurns: { by: 'ada', at: first }, expiration: { by: 'eve', at: second } } },
      },
    });
    await bot.sessions.settings.set(
      { organization: { maxExpiration: null }, endpoints: { main: { expiration: null, maxTurns: null } } },
      eve,
    );
    expect(await bot.sessions.settings.get()).toMatchObject({ ...inCode, changed: { organization: {}, endpoints: {} } });
  });

  test('is a copy', async () => {
    const bot = closingBot({ developer: ['ada'] });
    const { main } = (await bot.sessions.settings.get()).endpoints;
    (main?.developer as string[] | undefined)?.push('bob');
    expect((await bot.sessions.settings.get()).endpoints['main']?.developer).toEqual(['ada']);
  });
});

describe('set', () => {
  test.each<[string, object, object]>([
    ['nobody', main(5), { by: ' ' }],
    ['two lines for who', main(5), { by: 'eve\nWARN' }],
    ['no text for who', main(5), { by: 5 }],
    ['somebody with an endless name', main(5), { by: 'x'.repeat(201) }],
    ['another time', main(5), { by: 'eve', apply: 'tomorrow' }],
    ['an unknown endpoint', { endpoints: { shop: { expiration: 5 } } }, eve],
    ['no setting', { endpoints: { main: {} } }, eve],
    ['a value that is none', main(-1), eve],
    ['values that do not go together', { endpoints: { main: { closing: 'lazy', closingMessage: 'bye' } } }, eve],
    ['a word of the carrier’s', { organization: { commands: { discard: 'stop' } } }, eve],
    ['a function', { endpoints: { main: { closingMessage: () => 'bye' } } }, eve],
    ['more than can be read again and again', { endpoints: { main: { closingMessage: 'x'.repeat(33_000) } } }, eve],
  ])('refuses %s, and nothing has changed', async (_what, change, options) => {
    const store = keyvStore();
    const bot = closingBot({}, { store });
    for (const dryRun of [true, false]) {
      const { code, message } = await rejection(bot.sessions.settings.set(change, { ...(options as typeof eve), dryRun }));
      expect(code).toBe('ADJ_CONFIG_INVALID');
      expect(message).not.toContain('bye');
    }
    expect(await stored(store)).toBeUndefined();
    expect(await bot.sessions.settings.get()).toMatchObject({ version: 0 });
    expect(bot.names()).not.toContain('settings_changed');
  });

  test('a plain value takes the place of a function, until it is taken back', async () => {
    const bot = closingBot({ closingMessage: () => 'computed', expiration: 10 });
    await bot.sessions.settings.set({ endpoints: { main: { closingMessage: 'plain' } } }, eve);
    await bot.says('a');
    await bot.until('10:15:00');
    await bot.sessions.settings.set({ endpoints: { main: { closingMessage: null } } }, eve);
    await bot.says('b');
    await bot.until('10:30:00');
    expect(bot.vendor.texts()).toEqual(['10:10:00 plain', '10:25:00 computed']);
  });

  test('what the caller does with the change afterwards is nothing to it', async () => {
    const bot = closingBot({});
    const change = { endpoints: { main: { developer: ['ada'] } } };
    await bot.sessions.settings.set(change, eve);
    change.endpoints.main.developer.push('bob');
    expect((await bot.sessions.settings.get()).endpoints['main']?.developer).toEqual(['ada']);
  });

  test('made for another version is a conflict, also when it would change nothing yet', async () => {
    const { bots } = processes(2);
    const [one, other] = bots;
    const { version } = await one.sessions.settings.get();
    await other.sessions.settings.set(main(20), { by: 'ada', expectedVersion: version });
    for (const dryRun of [true, false]) {
      const { code } = await rejection(one.sessions.settings.set(main(10), { ...eve, dryRun, expectedVersion: version }));
      expect(code).toBe('ADJ_SETTINGS_CONFLICT');
    }
    expect((await one.sessions.settings.get()).endpoints['main']?.expiration).toBe(20);
    expect(await one.sessions.settings.set(main(10), { ...eve, expectedVersion: 1 })).toMatchObject({ version: 2 });
  });

  test('two at once are both kept, and of two made for one version one', async () => {
    const { bots } = processes(2);
    const [one, other] = bots;
    await Promise.all([
      one.sessions.settings.set({ endpoints: { main: { expiration: 20 } } }, eve),
      other.sessions.settings.set({ endpoints: { main: { maxTurns: 7 } } }, { by: 'ada' }),
    ]);
    for (const { sessions } of bots)
      expect(await sessions.settings.get()).toMatchObject({ version: 2, endpoints: { main: { expiration: 20, maxTurns: 7 } } });
    const both = await Promise.all(
      bots.map(({ sessions }, n) => rejection(sessions.settings.set(main(n + 1), { ...eve, expectedVersion: 2 }))),
    );
    expect(both.map(({ code }) => code).sort()).toEqual(['ADJ_SETTINGS_CONFLICT', undefined]);
    expect(await one.sessions.settings.get()).toMatchObject({ version: 3 });
  });

  test('an event tells of it in every process, without values', async () => {
    const { bots } = processes(2);
    const [one, other] = bots;
    await other.sessions.settings.get();
    await one.until('10:01:00');
    await one.sessions.settings.set({ endpoints: { main: { closingMessage: 'secret' } } }, eve);
    await one.until('10:02:00');
    await one.sessions.settings.set(main(20), { by: 'ada' });
    await one.until('10:03:00');
    await other.sessions.settings.get();
    const expected = [
      { type: 'settings_changed', version: 1, by: 'eve', at: Date.parse('2026-11-02T10:01:00Z') },
      { type: 'settings_changed', version: 2, by: 'ada', at: Date.parse('2026-11-02T10:02:00Z') },
    ];
    for (const bot of bots) {
      expect(bot.eventsOf('settings_changed')).toMatchObject(expected);
      expect(JSON.stringify(bot.events)).not.toContain('secret');
    }
  });
});

test('the history tells who changed what, newest first, and undoes it', async () => {
  const { bots, one } = processes(2);
  const [bot] = bots;
  expect(await bot.sessions.settings.history()).toEqual([]);
  await bot.sessions.settings.set(main(20), { by: 'ada' });
  await bot.until('10:05:00');
  await bot.sessions.settings.set({ ...main(10), organization: { maxTurns: 9 } }, { ...eve, apply: 'nextSession' });
  const later = one();
  const [last, first, ...rest] = await later.sessions.settings.history();
  expect(last).toEqual({
    version: 2,
    by: 'eve',
    at: Date.parse('2026-11-02T10:05:00Z'),
    apply: 'nextSession',
    change: { ...main(10), organization: { maxTurns: 9 } },
    before: { ...main(20), organization: { maxTurns: null } },
  });
  expect(first).toMatchObject({ version: 1, by: 'ada', apply: 'live', before: main(null) });
  expect(rest).toEqual([]);
  expect(await later.sessions.settings.history({ limit: 1 })).toEqual([last]);
  expect(await later.sessions.settings.history({ after: 2 })).toEqual([first]);
  await later.sessions.settings.set(last?.before ?? {}, eve);
  expect(await later.sessions.settings.get()).toMatchObject({ organization: {}, endpoints: { main: { expiration: 20 } } });
  expect((await later.sessions.settings.get()).organization).toEqual({});
});

test('the record of settings is no conversation', async () => {
  const { sessions, until, eventsOf } = closingBot({});
  await sessions.settings.set(main(20), eve);
  for (const doing of [
    () => sessions.run(settingsKey, async () => {}),
    () => sessions.explain(settingsKey),
    () => sessions.end(settingsKey),
  ])
    expect((await rejection(doing())).code).toBe('ADJ_NO_SESSION');
  expect(await sessions.settings.set(main(10), eve)).toMatchObject({ sessions: 0, version: 2 });
  await until('23:00:00');
  expect(eventsOf('error')).toEqual([]);
  expect(await sessions.settings.get()).toMatchObject({ version: 2 });
});

describe('in another process', () => {
  test.each<[string, 'live' | 'nextSession', number | null, string, string | undefined]>([
    ['30 → 10 at 10:15 closes 10:16', 'live', 10, '10:15:00', '10:16:00'],
    ['30 → 60 at 10:15 closes 11:00', 'live', 60, '10:15:00', '11:00:00'],
    ['30 → 0 at 10:15 never closes', 'live', 0, '10:15:00', undefined],
    ['30 → 10 for the next session closes 10:30', 'nextSession', 10, '10:15:00', '10:30:00'],
  ])('timeline 5: %s', async (_what, apply, expiration, time, end) => {
    const { bots, one } = processes(2);
    const [setter, closer] = bots;
    await setter.says('a');
    await setter.until(time);
    await setter.sessions.settings.set(main(expiration), { ...eve, apply });
    await closer.sessions.settings.get();
    // One that starts after the change computes the same.
    await setter.until('10:15:30');
    const deadlines = await Promise.all(
      [setter, closer, one({ worker: false })].map(async ({ sessions }) => (await sessions.explain(adaKey)).session?.deadline),
    );
    expect(deadlines.map((at) => at && timeOf(at))).toEqual([end, end, end]);
    await setter.until('14:00:00');
    expect((await closer.closes()).map(({ endedAt, closedAt }) => `${timeOf(endedAt)} ${timeOf(closedAt)}`)).toEqual(
      end === undefined ? [] : [`${end} ${end}`],
    );
  });

  test('an endpoint without end gets a cap of an hour at 12:00: closes 12:01', async () => {
    const { bots } = processes(2, { endpoints: { main: { closing: 'proactive', expiration: 0 } } });
    const [setter, closer] = bots;
    await setter.says('a');
    await setter.until('12:00:00');
    await setter.sessions.settings.set({ organization: { maxExpiration: 60 } }, eve);
    await closer.sessions.settings.get();
    await setter.until('13:00:00');
    expect((await closer.closes()).map(({ endedAt }) => timeOf(endedAt))).toEqual(['12:01:00']);
  });

  test('after many changes every process computes the same deadlines, however late it starts', async () => {
    const { bots, one } = processes(2);
    const [setter] = bots;
    const minutesOfChange = [2, 3, 5, 8, 13, 21];
    await setter.says('a');
    for (const [n, minute] of minutesOfChange.entries()) {
      await setter.until(`10:${String(minute).padStart(2, '0')}:00`);
      const apply = n % 2 === 0 ? 'live' : 'nextSession';
      await setter.deliver(setter.message('x', { user: `u${n}`, conversation: { id: `u${n}`, kind: 'direct' } }));
      await setter.sessions.settings.set(n % 3 === 0 ? { organization: { maxDuration: 50 - n } } : main(40 - 3 * n), {
        ...eve,
        apply,
      });
    }
    const late = one({ worker: false });
    for (const key of [adaKey, ...minutesOfChange.map((_, n) => `toy/main/u${n}`)]) {
      const [expected, found] = await Promise.all([setter, late].map(({ sessions }) => sessions.explain(key)));
      expect(found).toEqual(expected);
      expect(found?.session?.deadline).toBeTypeOf('number');
    }
  });

  test('its own conversations, saved by the settings before, are looked at in time', async () => {
    const inner = keyvStore();
    const store: Store = { ...inner, capabilities: { scope: 'shared', durable: true } };
    const { bots } = processes(2, { store });
    const [setter, other] = bots;
    await other.says('a');
    await setter.until('10:15:00');
    await setter.sessions.settings.set(main(10), eve);
    await other.says('b');
    await other.sessions.settings.get();
    await setter.until('10:40:00');
    expect((await other.closes()).map(({ endedAt, closedAt }) => `${timeOf(endedAt)} ${timeOf(closedAt)}`)).toEqual([
      '10:25:00 10:25:00',
    ]);
    await Promise.all(bots.map(({ sessions }) => sessions.stop()));
  });

  test('sweep reads the settings before it looks for what is due', async () => {
    const { bots, one } = processes(2);
    const [setter] = bots;
    await bots[1].sessions.stop();
    const cron = one({ worker: false });
    await setter.says('a');
    await setter.until('10:15:00');
    await setter.sessions.settings.set(main(60), eve);
    await setter.until('10:45:00');
    await cron.sessions.sweep();
    expect(await cron.closes()).toEqual([]);
    await setter.until('11:00:00');
    await cron.sessions.sweep();
    expect(await cron.closes()).toHaveLength(1);
  });

  test('whose code the change does not go with, it does not count, and that is said once', async () => {
    const { bots, one } = processes(2);
    const [setter] = bots;
    await setter.sessions.settings.set(main(4), eve);
    const lines: string[] = [];
    const warned = one({
      worker: false,
      endpoints: { main: { closing: 'proactive', warnings: [{ before: 5, message: 'soon' }] } },
      logger: { ...silent, warn: (line) => lines.push(line) },
    });
    for (let n = 0; n < 3; n++) expect(await warned.sessions.settings.get()).toMatchObject({ version: 0 });
    expect(warned.eventsOf('error')).toMatchObject([{ code: 'ADJ_CONFIG_INVALID' }]);
    expect(lines).toHaveLength(1);
    expect((await rejection(warned.sessions.settings.set({ organization: { maxTurns: 3 } }, eve))).code).toBe(
      'ADJ_CONFIG_INVALID',
    );
    await warned.sessions.settings.set(main(null), eve);
    expect(await warned.sessions.settings.get()).toMatchObject({ version: 2 });
    expect(lines).toHaveLength(2);
  });
});

describe('a record of a newer version', () => {
  const written = async (store: Store) => {
    const { lease } = await store.begin(settingsKey, { now: 0, leaseMs: 1_000, waitMs: 0 });
    await store.commit(lease, { ...noSettings, v: 2, version: 9 }, null);
  };

  test('is refused loudly, stays as it is, and the process goes on with what it has', async () => {
    const store = keyvStore();
    const bot = closingBot({}, { store });
    await bot.sessions.settings.set(main(20), eve);
    await written(store);
    await bot.says('a');
    for (let n = 0; n < 2; n++) expect(await bot.sessions.settings.get()).toMatchObject({ version: 1 });
    expect(bot.eventsOf('error')).toMatchObject([{ code: 'ADJ_RECORD_INVALID' }]);
    for (const doing of [() => bot.sessions.settings.set(main(10), eve), () => bot.sessions.settings.history()])
      expect((await rejection(doing())).code).toBe('ADJ_RECORD_INVALID');
    expect(await stored(store)).toMatchObject({ v: 2, version: 9 });
    await bot.until('10:20:00');
    expect(await bot.closes()).toHaveLength(1);
  });

  test('keeps no worker from its work', async () => {
    const store = keyvStore();
    await written(store);
    const bot = closingBot({}, { store });
    await bot.says('a');
    await bot.until('10:30:00');
    expect(await bot.closes()).toHaveLength(1);
    expect(minutes((await bot.sessions.explain(adaKey)).effectiveMs)).toBe(30);
  });
});
