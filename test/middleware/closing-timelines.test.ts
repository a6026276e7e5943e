import { describe, expect, test } from 'vitest';
import type { ReturnKind } from '../../src/middleware/hooks.ts';
import type { Turn } from '../../src/middleware/turn.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { adaKey, closingBot, type Data, gate, timeOf, toyBot } from './toy.ts';

const warnings = [
  { before: 5, message: '5 left' },
  { before: 1, message: '1 left' },
];

describe('timeline 2: warnings and a closing text', () => {
  test('each at its time', async () => {
    const bot = closingBot({ closingMessage: 'bye', warnings });
    await bot.says('a');
    await bot.until('12:00:00');
    expect(bot.vendor.texts()).toEqual(['10:25:00 5 left', '10:29:00 1 left', '10:30:00 bye']);
    expect(bot.eventsOf('warned')).toMatchObject([
      { beforeMs: 300_000, message: 'sent' },
      { beforeMs: 60_000, message: 'sent' },
    ]);
    expect(await bot.closes()).toMatchObject([{ reason: 'inactivity', message: 'sent', messageId: 'v3', turns: 1 }]);
    expect((await bot.closes()).map(({ endedAt, closedAt }) => [endedAt, closedAt].map(timeOf))).toEqual([
      ['10:30:00', '10:30:00'],
    ]);
  });

  test('a reply re-arms them all', async () => {
    const bot = closingBot({ closingMessage: 'bye', warnings });
    await bot.says('a');
    await bot.until('10:26:00');
    await bot.says('b');
    await bot.until('12:00:00');
    expect(bot.vendor.texts()).toEqual(['10:25:00 5 left', '10:51:00 5 left', '10:55:00 1 left', '10:56:00 bye']);
  });

  test.each([
    ['from 10:24 to 10:29:30: only the latest that is still useful', '10:29:30', ['10:29:30 1 left', '10:30:00 bye']],
    ['until 10:31: none after the deadline', '10:31:00', ['10:31:00 bye']],
  ])('a worker asleep %s', async (_when, awake, texts) => {
    const bot = closingBot({ closingMessage: 'bye', warnings });
    await bot.says('a');
    await bot.until('10:24:00');
    await bot.sessions.stop();
    await bot.until(awake);
    expect(bot.vendor.texts()).toEqual([]);
    bot.sessions.start();
    await bot.until('11:00:00');
    expect(bot.vendor.texts()).toEqual(texts);
    expect(await bot.closes()).toMatchObject([{ endedAt: Date.parse('2026-11-02T10:30:00Z') }]);
  });

  test('whoever writes after a warning’s time, in a session that ends all the same, is not warned again at once', async () => {
    const bot = closingBot({ warnings, maxDuration: 60, expiration: 40 });
    for (const time of ['10:00:00', '10:30:00', '10:56:00', '10:57:00']) {
      await bot.until(time);
      await bot.says('a');
    }
    await bot.until('12:00:00');
    expect(bot.vendor.texts()).toEqual(['10:55:00 5 left', '10:59:00 1 left']);
    expect(await bot.closes()).toMatchObject([{ reason: 'max_duration', message: 'off' }]);
  });

  test('variants rotate, by locale', async () => {
    const bot = closingBot({ warnings: [{ before: 10, message: { de: ['eins', 'zwei'], default: 'one' } }] });
    for (const locale of ['de-AT', 'de-AT', 'de', 'fr']) {
      await bot.deliver(bot.message('a', { locale }));
      await bot.clock.advance(31 * 60_000);
    }
    expect(bot.vendor.asked.map(({ text }) => text)).toEqual(['eins', 'zwei', 'eins', 'one']);
  });

  test('a contact whom a warning cannot reach gets no closing text', async () => {
    const bot = closingBot(
      { closingMessage: 'bye', warnings },
      { answers: [{ outcome: 'refused', reason: 'blocked', unreachable: true }] },
    );
    await bot.says('a');
    await bot.until('11:00:00');
    expect(bot.vendor.texts()).toEqual(['10:25:00 5 left']);
    expect(bot.eventsOf('warned').map(({ message }) => message)).toEqual(['failed:blocked', 'skipped:blocked']);
    expect(await bot.closes()).toMatchObject([{ message: 'skipped:blocked' }]);
  });
});

describe('timeline 3: two processes see the same due session', () => {
  test.each([
    ['one after the other', 0],
    ['at the same instant', 1],
  ])('one close record, one text, one hook run: %s', async (_how, rank) => {
    const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
    const store = keyvStore();
    let hooks = 0;
    const onClosing = () => void hooks++;
    const one = closingBot({ closingMessage: 'bye', onClosing }, { store, clock });
    const other = closingBot(
      { closingMessage: 'bye', onClosing },
      { store, clock: Object.assign(clock.ranked(rank), clock), archive: one.archive },
    );
    await one.says('a');
    await clock.advance(60 * 60_000);
    expect([...one.vendor.texts(), ...other.vendor.texts()]).toEqual(['10:30:00 bye']);
    expect(hooks).toBe(1);
    expect(await one.closes()).toHaveLength(1);
    expect([...one.eventsOf('closed'), ...other.eventsOf('closed')]).toHaveLength(1);
    expect([...one.eventsOf('error'), ...other.eventsOf('error')]).toEqual([]);
  });
});

describe('timeline 4: back at 11:00 in a lazy session', () => {
  const returning = (classifyReturn: ((turn: Turn<Data>) => ReturnKind | Promise<ReturnKind>) | undefined, more = {}) =>
    closingBot({ closing: 'lazy', ...(classifyReturn && { classifyReturn }), ...more });
  const back = async (bot: ReturnType<typeof closingBot>, time = '11:00:00') => {
    await bot.says('a', (turn) => {
      turn.session.data.list = ['milk'];
    });
    await bot.until(time);
    const turn = bot.says('b', ({ session }) => {
      session.data.count += 1;
      return bot.told.push(`${session.turnCount} ${session.data.list ?? 'empty'}`);
    });
    await bot.clock.advance(2_000);
    await turn;
  };

  test('the same intent goes on: same id, data still the bot’s to change, deadline 11:30', async () => {
    const seen: unknown[] = [];
    const bot = returning((turn) => {
      seen.push(turn.activity.kind === 'message' && turn.activity.text, turn.session.data.list);
      expect(() => turn.session.data.list?.push('eggs')).toThrow();
      return 'same';
    });
    await back(bot);
    expect(seen).toEqual(['b', ['milk']]);
    expect(bot.told).toEqual(['2 milk']);
    expect(bot.eventsOf('error')).toEqual([]);
    const { session } = await bot.sessions.explain(adaKey);
    expect(timeOf(session?.deadline ?? 0)).toBe('11:30:00');
    expect(bot.eventsOf('resumed')).toMatchObject([{ session: session?.id, deadline: Date.parse('2026-11-02T10:30:00Z') }]);
    expect(bot.eventsOf('closed')).toEqual([]);
  });

  test.each([
    ['new', () => 'new' as const, 0],
    ['invalid', () => 'invalid' as const, 0],
    ['nobody to ask', undefined, 0],
    ['an error', () => Promise.reject(new Error('model down')), 1],
    ['no answer in 2 seconds', () => new Promise<never>(() => {}), 1],
    ['nonsense', () => 'SAME' as never, 0],
  ])('%s begins a new one, which has the message', async (_what, classify, errors) => {
    const bot = returning(classify);
    await back(bot);
    expect(bot.told).toEqual(['1 empty']);
    expect(bot.eventsOf('error')).toHaveLength(errors);
    expect(bot.eventsOf('closed')).toMatchObject([{ endedAt: Date.parse('2026-11-02T10:30:00Z') }]);
  });

  test.each([
    ['the organisation’s cap', { organization: { maxExpiration: 45 } }, {}, '10:45:00', false],
    ['the organisation’s cap', { organization: { maxExpiration: 45 } }, {}, '10:44:57', true],
    ['continueWithin', {}, { continueWithin: 10 }, '10:40:00', false],
    ['continueWithin', {}, { continueWithin: 10 }, '10:39:57', true],
    ['nothing: however late', {}, { continueWithin: null }, '10:00:00', true],
  ])('never beyond %s', async (_limit, more, settings, time, goesOn) => {
    const bot = closingBot({ closing: 'lazy', classifyReturn: () => 'same', ...settings }, { ...more, worker: false });
    const day = time === '10:00:00' ? '2026-11-12' : '2026-11-02';
    await bot.says('a');
    await bot.clock.advanceTo(`${day}T${time}Z`);
    await bot.says('b');
    expect(bot.told.at(-1)).toBe(goesOn ? '#2 b' : '#1 b');
  });

  test('a session that is longer than it may be is over', async () => {
    const bot = returning(() => 'same', { maxDuration: 45 });
    await back(bot);
    expect(bot.eventsOf('closed')).toMatchObject([{ reason: 'inactivity', endedAt: Date.parse('2026-11-02T10:30:00Z') }]);
    expect(bot.told).toEqual(['1 empty']);
  });
});

describe('timeline 7: nobody answers a greeting', () => {
  test('it closes at 10:30: non-interactive, unbilled, without a text', async () => {
    const bot = closingBot({ closingMessage: 'bye', warnings });
    await bot.sessions.open({ channel: 'toy', endpoint: 'main', user: 'ada' });
    await bot.until('11:00:00');
    expect(bot.vendor.texts()).toEqual([]);
    expect(await bot.closes()).toMatchObject([
      { interactive: false, billable: false, message: 'skipped:non_interactive', endedAt: Date.parse('2026-11-02T10:30:00Z') },
    ]);
  });

  test('the first message at 10:10 makes it interactive for good, until 10:40', async () => {
    const bot = closingBot({ closingMessage: 'bye' });
    await bot.sessions.open({ channel: 'toy', endpoint: 'main', user: 'ada' });
    await bot.until('10:10:00');
    await bot.says('hi');
    await bot.until('11:00:00');
    expect(bot.vendor.texts()).toEqual(['10:40:00 bye']);
    expect(await bot.closes()).toMatchObject([{ interactive: true, billable: true }]);
  });

  test('everybody gets a text where the endpoint says so', async () => {
    const bot = closingBot({ closingMessage: 'bye', closingMessageTo: 'all' });
    await bot.sessions.open({ channel: 'toy', endpoint: 'main', user: 'ada' });
    await bot.until('11:00:00');
    expect(bot.vendor.texts()).toEqual(['10:30:00 bye']);
  });
});

describe('timeline 8: a variable with 45 minutes to live, and one without', () => {
  const set = (turn: Turn<Data>) => {
    turn.session.variables.set('order', 7, { ttl: 45 });
    turn.session.variables.set('mood', 'good');
    turn.session.variables.set('name', 'Ada', { scope: 'contact' });
  };
  const read = (turn: Turn<Data>) => turn.reply(turn.session.variables.names().join());

  test.each([
    ['10:40:00', 'order,name'],
    ['10:44:59', 'order,name'],
    ['10:45:00', 'name'],
  ])('after the close, at %s: %s', async (time, names) => {
    const bot = closingBot();
    await bot.says('a', set);
    await bot.until(time);
    await bot.says('b', read);
    expect(bot.told).toEqual([names]);
  });

  test('after a refresh only the contact’s', async () => {
    const bot = closingBot();
    await bot.says('a', set);
    await bot.until('10:20:00');
    await bot.says('refresh');
    await bot.says('b', read);
    expect(bot.told.at(-1)).toBe('name');
  });
});

describe('timeline 12: nothing closes while a handler of the same conversation runs', () => {
  const held = async () => {
    const bot = closingBot({ closingMessage: 'bye' });
    await bot.says('a');
    await bot.until('10:29:50');
    const work = gate();
    const running = bot.sessions.run(adaKey, () => work.promise);
    const finish = async () => {
      await bot.until('10:30:20');
      work.resolve();
      await running;
    };
    return { bot, finish };
  };

  test('the close waits, re-checks and closes at 10:30:20 with deadline 10:30', async () => {
    const { bot, finish } = await held();
    await bot.until('10:30:19');
    expect(bot.eventsOf('closed')).toEqual([]);
    await finish();
    await bot.until('10:31:00');
    expect(bot.vendor.texts()).toEqual(['10:30:20 bye']);
    const [closed] = await bot.closes();
    expect([closed?.endedAt, closed?.closedAt].map((at) => timeOf(at ?? 0))).toEqual(['10:30:00', '10:30:20']);
  });

  test('a user message queued at 10:29:55 keeps the session', async () => {
    const { bot, finish } = await held();
    await bot.until('10:29:55');
    const queued = bot.says('b', undefined, { waitMs: 60_000 });
    await finish();
    await queued;
    expect(bot.told).toEqual(['#1 a', '#2 b']);
    await bot.until('10:59:54');
    expect(bot.eventsOf('closed')).toEqual([]);
    await bot.until('11:05:00');
    expect(bot.vendor.texts()).toEqual(['10:59:55 bye']);
  });

  test('one arriving at 10:30:10 opens a new one', async () => {
    const { bot, finish } = await held();
    await bot.until('10:30:10');
    const queued = bot.says('b', undefined, { waitMs: 60_000 });
    await finish();
    await queued;
    expect(bot.told).toEqual(['#1 a', '#1 b']);
    expect(bot.eventsOf('closed')).toMatchObject([{ endedAt: Date.parse('2026-11-02T10:30:00Z') }]);
  });
});

test('the worker sleeps until something is due, and a bot without one closes nothing by itself', async () => {
  const bot = toyBot({ endpoints: { main: { closing: 'proactive' } }, worker: false });
  await bot.says('a');
  expect(bot.clock.nextWake()).toBeUndefined();
  await bot.clock.advance(60 * 60_000);
  expect(bot.names()).not.toContain('closed');
  expect(await bot.sessions.sweep()).toBe(1);
  expect(bot.names()).toContain('closed');
});
