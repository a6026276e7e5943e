import { describe, expect, test } from 'vitest';
import type { AgentSettings } from '../../src/middleware/core/agents.ts';
import { presets } from '../../src/middleware/core/presets.ts';
import { sessionsOver } from '../../src/middleware/sessions.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { deskBot, handsOff, timers } from './desk-bot.ts';
import { adaKey, closingBot, timeOf, toyBot } from './toy.ts';

const hours = { mon: ['09:00-17:00'], tue: ['09:00-17:00'] };

describe('settings that cannot work are refused, with endpoint and setting', () => {
  test.each<[string, AgentSettings, RegExp]>([
    ['a warning at the deadline', { replyWithin: 5, warnBefore: 5 }, /agents.warnBefore: 5 min before is not before a reply/],
    ['a warning before no deadline', { warnBefore: 5 }, /agents.warnBefore/],
    ['a time that is none', { closeAfter: -1 }, /agents.closeAfter: -1 is not a duration/],
    ['a time in words', { reassignAfter: 'soon' as never }, /agents.reassignAfter: "soon" is not a duration/],
    ['no number', { replyWithin: Number.NaN }, /agents.replyWithin/],
    ['a message that nothing sends', { closingMessage: 'bye' }, /agents.closingMessage: It is sent by closeAfter, which is off/],
    ['an empty message', { closeAfter: 5, closingMessage: ' ' }, /agents.closingMessage: It holds an empty text/],
    [
      'hours that are none',
      { calendar: { zone: 'Europe/Berlin', hours: { mon: ['9-5'] } } },
      /agents.calendar: hours.mon: "9-5"/,
    ],
    ['a calendar that is none', { calendar: null as never }, /agents.calendar: null is no calendar/],
  ])('%s', (_what, agents, why) => {
    const make = () => sessionsOver(keyvStore(), { endpoints: { shop: { agents } } });
    expect(make).toThrow(/^ADJ_CONFIG_INVALID: endpoint shop, agents\./);
    expect(make).toThrow(why);
  });

  test('also where they only meet: the organisation’s warning and the endpoint’s deadline', () => {
    const organization = { agents: { replyWithin: 30, warnBefore: 10 } };
    expect(() => sessionsOver(keyvStore(), { organization, endpoints: { shop: { agents: { replyWithin: 10 } } } })).toThrow(
      /endpoint shop, agents.warnBefore/,
    );
    expect(() => sessionsOver(keyvStore(), { organization, endpoints: { shop: { agents: { replyWithin: 11 } } } })).not.toThrow();
    const off = { replyWithin: 0, warnBefore: 0 };
    expect(() => sessionsOver(keyvStore(), { organization, endpoints: { shop: { agents: off } } })).not.toThrow();
  });

  test('a text that the channel’s window never lets through is warned of once', () => {
    const lines: string[] = [];
    const logger = { debug() {}, info() {}, error() {}, warn: (line: string) => void lines.push(line) };
    toyBot({
      logger,
      endpoints: { main: { agents: { closeAfter: '24h', closingMessage: 'bye' } } },
      toy: { capabilities: { replyWindow: 24 * 3_600_000 } },
    });
    expect(lines).toEqual([expect.stringMatching(/agents.closingMessage is never sent: it is due after 1 d/)]);
  });
});

test('an organisation’s members are the defaults, and an endpoint’s win one by one', async () => {
  const bot = await deskBot({
    agents: { replyWithin: 20, warnBefore: undefined },
    organization: { agents: { replyWithin: 40, warnBefore: 10, reassignAfter: 15 } },
  });
  await bot.says('help', handsOff);
  await bot.until('10:21:00');
  expect(bot.story()).toEqual([
    '10:00:00 handed_off -',
    '10:00:00 assigned A',
    '10:10:00 warned A',
    '10:15:00 reassigned B',
    '10:20:00 overdue B',
  ]);
});

/** Ada’s conversation is with A since 10:00, who owes her an answer, or gave it at 10:05; settings change at `time`. */
async function changed(
  time: string,
  change: AgentSettings,
  { before = timers, answered = false, apply = 'live' as 'live' | 'nextSession', until = '12:30:00', settings = {} } = {},
) {
  const bot = await deskBot({ agents: before, settings });
  await bot.says('help', handsOff);
  await bot.until('10:05:00');
  if (answered) await bot.desk.agentReplied(adaKey, 'A');
  await bot.until(time);
  bot.events.length = 0;
  const report = await bot.sessions.settings.set({ endpoints: { main: { agents: change } } }, { by: 'admin', apply });
  await bot.until(until);
  return { bot, report, story: bot.story() };
}

describe('timers follow settings that change while people own sessions', () => {
  test.each<[string, Parameters<typeof changed>, readonly string[]]>([
    [
      'handed on sooner',
      ['10:06:00', { reassignAfter: 8 }, { until: '10:17:00' }],
      ['10:08:00 reassigned B', '10:16:00 reassigned C'],
    ],
    [
      'sooner than the time that has passed: at once',
      ['10:09:00', { reassignAfter: 5 }, { until: '10:15:00' }],
      ['10:09:00 reassigned B', '10:14:00 reassigned C'],
    ],
    ['later', ['10:09:00', { reassignAfter: 20 }, { until: '10:21:00' }], ['10:20:00 reassigned B']],
    ['not at all any more', ['10:09:00', { closeAfter: 60 }, { until: '11:00:00' }], []],
    [
      'a deadline that was not there before',
      ['10:06:00', { replyWithin: 40, warnBefore: 10 }, { before: {}, until: '10:50:00', settings: { expiration: 0 } }],
      ['10:30:00 warned A', '10:40:00 overdue A'],
    ],
    [
      'a deadline put off',
      ['10:20:00', { replyWithin: 60, warnBefore: 10 }, { before: { replyWithin: 30, warnBefore: 5 }, until: '11:30:00' }],
      ['10:50:00 warned A', '11:00:00 overdue A'],
    ],
    [
      'working hours, of a Monday until 10:20',
      [
        '10:06:00',
        { replyWithin: 30, calendar: { zone: 'UTC', hours: { mon: ['09:00-10:20', '12:00-17:00'] } } },
        { before: { replyWithin: 30 }, until: '12:15:00' },
      ],
      ['12:10:00 overdue A'],
    ],
    [
      'only for the next session: this one goes its way',
      ['10:06:00', { reassignAfter: 8 }, { apply: 'nextSession', before: { reassignAfter: 10 }, until: '10:25:00' }],
      ['10:10:00 reassigned B', '10:20:00 reassigned C'],
    ],
  ])('%s', async (_what, how, expected) => {
    const { story } = await changed(...how);
    expect(story).toEqual(expected);
  });

  test('a change that cannot work changes nothing', async () => {
    const bot = await deskBot();
    await bot.says('help', handsOff);
    const change = { endpoints: { main: { agents: { replyWithin: 5, warnBefore: 5 } } } };
    await expect(bot.sessions.settings.set(change, { by: 'admin' })).rejects.toMatchObject({ code: 'ADJ_CONFIG_INVALID' });
    await bot.until('10:11:00');
    expect(bot.story().at(-1)).toBe('10:10:00 reassigned B');
  });
});

describe('a change alone ends no session within its first minute, and revives none', () => {
  const ends = async (how: Parameters<typeof changed>) => {
    const { bot, report } = await changed(...how);
    const closes = (await bot.closes()).map(({ endedAt, reason }) => `${timeOf(endedAt)} ${reason}`);
    return { closes, report };
  };

  test.each<[string, Parameters<typeof changed>, readonly string[], number]>([
    [
      'an agent’s silence that is too long by now',
      ['10:40:00', { closeAfter: 10 }, { answered: true }],
      ['10:41:00 agent_inactivity'],
      1,
    ],
    ['that is not', ['10:40:00', { closeAfter: 50 }, { answered: true }], ['10:55:00 agent_inactivity'], 0],
    ['that has become longer', ['10:40:00', { closeAfter: 90 }, { answered: true }], ['11:35:00 agent_inactivity'], 0],
    ['that matters no more', ['10:40:00', { replyWithin: 30 }, { answered: true }], [], 0],
    ['agent timers off: the user’s clock runs again', ['12:00:00', {}, {}], ['12:01:00 inactivity'], 1],
    ['agent timers on: it stands still', ['10:20:00', { replyWithin: 60 }, { before: {} }], [], 0],
    [
      'only for the next session',
      ['10:40:00', { closeAfter: 10 }, { answered: true, apply: 'nextSession' }],
      ['11:05:00 agent_inactivity'],
      0,
    ],
  ])('%s', async (_what, how, expected, closing) => {
    const { closes, report } = await ends(how);
    expect(closes).toEqual(expected);
    expect(report).toEqual({ sessions: 1, closing, version: 1 });
  });

  test('a cap that comes while people talk', async () => {
    const bot = await deskBot({ agents: { replyWithin: 600 }, settings: { expiration: 0 } });
    await bot.says('help', handsOff);
    await bot.until('11:00:00');
    expect(await bot.sessions.settings.set({ organization: { maxExpiration: 30 } }, { by: 'admin' })).toMatchObject({
      sessions: 1,
      closing: 1,
    });
    await bot.until('12:00:00');
    expect(await bot.closes()).toMatchObject([{ reason: 'inactivity', endedAt: Date.parse('2026-11-02T11:01:00Z') }]);
  });

  test('one whose time was over stays over, though nobody has closed it yet', async () => {
    const bot = await deskBot({ worker: false });
    await bot.says('help', handsOff);
    await bot.desk.agentReplied(adaKey, 'A');
    await bot.until('11:30:00');
    await bot.sessions.settings.set({ endpoints: { main: { agents: { closeAfter: '3h' } } } }, { by: 'admin' });
    await bot.says('hi');
    await bot.rest();
    expect(await bot.closes()).toMatchObject([{ reason: 'agent_inactivity', endedAt: Date.parse('2026-11-02T11:00:00Z') }]);
    expect(bot.told.at(-1)).toBe('#1 hi');
  });
});

describe('presets.antbuddy: the agent’s clock only', () => {
  const antbuddy = (agents: AgentSettings) =>
    deskBot({ agents: {}, settings: { ...presets.antbuddy, agents }, staff: ['A', 'B'] });

  test('without timers nothing ends, and nothing is due', async () => {
    const bot = await antbuddy({});
    await bot.says('help', handsOff);
    await bot.desk.agentReplied(adaKey, 'A');
    await bot.clock.advance(7 * 24 * 3_600_000);
    expect(await bot.closes()).toEqual([]);
    expect(bot.names()).toEqual(['opened', 'handed_off', 'assigned', 'answered']);
  });

  test('closes after the agent’s last message, with the end-of-session message; then a new session begins', async () => {
    const bot = await antbuddy({ closeAfter: 30, closingMessage: 'The chat has ended.' });
    await bot.says('hi');
    await bot.until('14:00:00');
    await bot.says('help', handsOff);
    await bot.until('14:10:00');
    await bot.desk.reply(adaKey, { agent: 'A', message: 'Done?' });
    await bot.until('14:20:00');
    await bot.says('discard');
    await bot.until('14:30:00');
    await bot.desk.reply(adaKey, { agent: 'A', message: 'Bye then.' });
    await bot.until('15:30:00');
    expect(bot.vendor.texts()).toEqual(['14:10:00 Done?', '14:30:00 Bye then.', '15:00:00 The chat has ended.']);
    expect(await bot.closes()).toMatchObject([{ reason: 'agent_inactivity', turns: 2, agent: 'A' }]);
    await bot.says('hi again');
    expect(bot.told.at(-1)).toBe('#1 hi again');
  });

  test('hands on, warns and notes the missed deadline where that is asked for', async () => {
    const bot = await antbuddy({ reassignAfter: 5, replyWithin: 20, warnBefore: 2, calendar: { zone: 'UTC', hours } });
    await bot.says('help', handsOff);
    await bot.until('10:21:00');
    expect(bot.story().slice(2)).toEqual([
      '10:05:00 reassigned B',
      '10:10:00 nobody_free B',
      '10:18:00 warned B',
      '10:20:00 overdue B',
    ]);
  });
});

test('settings beside an adapter’s options count, too', async () => {
  const bot = closingBot({}, { endpoints: {}, toy: { endpoint: 'main', agents: { replyWithin: 10 } } });
  bot.sessions.desk('support', { agents: ['A'] });
  await bot.says('help', handsOff);
  await bot.until('10:11:00');
  expect(bot.names()).toContain('overdue');
});
