import { describe, expect, test } from 'vitest';
import type { AgentSettings } from '../../src/middleware/core/agents.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { deskBot, handsOff, timers } from './desk-bot.ts';
import { adaKey, timeOf } from './toy.ts';

describe('timeline 9', () => {
  test('reassigned twice, warned, overdue, answered late, and closed by the agent’s silence', async () => {
    const bot = await deskBot();
    await bot.says('hi');
    await bot.until('10:10:00');
    await bot.says('a person, please', handsOff);
    await bot.until('10:45:00');
    expect(await bot.desk.agentReplied(adaKey, 'C')).toBe(true);
    await bot.until('11:00:00');
    expect(bot.story()).toEqual([
      '10:10:00 handed_off -',
      '10:10:00 assigned A',
      '10:20:00 reassigned B',
      '10:30:00 reassigned C',
      '10:35:00 warned C',
      '10:40:00 overdue C',
      '10:40:00 nobody_free C',
      '10:45:00 answered C',
    ]);
    expect(bot.eventsOf('answered')).toMatchObject([{ lateBy: 5 * 60_000 }]);
    expect((await bot.sessions.explain(adaKey)).timers).toEqual([
      { what: 'agent_inactivity', at: Date.parse('2026-11-02T11:45:00Z') },
    ]);
    expect(await bot.desk.conversations()).toMatchObject([{ key: adaKey, agent: 'C', waits: false }]);

    await bot.says('one more thing');
    expect(bot.heard).toEqual(['one more thing']);
    expect((await bot.sessions.explain(adaKey)).timers).toContainEqual({
      what: 'overdue',
      at: Date.parse('2026-11-02T11:30:00Z'),
    });
    await bot.desk.reply(adaKey, { agent: 'C', message: 'Done.' });
    await bot.until('12:30:00');
    expect(bot.vendor.texts()).toEqual(['11:00:00 Done.', '12:00:00 Thank you, bye']);
    expect(await bot.closes()).toMatchObject([
      { reason: 'agent_inactivity', agent: 'C', deadlines: { met: 1, missed: 1 }, turns: 2 },
    ]);
    expect(await bot.desk.conversations()).toEqual([]);
    expect((await bot.desk.agents()).map(({ load }) => load)).toEqual([0, 0, 0]);
  });

  /** Who comes or goes when, and what is told from then on. Until 10:45, with nobody answering. */
  test.each<[string, readonly string[], Readonly<Record<string, string>>, readonly string[]]>([
    [
      'nobody is there: it waits in the queue, warned and overdue all the same',
      ['A', 'B', 'C'],
      {},
      ['10:10:00 nobody_free -', '10:35:00 warned -', '10:40:00 overdue -'],
    ],
    [
      'somebody comes: they get it at once, and its deadline stays',
      ['A', 'B', 'C'],
      { '10:15:00': '+B' },
      ['10:10:00 nobody_free -', '10:15:00 assigned B', '10:25:00 nobody_free B', '10:35:00 warned B', '10:40:00 overdue B'],
    ],
    [
      'the first one is away',
      ['A'],
      {},
      ['10:10:00 assigned B', '10:20:00 reassigned C', '10:30:00 nobody_free C', '10:35:00 warned C', '10:40:00 overdue C'],
    ],
    [
      'who has it goes home: it is theirs until the next is due',
      [],
      { '10:15:00': '-A' },
      [
        '10:10:00 assigned A',
        '10:20:00 reassigned B',
        '10:30:00 reassigned C',
        '10:35:00 warned C',
        '10:40:00 overdue C',
        '10:40:00 nobody_free C',
      ],
    ],
    [
      'the next one goes home just before',
      [],
      { '10:19:59': '-B' },
      ['10:10:00 assigned A', '10:20:00 reassigned C', '10:30:00 nobody_free C', '10:35:00 warned C', '10:40:00 overdue C'],
    ],
    [
      'the next one goes home just after, and keeps it',
      [],
      { '10:20:00': '-B' },
      [
        '10:10:00 assigned A',
        '10:20:00 reassigned B',
        '10:30:00 reassigned C',
        '10:35:00 warned C',
        '10:40:00 overdue C',
        '10:40:00 nobody_free C',
      ],
    ],
    [
      'the last one left is away, and comes: it is handed on when they do, and their ten minutes count from then',
      ['C'],
      { '10:33:00': '+C' },
      [
        '10:10:00 assigned A',
        '10:20:00 reassigned B',
        '10:30:00 nobody_free B',
        '10:33:00 reassigned C',
        '10:35:00 warned C',
        '10:40:00 overdue C',
        '10:43:00 nobody_free C',
      ],
    ],
    [
      'somebody who had it comes and goes: it is not theirs again',
      ['C'],
      { '10:25:00': '-A', '10:34:00': '+A', '10:36:00': '-B', '10:37:00': '+B' },
      ['10:10:00 assigned A', '10:20:00 reassigned B', '10:30:00 nobody_free B', '10:35:00 warned B', '10:40:00 overdue B'],
    ],
    [
      'comes at the very moment it becomes overdue',
      ['B', 'C'],
      { '10:40:00': '+C' },
      ['10:10:00 assigned A', '10:20:00 nobody_free A', '10:35:00 warned A', '10:40:00 overdue A', '10:40:00 reassigned C'],
    ],
  ])('%s', async (_what, away, changes, expected) => {
    const bot = await deskBot({ away });
    await bot.until('10:10:00');
    await bot.says('a person, please', handsOff);
    for (const [time, change] of Object.entries(changes)) {
      await bot.until(time);
      await bot.desk.presence(change.slice(1), change.startsWith('+') ? 'online' : 'offline');
    }
    await bot.until('10:45:00');
    expect(bot.story()).toEqual(['10:10:00 handed_off -', ...expected]);
  });

  test('a fourth move is one too many: it is everybody’s, and stays so until somebody takes it', async () => {
    const { desk, ...bot } = await deskBot({ staff: ['A', 'B', 'C', 'D', 'E'] });
    await bot.says('a person, please', handsOff);
    await bot.until('11:30:00');
    const told = bot.events.flatMap((event) =>
      event.type === 'reassigned' || event.type === 'escalated' ? [`${timeOf(event.at)} ${event.type} ${event.agent}`] : [],
    );
    expect(told).toEqual(['10:10:00 reassigned B', '10:20:00 reassigned C', '10:30:00 reassigned D', '10:40:00 escalated D']);
    expect(await desk.conversations()).toEqual([
      { key: adaKey, session: expect.any(String), since: Date.parse('2026-11-02T10:00:00Z'), waits: false },
    ]);
    await desk.assign(adaKey, 'E');
    await bot.until('11:45:00');
    expect(bot.eventsOf('assigned').at(-1)).toMatchObject({ agent: 'E' });
    // Three moves are all there are in one wait.
    expect(bot.eventsOf('escalated')).toHaveLength(2);
    await desk.agentReplied(adaKey, 'A');
    await bot.says('and again');
    await bot.until('11:55:00');
    expect(bot.eventsOf('reassigned').at(-1)).toMatchObject({ from: 'A' });
  });

  test('in a new wait nobody has been tried', async () => {
    const bot = await deskBot();
    await bot.says('a person, please', handsOff);
    await bot.until('10:25:00');
    await bot.desk.reply(adaKey, { agent: 'C', message: 'Yes?' });
    await bot.says('no');
    await bot.until('11:00:00');
    expect(bot.eventsOf('reassigned').map(({ at, agent }) => `${timeOf(at)} ${agent}`)).toEqual([
      '10:10:00 B',
      '10:20:00 C',
      '10:35:00 A',
      '10:45:00 B',
    ]);
  });
});

describe('timeline 10: business hours', () => {
  const hours = { mon: ['09:00-17:00'], tue: ['09:00-17:00'], wed: ['09:00-17:00'], thu: ['09:00-17:00'], fri: ['09:00-17:00'] };

  /** Ada writes on a Friday at 16:45, local time. */
  async function friday(zone: string, start: string, agents: AgentSettings = {}, away: readonly string[] = []) {
    const clock = virtualClock({ start });
    const bot = await deskBot({
      agents: { ...timers, reassignAfter: 0, calendar: { zone, hours }, ...agents },
      away,
      clock,
      worker: { pollMs: 600_000 },
    });
    await bot.says('a person, please', handsOff);
    const local = (at: number) =>
      new Date(at).toLocaleString('en-GB', { timeZone: zone, weekday: 'short', hour: '2-digit', minute: '2-digit' });
    const told = () => bot.events.slice(1).map((event) => `${local(event.at)} ${event.type}`);
    return { ...bot, told, local };
  }

  test.each([
    ['no night of change', 'Europe/Berlin', '2026-11-06T16:45+01:00'],
    ['the clocks go forward', 'Europe/Berlin', '2026-03-27T16:45+01:00'],
    ['the clocks go back', 'Europe/Berlin', '2026-10-23T16:45+02:00'],
    ['elsewhere', 'America/New_York', '2026-10-30T16:45-04:00'],
  ])('due Mon 09:15, warning Mon 09:10: %s', async (_what, zone, start) => {
    const bot = await friday(zone, start);
    await bot.clock.advance(4 * 24 * 3_600_000);
    expect(bot.told()).toEqual(['Fri 16:45 handed_off', 'Fri 16:45 assigned', 'Mon 09:10 warned', 'Mon 09:15 overdue']);
  });

  test('reassignment counts working time, too; whoever comes at the weekend gets what waits', async () => {
    const bot = await friday('Europe/Berlin', '2026-11-06T16:45+01:00', { reassignAfter: 10 }, ['C']);
    await bot.clock.advanceTo('2026-11-07T12:00+01:00');
    expect(bot.told().slice(-1)).toEqual(['Fri 16:55 reassigned']);
    await bot.clock.advanceTo('2026-11-09T09:07+01:00');
    await bot.desk.presence('C', 'online');
    await bot.clock.advanceTo('2026-11-09T12:00+01:00');
    expect(bot.told().slice(3)).toEqual([
      'Mon 09:05 nobody_free',
      'Mon 09:07 presence',
      'Mon 09:07 reassigned',
      'Mon 09:10 warned',
      'Mon 09:15 overdue',
      'Mon 09:17 nobody_free',
    ]);
  });

  test.each([
    ['in time', '2026-11-09T09:15+01:00', 0],
    ['late, by the clock on the wall', '2026-11-09T09:20+01:00', 5 * 60_000],
  ])('an answer %s', async (_what, time, lateBy) => {
    const bot = await friday('Europe/Berlin', '2026-11-06T16:45+01:00');
    await bot.clock.advanceTo(time);
    await bot.desk.agentReplied(adaKey, 'A');
    expect(bot.eventsOf('answered')).toMatchObject([{ lateBy }]);
  });

  test('the close after an agent’s silence goes by the clock, not by working time', async () => {
    const bot = await friday('Europe/Berlin', '2026-11-06T16:45+01:00');
    await bot.desk.agentReplied(adaKey, 'A');
    await bot.clock.advance(24 * 3_600_000);
    expect(await bot.closes()).toMatchObject([
      { reason: 'agent_inactivity', endedAt: Date.parse('2026-11-06T17:45+01:00'), message: 'sent' },
    ]);
  });

  test('without a calendar people work around the clock', async () => {
    const bot = await friday('Europe/Berlin', '2026-11-06T16:45+01:00', { calendar: undefined });
    await bot.clock.advance(3_600_000);
    expect(bot.told().slice(2)).toEqual(['Fri 17:10 warned', 'Fri 17:15 overdue']);
  });
});
