import { describe, expect, test } from 'vitest';
import { becauseClosed } from '../../src/middleware/core/because.ts';
import type { DeskChange } from '../../src/middleware/core/desk.ts';
import type { Closed } from '../../src/middleware/core/effect.ts';
import { explain } from '../../src/middleware/core/explain.ts';
import type { ConversationEvent, Transition } from '../../src/middleware/core/happening.ts';
import type { EndpointSettings, OrganizationSettings, Policy } from '../../src/middleware/core/policy.ts';
import { at, control, conversation, message, policyOf } from './given.ts';

/** A conversation whose last message came at 10:00. */
function begun(policy: Policy) {
  const talk = conversation(policy);
  talk.arrives('10:00', message('hi'), { id: 'm0' });
  talk.returns('10:00');
  return Object.assign(talk, {
    desk: (time: string, change: DeskChange) => talk.step({ type: 'desk', change }, at(time)),
    /** Why the session lives. */
    because: (time: string, under = policy) => explain(talk.session, under, at(time)).because,
  });
}

/** Settings that were others before a time. */
function changed(
  time: string,
  [before, after]: readonly [Policy, Policy],
  apply: 'live' | 'nextSession' = 'live',
  who?: string,
): Policy {
  const { expiration, agents, closing } = before;
  const by = who === undefined ? {} : { changed: { endpoint: { by: who, at: at(time) } } };
  const change = { at: at(time), apply, before: { expiration, agents, maxDurationMs: closing.maxDurationMs } };
  return { ...after, expiration: { ...after.expiration, ...by }, change };
}

function closedIn({ events }: Transition): Closed {
  const closed = events.find((event): event is Closed => event.type === 'closed');
  if (closed === undefined) throw new Error('Nothing was closed.');
  return closed;
}

const lastActive = 'The user was last active at 2026-11-02T10:00:00Z';
const byDefault = 'No expiration is set: the default is 30 min.';

describe('where the expiration comes from', () => {
  test.each<[EndpointSettings, OrganizationSettings, readonly string[]]>([
    [{}, {}, [byDefault]],
    [
      { expiration: 45 },
      { expiration: 30 },
      [
        'The expiration of the endpoint is 45 min.',
        'It goes before the organisation’s 30 min and the default of 30 min.',
        'organization.expiration is 30 min, and caps it.',
      ],
    ],
    [
      { expiration: 45 },
      { maxExpiration: 30 },
      [
        'The expiration of the endpoint is 45 min.',
        'It goes before the default of 30 min.',
        'organization.maxExpiration is 30 min, and caps it.',
      ],
    ],
    [
      { expiration: 0 },
      { maxExpiration: 30 },
      [
        'The expiration of the endpoint is never.',
        'It goes before the default of 30 min.',
        'organization.maxExpiration is 30 min, and caps it.',
      ],
    ],
    [
      { expiration: 0 },
      { maxExpiration: 0 },
      ['The expiration of the endpoint is never.', 'It goes before the default of 30 min.'],
    ],
    [{}, { maxExpiration: 10 }, [byDefault, 'organization.maxExpiration is 10 min, and caps it.']],
    [
      { expiration: 20 },
      { maxExpiration: 30 },
      [
        'The expiration of the endpoint is 20 min.',
        'It goes before the default of 30 min.',
        'organization.maxExpiration is 30 min, and lowers nothing.',
      ],
    ],
  ])('%j under %j', (endpoint, organization, sentences) => {
    expect(explain(undefined, policyOf(endpoint, organization), at('10:00')).because).toEqual([
      ...sentences,
      'No session is live; the next one will have this.',
    ]);
  });

  test('the session’s own goes before the others', () => {
    const talk = begun(policyOf({ expiration: 20 }, { maxExpiration: 60 }));
    talk.changesSession({ expiresAfterMs: 0 });
    expect(talk.because('10:05')).toEqual([
      'The expiration of the session is never.',
      'It goes before the endpoint’s 20 min and the default of 30 min.',
      'organization.maxExpiration is 1 h, and caps it.',
      `${lastActive}; what counts is 1 h.`,
      'By their silence it ends at 2026-11-02T11:00:00Z.',
    ]);
  });
});

describe('why a session lives', () => {
  test.each<[string, EndpointSettings, string, readonly string[]]>([
    [
      'timeline 1: by the user’s silence',
      {},
      '10:29:59.999',
      [byDefault, `${lastActive}; what counts is 30 min.`, 'By their silence it ends at 2026-11-02T10:30:00Z.'],
    ],
    [
      'its time is over, and nobody has closed it',
      {},
      '10:30',
      [
        byDefault,
        `${lastActive}; what counts is 30 min.`,
        'By their silence it ends at 2026-11-02T10:30:00Z.',
        'Its time is over: whoever comes first, the user or the worker, closes it.',
      ],
    ],
    [
      'for ever',
      { expiration: 'never' },
      '23:00',
      [
        'The expiration of the endpoint is never.',
        'It goes before the default of 30 min.',
        `${lastActive}; their silence never ends it.`,
      ],
    ],
    [
      'no longer than it may last',
      { maxDuration: 20 },
      '10:05',
      [
        byDefault,
        `${lastActive}; what counts is 30 min.`,
        'By their silence it ends at 2026-11-02T10:30:00Z.',
        'It began at 2026-11-02T10:00:00Z, and maxDuration is 20 min: until 2026-11-02T10:20:00Z.',
      ],
    ],
  ])('%s', (_what, settings, time, sentences) => {
    expect(begun(policyOf(settings)).because(time)).toEqual(sentences);
  });

  test('a closing hook gave it more time', () => {
    const talk = begun(policyOf());
    talk.step({ type: 'extended', byMs: 300_000 }, at('10:30'));
    expect(talk.because('10:31').slice(1)).toEqual([
      `${lastActive}; what counts is 30 min.`,
      'The closing hook gave it 5 min more.',
      'By their silence it ends at 2026-11-02T10:35:00Z.',
    ]);
  });

  test('a time beyond all calendars is no error', () => {
    const talk = begun(policyOf());
    talk.changesSession({ expiresAfterMs: Number.MAX_SAFE_INTEGER });
    expect(talk.because('10:05').at(-1)).toBe('By their silence it ends at the end of all time.');
  });
});

describe('timeline 5: settings changed while it was idle', () => {
  const never = { expiration: 0 };
  test.each<[string, string, readonly [Policy, Policy], 'live' | 'nextSession', readonly string[]]>([
    [
      '30 → 10 at 10:15',
      '10:15',
      [policyOf(), policyOf({ expiration: 10 })],
      'live',
      [
        `${lastActive}; what counts is 10 min.`,
        'Settings were changed at 2026-11-02T10:15:00Z, before which 30 min counted: a change alone ends nothing within a minute.',
        'By their silence it ends at 2026-11-02T10:16:00Z.',
      ],
    ],
    [
      '30 → 60 at 10:15',
      '10:15',
      [policyOf(), policyOf({ expiration: 60 })],
      'live',
      [
        `${lastActive}; what counts is 1 h.`,
        'Settings were changed at 2026-11-02T10:15:00Z; before, 30 min counted.',
        'By their silence it ends at 2026-11-02T11:00:00Z.',
      ],
    ],
    ['30 → 0', '10:15', [policyOf(), policyOf(never)], 'live', [`${lastActive}; their silence never ends it.`]],
    [
      'endpoint 0, cap 60 saved at 12:00',
      '12:00',
      [policyOf(never), policyOf(never, { maxExpiration: 60 })],
      'live',
      [
        `${lastActive}; what counts is 1 h.`,
        'Settings were changed at 2026-11-02T12:00:00Z, before which never counted: a change alone ends nothing within a minute.',
        'By their silence it ends at 2026-11-02T12:01:00Z.',
      ],
    ],
    [
      'when it was over already',
      '10:45',
      [policyOf(), policyOf({ expiration: 60 })],
      'live',
      [
        `${lastActive}; what counts is 30 min.`,
        'Settings were changed at 2026-11-02T10:45:00Z, when it was over already.',
        'By their silence it ends at 2026-11-02T10:30:00Z.',
      ],
    ],
    [
      'for the next session',
      '10:15',
      [policyOf(), policyOf({ expiration: 10 })],
      'nextSession',
      [
        `${lastActive}; what counts is 30 min.`,
        'Settings were changed at 2026-11-02T10:15:00Z, for sessions that begin later: this one keeps what it began with.',
        'By their silence it ends at 2026-11-02T10:30:00Z.',
      ],
    ],
  ])('%s', (_what, time, policies, apply, sentences) => {
    const told = begun(policyOf()).because(time, changed(time, policies, apply));
    expect(told.filter((one) => /^(The user|Settings|By their)/.test(one))).toEqual(sentences);
  });

  test('who changed what counts is named', () => {
    const policy = changed('10:15', [policyOf(), policyOf({ expiration: 60 })], 'live', 'grace');
    expect(begun(policyOf()).because('10:20', policy)[0]).toBe(
      'The expiration of the endpoint is 1 h (set by grace at 2026-11-02T10:15:00Z).',
    );
  });

  test('maxDuration cut short spares it for a minute', () => {
    const talk = begun(policyOf({ expiration: 'never' }));
    const policy = changed('10:15', [policyOf({ expiration: 'never' }), policyOf({ expiration: 'never', maxDuration: 5 })]);
    const closed = closedIn(talk.arrives('10:20', message('back'), {}, policy));
    expect(becauseClosed(closed)).toEqual([
      'It began at 2026-11-02T10:00:00Z, and maxDuration is 5 min: until 2026-11-02T10:16:00Z.',
      'Settings were changed at 2026-11-02T10:15:00Z: a change alone ends nothing within a minute.',
      'It was closed at 2026-11-02T10:20:00Z, 4 min later.',
    ]);
  });

  test('maxDuration changed for the next session leaves this one what it began with', () => {
    const [none, hour, short] = [0, 60, 20].map((maxDuration) => policyOf({ expiration: 'never', maxDuration }));
    for (const after of [none, short] as Policy[]) {
      const policy = changed('10:15', [hour as Policy, after], 'nextSession');
      expect(becauseClosed(closedIn(begun(hour as Policy).arrives('11:00', message('back'), {}, policy)))).toEqual([
        'It began at 2026-11-02T10:00:00Z, and maxDuration is 1 h: until 2026-11-02T11:00:00Z.',
      ]);
    }
  });
});

describe('while people own it', () => {
  const timed = policyOf({ agents: { closeAfter: 60, replyWithin: 30 } }, { maxExpiration: 120 });

  test('timeline 9: who waits, whose silence ends it, and the cap', () => {
    const talk = begun(timed);
    talk.desk('10:10', { do: 'handOff', desk: 'support' });
    const cap = (since: string, until: string) =>
      `The cap goes on while people own the session, from the last message of either side at 2026-11-02T${since}Z: by it, it ends at 2026-11-02T${until}Z.`;
    expect(talk.because('10:15').slice(2)).toEqual([
      'People own the session, so the user’s silence does not end it.',
      'The customer has waited for somebody since 2026-11-02T10:10:00Z.',
      cap('10:00:00', '12:00:00'),
    ]);
    talk.desk('10:45', { do: 'answer', desk: 'support', agent: 'C' });
    expect(talk.because('10:50').slice(2)).toEqual([
      'People own the session, so the user’s silence does not end it.',
      'The last message of C was at 2026-11-02T10:45:00Z, and agents.closeAfter is 1 h.',
      cap('10:45:00', '12:45:00'),
    ]);
    expect(becauseClosed(closedIn(talk.arrives('11:50', message('back'))))).toEqual([
      'The last message of C was at 2026-11-02T10:45:00Z, and agents.closeAfter is 1 h.',
      'So it ended at 2026-11-02T11:45:00Z.',
      'It was closed at 2026-11-02T11:50:00Z, 5 min later.',
    ]);
  });

  test('the closing hook put it off', () => {
    const talk = begun(policyOf({ agents: { closeAfter: 60 } }));
    talk.desk('10:10', { do: 'answer', desk: 'support', agent: 'C' });
    const { handover, ...session } = talk.session;
    talk.changesSession({ ...session, ...(handover && { handover: { ...handover, extendedMs: 300_000 } }) });
    expect(becauseClosed(closedIn(talk.arrives('11:15', message('back'))))).toEqual([
      'The last message of C was at 2026-11-02T10:10:00Z, and agents.closeAfter is 1 h.',
      'The closing hook, or a change of settings, gave it 5 min more.',
      'So it ended at 2026-11-02T11:15:00Z.',
    ]);
  });

  test('the cap ends it', () => {
    const talk = begun(timed);
    talk.desk('10:10', { do: 'handOff', desk: 'support' });
    expect(becauseClosed(closedIn(talk.arrives('12:00', message('back')))).slice(-1)).toEqual([
      'The cap goes on while people own the session, from the last message of either side at 2026-11-02T10:00:00Z: by it, it ended at 2026-11-02T12:00:00Z.',
    ]);
  });

  test('without timers the user’s silence ends it as ever', () => {
    const talk = begun(policyOf());
    talk.desk('10:10', { do: 'assign', desk: 'support', agent: 'A', chosenBy: 'agent' });
    expect(talk.because('10:15').slice(-2)).toEqual([
      'By their silence it ends at 2026-11-02T10:30:00Z.',
      'People answer in it, but none of their timers is on: the user’s silence ends it as ever.',
    ]);
  });
});

describe('why a session ended', () => {
  const inactivity = [byDefault, `${lastActive}; what counts is 30 min.`, 'So it ended at 2026-11-02T10:30:00Z.'];

  test('timelines 1 and 4: by silence, and found so by the next message', () => {
    expect(becauseClosed(closedIn(begun(policyOf()).arrives('10:30', message('back'))))).toEqual(inactivity);
    expect(becauseClosed(closedIn(begun(policyOf()).arrives('11:00', message('back'))))).toEqual([
      ...inactivity,
      'It was closed at 2026-11-02T11:00:00Z, 30 min later.',
    ]);
  });

  test('nobody came back', () => {
    const { step } = begun(policyOf());
    expect(becauseClosed(closedIn(step({ type: 'finalised' }, at('10:30') + 86_400_000)))).toEqual([
      ...inactivity,
      'Nobody came back: the worker closed it at 2026-11-03T10:30:00Z.',
    ]);
  });

  test.each<[string, ConversationEvent, string]>([
    [
      'the API',
      { type: 'ended', reason: 'api', by: 'grace' },
      'It was ended from outside the conversation at 2026-11-02T10:05:00Z, by grace.',
    ],
    ['nobody named', { type: 'ended', reason: 'api' }, 'It was ended from outside the conversation at 2026-11-02T10:05:00Z.'],
    [
      'an admin',
      { type: 'ended', reason: 'admin', by: 'grace' },
      'It was ended from outside the conversation at 2026-11-02T10:05:00Z, by grace.',
    ],
    [
      'the bot',
      { type: 'returned', counts: true, close: { reason: 'bot', at: at('10:05') } },
      'The bot ended it at 2026-11-02T10:05:00Z.',
    ],
    [
      'an agent',
      { type: 'returned', counts: true, close: { reason: 'agent', at: at('10:05'), by: 'grace' } },
      'It was ended at the desk at 2026-11-02T10:05:00Z, by grace.',
    ],
    [
      'who left',
      { type: 'contact', unreachable: 'blocked' },
      'The user ended it at 2026-11-02T10:05:00Z, by a command or because they left.',
    ],
    ['an erasure', { type: 'erased', at: at('10:05'), by: 'grace' }, 'The contact was erased at 2026-11-02T10:05:00Z, by grace.'],
    ['an error', { type: 'ended', reason: 'error' }, 'An error ended it at 2026-11-02T10:05:00Z.'],
  ])('by %s', (_who, event, sentence) => {
    expect(becauseClosed(closedIn(begun(policyOf()).step(event, at('10:05'))))).toEqual([sentence]);
  });

  test('by an agent who had it, a refresh, its turns', () => {
    const talk = begun(policyOf());
    talk.desk('10:01', { do: 'assign', desk: 'support', agent: 'kim', chosenBy: 'agent' });
    const close = { reason: 'agent', at: at('10:05') } as const;
    expect(becauseClosed(closedIn(talk.step({ type: 'returned', counts: true, close }, at('10:05'))))).toEqual([
      'It was ended at the desk at 2026-11-02T10:05:00Z, while kim had it.',
    ]);
    expect(becauseClosed(closedIn(begun(policyOf()).arrives('10:05', control('refresh'))))).toEqual([
      'The user asked for a refresh at 2026-11-02T10:05:00Z.',
    ]);
    const full = begun(policyOf({ maxTurns: 2 }));
    full.arrives('10:05', message('more'));
    expect(becauseClosed(closedIn(full.returns('10:05')))).toEqual([
      'It had 2 turns at 2026-11-02T10:05:00Z, as many as it may have.',
    ]);
  });

  test('an entry from before it was told why says what it knows', () => {
    const { why: _unknown, ...closed } = closedIn(begun(policyOf()).arrives('11:00', message('back')));
    expect(becauseClosed(closed)).toEqual([
      'Its time was over at 2026-11-02T10:30:00Z.',
      'It was closed at 2026-11-02T11:00:00Z, 30 min later.',
    ]);
  });
});
