import { describe, expect, test } from 'vitest';
import { type EndpointSettings, type OrganizationSettings, resolvePolicy } from '../../src/middleware/core/policy.ts';
import { presets } from '../../src/middleware/core/presets.ts';
import { sessionsOver } from '../../src/middleware/sessions.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { minute, policyOf } from './given.ts';

type Name = keyof typeof presets;

/** What the table of presets says of each, as far as a policy shows it. */
function rulesOf(settings: EndpointSettings, hooks = {}) {
  const { policy, problems } = resolvePolicy(settings, {}, { hooks });
  expect(problems).toEqual([]);
  const { expiration, closing, commands, discardEndsSession } = policy;
  return {
    minutes: (expiration.levels[0]?.ms ?? Number.NaN) / minute,
    closes: closing.mode,
    continueWithinMs: closing.continueWithinMs,
    commands: Object.keys(commands).toSorted(),
    discardEndsSession,
    message: closing.message !== undefined,
  };
}

const allCommands = Object.keys(policyOf().commands).toSorted();
const noCommands = Object.keys(policyOf({ commands: false }).commands).toSorted();
const day = 24 * 60 * minute;

describe('presets are what the platforms do', () => {
  test.each<[Name, ReturnType<typeof rulesOf>]>([
    [
      'cognigy',
      { minutes: 30, closes: 'lazy', continueWithinMs: day, commands: noCommands, discardEndsSession: false, message: false },
    ],
    [
      'kore71',
      { minutes: 15, closes: 'lazy', continueWithinMs: day, commands: allCommands, discardEndsSession: true, message: false },
    ],
    [
      'kore72',
      { minutes: 15, closes: 'lazy', continueWithinMs: null, commands: allCommands, discardEndsSession: true, message: false },
    ],
    [
      'kore80',
      {
        minutes: 15,
        closes: 'proactive',
        continueWithinMs: day,
        commands: allCommands,
        discardEndsSession: true,
        message: false,
      },
    ],
    [
      'kore',
      {
        minutes: 15,
        closes: 'proactive',
        continueWithinMs: day,
        commands: allCommands,
        discardEndsSession: false,
        message: false,
      },
    ],
    [
      'antbuddy',
      { minutes: 0, closes: 'proactive', continueWithinMs: day, commands: noCommands, discardEndsSession: false, message: false },
    ],
  ])('%s', (name, rules) => {
    expect(rulesOf(presets[name])).toEqual(rules);
    expect(Object.isFrozen(presets[name])).toBe(true);
  });

  test('there are no others', () => {
    expect(Object.keys(presets).toSorted()).toEqual(['antbuddy', 'cognigy', 'kore', 'kore71', 'kore72', 'kore80']);
  });
});

describe('a preset takes the settings its platform would take', () => {
  test.each<[Name, EndpointSettings, boolean]>([
    ['cognigy', { expiration: 0 }, true],
    ['cognigy', { expiration: 1 }, true],
    ['cognigy', { expiration: '14d' }, true],
    ['kore71', { expiration: 15 }, true],
    ['kore71', { expiration: 14 }, false],
    ['kore71', { expiration: 16 }, false],
    ['kore72', { expiration: 20 }, false],
    ['kore80', { expiration: 5 }, true],
    ['kore80', { expiration: 60 }, true],
    ['kore80', { expiration: 4 }, false],
    ['kore80', { expiration: 61 }, false],
    ['kore80', { closing: 'lazy' }, true],
    ['kore80', { closingMessage: 'bye' }, true],
    ['kore', { expiration: 5 }, true],
    ['kore', { expiration: 20_160 }, true],
    ['kore', { expiration: 3 }, false],
    ['kore', { expiration: 0 }, false],
    ['kore', { expiration: 'never' }, false],
    ['kore', { closing: 'lazy' }, true],
    ['kore', { closingMessage: ['bye', 'so long'], clearAuthProfiles: true }, true],
    ['kore', { closing: 'lazy', closingMessage: 'bye' }, false],
    ['antbuddy', { warnings: [{ before: 5, message: 'soon' }] }, false],
  ])('%s with %o: %s', (name, settings, taken) => {
    const { problems } = resolvePolicy({ ...presets[name], ...settings }, {});
    expect(problems.map(({ setting }) => setting).length === 0).toBe(taken);
  });

  test('an organisation that caps below the platform’s least is refused, with the reason', () => {
    const organization: OrganizationSettings = { maxExpiration: 4 };
    expect(resolvePolicy({ ...presets.kore }, organization).problems).toEqual([
      { setting: 'expiration', message: '4 min is outside the range of its preset, 5 min to 14 d.' },
    ]);
    expect(resolvePolicy({ ...presets.cognigy }, organization).problems).toEqual([]);
  });

  test('createSessions throws with the endpoint and the value', () => {
    const given = { endpoints: { sms: { ...presets.kore, expiration: 3 } } };
    expect(() => sessionsOver(keyvStore(), given)).toThrow(/ADJ_CONFIG_INVALID: endpoint sms, expiration: 3 min is outside/);
  });

  test('kore excludes channels by list; the endpoint’s own text goes out in any case', () => {
    const organization: OrganizationSettings = { closingMessage: ['bye', 'so long'], channels: { exclude: ['email'] } };
    const excluded = (channel: string, more: EndpointSettings = {}) =>
      resolvePolicy({ ...presets.kore, ...more }, organization, { channel: { name: channel } }).policy.closing.excluded;
    expect([excluded('slack'), excluded('email'), excluded('email', { closingMessage: 'bye' })]).toEqual([false, true, false]);
  });
});
