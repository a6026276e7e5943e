import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/simulator/scenario/lines.ts';
import { playOnPaper } from './paper.ts';

const ada = { user: 'ada', endpoint: 'desk' };
const says = (at: string, text: string, more: object = {}) => ({ at, ...ada, says: text, ...more });
const end = (at: string) => ({ at, expect: [] });

/** Settings of the one endpoint. */
const desk = (settings: object) => ({
  endpoints: { desk: { channel: 'paper', closing: 'proactive', closingMessage: 'Bye', ...settings } },
});

/** `10:30:15 closed unknown`: what happened when, in the order of the list. */
const told = (events: readonly Line[], ...names: string[]) =>
  events
    .filter(({ event }) => names.includes(event))
    .map((one) => [one.at.slice(11, 19), one.event, one['text'] ?? one['message'] ?? one['code']].join(' '));

describe('the list of a close', () => {
  it('holds what people received before what came of it, with who and where', async () => {
    const { events } = await playOnPaper({
      ...desk({ warnings: [{ before: 5, message: 'Still there?' }] }),
      steps: [says('10:00:00', 'hi'), end('10:30:00')],
    });
    const session = expect.any(String);
    const at = (time: string) => ({ at: `2026-11-02T${time}.000Z`, user: 'ada', endpoint: 'desk', channel: 'paper' });
    expect(events.slice(3)).toEqual([
      { ...at('10:25:00'), event: 'received', text: 'Still there?' },
      { ...at('10:25:00'), event: 'warned', session, to: 'user', message: 'sent' },
      { ...at('10:30:00'), event: 'received', text: 'Bye' },
      {
        ...at('10:30:00'),
        event: 'closed',
        session,
        reason: 'inactivity',
        endedAt: '2026-11-02T10:30:00.000Z',
        closedAt: '2026-11-02T10:30:00.000Z',
        deadline: '2026-11-02T10:30:00.000Z',
        message: 'sent',
        interactive: true,
        developer: false,
        billable: true,
        turns: 1,
      },
    ]);
  });

  it('tells who went on past their time, and who closed what nobody came back to', async () => {
    const { events } = await playOnPaper({
      endpoints: { desk: { channel: 'paper', test: { classifyReturn: 'same' } } },
      steps: [says('10:00:00', 'hi'), says('11:00:00', 'back'), end('2026-11-03T12:00:00Z')],
    });
    expect(events.find(({ event }) => event === 'resumed')).toMatchObject({ deadline: '2026-11-02T10:30:00.000Z', user: 'ada' });
    expect(events.find(({ event }) => event === 'closed')).toMatchObject({
      at: '2026-11-03T11:30:00.000Z',
      endedAt: '2026-11-02T11:30:00.000Z',
      finalisedBy: 'worker',
      user: 'ada',
    });
  });

  it('holds no event that the format does not name', async () => {
    const lost = { endpoint: 'desk', sends: { body: { id: '{{id}}', from: '{{user:ada}}', lost: 'a close' } } };
    const { events } = await playOnPaper({ ...desk({}), steps: [{ at: '10:00:00', ...lost }] });
    expect(events.map(({ event }) => event)).toEqual(['delivered']);
  });
});

describe('the worker', () => {
  const asleep = (...steps: object[]) => playOnPaper({ ...desk({}), steps: [says('10:00:00', 'hi'), ...steps, end('10:45:00')] });

  it('closes nothing while it stands still, and what is overdue when it goes on', async () => {
    const { events } = await asleep({ at: '10:20:00', worker: 'stops' }, { at: '10:31:00', worker: 'starts' });
    expect(told(events, 'closed')).toEqual(['10:31:00 closed sent']);
  });

  it('finishes what it has begun, and goes on where it was told to meanwhile', async () => {
    const { events } = await playOnPaper({
      ...desk({ test: { onClosing: 'slow' } }),
      steps: [
        says('10:00:00', 'hi'),
        { at: '10:10:00', user: 'bob', endpoint: 'desk', says: 'hi' },
        { at: '10:30:01', worker: 'stops' },
        { at: '10:30:02', worker: 'starts' },
        end('10:45:00'),
      ],
    });
    expect(told(events, 'closed')).toEqual(['10:30:05 closed sent', '10:40:05 closed sent']);
  });

  it('of one process takes over what another saved, at its time', async () => {
    const { events } = await playOnPaper({
      ...desk({}),
      processes: 2,
      steps: [says('10:00:00', 'hi'), { at: '10:10:00', worker: 'stops', process: 1 }, end('10:45:00')],
    });
    expect(told(events, 'received', 'closed').slice(1)).toEqual(['10:30:00 received Bye', '10:30:00 closed sent']);
  });

  it('of several processes, all woken at once, closes once', async () => {
    const { events } = await playOnPaper({
      ...desk({}),
      processes: 4,
      steps: [says('10:00:00', 'hi'), { at: '10:29:50', ...ada, bot: 'works', for: '20s' }, end('10:45:00')],
    });
    expect(told(events, 'received', 'closed').slice(1)).toEqual(['10:30:10 received Bye', '10:30:10 closed sent']);
  });
});

describe('settings', () => {
  it('change in every process', async () => {
    const change = { at: '10:15:00', settings: { endpoints: { desk: { expiration: 10, closingMessage: 'So long' } } } };
    const { events } = await playOnPaper({
      ...desk({}),
      processes: 2,
      steps: [says('10:00:00', 'hi'), change, says('10:20:00', 'two', { process: 2 }), end('10:45:00')],
    });
    expect(told(events, 'closed', 'received')).toEqual([
      '10:00:00 received #1 hi',
      '10:16:00 received So long',
      '10:16:00 closed sent',
      '10:20:00 received #1 two',
      '10:30:00 received So long',
      '10:30:00 closed sent',
    ]);
  });

  it('that cannot change while the store is out are told of', async () => {
    const { events } = await playOnPaper({
      ...desk({}),
      steps: [
        { at: '10:00:00', store: 'down' },
        { at: '10:01:00', settings: { endpoints: { desk: { expiration: 10 } } } },
      ],
    });
    expect(told(events, 'error')).toEqual(['10:01:00 error STORE_UNAVAILABLE']);
  });
});

describe('a test’s functions', () => {
  const closes = async (test: object, more: object = {}) => {
    const { events } = await playOnPaper({ ...desk({ test, ...more }), steps: [says('10:00:00', 'hi'), end('10:59:00')] });
    return told(events, 'error', 'closed', 'received').slice(1);
  };

  it.each<[string, object, string[]]>([
    [
      'throw before a close',
      { onClosing: 'throws' },
      ['10:30:00 error HANDLER_FAILED', '10:30:00 received Bye', '10:30:00 closed sent'],
    ],
    [
      'throw after its message',
      { script: 'throws' },
      ['10:30:00 received Bye', '10:30:00 error HANDLER_FAILED', '10:30:00 closed sent'],
    ],
    [
      'are slow before a close',
      { onClosing: 'slow' },
      ['10:30:05 error ADJ_HOOK_FAILED', '10:30:05 received Bye', '10:30:05 closed sent'],
    ],
    [
      'are slow after its message',
      { script: 'slow' },
      ['10:30:00 received Bye', '10:30:05 error ADJ_HOOK_FAILED', '10:30:05 closed sent'],
    ],
    ['put it off once', { onClosing: 'extend 10' }, ['10:40:00 received Bye', '10:40:00 closed sent']],
  ])('%s', async (_what, test, wanted) => {
    expect(await closes(test)).toEqual(wanted);
  });

  it.each<[string, string[]]>([
    ['same', ['11:00:00 resumed ', '11:00:00 received #2 back']],
    ['new', ['11:00:00 closed off', '11:00:00 received #1 back']],
    ['invalid', ['11:00:00 closed off', '11:00:00 received #1 back']],
    ['throws', ['11:00:00 error HANDLER_FAILED', '11:00:00 closed off', '11:00:00 received #1 back']],
    ['slow', ['11:00:02 error ADJ_HOOK_FAILED', '11:00:02 closed off', '11:00:02 received #1 back']],
  ])('classify a return as %s', async (classifyReturn, wanted) => {
    const { events } = await playOnPaper({
      endpoints: { desk: { channel: 'paper', test: { classifyReturn } } },
      steps: [says('10:00:00', 'hi'), says('11:00:00', 'back'), end('11:01:00')],
    });
    expect(told(events, 'error', 'closed', 'resumed', 'received').slice(1)).toEqual(wanted);
  });
});

describe('a vendor that does not answer', () => {
  const silent = { at: '10:00:00', vendor: 'paper', fails: 'timeout' };

  it('holds a turn, and whoever waits behind it, until the connection breaks', async () => {
    const { events } = await playOnPaper({
      ...desk({}),
      steps: [silent, says('10:00:00', 'hi'), says('10:00:05', 'two'), end('10:01:00')],
    });
    expect(told(events, 'delivered', 'received')).toEqual([
      '10:00:20 delivered ',
      '10:00:20 received #1 two',
      '10:00:20 delivered ',
    ]);
  });

  it('is waited for no longer than a close can', async () => {
    const { events } = await playOnPaper({
      ...desk({}),
      steps: [says('10:00:00', 'hi'), { ...silent, at: '10:20:00' }, end('10:45:00')],
    });
    expect(told(events, 'received', 'closed')).toEqual(['10:00:00 received #1 hi', '10:30:15 closed unknown']);
  });
});
