import { describe, expect, test } from 'vitest';
import { type Closing, nextStep, resumed } from '../../src/middleware/core/closing.ts';
import { odditiesOf } from '../../src/middleware/core/due.ts';
import { type EndpointSettings, type OrganizationSettings, resolvePolicy } from '../../src/middleware/core/policy.ts';
import { minute, policyOf } from './given.ts';

const due: Closing = { reason: 'inactivity', endedAt: 0, hook: 'due', message: 'due', script: 'due' };

describe('the order of a close', () => {
  test('hook, message, script, clear; what is off or done is passed over', () => {
    expect(nextStep(due)).toBe('hook');
    expect(nextStep({ ...due, hook: 'failed' })).toBe('message');
    expect(nextStep({ ...due, hook: 'off', message: 'claimed' })).toBe('message');
    expect(nextStep({ ...due, hook: 'done', message: 'sent' })).toBe('script');
    expect(nextStep({ ...due, hook: 'off', message: 'skipped:window' })).toBe('script');
    expect(nextStep({ ...due, hook: 'off', message: 'off', script: 'failed' })).toBe('clear');
  });

  test.each<[Closing['message'], boolean, 'skipped:overdue' | undefined, Closing['message']]>([
    ['due', false, undefined, 'due'],
    ['due', true, undefined, 'due'],
    ['due', false, 'skipped:overdue', 'skipped:overdue'],
    ['claimed', false, undefined, 'unknown'],
    ['claimed', true, undefined, 'due'],
    ['claimed', true, 'skipped:overdue', 'unknown'],
    ['sent', true, 'skipped:overdue', 'sent'],
  ])('found half done with its message %s (key: %s, refusal: %s), it goes on with %s', (message, key, refusal, then) => {
    expect(resumed({ ...due, message, retryAt: 5 }, key, refusal)).toEqual({ ...due, message: then });
  });
});

describe('settings that can never work are refused, with the reason', () => {
  const four = [1, 2, 3, 4].map((before) => ({ before, message: 'soon' }));

  test.each<[string, EndpointSettings, OrganizationSettings, RegExp]>([
    ['a closing message for a lazy close', { closingMessage: 'bye' }, {}, /closingMessage: .*closing: 'proactive'/],
    ['an empty one', { closing: 'proactive', closingMessage: '' }, {}, /closingMessage: .*empty/],
    ['a variant that is empty', { closing: 'proactive', closingMessage: ['bye', ' '] }, {}, /closingMessage: .*empty/],
    ['a warning at the start', { expiration: 5, warnings: [{ before: 5, message: 'soon' }] }, {}, /warnings\[0\]: 5 min before/],
    ['a warning before it', { expiration: 5, warnings: [{ before: '2h', message: 'soon' }] }, {}, /warnings\[0\]: 2 h before/],
    ['a warning beyond the cap', { warnings: [{ before: 10, message: 'soon' }] }, { maxExpiration: 10 }, /warnings\[0\]/],
    ['a warning at the deadline', { warnings: [{ before: 0, message: 'soon' }] }, {}, /warnings\[0\]: 0 is not a time/],
    ['a warning of nothing', { expiration: 0, warnings: [{ before: 5, message: 'soon' }] }, {}, /warnings\[0\]: .*never expires/],
    ['a warning without words', { warnings: [{ before: 5, message: [] }] }, {}, /warnings\[0\]: .*empty/],
    ['four warnings', { warnings: four }, {}, /warnings: 4 steps are more than 3/],
    ['a length that is none', { maxDuration: 'long' as never }, {}, /maxDuration: "long" is not a duration/],
    ['a negative length', { maxDuration: -1 }, {}, /maxDuration: -1 is not/],
    ['half a turn', { maxTurns: 1.5 }, {}, /maxTurns: 1.5 is not a number of turns/],
    ['a patience that is none', { continueWithin: Number.NaN }, {}, /continueWithin/],
    ['an expiration beyond 14 days', { expiration: 20_161 }, {}, /expiration: .*raise organization.maxExpiration/],
  ])('%s', (_what, endpoint, organization, message) => {
    const { problems } = resolvePolicy(endpoint, organization);
    expect(problems.map(({ setting, message: why }) => `${setting}: ${why}`)).toEqual([expect.stringMatching(message)]);
  });

  test('three warnings are fine, in any order; the earliest comes first', () => {
    const { closing } = policyOf({ warnings: [1, 10, 5].map((before) => ({ before, message: `${before}` })) });
    expect(closing.warnings.map(({ beforeMs }) => beforeMs / minute)).toEqual([10, 5, 1]);
  });
});

describe('settings that are odd', () => {
  const oddities = (settings: EndpointSettings, replyWindowMs: number, classifyReturn = false) =>
    odditiesOf(resolvePolicy(settings, {}, { channel: { replyWindowMs }, hooks: { classifyReturn } }).policy);
  const talkative: EndpointSettings = { closing: 'proactive', closingMessage: 'bye' };

  test('a closing message that the channel’s window never lets through', () => {
    expect(oddities({ ...talkative, expiration: '24h' }, 24 * 60 * minute)).toEqual([
      expect.stringMatching(/never sent: it is due after 1 d, and the channel takes no message 1 d after/),
    ]);
    expect(oddities({ ...talkative, expiration: '23h' }, 24 * 60 * minute)).toEqual([]);
    expect(oddities({ ...talkative, expiration: '14d' }, 0)).toEqual([]);
    expect(oddities({ closing: 'proactive', expiration: '14d' }, 24 * 60 * minute)).toEqual([]);
  });

  test('a classifier that is never asked', () => {
    expect(oddities({ closing: 'proactive' }, 0, true)).toEqual([expect.stringMatching(/classifyReturn is never asked/)]);
    expect(oddities({ closing: 'lazy' }, 0, true)).toEqual([]);
  });
});
