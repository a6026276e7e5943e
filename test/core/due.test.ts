import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ConversationRecord } from '../../src/middleware/core/conversation.ts';
import { crashNetMs, dueOf, mayWrite, wakeAt } from '../../src/middleware/core/due.ts';
import type { EndpointSettings } from '../../src/middleware/core/policy.ts';
import { transition } from '../../src/middleware/core/transition.ts';
import { at, conversation, message, minute, policyOf, second } from './given.ts';

const proactive: EndpointSettings = {
  closing: 'proactive',
  closingMessage: 'bye',
  warnings: [
    { before: 5, message: '5' },
    { before: 1, message: '1' },
  ],
};
const address = { channel: 'line', endpoint: 'main', user: 'ada' };

function started(settings: EndpointSettings) {
  const policy = policyOf(settings);
  const talk = conversation(policy);
  talk.arrives('10:00', message('a'), { address });
  talk.returns('10:00');
  return { policy, talk };
}

describe('what is due', () => {
  test.each([
    ['10:24:59.999', 'nothing', '10:25'],
    ['10:25', 'warn', '10:25'],
    ['10:29', 'warn', '10:25'],
    ['10:30', 'close', '10:30'],
  ])('at %s: %s', (time, due, wake) => {
    const { policy, talk } = started(proactive);
    expect(dueOf(talk.record, policy, at(time)).do).toBe(due);
    expect(wakeAt(talk.record, policy, at(time))).toBe(at(wake));
  });

  test('of two warnings only the later one, and then it is the end', () => {
    const { policy, talk } = started(proactive);
    expect(dueOf(talk.record, policy, at('10:29:30'))).toEqual({ do: 'warn', beforeMs: minute, step: 1 });
    talk.step({ type: 'warned', beforeMs: minute }, at('10:29:30'));
    expect(dueOf(talk.record, policy, at('10:29:31')).do).toBe('nothing');
    expect(wakeAt(talk.record, policy, at('10:29:31'))).toBe(at('10:30'));
  });

  test('what an outbox cannot get rid of holds up no session, and is tried once a minute', () => {
    const { policy, talk } = started(proactive);
    talk.step({ type: 'ended', reason: 'api' }, at('10:00'));
    talk.arrives('10:00:30', message('b'), { address });
    talk.returns('10:00:30');
    expect(wakeAt(talk.record, policy, at('10:00:30'))).toBe(at('10:01'));
    expect(dueOf(talk.record, policy, at('10:00:59')).do).toBe('nothing');
    expect(dueOf(talk.record, policy, at('10:01')).do).toBe('deliver');
    expect(wakeAt(talk.record, policy, at('10:05'))).toBe(at('10:06'));
    expect(dueOf(talk.record, policy, at('10:25:30')).do).toBe('warn');
    expect(dueOf(talk.record, policy, at('10:31')).do).toBe('close');
  });

  test('what was acknowledged and left behind keeps its session, and is tried once a minute', () => {
    const { policy, talk } = started(proactive);
    const kept = { ...talk.record, inbox: [{ id: 'i', kept: {}, arrivedAt: at('10:29:30') }] };
    expect(wakeAt(kept, policy, at('10:29:30'))).toBe(at('10:30:30'));
    expect(dueOf(kept, policy, at('10:30:29')).do).toBe('nothing');
    expect(dueOf(kept, policy, at('10:30:30')).do).toBe('replay');
    expect(wakeAt(kept, policy, at('10:35'))).toBe(at('10:36'));
    // A first message, in a record that holds nothing else.
    const { session: _none, ...alone } = kept;
    expect(dueOf(alone, policy, at('10:30:29')).do).toBe('nothing');
    expect(wakeAt(alone, policy, at('10:29:30'))).toBe(at('10:30:30'));
  });

  test('a close that the vendor has put off rests until then', () => {
    const { policy, talk } = started(proactive);
    const closing = { reason: 'inactivity', endedAt: at('10:30'), hook: 'off', message: 'due', script: 'off' } as const;
    talk.step({ type: 'closing', closing: { ...closing, attempts: 1, retryAt: at('10:35') } }, at('10:30'));
    expect(wakeAt(talk.record, policy, at('10:30'))).toBe(at('10:35'));
    expect(dueOf(talk.record, policy, at('10:34:59')).do).toBe('nothing');
    expect(dueOf(talk.record, policy, at('10:35'))).toEqual({ do: 'close', closing: { ...closing, attempts: 1 } });
    expect(dueOf(talk.record, policy, at('10:41'))).toMatchObject({ closing: { message: 'skipped:overdue' } });
  });

  test('a record under way that nobody touches is taken up after a minute', () => {
    const { policy, talk } = started(proactive);
    const closing = { reason: 'inactivity', endedAt: at('10:30'), hook: 'done', message: 'claimed', script: 'off' } as const;
    talk.step({ type: 'closing', closing }, at('10:30'));
    expect(wakeAt(talk.record, policy, at('10:30'))).toBe(at('10:30') + crashNetMs);
    expect(dueOf(talk.record, policy, at('10:31'))).toMatchObject({ do: 'close', closing: { message: 'unknown' } });
  });
});

describe('whether a text may be sent', () => {
  const asked = (change: Partial<ConversationRecord>, time = '10:30', windowMinutes = 0) => {
    const policy = policyOf(proactive, {}, { replyWindowMs: windowMinutes * minute });
    const { talk } = started(proactive);
    return mayWrite({ ...talk.record, ...change }, talk.session, policy, at(time), at('10:30'), 'closing');
  };

  test('yes', () => expect(asked({})).toBeUndefined());
  test('not without an address', () => expect(asked({ address: undefined })).toBe('skipped:no_address'));
  test('not to who cannot be reached', () => expect(asked({ unreachable: 'opt_out' })).toBe('skipped:opt_out'));
  test('not when it is ten minutes too late', () => {
    expect(asked({}, '10:40')).toBeUndefined();
    expect(asked({}, '10:40:00.001')).toBe('skipped:overdue');
  });
  test('not in the last ten minutes of a window', () => {
    expect(asked({}, '10:30', 41)).toBeUndefined();
    expect(asked({}, '10:30', 40)).toBe('skipped:window');
  });
});

/** The worker must neither spin (called again at once, with nothing to do) nor sleep through what is due. */
test('a record that wants to be looked at now has something due, and what is due wants to be looked at', () => {
  const settings = fc.record({
    closing: fc.constantFrom('lazy', 'proactive'),
    expiration: fc.constantFrom(0, 10, 30),
    maxDuration: fc.constantFrom(0, 15, 60),
    warnings: fc.constantFrom(
      [],
      [{ before: 5, message: 'x' }],
      [
        { before: 9, message: 'x' },
        { before: 1, message: 'y' },
      ],
    ),
  });
  const step = fc.tuple(
    fc.constantFrom(0, 1, second, minute, 4 * minute, 5 * minute, 10 * minute, 30 * minute, 90_000_000),
    fc.constantFrom('message', 'work', 'end', 'extend', 'delivered'),
  );
  fc.assert(
    fc.property(settings, fc.array(step, { maxLength: 25 }), (given, steps) => {
      const policy = policyOf({ ...given, warnings: given.expiration === 0 ? [] : given.warnings } as EndpointSettings);
      let record: ConversationRecord | null = null;
      let now = at('10:00');
      let armed: number | null = null;
      for (const [index, [later, what]] of steps.entries()) {
        now += later;
        if (what === 'work' && record !== null && armed !== null && armed <= now) {
          const due = dueOf(record, policy, now);
          if (due.do === 'warn') record = transition(record, { type: 'warned', beforeMs: due.beforeMs }, policy, now).record;
          if (due.do === 'finalise') record = transition(record, { type: 'finalised' }, policy, now).record;
          if (due.do === 'forget') record = null;
          if (due.do === 'close') {
            record = transition(record, { type: 'closing', closing: due.closing }, policy, now).record;
            record = transition(record, { type: 'cleared' }, policy, now).record;
          }
        } else if (what === 'message') {
          const fresh = { id: `s${index}`, data: {} };
          record = transition(
            record,
            { type: 'arrived', activity: message('a'), arrivedAt: now, fresh, address },
            policy,
            now,
          ).record;
          record = transition(record, { type: 'returned', counts: true }, policy, now).record;
        } else if (what === 'end') record = transition(record, { type: 'ended', reason: 'api' }, policy, now).record;
        else if (what === 'extend') record = transition(record, { type: 'extended', byMs: minute }, policy, now).record;
        else if (what === 'delivered' && record?.outbox) {
          const ids: string[] = record.outbox.map(({ id }) => id);
          record = transition(record, { type: 'delivered', ids, left: [], profiles: [] }, policy, now).record;
        }
        if (record === null) {
          armed = null;
          continue;
        }
        armed = wakeAt(record, policy, now);
        const due = dueOf(record, policy, now).do;
        if (armed !== null && armed <= now) expect(due).not.toBe('nothing');
        if (due !== 'nothing' && due !== 'deliver') expect(armed).toBeLessThanOrEqual(now);
      }
    }),
    { numRuns: 300 },
  );
});
