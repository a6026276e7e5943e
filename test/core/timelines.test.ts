import { describe, expect, test } from 'vitest';
import type { ConversationRecord } from '../../src/middleware/core/conversation.ts';
import { wakeAt } from '../../src/middleware/core/due.ts';
import { deadlineOf } from '../../src/middleware/core/expiry.ts';
import { readVariable } from '../../src/middleware/core/variables.ts';
import { at, control, conversation, message, minute, policyOf } from './given.ts';

const hour = 60 * minute;
const day = 24 * hour;

/** A conversation whose last message came at 10:00. */
function begun(policy = policyOf()) {
  const talk = conversation(policy);
  talk.arrives('10:00', message('hi'), { id: 'm0' });
  talk.returns('10:00');
  return talk;
}

/** A record whose closes have been archived and told. */
function delivered({ outbox: _done, ...record }: ConversationRecord): ConversationRecord {
  return record;
}

describe('expiration at the next message', () => {
  test('one millisecond before the deadline the session goes on', () => {
    const talk = begun();
    const { events } = talk.arrives('10:29:59.999', message('still here'));
    expect(events).toEqual([]);
    expect(talk.session.id).toBe('s1');
    expect(deadlineOf(talk.session, policyOf())).toBe(at('10:59:59.999'));
  });

  test('at the deadline it ends there, and the message opens the next', () => {
    const talk = begun();
    const { events, verdict } = talk.arrives('10:30', message('back'));
    expect(events).toMatchObject([
      {
        type: 'closed',
        session: 's1',
        reason: 'inactivity',
        endedAt: at('10:30'),
        closedAt: at('10:30'),
        deadline: at('10:30'),
        turns: 1,
        billable: true,
      },
      { type: 'opened', session: 's2', startReason: 'expired', previous: 's1' },
    ]);
    expect(verdict).toEqual({ do: 'run', counts: true, lateBy: 0 });
    expect(talk.session).toMatchObject({
      startedAt: at('10:30'),
      turns: 0,
      previous: { id: 's1', reason: 'inactivity', endedAt: at('10:30') },
    });
  });

  test('long after, it ended at its deadline and was closed now', () => {
    const talk = begun();
    const { events } = talk.arrives('11:00', message('back'));
    expect(events[0]).toMatchObject({ endedAt: at('10:30'), closedAt: at('11:00') });
    expect(talk.session.startedAt).toBe(at('11:00'));
  });

  test('what counts is when the message came, not when its turn came', () => {
    const talk = begun();
    const { events } = talk.arrives('10:30:20', message('queued'), { arrivedAt: at('10:29:55') });
    expect(events).toEqual([]);
    expect(talk.session).toMatchObject({ id: 's1', lastActivityAt: at('10:29:55') });
    const next = begun().arrives('10:30:20', message('queued'), { arrivedAt: at('10:30:10') });
    expect(next.events.map((one) => one.type)).toEqual(['closed', 'opened']);
    expect(next.events[0]).toMatchObject({ endedAt: at('10:30'), closedAt: at('10:30:20') });
  });

  test('0 is never', () => {
    const talk = begun(policyOf({ expiration: 0 }));
    expect(talk.arrives('23:59', message('hello again')).events).toEqual([]);
  });

  test('a session of its own mind is still capped', () => {
    const talk = begun(policyOf({}, { maxExpiration: 40 }));
    talk.changesSession({ expiresAfterMs: 60 * minute });
    expect(talk.arrives('10:39:59.999', message('x')).events).toEqual([]);
    expect(talk.arrives('11:19:59.999', message('x')).events).toHaveLength(2);
  });
});

describe('what counts as a turn', () => {
  test('a session is new until its first turn returns; failed turns and commands do not count', () => {
    const talk = conversation();
    const { record: before } = talk.arrives('10:00', message('hi'), { id: 'm1' });
    expect(talk.session.turns).toBe(0);
    talk.step({ type: 'failed', seen: '' }, at('10:00'));
    expect(talk.record).toEqual({ ...before, seen: '' });
    expect(talk.session).toMatchObject({ id: 's1', turns: 0, lastActivityAt: at('10:00') });

    expect(talk.arrives('10:01', message('hi'), { id: 'm1' }).verdict).toEqual({ do: 'run', counts: true, lateBy: 0 });
    talk.returns('10:01');
    expect(talk.session).toMatchObject({ id: 's1', turns: 1 });
    talk.arrives('10:02', message('discard'));
    expect(talk.session.turns).toBe(1);
  });

  test('one post that comes twice touches the session once, and both listeners run', () => {
    const talk = conversation();
    expect(talk.arrives('10:00', message('hi'), { id: 'e1', post: 'p1' }).verdict).toEqual({
      do: 'run',
      counts: true,
      lateBy: 0,
    });
    talk.returns('10:00');
    const twin = talk.arrives('10:05', message('hi'), { id: 'e2', post: 'p1' });
    expect(twin).toMatchObject({ verdict: { do: 'run', counts: false, lateBy: 0 }, events: [] });
    talk.returns('10:05', false);
    expect(talk.session).toMatchObject({ turns: 1, lastActivityAt: at('10:00') });
    expect(talk.arrives('10:06', message('hi'), { id: 'e2', post: 'p1' }).verdict).toEqual({ do: 'drop', quiet: false });
    expect(talk.arrives('10:07', message('hi'), { id: 'e3', post: 'p2' }).verdict).toMatchObject({ counts: true });
  });

  test('after a failed first form the second one counts', () => {
    const talk = conversation();
    talk.arrives('10:00', message('hi'), { id: 'e1', post: 'p1' });
    talk.step({ type: 'failed', seen: '' }, at('10:00'));
    expect(talk.arrives('10:00', message('hi'), { id: 'e2', post: 'p1' }).verdict).toMatchObject({ do: 'run', counts: true });
  });

  test.each([
    ['in a live session', {}, true],
    ['where the command ended the session', { discardEndsSession: true }, true],
    ['where none is live', {}, false],
  ])('a command in a post that comes twice is taken once: %s', (_, settings, live) => {
    const talk = conversation(policyOf(settings));
    if (live) {
      talk.arrives('09:59', message('hi'));
      talk.returns('09:59');
    }
    expect(talk.arrives('10:00', message('discard'), { id: 'e1', post: 'p1' }).verdict).toEqual({
      do: 'consume',
      command: 'discard',
    });
    const twin = talk.arrives('10:00', message('discard'), { id: 'e2', post: 'p1' });
    expect(twin).toMatchObject({ verdict: { do: 'drop', quiet: true }, events: [] });
  });

  test('no session ends before it began, even if the channel’s clock is ahead of ours', () => {
    const talk = conversation();
    talk.arrives('10:00', message('hi', { at: at('10:01') }));
    const { events } = talk.step({ type: 'returned', counts: true, close: { reason: 'bot', at: at('10:00') } }, at('10:00'));
    expect(events).toMatchObject([{ type: 'closed', startedAt: at('10:01'), endedAt: at('10:01'), closedAt: at('10:00') }]);
    expect(talk.record.ended?.endedAt).toBe(at('10:01'));
  });

  test('where to answer is kept from the last activity or the bot’s own start, not from a duplicate', () => {
    const address = (to: string) => ({ channel: 'line', endpoint: 'line', to: { id: to } });
    const talk = conversation();
    talk.arrives('10:00', message('hi'), { id: 'm1', address: address('a') });
    talk.arrives('10:01', message('hi'), { id: 'm1', address: address('b') });
    talk.arrives('10:02', message('hi'), { id: 'm2' });
    expect(talk.record.address).toEqual(address('a'));
    talk.arrives('10:03', message('discard'), { id: 'm3', address: address('c') });
    expect(talk.record.address).toEqual(address('c'));
    talk.step({ type: 'started', user: 'ada', address: address('d'), fresh: { id: 'b1', data: {} } }, at('11:00'));
    expect(talk.record.address).toEqual(address('d'));
  });

  test('closing at the end of a turn counts the turn', () => {
    const talk = begun();
    talk.arrives('10:05', message('bye'));
    talk.changesSession({ outcome: 'resolved' });
    const { events, record } = talk.step(
      { type: 'returned', counts: true, close: { reason: 'bot', at: at('10:05') } },
      at('10:06'),
    );
    expect(events).toMatchObject([
      { type: 'closed', reason: 'bot', turns: 2, endedAt: at('10:05'), closedAt: at('10:06'), outcome: 'resolved' },
    ]);
    expect(record.session).toBeUndefined();
    expect(talk.arrives('10:07', message('hi')).events).toMatchObject([{ type: 'opened', startReason: 'closed' }]);
  });
});

describe('duplicates and latecomers', () => {
  test('a redelivery after the deadline opens nothing and changes nothing', () => {
    const talk = conversation();
    talk.arrives('10:29', message('m1', { at: at('10:29') }), { id: 'm1' });
    talk.returns('10:29');
    const before = talk.record;
    const { record, events, verdict } = talk.arrives('11:31', message('m1', { at: at('10:29') }), {
      id: 'm1',
      address: { channel: 'x' } as never,
    });
    expect(verdict).toEqual({ do: 'drop', quiet: false });
    expect(events).toEqual([{ type: 'duplicate', at: at('11:31'), session: 's1' }]);
    expect(record).toEqual(before);
  });

  test('a message written before the close comes late into a session of its own', () => {
    const talk = begun();
    talk.step({ type: 'ended', reason: 'api' }, at('10:29:59'));
    const { events, verdict } = talk.arrives('11:05', message('slow train', { at: at('10:20') }));
    expect(verdict).toEqual({ do: 'run', counts: true, lateBy: 45 * minute });
    expect(events).toMatchObject([
      { type: 'opened', startReason: 'closed' },
      { type: 'late', session: talk.session.id, lateBy: 45 * minute },
    ]);
    expect(talk.session.startedAt).toBe(at('11:05'));
  });

  test('believable, but written before the close: late all the same, and the new session begins at its arrival', () => {
    const talk = begun();
    talk.step({ type: 'ended', reason: 'admin' }, at('10:10'));
    const { verdict } = talk.arrives('10:12', message('crossed', { at: at('10:09') }));
    expect(verdict).toMatchObject({ lateBy: 3 * minute });
    expect(talk.session).toMatchObject({ startedAt: at('10:12'), lastActivityAt: at('10:12') });
  });

  test('what waited while the session was closed begins the next one at that close, not before', () => {
    const talk = begun();
    talk.step({ type: 'ended', reason: 'bot' }, at('10:10:05'));
    talk.arrives('10:10:06', message('queued'), { arrivedAt: at('10:10:00') });
    expect(talk.session.startedAt).toBe(at('10:10:05'));
    const again = begun();
    again.step({ type: 'ended', reason: 'bot' }, at('10:10:05'));
    again.arrives('10:10:06', message('refresh'), { arrivedAt: at('10:10:00') });
    expect(again.session).toMatchObject({ startedAt: at('10:10:05'), startReason: 'refresh' });
  });

  test('a late message in a live session counts from its arrival and goes marked', () => {
    const talk = begun();
    const { verdict, events } = talk.arrives('10:20', message('old', { at: at('10:04:59.999') }));
    expect(verdict).toMatchObject({ do: 'run', lateBy: 15 * minute + 1 });
    expect(events).toMatchObject([{ type: 'late' }]);
    expect(talk.session.lastActivityAt).toBe(at('10:20'));
  });
});

describe('sessions the bot begins', () => {
  test('close at their deadline, silent and unbilled, if nobody answers', () => {
    const talk = conversation();
    const start = talk.step({ type: 'started', user: 'ada', fresh: { id: 'b1', data: {} } }, at('10:00'));
    expect(start.events).toEqual([{ type: 'opened', at: at('10:00'), session: 'b1', startReason: 'bot' }]);
    const { events } = talk.arrives('10:30', message('hi'));
    expect(events[0]).toMatchObject({
      type: 'closed',
      session: 'b1',
      endedAt: at('10:30'),
      interactive: false,
      billable: false,
      message: 'off',
      turns: 0,
    });
  });

  test('become interactive for good with the first message', () => {
    const talk = conversation();
    talk.step({ type: 'started', user: 'ada', fresh: { id: 'b1', data: {} } }, at('10:00'));
    talk.arrives('10:10', message('hi'));
    expect(talk.session).toMatchObject({ id: 'b1', interactive: true, startReason: 'bot' });
    expect(deadlineOf(talk.session, policyOf())).toBe(at('10:40'));
  });

  test('a later message of the bot moves the clock only until the user writes, and revives nothing', () => {
    const talk = conversation();
    talk.step({ type: 'started', user: undefined, fresh: { id: 'b1', data: {} } }, at('10:00'));
    talk.step({ type: 'touched' }, at('10:20'));
    expect(talk.session.lastActivityAt).toBe(at('10:20'));
    talk.arrives('10:25', message('hi'));
    talk.step({ type: 'touched' }, at('10:30'));
    expect(talk.session.lastActivityAt).toBe(at('10:25'));
    const overdue = conversation();
    overdue.step({ type: 'started', user: undefined, fresh: { id: 'b1', data: {} } }, at('10:00'));
    expect(overdue.step({ type: 'touched' }, at('10:30')).events).toMatchObject([{ type: 'closed', reason: 'inactivity' }]);
  });

  test('on a live session nothing begins; on an overdue one the next does', () => {
    const talk = begun();
    expect(talk.step({ type: 'started', user: 'ada', fresh: { id: 'b1', data: {} } }, at('10:29')).events).toEqual([]);
    expect(talk.step({ type: 'started', user: 'ada', fresh: { id: 'b2', data: {} } }, at('10:30')).events).toMatchObject([
      { type: 'closed', session: 's1' },
      { type: 'opened', session: 'b2', startReason: 'bot', previous: 's1' },
    ]);
  });

  test('developers are known at the start and never billed', () => {
    const talk = conversation(policyOf({ developer: ['ada'] }));
    talk.arrives('10:00', message('hi'));
    expect(talk.session.developer).toBe(true);
    expect(talk.step({ type: 'ended', reason: 'admin' }, at('10:01')).events[0]).toMatchObject({
      interactive: true,
      billable: false,
    });
    talk.arrives('10:02', message('hi', { user: 'bob' }));
    expect(talk.session.developer).toBe(false);
  });
});

describe('variables and tokens', () => {
  const variables = {
    ttl: { value: 1, scope: 'session', until: at('10:45') },
    plain: { value: 2, scope: 'session' },
    contact: { value: 3, scope: 'contact' },
    contactTtl: { value: 4, scope: 'contact', until: at('10:45') },
  } as const;

  function withVariables() {
    const talk = begun();
    talk.changes((record) => ({ ...record, variables, auth: { google: 'token' } }));
    return talk;
  }

  test('time to live outlasts a close and not itself', () => {
    const talk = withVariables();
    talk.step({ type: 'ended', reason: 'inactivity' }, at('10:30'));
    talk.arrives('10:40', message('back'));
    expect(Object.keys(talk.record.variables).sort()).toEqual(['contact', 'contactTtl', 'ttl']);
    expect(readVariable(talk.record.variables, 'ttl', at('10:44:59.999'))).toBe(1);
    expect(readVariable(talk.record.variables, 'ttl', at('10:45'))).toBeUndefined();
    expect(talk.record.auth).toEqual({ google: 'token' });
    talk.arrives('10:45', message('again'));
    expect(Object.keys(talk.record.variables)).toEqual(['contact']);
  });

  test('a refresh takes all of session scope and the tokens', () => {
    const talk = withVariables();
    talk.arrives('10:20', message('refresh'));
    expect(Object.keys(talk.record.variables).sort()).toEqual(['contact', 'contactTtl']);
    expect(talk.record.auth).toEqual({});
  });

  test('a refresh takes them where the session is over already, too', () => {
    const overdue = withVariables();
    overdue.arrives('10:40', message('refresh'));
    expect(Object.keys(overdue.record.variables).sort()).toEqual(['contact', 'contactTtl']);
    expect(overdue.record.auth).toEqual({});
    const closed = withVariables();
    closed.step({ type: 'ended', reason: 'bot' }, at('10:10'));
    closed.arrives('10:20', message('refresh'));
    expect(Object.keys(closed.record.variables).sort()).toEqual(['contact', 'contactTtl']);
    expect(closed.record.auth).toEqual({});
  });

  test('discard and discard all leave them', () => {
    const talk = withVariables();
    talk.arrives('10:05', message('discard all'));
    expect(talk.record).toMatchObject({ variables, auth: { google: 'token' } });
  });
});

describe('commands', () => {
  function nested() {
    const talk = begun();
    talk.changesSession({
      dialog: [{ id: 'order' }, { id: 'size', state: 1 }],
      tags: { current: ['b'], historic: [['z'], ['a']] },
      sentiment: 0.8,
    });
    return talk;
  }

  test('discard goes one step back in the same session', () => {
    const talk = nested();
    const { verdict, events } = talk.arrives('10:05', message('discard'));
    expect(verdict).toEqual({ do: 'consume', command: 'discard' });
    expect(events).toEqual([{ type: 'command', at: at('10:05'), command: 'discard', session: 's1' }]);
    expect(talk.session).toMatchObject({
      id: 's1',
      dialog: [{ id: 'order' }],
      tags: { current: ['a'], historic: [] },
      sentiment: 0.8,
      turns: 1,
    });
    expect(deadlineOf(talk.session, policyOf())).toBe(at('10:35'));
    talk.arrives('10:06', message('discard'));
    expect(talk.session).toMatchObject({ dialog: [], discards: 2, tags: { current: [], historic: [] } });
  });

  test('discard all empties dialogs, tags and sentiment in the same session', () => {
    const talk = nested();
    talk.arrives('10:05', message('discard all'));
    expect(talk.session).toMatchObject({
      id: 's1',
      dialog: [],
      discards: 1,
      tags: { current: [], historic: [] },
      lastActivityAt: at('10:05'),
    });
    expect(talk.session.sentiment).toBeUndefined();
  });

  test('discardEndsSession makes discard a close by the user', () => {
    const talk = begun(policyOf({ discardEndsSession: true }));
    expect(talk.arrives('10:05', message('discard')).events).toMatchObject([
      { type: 'command' },
      { type: 'closed', reason: 'user_command', endedAt: at('10:05') },
    ]);
    expect(talk.arrives('10:06', message('hi')).events).toMatchObject([{ type: 'opened', startReason: 'closed' }]);
    expect(talk.arrives('10:07', message('discard all')).events).toMatchObject([{ type: 'command', command: 'discard all' }]);
  });

  test('refresh closes, opens at once, and the next message is turn 1 of a new session', () => {
    const talk = nested();
    const { verdict, events } = talk.arrives('10:05', message('refresh'));
    expect(verdict).toEqual({ do: 'consume', command: 'refresh' });
    expect(events).toMatchObject([
      { type: 'command', command: 'refresh', session: 's1' },
      { type: 'closed', session: 's1', reason: 'refresh', endedAt: at('10:05'), message: 'off' },
      { type: 'opened', session: 's2', startReason: 'refresh', previous: 's1' },
    ]);
    expect(talk.session).toMatchObject({ turns: 0, interactive: false, dialog: [], tags: { current: [], historic: [] } });
    const next = talk.arrives('10:06', message('hi'));
    expect(next).toMatchObject({ events: [], verdict: { do: 'run', counts: true } });
    expect(talk.session).toMatchObject({ id: 's2', turns: 0, startReason: 'refresh', interactive: true });
  });

  test('refresh with content delivers it as the first turn', () => {
    const talk = begun();
    const { verdict, events } = talk.arrives('10:05', control('refresh', true));
    expect(verdict).toEqual({ do: 'run', counts: true, lateBy: 0 });
    expect(events.map((one) => one.type)).toEqual(['command', 'closed', 'opened']);
    talk.returns('10:05');
    expect(talk.session).toMatchObject({ id: 's2', turns: 1, startReason: 'refresh', interactive: true });
  });

  test('late content is marked, too', () => {
    const talk = begun();
    const { verdict, events } = talk.arrives('10:20', { ...control('refresh', true), at: at('10:01') });
    expect(verdict).toEqual({ do: 'run', counts: true, lateBy: 19 * minute });
    expect(events.at(-1)).toMatchObject({ type: 'late', session: 's2' });
  });

  test('an expired session closes first, for inactivity', () => {
    for (const word of ['discard', 'discard all']) {
      const talk = begun();
      const { events, record } = talk.arrives('10:30', message(word));
      expect(events).toMatchObject([
        { type: 'closed', reason: 'inactivity' },
        { type: 'command', command: word },
      ]);
      expect(events[1]).not.toHaveProperty('session');
      expect(record.session).toBeUndefined();
    }
    const talk = begun();
    expect(talk.arrives('10:30', message('refresh')).events).toMatchObject([
      { type: 'closed', reason: 'inactivity', endedAt: at('10:30') },
      { type: 'command', command: 'refresh' },
      { type: 'opened', startReason: 'refresh', previous: 's1' },
    ]);
  });

  test('without a live session discard opens none, refresh opens one', () => {
    const talk = conversation();
    expect(talk.arrives('10:00', message('discard')).record.session).toBeUndefined();
    expect(talk.arrives('10:01', message('discard all')).record.session).toBeUndefined();
    expect(talk.arrives('10:02', message('refresh')).events).toMatchObject([
      { type: 'command' },
      { type: 'opened', startReason: 'refresh' },
    ]);
  });

  test('a command that is turned off is an ordinary message', () => {
    const talk = begun(policyOf({ commands: { discard: false } }));
    expect(talk.arrives('10:05', message('discard')).verdict).toMatchObject({ do: 'run' });
    expect(talk.arrives('10:06', message('discard all')).verdict).toMatchObject({ do: 'consume' });
  });
});

describe('what opens nothing', () => {
  test.each([
    { kind: 'lifecycle', channel: 'line', type: 'follow' },
    { kind: 'lifecycle', channel: 'line', type: 'read', means: 'reachable' },
    { kind: 'unsupported', channel: 'line', type: 'x', reason: 'unknown' },
  ] as const)('%o', (activity) => {
    expect(conversation().arrives('10:00', activity, { id: 'x' })).toMatchObject({
      verdict: { do: 'pass' },
      events: [],
      record: { seen: '' },
    });
    const talk = begun();
    const before = talk.record;
    expect(talk.arrives('10:29', activity, { id: 'x' }).record).toEqual(before);
  });
});

describe('the next look at a record', () => {
  test('a day after the deadline, or never', () => {
    const talk = begun();
    expect(wakeAt(delivered(talk.record), policyOf(), at('10:00'))).toBe(at('10:30') + day);
    expect(wakeAt(delivered(talk.record), policyOf({ expiration: 0 }), at('10:00'))).toBeNull();
  });

  test('once nothing can be redelivered any more and nothing can be read any more', () => {
    const policy = policyOf({}, {}, { redeliversForMs: 8 * day });
    const talk = begun(policy);
    talk.step({ type: 'ended', reason: 'bot' }, at('10:10'));
    expect(wakeAt(delivered(talk.record), policy, at('10:00'))).toBe(at('10:10') + 8 * day);
    talk.arrives('10:20', message('discard'), { id: 'm9' });
    expect(wakeAt(delivered(talk.record), policy, at('10:00'))).toBe(at('10:20') + 8 * day);
    talk.changes((record) => ({ ...record, variables: { a: { value: 1, scope: 'session', until: at('10:00') + 30 * day } } }));
    expect(wakeAt(delivered(talk.record), policy, at('10:00'))).toBe(at('10:00') + 30 * day);
  });

  test('never while a variable or a token must be kept', () => {
    const talk = begun();
    talk.step({ type: 'ended', reason: 'bot' }, at('10:10'));
    talk.changes((record) => ({ ...record, auth: { google: 'token' } }));
    expect(wakeAt(delivered(talk.record), policyOf(), at('10:00'))).toBeNull();
    talk.changes((record) => ({ ...record, auth: {}, variables: { a: { value: 1, scope: 'contact' } } }));
    expect(wakeAt(delivered(talk.record), policyOf(), at('10:00'))).toBeNull();
  });
});
