import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeMs, toMs } from '../../src/middleware/core/duration.ts';
import {
  activityTime,
  deadlineOf,
  describeExpiration,
  expirationOf,
  isExpired,
  lateBy,
} from '../../src/middleware/core/expiry.ts';
import { explain } from '../../src/middleware/core/explain.ts';
import { type EndpointSettings, type OrganizationSettings, resolvePolicy } from '../../src/middleware/core/policy.ts';
import { newSession } from '../../src/middleware/core/session.ts';
import { at, frozen, message, minute, policyOf, second } from './given.ts';

const session = newSession({ id: 's1', startReason: 'first', previous: undefined, at: at('10:00'), data: {}, developer: false });

describe('the effective expiration, in minutes (0 = never)', () => {
  test.each<[string, EndpointSettings, OrganizationSettings, number]>([
    ['nothing set', {}, {}, 30],
    ['endpoint 45, organisation 30', { expiration: 45 }, { expiration: 30 }, 30],
    ['endpoint 45, cap 30', { expiration: 45 }, { maxExpiration: 30 }, 30],
    ['endpoint 0, cap 30', { expiration: 0 }, { maxExpiration: 30 }, 30],
    ['endpoint never, cap 30', { expiration: 'never' }, { maxExpiration: 30 }, 30],
    ['endpoint 0, cap 0', { expiration: 0 }, { maxExpiration: 0 }, 0],
    ['endpoint unset, cap 10', {}, { maxExpiration: 10 }, 10],
    ['endpoint 20, cap 30', { expiration: 20 }, { maxExpiration: 30 }, 20],
    ['endpoint 45, organisation 30, cap lifted', { expiration: 45 }, { expiration: 30, maxExpiration: 0 }, 45],
    ['endpoint 45, organisation 30, cap 40', { expiration: 45 }, { expiration: 30, maxExpiration: 40 }, 40],
    ['endpoint unset, organisation 20', {}, { expiration: 20 }, 20],
    ['endpoint unset, organisation 60, cap 30', {}, { expiration: 60, maxExpiration: 30 }, 30],
    ['endpoint 45, organisation never', { expiration: 45 }, { expiration: 0 }, 45],
    ['endpoint unset, organisation never', {}, { expiration: 0 }, 0],
    ['endpoint half a minute', { expiration: 0.5 }, {}, 0.5],
  ])('%s', (_, endpoint, organization, minutes) => {
    expect(expirationOf(policyOf(endpoint, organization).expiration).ms).toBe(minutes * minute);
  });

  test('a session of its own mind comes first, and is capped like the rest', () => {
    const { expiration } = policyOf({ expiration: 45 }, { maxExpiration: 60 });
    expect(expirationOf(expiration, 50 * minute)).toEqual({ ms: 50 * minute, level: 'session', capped: false });
    expect(expirationOf(expiration, 90 * minute)).toEqual({ ms: 60 * minute, level: 'session', capped: true });
    expect(expirationOf(expiration, 0)).toEqual({ ms: 60 * minute, level: 'session', capped: true });
  });

  test('is the smallest positive of value and cap, whatever they are', () => {
    const some = fc.option(fc.integer({ min: 0, max: 20_160 }), { nil: undefined });
    fc.assert(
      fc.property(some, some, some, some, (own, base, cap, override) => {
        const wanted = override ?? own ?? base ?? 30;
        const limit = cap ?? base ?? 0;
        const positive = [wanted, limit].filter((one) => one > 0);
        const { expiration } = policyOf({ expiration: own }, { expiration: base, maxExpiration: cap });
        expect(expirationOf(expiration, override === undefined ? undefined : override * minute).ms).toBe(
          positive.length === 0 ? 0 : Math.min(...positive) * minute,
        );
      }),
    );
  });

  test('reads well', () => {
    expect(describeExpiration(policyOf().expiration)).toBe('30 min (default)');
    expect(describeExpiration(policyOf({ expiration: '90s' }).expiration)).toBe('90 s (endpoint)');
    expect(describeExpiration(policyOf({ expiration: 0 }).expiration)).toBe('never (endpoint)');
    expect(describeExpiration(policyOf({ expiration: 45 }, { maxExpiration: 30 }).expiration)).toBe(
      '30 min (endpoint, capped by organization.maxExpiration)',
    );
    expect(describeExpiration(policyOf({ expiration: 45 }, { expiration: 30 }).expiration)).toBe(
      '30 min (endpoint, capped by organization.expiration)',
    );
    expect(describeExpiration(policyOf().expiration, 2 * 60 * minute)).toBe('2 h (session)');
  });
});

describe('settings that cannot work', () => {
  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '10', '5x', '-5m', '', 'forever', null, {}, [], true])(
    'expiration %o',
    (value) => {
      const { problems } = resolvePolicy({ expiration: value as never }, {});
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatchObject({ setting: 'expiration' });
    },
  );

  test('the problem names the setting', () => {
    const settings = { expiration: 'x', maxExpiration: -1, lateAfter: 'y', turnTimeout: Number.NaN } as never;
    expect(resolvePolicy({}, settings).problems.map((one) => one.setting)).toEqual([
      'organization.maxExpiration',
      'organization.expiration',
      'lateAfter',
      'turnTimeout',
    ]);
  });

  test('more than 14 days, unless the organisation raises it', () => {
    expect(resolvePolicy({ expiration: 20_160 }, {}).problems).toEqual([]);
    expect(resolvePolicy({ expiration: 20_160.1 }, {}).problems).toMatchObject([
      { setting: 'expiration', message: expect.stringContaining('maxExpiration') },
    ]);
    expect(resolvePolicy({}, { expiration: '15d' }).problems).toMatchObject([{ setting: 'organization.expiration' }]);
    expect(resolvePolicy({ expiration: '15d' }, { maxExpiration: '20d' }).problems).toEqual([]);
    expect(resolvePolicy({ expiration: '15d' }, { maxExpiration: 0 }).problems).toEqual([]);
    expect(resolvePolicy({ expiration: '15d' }, { maxExpiration: 10 }).problems).toHaveLength(1);
  });
});

describe('durations', () => {
  test.each([
    [0, 0],
    [1, 60_000],
    [0.5, 30_000],
    ['90s', 90_000],
    ['15m', 900_000],
    ['1.5h', 5_400_000],
    ['14d', 1_209_600_000],
    ['0s', 0],
    ['never', 0],
  ])('%o is %i ms', (value, ms) => {
    expect(toMs(value)).toBe(ms);
  });

  test('anything else is none', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const isDuration =
          value === 'never' ||
          (typeof value === 'number' && value >= 0 && value * minute < Number.POSITIVE_INFINITY) ||
          (typeof value === 'string' && /^\d+(\.\d+)?[smhd]$/.test(value));
        expect(toMs(value) !== undefined).toBe(isDuration);
      }),
    );
  });

  test('what people read says the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 14 * 24 * 60 * 60 }), (seconds) => {
        const [amount, unit] = describeMs(seconds * second).split(' ');
        expect(toMs(`${amount}${unit === 'min' ? 'm' : unit}`)).toBe(seconds * second);
      }),
    );
    expect(describeMs(0)).toBe('never');
  });
});

describe('the deadline', () => {
  test('a millisecond before is not over, the deadline and a millisecond after are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_160 * minute }), (ms) => {
        const policy = policyOf({ expiration: ms / minute });
        const deadline = deadlineOf(session, policy);
        expect(deadline).toBe(session.lastActivityAt + ms);
        expect([-1, 0, 1].map((off) => isExpired(session, policy, deadline + off))).toEqual([false, true, true]);
      }),
    );
  });

  test('never comes where expiration is never', () => {
    expect(isExpired(session, policyOf({ expiration: 0 }), Number.MAX_SAFE_INTEGER)).toBe(false);
  });
});

describe('the time an activity counts as', () => {
  const policy = policyOf();
  const arrival = at('11:00');
  const counted = (stamp: number | undefined, precision?: number) =>
    activityTime(message('x', { at: stamp, precision }), arrival, policy);

  test('is the channel time where it is believable', () => {
    expect(counted(at('10:59:58.123'))).toBe(at('10:59:58.123'));
    expect(counted(at('10:45'))).toBe(at('10:45'));
    expect(counted(at('11:02'))).toBe(at('11:02'));
  });

  test('is the arrival elsewhere', () => {
    for (const stamp of [
      undefined,
      at('10:44:59.999'),
      at('11:02:00.001'),
      0,
      -1,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]) {
      expect(counted(stamp)).toBe(arrival);
    }
  });

  test('whole seconds stand for all of the second', () => {
    const stamped = message('x', { at: at('10:29:59'), precision: 1_000 });
    expect(activityTime(stamped, at('10:29:59.700'), policy)).toBe(at('10:29:59.700'));
    expect(activityTime(stamped, at('10:30:00.000'), policy)).toBe(at('10:29:59'));
    expect(activityTime(stamped, at('10:30:05'), policy)).toBe(at('10:29:59'));
  });

  test('follows lateAfter', () => {
    const strict = policyOf({ lateAfter: '10s' });
    expect(activityTime(message('x', { at: arrival - 10_000 }), arrival, strict)).toBe(arrival - 10_000);
    expect(activityTime(message('x', { at: arrival - 10_001 }), arrival, strict)).toBe(arrival);
  });
});

describe('lateness', () => {
  const policy = policyOf();
  const arrival = at('11:05');
  const ended = { id: 's0', reason: 'inactivity', endedAt: at('11:00') } as const;

  test('begins after a quarter of an hour', () => {
    expect(lateBy(message('x', { at: at('10:50') }), arrival, policy, undefined)).toBe(0);
    expect(lateBy(message('x', { at: at('10:49:59.999') }), arrival, policy, undefined)).toBe(15 * minute + 1);
    expect(lateBy(message('x', { at: at('10:20') }), arrival, policy, undefined)).toBe(45 * minute);
  });

  test('is what was written before the last close', () => {
    expect(lateBy(message('x', { at: at('11:00') }), arrival, policy, ended)).toBe(0);
    expect(lateBy(message('x', { at: at('10:59:59.999') }), arrival, policy, ended)).toBe(5 * minute + 1);
  });

  test('does not take a coarse stamp for an early one', () => {
    const within = { ...ended, endedAt: at('11:00:00.400') };
    expect(lateBy(message('x', { at: at('11:00:00'), precision: 1_000 }), arrival, policy, within)).toBe(0);
    expect(lateBy(message('x', { at: at('10:59:59'), precision: 1_000 }), arrival, policy, within)).toBe(5 * minute + second);
  });

  test('needs a stamp, and is never negative', () => {
    expect(lateBy(message('x'), arrival, policy, ended)).toBe(0);
    expect(lateBy(message('x', { at: Number.NaN }), arrival, policy, ended)).toBe(0);
    expect(lateBy(message('x', { at: at('11:06') }), arrival, policy, { ...ended, endedAt: at('11:07') })).toBe(0);
  });
});

describe('explain', () => {
  test('names every input, the winner, the cap and the next timer', () => {
    const policy = policyOf({ expiration: 45 }, { expiration: 60, maxExpiration: 50 });
    expect(explain(frozen({ ...session, expiresAfterMs: 20 * minute }), frozen(policy), at('10:01'))).toEqual({
      effectiveMs: 20 * minute,
      level: 'session',
      owner: 'bot',
      inputs: [
        { level: 'session', ms: 20 * minute, wins: true },
        { level: 'endpoint', ms: 45 * minute, wins: false },
        { level: 'organization', ms: 60 * minute, wins: false },
        { level: 'default', ms: 30 * minute, wins: false },
      ],
      cap: { ms: 50 * minute, from: 'organization.maxExpiration', applied: false },
      clock: 'user',
      session: { id: 's1', startedAt: at('10:00'), lastActivityAt: at('10:00'), deadline: at('10:20'), expired: false },
      timers: [{ what: 'expires', at: at('10:20') }],
      because: [
        'The expiration of the session is 20 min.',
        'It goes before the endpoint’s 45 min, the organisation’s 1 h and the default of 30 min.',
        'organization.maxExpiration is 50 min, and lowers nothing.',
        'The user was last active at 2026-11-02T10:00:00Z; what counts is 20 min.',
        'By their silence it ends at 2026-11-02T10:20:00Z.',
      ],
    });
  });

  test('under the cap no level wins', () => {
    const { inputs, cap, effectiveMs } = explain(session, policyOf({ expiration: 45 }, { expiration: 30 }), at('10:01'));
    expect(effectiveMs).toBe(30 * minute);
    expect(inputs.some((one) => one.wins)).toBe(false);
    expect(cap).toEqual({ ms: 30 * minute, from: 'organization.expiration', applied: true });
  });

  test('an overdue session runs no clock; without one there is none', () => {
    expect(explain(session, policyOf(), at('10:30'))).toMatchObject({ clock: 'nobody', session: { expired: true }, timers: [] });
    const none = explain(undefined, policyOf(), at('10:30'));
    expect(none).toMatchObject({ clock: 'nobody', timers: [], effectiveMs: 30 * minute });
    expect(none).not.toHaveProperty('session');
    expect(none).not.toHaveProperty('cap');
    expect(explain(session, policyOf({ expiration: 0 }), at('10:30'))).toMatchObject({ clock: 'user', timers: [] });
  });
});
