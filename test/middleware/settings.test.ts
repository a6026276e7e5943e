import { describe, expect, test } from 'vitest';
import type { EndpointSettings, OrganizationSettings } from '../../src/middleware/core/policy.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { adaKey, type ClosingBotOptions, closingBot, timeOf } from './toy.ts';

/** Ada writes at 10:00; settings change at `time`. */
async function changedAt(
  time: string,
  change: { readonly endpoint?: EndpointSettings; readonly organization?: OrganizationSettings },
  settings: EndpointSettings = {},
  more: ClosingBotOptions = {},
  apply: 'live' | 'nextSession' = 'live',
) {
  const bot = closingBot(settings, more);
  await bot.says('a');
  await bot.until(time);
  const { endpoint, organization } = change;
  const report = await bot.sessions.settings.set(
    { ...(endpoint && { endpoints: { main: endpoint } }), ...(organization && { organization }) },
    { by: 'eve', apply },
  );
  return { bot, report };
}

async function endsOf(bot: ReturnType<typeof closingBot>) {
  return (await bot.closes()).map(({ endedAt, closedAt }) => `${timeOf(endedAt)} ${timeOf(closedAt)}`);
}

describe('timeline 5: the expiration changes while a session is idle', () => {
  test.each<[string, Parameters<typeof changedAt>, string | undefined]>([
    ['30 → 10 at 10:15 closes 10:16', ['10:15:00', { endpoint: { expiration: 10 } }], '10:16:00 10:16:00'],
    ['30 → 60 at 10:15 closes 11:00', ['10:15:00', { endpoint: { expiration: 60 } }], '11:00:00 11:00:00'],
    ['30 → 0 at 10:15 never closes', ['10:15:00', { endpoint: { expiration: 0 } }], undefined],
    ['30 → 20 at 10:15 closes 10:20', ['10:15:00', { endpoint: { expiration: 20 } }], '10:20:00 10:20:00'],
    [
      '0, cap 60 saved at 12:00, closes 12:01',
      ['12:00:00', { organization: { maxExpiration: 60 } }, { expiration: 0 }],
      '12:01:00 12:01:00',
    ],
    [
      'for the next session only: this one goes its way',
      ['10:15:00', { endpoint: { expiration: 10 } }, {}, {}, 'nextSession'],
      '10:30:00 10:30:00',
    ],
  ])('%s', async (_what, how, end) => {
    const { bot } = await changedAt(...how);
    await bot.until('15:00:00');
    expect(await endsOf(bot)).toEqual(end === undefined ? [] : [end]);
  });

  test('the next session has the new one', async () => {
    const { bot } = await changedAt('10:15:00', { endpoint: { expiration: 10 } }, {}, {}, 'nextSession');
    await bot.until('10:40:00');
    await bot.says('b');
    await bot.until('11:00:00');
    expect(await endsOf(bot)).toEqual(['10:50:00 10:50:00', '10:30:00 10:30:00']);
  });

  test.each<[string, Parameters<typeof changedAt>, string | undefined]>([
    ['none → 10 at 10:15 closes 10:16', ['10:15:00', { endpoint: { maxDuration: 10 } }], '10:16:00'],
    ['none → 20 at 10:15 closes 10:20', ['10:15:00', { endpoint: { maxDuration: 20 } }], '10:20:00'],
    ['25 → 10 at 10:24:30 closes 10:25', ['10:24:30', { endpoint: { maxDuration: 10 } }, { maxDuration: 25 }], '10:25:00'],
    ['25 → 28 at 10:15 closes 10:28', ['10:15:00', { endpoint: { maxDuration: 28 } }, { maxDuration: 25 }], '10:28:00'],
    [
      'none → 10 for the next session closes 10:30, idle',
      ['10:15:00', { endpoint: { maxDuration: 10 } }, {}, {}, 'nextSession'],
      '10:30:00',
    ],
    [
      'of the organisation',
      ['10:15:00', { organization: { maxDuration: 10 } }, {}, { organization: { maxDuration: '2h' } }],
      '10:16:00',
    ],
  ])('the longest duration changes as gently: %s', async (_what, how, end) => {
    const { bot } = await changedAt(...how);
    await bot.until('15:00:00');
    expect(await endsOf(bot)).toEqual([`${end} ${end}`]);
  });

  test('a message in the minute of a shorter longest duration does not put it off', async () => {
    const { bot } = await changedAt('10:15:00', { endpoint: { maxDuration: 10 } });
    await bot.until('10:15:59');
    await bot.says('b');
    expect(bot.told.at(-1)).toBe('#2 b');
    await bot.until('10:17:00');
    expect(await bot.closes()).toMatchObject([{ reason: 'max_duration' }]);
    expect(await endsOf(bot)).toEqual(['10:16:00 10:16:00']);
  });

  test('a second change of the longest duration starts a minute of its own, and takes none from the first', async () => {
    const { bot } = await changedAt('10:15:00', { endpoint: { maxDuration: 10 } });
    await bot.until('10:15:30');
    await bot.sessions.settings.set({ endpoints: { main: { maxDuration: 5 } } }, { by: 'eve' });
    await bot.until('11:00:00');
    expect(await endsOf(bot)).toEqual(['10:16:00 10:16:00']);
  });

  test('a change of the longest duration takes nothing from what expires, nor the other way round', async () => {
    const { bot } = await changedAt('10:15:00', { endpoint: { expiration: 10 } }, {}, {}, 'nextSession');
    await bot.sessions.settings.set({ endpoints: { main: { maxDuration: 60 } } }, { by: 'eve' });
    await bot.until('11:00:00');
    expect(await endsOf(bot)).toEqual(['10:30:00 10:30:00']);
  });

  test('one that was over ended when it was over, whatever is changed afterwards', async () => {
    const { bot } = await changedAt('10:45:00', { endpoint: { expiration: 10 } }, { closing: 'lazy' });
    expect((await bot.sessions.explain(adaKey)).session?.deadline).toBe(Date.parse('2026-11-02T10:30:00Z'));
    await bot.says('b');
    await bot.clock.advance(0);
    expect(await endsOf(bot)).toEqual(['10:30:00 10:45:00']);
  });

  test('activity after the change counts by the new one alone', async () => {
    const { bot } = await changedAt('10:15:00', { endpoint: { expiration: 10 } });
    await bot.until('10:15:30');
    await bot.says('b');
    expect(bot.told.at(-1)).toBe('#2 b');
    await bot.until('11:00:00');
    expect(await endsOf(bot)).toEqual(['10:25:30 10:25:30']);
  });

  test('one that was over is not revived', async () => {
    const { bot } = await changedAt('10:45:00', { endpoint: { expiration: 60 } }, { closing: 'lazy' });
    await bot.says('b');
    await bot.clock.advance(0);
    expect(bot.told.at(-1)).toBe('#1 b');
    expect(await endsOf(bot)).toEqual(['10:30:00 10:45:00']);
  });

  test('a second change of something else takes nothing from its minute', async () => {
    const { bot } = await changedAt('10:15:00', { endpoint: { expiration: 10 } });
    await bot.until('10:15:30');
    await bot.sessions.settings.set({ endpoints: { main: { closingMessage: 'bye' } } }, { by: 'eve' });
    await bot.until('10:30:00');
    expect(await endsOf(bot)).toEqual(['10:16:00 10:16:00']);
    expect(bot.vendor.texts()).toEqual(['10:16:00 bye']);
  });

  test('nor does a second change end what the first left to go its way', async () => {
    const { bot } = await changedAt('10:15:00', { endpoint: { expiration: 10 } }, {}, {}, 'nextSession');
    await bot.until('10:20:00');
    await bot.sessions.settings.set({ organization: { turnTimeout: 1 } }, { by: 'eve' });
    await bot.until('11:00:00');
    expect(await endsOf(bot)).toEqual(['10:30:00 10:30:00']);
  });

  test('a second change of the expiration starts a minute of its own', async () => {
    const { bot } = await changedAt('10:15:00', { endpoint: { expiration: 10 } });
    await bot.until('10:15:30');
    await bot.sessions.settings.set({ endpoints: { main: { expiration: 5 } } }, { by: 'eve' });
    await bot.until('11:00:00');
    expect(await endsOf(bot)).toEqual(['10:16:00 10:16:00']);
  });

  test('a message in the grace minute goes on with the session', async () => {
    const { bot } = await changedAt('10:15:00', { endpoint: { expiration: 10 } }, { closing: 'lazy' });
    await bot.until('10:15:59');
    await bot.says('b');
    expect(bot.told.at(-1)).toBe('#2 b');
  });

  test('warnings follow', async () => {
    const { bot } = await changedAt('10:15:00', { endpoint: { expiration: 40 } }, { warnings: [{ before: 5, message: 'soon' }] });
    await bot.until('11:00:00');
    expect(bot.vendor.texts()).toEqual(['10:35:00 soon']);
  });

  test('lazy becomes proactive: what was overdue is closed, silently if it is too late for words', async () => {
    const { bot } = await changedAt(
      '11:00:00',
      { endpoint: { closing: 'proactive', closingMessage: 'bye' } },
      { closing: 'lazy' },
    );
    await bot.until('11:00:01');
    expect(await endsOf(bot)).toEqual(['10:30:00 11:00:00']);
    expect(await bot.closes()).toMatchObject([{ message: 'skipped:overdue' }]);
  });
});

describe('explain', () => {
  const at = (time: string) => Date.parse(`2026-11-02T${time}Z`);

  test('names who changed an input, and when', async () => {
    const { bot } = await changedAt('10:15:00', { endpoint: { expiration: 20 }, organization: { maxExpiration: 15 } });
    const mark = { changedBy: 'eve', changedAt: at('10:15:00') };
    expect(await bot.sessions.explain(adaKey)).toMatchObject({
      effectiveMs: 15 * 60_000,
      inputs: [{ level: 'endpoint', ms: 20 * 60_000, wins: false, ...mark }, { level: 'default' }],
      cap: { ms: 15 * 60_000, from: 'organization.maxExpiration', applied: true, ...mark },
      session: { deadline: at('10:16:00') },
    });
    await bot.sessions.settings.set({ organization: { maxExpiration: null, expiration: 40 } }, { by: 'ada' });
    const { inputs, cap } = await bot.sessions.explain(adaKey);
    expect(inputs).toEqual([
      { level: 'endpoint', ms: 20 * 60_000, wins: true, ...mark },
      { level: 'organization', ms: 40 * 60_000, wins: false, changedBy: 'ada', changedAt: at('10:15:00') },
      { level: 'default', ms: 30 * 60_000, wins: false },
    ]);
    expect(cap).toMatchObject({ from: 'organization.expiration', applied: false, changedBy: 'ada' });
  });

  test('of a value taken back it names nobody', async () => {
    const { bot } = await changedAt('10:15:00', { endpoint: { expiration: 20 } });
    await bot.sessions.settings.set({ endpoints: { main: { expiration: null } } }, { by: 'ada' });
    expect((await bot.sessions.explain(adaKey)).inputs).toEqual([{ level: 'default', ms: 30 * 60_000, wins: true }]);
  });

  test('under nextSession shows what counts for the session that lives, and then for the next', async () => {
    const { bot } = await changedAt('10:15:00', { endpoint: { expiration: 10 } }, { expiration: 25 }, {}, 'nextSession');
    const old = { effectiveMs: 25 * 60_000, inputs: [{ level: 'endpoint', ms: 25 * 60_000, wins: true }, { level: 'default' }] };
    expect(await bot.sessions.explain(adaKey)).toMatchObject({ ...old, session: { deadline: at('10:25:00') } });
    await bot.says('b', (turn) => {
      expect(turn.session.explain()).toMatchObject(old);
    });
    await bot.until('10:50:00');
    await bot.says('c');
    expect(await bot.sessions.explain(adaKey)).toMatchObject({
      effectiveMs: 10 * 60_000,
      inputs: [{ level: 'endpoint', ms: 10 * 60_000, changedBy: 'eve' }, { level: 'default' }],
      session: { deadline: at('11:00:00') },
    });
  });
});

describe('what a change reports', () => {
  const crowd = async () => {
    const bot = closingBot({}, { endpoints: { main: { closing: 'lazy' }, other: {} }, worker: false });
    for (const user of ['ada', 'bob', 'eve']) {
      await bot.deliver(bot.message('a', { user, conversation: { id: user, kind: 'direct' } }));
      await bot.clock.advance(5 * 60_000);
    }
    return bot;
  };

  test('a dry run says how many it would close, and changes nothing', async () => {
    const bot = await crowd();
    await bot.until('10:20:00');
    const change = { endpoints: { main: { expiration: 12 } } };
    expect(await bot.sessions.settings.set(change, { by: 'eve', dryRun: true })).toEqual({ sessions: 3, closing: 2, version: 0 });
    expect((await bot.sessions.explain(adaKey)).effectiveMs).toBe(30 * 60_000);
    expect(await bot.sessions.settings.set(change, { by: 'eve' })).toEqual({ sessions: 3, closing: 2, version: 1 });
    expect((await bot.sessions.explain(adaKey)).effectiveMs).toBe(12 * 60_000);
  });

  test('sessions of other endpoints and those that are over do not count', async () => {
    const bot = await crowd();
    expect(await bot.sessions.settings.set({ endpoints: { other: { expiration: 1 } } }, { by: 'eve' })).toMatchObject({
      sessions: 0,
      closing: 0,
    });
    await bot.until('10:36:00');
    expect(await bot.sessions.settings.set({ organization: { expiration: 29 } }, { by: 'eve', dryRun: true })).toMatchObject({
      sessions: 1,
      closing: 0,
    });
  });
});

describe('a change that cannot work', () => {
  test.each([
    ['a negative expiration', { endpoints: { main: { expiration: -1 } } }],
    ['a text for a lazy close', { endpoints: { main: { closing: 'lazy' as const, closingMessage: 'bye' } } }],
    ['an organisation’s that an endpoint cannot have', { organization: { maxExpiration: 4 } }],
  ])('changes nothing: %s', async (_what, change) => {
    const bot = closingBot({ warnings: [{ before: 5, message: 'soon' }] });
    await bot.says('a');
    await expect(bot.sessions.settings.set(change, { by: 'eve' })).rejects.toMatchObject({ code: 'ADJ_CONFIG_INVALID' });
    await bot.until('11:00:00');
    expect(await endsOf(bot)).toEqual(['10:30:00 10:30:00']);
  });
});

test('settings that stand with the adapter change, too', async () => {
  const bot = closingBot({}, { endpoints: {}, toy: { endpoint: 'inline', expiration: 10, closing: 'proactive' } });
  await bot.says('a');
  await bot.sessions.settings.set({ endpoints: { inline: { expiration: 5 } } }, { by: 'eve' });
  await bot.until('10:05:00');
  expect(bot.eventsOf('closed')).toHaveLength(1);
  await bot.sessions.settings.set({ endpoints: { inline: { expiration: null } } }, { by: 'eve' });
  expect((await bot.sessions.explain('toy/inline/ada')).effectiveMs).toBe(10 * 60_000);
});

test('a busy conversation is re-armed by its own turn', async () => {
  const store = keyvStore();
  const bot = closingBot({}, { store });
  await bot.says('a');
  await bot.until('10:15:00');
  await bot.says('b', () => bot.sessions.settings.set({ endpoints: { main: { expiration: 10 } } }, { by: 'eve' }));
  await bot.until('10:26:00');
  expect(await endsOf(bot)).toEqual(['10:25:00 10:25:00']);
});
