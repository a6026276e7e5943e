import { describe, expect, test } from 'vitest';
import type { EndpointOptions } from '../../src/middleware/hooks.ts';
import { adaKey, closingBot, type Data, silent } from './toy.ts';

type Bot = ReturnType<typeof closingBot>;

/** A session with something of everything. */
const fill = (bot: Bot) =>
  bot.says('a', ({ session }) => {
    session.data = { count: 3, list: ['milk'] };
    session.dialog.push('order', { step: 2 });
    session.tags.set(['vip']);
    session.sentiment = 0.5;
    session.variables.set('mood', 'good');
  });

const look = async (bot: Bot) => {
  let found: unknown;
  await bot.says('b', ({ session }) => {
    found = {
      data: session.data,
      dialog: session.dialog.stack.map(({ id }) => id),
      tags: session.tags.current,
      sentiment: session.sentiment,
      variables: session.variables.names(),
    };
  });
  return found;
};

const nothing = { data: { count: 0 }, dialog: [], tags: [], sentiment: undefined, variables: [] };
const everything = { data: { count: 3, list: ['milk'] }, dialog: ['order'], tags: ['vip'], sentiment: 0.5, variables: [] };

describe('carryOver', () => {
  test.each<[string, EndpointOptions<Data>['carryOver'], unknown]>([
    ['nothing by default', undefined, nothing],
    ['none', 'none', nothing],
    ['all', 'all', everything],
    ['named members of the data', ['list', 'missing'], { ...nothing, data: { count: 0, list: ['milk'] } }],
    ['a function’s choice', ({ tags }) => ({ tags }), { ...nothing, tags: ['vip'] }],
    ['a function of the data', ({ data }) => ({ data: { count: (data as Data).count + 1 } }), { ...nothing, data: { count: 4 } }],
  ])('%s, in both modes', async (_what, carryOver, expected) => {
    for (const closing of ['lazy', 'proactive'] as const) {
      const bot = closingBot({ closing, ...(carryOver === undefined ? {} : { carryOver }) });
      await fill(bot);
      await bot.until('10:45:00');
      expect(await look(bot)).toEqual(expected);
    }
  });

  test('reaches the next session only', async () => {
    const bot = closingBot({ carryOver: ['list'] });
    await fill(bot);
    await bot.until('10:31:00');
    await bot.says('b', ({ session }) => {
      session.data = { count: 0 };
    });
    await bot.until('11:30:00');
    expect(await look(bot)).toEqual(nothing);
  });

  test('is nothing after a refresh', async () => {
    const bot = closingBot({ carryOver: 'all' });
    await fill(bot);
    await bot.says('refresh');
    expect(await look(bot)).toEqual(nothing);
  });

  test('does not wait for a refresh that comes later', async () => {
    const bot = closingBot({ carryOver: 'all' });
    await fill(bot);
    await bot.until('10:31:00');
    await bot.says('refresh');
    expect(await look(bot)).toEqual(nothing);
  });

  test('an endpoint’s plain setting wins over the organisation’s function', async () => {
    const bot = closingBot({ carryOver: 'none' }, { organization: { carryOver: (before) => before } });
    await fill(bot);
    await bot.until('10:31:00');
    expect(await look(bot)).toEqual(nothing);
  });
});

test('without a carryOver nothing of the old session is left in the new one, whoever closed it', async () => {
  const bot = closingBot();
  await fill(bot);
  await bot.sessions.end(adaKey);
  expect(await look(bot)).toEqual(nothing);
});

describe('what a session remembers of the one before', () => {
  test.each([
    ['proactive', 'inactivity', 'expired'],
    ['lazy', 'inactivity', 'expired'],
  ] as const)('%s', async (closing, reason, startReason) => {
    const bot = closingBot({ closing });
    await bot.says('a');
    const [first] = bot.eventsOf('opened');
    await bot.until('10:45:00');
    await bot.says('b', ({ session }) => {
      expect(session.previous).toEqual({ id: first?.session, reason, endedAt: Date.parse('2026-11-02T10:30:00Z') });
      expect(session.startReason).toBe(startReason);
      expect(session.isNew).toBe(true);
    });
  });
});

describe('developer', () => {
  test.each([
    ['all', true, true],
    ['by name', ['ada'], true],
    ['another', ['bob'], false],
    ['by function', (contact: string | undefined) => contact === 'ada', true],
  ] as const)('%s', async (_who, developer, expected) => {
    const bot = closingBot({ developer });
    await bot.says('a');
    await bot.until('10:31:00');
    expect(await bot.closes()).toMatchObject([{ developer: expected, billable: !expected, interactive: true }]);
  });
});

test('a setting that works but is odd is warned of once per endpoint', async () => {
  const lines: string[] = [];
  const bot = closingBot(
    { closingMessage: 'bye', expiration: '24h' },
    {
      logger: { ...silent, warn: (line) => void lines.push(line) },
      toy: { capabilities: { replyWindow: 24 * 60 * 60_000 } },
    },
  );
  await bot.says('a');
  await bot.says('b');
  expect(lines).toEqual([expect.stringMatching(/^adjourn: toy endpoint main: its closing message is never sent/)]);
});
