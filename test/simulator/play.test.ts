import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Line } from '../../src/simulator/scenario/lines.ts';
import { createSimulator } from '../../src/simulator/simulator.ts';
import { paperVendor, playOnPaper } from './paper.ts';

const ada = { user: 'ada', endpoint: 'desk' };
const says = (at: string, text: string, more: object = {}) => ({ at, ...ada, says: text, ...more });

/** `10:00:20 received #1 hi`: what happened when, in the order of the list. */
const told = (events: readonly Line[], ...names: string[]) =>
  events
    .filter(({ event }) => names.length === 0 || names.includes(event))
    .map((one) =>
      [one.at.slice(11, 19), one.event, one['text'] ?? one['status'] ?? one['code']]
        .filter((part) => part !== undefined)
        .join(' '),
    );

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('the list of a run', () => {
  it('holds every event in order, cause before effect, with who and where', async () => {
    const { events, mismatches } = await playOnPaper({
      steps: [says('10:00:00', 'hi'), says('10:00:10', 'discard'), says('10:30:10', 'two')],
    });
    expect(mismatches).toEqual([]);
    const session = expect.any(String);
    const place = { user: 'ada', endpoint: 'desk', channel: 'paper' };
    const at = (time: string) => ({ at: `2026-11-02T${time}.000Z`, ...place });
    expect(events).toEqual([
      { ...at('10:00:00'), event: 'opened', session, startReason: 'first' },
      { ...at('10:00:00'), event: 'received', text: '#1 hi' },
      { ...at('10:00:00'), event: 'delivered', status: 200 },
      { ...at('10:00:10'), event: 'command', command: 'discard', session },
      { ...at('10:00:10'), event: 'received', text: 'Discarded.' },
      { ...at('10:00:10'), event: 'delivered', status: 200 },
      {
        ...at('10:30:10'),
        event: 'closed',
        session,
        reason: 'inactivity',
        endedAt: '2026-11-02T10:30:10.000Z',
        closedAt: '2026-11-02T10:30:10.000Z',
        deadline: '2026-11-02T10:30:10.000Z',
        message: 'off',
        interactive: true,
        developer: false,
        billable: true,
        turns: 1,
      },
      { ...at('10:30:10'), event: 'opened', session, startReason: 'expired', previous: session },
      { ...at('10:30:10'), event: 'received', text: '#1 two' },
      { ...at('10:30:10'), event: 'delivered', status: 200 },
    ]);
  });

  it('gives expectations the lines since the one before, and tells which do not hold', async () => {
    const seen = { at: '10:00:01', expect: [{ event: 'received', text: '#1 hi' }] };
    const { mismatches } = await playOnPaper({
      steps: [says('10:00:00', 'hi'), seen, { at: '10:00:02', expect: [{ event: 'received', no: true }] }, seen],
    });
    expect(mismatches).toEqual([
      { path: 'steps[3].expect[0]', expected: expect.stringContaining('"text":"#1 hi"'), got: '0; nearest: none' },
    ]);
  });
});

describe('time', () => {
  it('moves only when everybody waits for it, to each wake-up in its turn', async () => {
    const { events } = await playOnPaper({
      steps: [
        says('10:00:00', 'slow 20'),
        says('10:00:05', 'two'),
        { at: '10:00:10', user: 'bob', endpoint: 'desk', says: 'slow 5' },
        says('10:01:00', 'end'),
      ],
    });
    expect(told(events, 'received')).toEqual([
      '10:00:15 received #1 slow 5',
      '10:00:20 received #1 slow 20',
      '10:00:20 received #2 two',
      '10:01:00 received #3 end',
    ]);
  });

  it('does not move while a call to the vendor is open or real work is under way', async () => {
    const { events } = await playOnPaper(
      { steps: [says('10:00:00', 'work'), says('10:05:00', 'end')] },
      async (_turn, text, { send }) => {
        for (let call = 0; call < 3; call++) await send(`${call} ${text}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        await send('done');
      },
    );
    expect(told(events, 'received').slice(0, 4)).toEqual([
      '10:00:00 received 0 work',
      '10:00:00 received 1 work',
      '10:00:00 received 2 work',
      '10:00:00 received done',
    ]);
  });

  it('leaves out what happens after the last step, and ends all the same', async () => {
    const { events } = await playOnPaper({ steps: [says('10:00:00', 'slow 20')] });
    expect(told(events)).toEqual([]);
  });

  it('gives up on bots that never rest, and says whose', async () => {
    const playing = playOnPaper({ steps: [says('10:00:00', 'hi')] }, () => new Promise(() => {}), { patienceMs: 100 });
    await expect(playing).rejects.toThrow(
      /^Nothing came to rest for 0.1 s: delivery letter-1 to desk \(not answered, turns: running\)$/,
    );
  });
});

describe('deliveries', () => {
  it('overlap on several processes, and are answered once each', async () => {
    const together = Array.from({ length: 8 }, (_, index) => ({ ...ada, says: `m${index}`, process: 1 + (index % 2) }));
    const { events } = await playOnPaper({ processes: 2, steps: [{ at: '10:00:00', together }, says('10:00:30', 'last')] });
    const numbers = told(events, 'received').map((one) => one.split(' ')[2]);
    expect(numbers).toEqual(['#1', '#2', '#3', '#4', '#5', '#6', '#7', '#8', '#9']);
    expect(told(events, 'opened')).toHaveLength(1);
  });

  it('come again by their id, as the vendor sends them again', async () => {
    const { events } = await playOnPaper({
      steps: [says('10:00:00', 'hi', { id: 'first' }), { at: '10:31:00', redelivers: 'first' }],
    });
    expect(told(events)).toEqual([
      '10:00:00 opened',
      '10:00:00 received #1 hi',
      '10:00:00 delivered 200',
      '10:31:00 duplicate',
      '10:31:00 delivered 200',
    ]);
  });

  it('can be raw, with names filled in, and are signed unless told otherwise', async () => {
    const sends = {
      body: { id: '{{id}}', from: '{{user:ada}}', text: 'hi {{endpoint}}', at: '{{now}}' },
      headers: { 'X-Other': '{{id}}' },
    };
    const raw = { at: '10:00:00', endpoint: 'desk', sends };
    const { events } = await playOnPaper({
      steps: [raw, ...['wrong', 'none', 'stale'].map((signature) => ({ ...raw, signature }))],
    });
    expect(told(events)).toEqual([
      '10:00:00 opened',
      '10:00:00 received #1 hi bot-desk',
      '10:00:00 delivered 200',
      '10:00:00 delivered 401',
      '10:00:00 delivered 401',
      '10:00:00 delivered 401',
    ]);
    expect(events.every(({ user }) => user === 'ada')).toBe(true);
  });
});

describe('faults', () => {
  const statuses = async (fails: string, times = 1) => {
    const seen: (number | string)[] = [];
    const { events } = await playOnPaper(
      { steps: [{ at: '10:00:00', vendor: 'paper', fails, times }, says('10:00:00', 'hi'), { at: '10:05:00', expect: [] }] },
      async (_turn, text, { send }) => {
        for (let call = 0; call < 3; call++) seen.push(await send(text).catch(() => 'broken'));
      },
    );
    return [seen, told(events, 'received').length];
  };

  it.each<[string, unknown]>([
    ['429', [[429, 200, 200], 2]],
    ['500', [[500, 200, 200], 2]],
    ['window', [[400, 200, 200], 2]],
    ['500-delivered', [[500, 200, 200], 3]],
    ['timeout', [['broken', 200, 200], 2]],
  ])('%s meets the next call that sends', async (fault, outcome) => {
    expect(await statuses(fault)).toEqual(outcome);
  });

  it('meet as many calls as they are told to', async () => {
    expect(await statuses('429', 2)).toEqual([[429, 429, 200], 1]);
  });

  it('a route nobody has is answered 501 in the vendor’s shape, and listed', async () => {
    const seen: number[] = [];
    const { unknownRoutes } = await playOnPaper({ steps: [says('10:00:00', 'hi')] }, async (_turn, text, { send }) => {
      for (const path of ['/paper/burn?all=1', '/elsewhere']) seen.push(await send(text, path));
    });
    expect(seen).toEqual([501, 501]);
    expect(unknownRoutes).toEqual([
      { channel: 'paper', method: 'POST', path: '/paper/burn' },
      { channel: undefined, method: 'POST', path: '/elsewhere' },
    ]);
  });

  it('the store goes down and comes back with everything in it', async () => {
    const { events, mismatches } = await playOnPaper({
      steps: [
        says('10:00:00', 'one'),
        { at: '10:01:00', store: 'down' },
        says('10:02:00', 'two'),
        { at: '10:03:00', store: 'up' },
        says('10:04:00', 'three'),
        {
          at: '10:05:00',
          state: { ...ada, live: true, turns: 2, interactive: true, developer: false, owner: 'bot', deadline: '10:34:00' },
        },
      ],
    });
    expect(mismatches).toEqual([]);
    expect(told(events, 'opened', 'degraded', 'received')).toEqual([
      '10:00:00 opened',
      '10:00:00 received #1 one',
      '10:02:00 degraded STORE_UNAVAILABLE',
      '10:02:00 received #0 two',
      '10:04:00 received #2 three',
    ]);
  });

  it('the store takes back, once it is up again, what could not be given up meanwhile', async () => {
    const { events } = await playOnPaper({
      steps: [
        says('10:00:00', 'slow 20'),
        { at: '10:00:10', store: 'down' },
        { at: '10:00:30', store: 'up' },
        says('10:00:40', 'two'),
        { at: '10:01:00', expect: [] },
      ],
    });
    expect(told(events, 'save_failed', 'received')).toEqual([
      '10:00:20 received #1 slow 20',
      '10:00:20 save_failed STORE_UNAVAILABLE',
      '10:00:40 received #1 two',
    ]);
  });
});

describe('a bot that begins by itself', () => {
  it('holds a conversation for virtual time', async () => {
    const { events } = await playOnPaper({
      steps: [
        says('10:00:00', 'hi'),
        { at: '10:10:00', ...ada, bot: 'works', for: '30s' },
        says('10:10:10', 'two'),
        { at: '10:11:00', expect: [] },
      ],
    });
    expect(told(events, 'received')).toEqual(['10:00:00 received #1 hi', '10:10:30 received #2 two']);
  });

  it('opens a session that is not interactive until the person writes', async () => {
    const state = (at: string, interactive: boolean) => ({ at, state: { ...ada, live: true, interactive } });
    const { events, mismatches } = await playOnPaper({
      steps: [
        { at: '10:00:00', ...ada, bot: 'starts' },
        state('10:00:01', false),
        says('10:10:00', 'hi'),
        state('10:10:01', true),
      ],
    });
    expect(mismatches).toEqual([]);
    expect(events.filter(({ event }) => event === 'opened')).toEqual([
      expect.objectContaining({ startReason: 'bot', user: 'ada' }),
    ]);
  });
});

it('the simulator refuses to run in production', async () => {
  vi.stubEnv('NODE_ENV', 'production');
  await expect(createSimulator({ vendors: [paperVendor] })).rejects.toMatchObject({ code: 'ADJ_CONFIG_INVALID' });
});
