import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { problemOf } from '../../src/middleware/core/setting-forms.ts';
import {
  historyOf,
  keptChanges,
  noSettings,
  overridesOf,
  type SettingsChange,
  type SettingsEntry,
  type SettingsRecord,
  stagesOf,
  valuesOf,
  withChange,
} from '../../src/middleware/core/settings-record.ts';
import { frozen } from './given.ts';

const made = (change: SettingsChange, at = 0, by = 'eve'): Omit<SettingsEntry, 'version'> => ({ by, at, apply: 'live', change });
const recordOf = (...changes: readonly SettingsChange[]) =>
  changes.reduce<SettingsRecord>((record, change, n) => frozen(withChange(record, made(change, n))), frozen(noSettings));

/** What is changed, without who and when. */
const valuesIn = (record: SettingsRecord) => {
  const { organization, endpoints } = overridesOf(record);
  const byName = Object.entries(endpoints).map(([name, level]) => [name, valuesOf(level)] as const);
  return { organization: valuesOf(organization), endpoints: Object.fromEntries(byName) };
};

const value = fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 60 }));
const level = fc.record({ expiration: value, maxDuration: value, maxTurns: value }, { requiredKeys: [] });
const someChange: fc.Arbitrary<SettingsChange> = fc.record(
  { organization: level, endpoints: fc.record({ a: level, b: level, ['__proto__']: level }, { requiredKeys: [] }) },
  { requiredKeys: [] },
);
/** Few, or more than are kept. */
const someChanges = fc.oneof(fc.array(someChange, { maxLength: 10 }), fc.array(someChange, { minLength: 95, maxLength: 120 }));

describe('changes one after the other', () => {
  test('the later value counts, and null takes it back to the code’s', () => {
    const record = recordOf(
      { endpoints: { a: { expiration: 10, maxTurns: 5 } } },
      { endpoints: { a: { expiration: 20 }, b: { scope: 'thread' } }, organization: { maxExpiration: 60 } },
      { endpoints: { a: { maxTurns: null }, b: { scope: null } } },
    );
    expect(valuesIn(record)).toEqual({ organization: { maxExpiration: 60 }, endpoints: { a: { expiration: 20 } } });
    expect(overridesOf(record).endpoints['a']?.['expiration']).toEqual({ value: 20, by: 'eve', at: 1 });
  });

  test('count on when they are no longer kept', () => {
    const many = Array.from({ length: keptChanges + 1 }, (_, n) => ({ organization: { maxTurns: n } }));
    const record = recordOf({ endpoints: { a: { expiration: 10 } } }, { endpoints: { a: { expiration: 20 } } }, ...many);
    expect(valuesIn(record).endpoints).toEqual({ a: { expiration: 20 } });
    expect(stagesOf(record)[0]?.before.endpoints['a']?.['expiration']).toEqual({ value: 20, by: 'eve', at: 1 });
  });

  test('leave what the last one of each member says, however many there were', () => {
    fc.assert(
      fc.property(someChanges, (changes) => {
        const expected = new Map<string, unknown>();
        for (const { organization = {}, endpoints = {} } of changes) {
          for (const [name, one] of Object.entries(organization)) expected.set(`organization ${name}`, one);
          for (const [endpoint, some] of Object.entries(endpoints))
            for (const [name, one] of Object.entries(some ?? {})) expected.set(`endpoint ${endpoint} ${name}`, one);
        }
        const { organization, endpoints } = valuesIn(recordOf(...changes));
        const found = [
          ...Object.entries(organization).map(([name, one]) => [`organization ${name}`, one] as const),
          ...Object.entries(endpoints).flatMap(([endpoint, some]) =>
            Object.entries(some).map(([name, one]) => [`endpoint ${endpoint} ${name}`, one] as const),
          ),
        ];
        expect(new Map(found)).toEqual(new Map([...expected].filter(([, one]) => one !== null)));
      }),
      { numRuns: 50 },
    );
  });

  test('are counted, and no more of them kept than said', () => {
    fc.assert(
      fc.property(someChanges, (changes) => {
        const record = recordOf(...changes);
        expect(record.version).toBe(changes.length);
        expect(record.changes.map(({ version }) => version)).toEqual(changes.map((_, n) => n + 1).slice(-keptChanges));
      }),
      { numRuns: 50 },
    );
  });

  test('follow each other: each begins with what the one before has left', () => {
    fc.assert(
      fc.property(someChanges, (changes) => {
        const record = recordOf(...changes);
        const stages = stagesOf(record);
        for (const [n, stage] of stages.entries()) expect(stage.before).toEqual(stages[n - 1]?.after ?? record.settled);
        expect(stages.at(-1)?.after ?? record.settled).toEqual(overridesOf(record));
      }),
      { numRuns: 50 },
    );
  });

  test('undone by what the history says stood before', () => {
    fc.assert(
      fc.property(someChanges, someChange, (changes, last) => {
        const before = recordOf(...changes);
        const changed = withChange(before, made(last));
        const [entry] = historyOf(changed, 1);
        expect(entry?.change).toEqual(last);
        expect(valuesIn(withChange(changed, made(entry?.before ?? {})))).toEqual(valuesIn(before));
      }),
      { numRuns: 50 },
    );
  });

  test('times never go backwards, whatever the clocks of several processes say', () => {
    const first = withChange(noSettings, made({}, 1_000));
    const second = withChange(first, made({}, 400));
    expect(second.changes.map(({ at }) => at)).toEqual([1_000, 1_000]);
  });
});

test('the history pages from the newest to the oldest that is kept', () => {
  const record = recordOf(...Array.from({ length: keptChanges + 30 }, (_, n) => ({ organization: { maxTurns: n } })));
  const versions: number[] = [];
  for (let below: number | undefined, page = historyOf(record, 33); page.length > 0; page = historyOf(record, 33, below)) {
    versions.push(...page.map(({ version }) => version));
    below = versions.at(-1);
  }
  expect(versions).toEqual(Array.from({ length: keptChanges }, (_, n) => keptChanges + 30 - n));
});

describe('the form of a change', () => {
  const knows = (name: string) => name === 'main';
  const problem = (change: unknown) => problemOf(change, knows);
  const anInstance = () => {
    class Settings {
      expiration = 10;
    }
    return new Settings();
  };

  test.each<[string, unknown]>([
    [
      'durations',
      { endpoints: { main: { expiration: '2h', lateAfter: 5, turnTimeout: 'never', maxDuration: '1d', continueWithin: 9 } } },
    ],
    [
      'words',
      { endpoints: { main: { commands: { discard: ['weg', 'raus'], discardAll: { de: 'alles weg' }, refresh: false } } } },
    ],
    ['acknowledgements', { organization: { commands: { acknowledge: { discard: { de: 'Weg.' }, refresh: false } } } }],
    ['no commands', { organization: { commands: false } }],
    ['texts', { organization: { closingMessage: { default: ['a', 'b'], de: 'c' }, channels: { include: ['x'] } } }],
    ['warnings', { endpoints: { main: { warnings: [{ before: 5, message: 'soon' }] } } }],
    ['lists', { endpoints: { main: { developer: ['ada'], carryOver: ['cart'] } } }],
    ['a range', { endpoints: { main: { expirationRange: { min: 5, max: '1h' } } } }],
    ['values taken back', { endpoints: { main: { expiration: null } }, organization: { channels: null } }],
    ['what is undefined', { endpoints: { main: { expiration: undefined } }, organization: undefined }],
  ])('takes %s', (_what, change) => {
    expect(problem(change)).toBeUndefined();
  });

  test.each<[string, unknown, string]>([
    ['no object', 5, 'settings'],
    ['a list', [], 'settings'],
    ['another level', { agents: {} }, 'agents'],
    ['another endpoint', { endpoints: { shop: { expiration: 5 } } }, 'endpoint shop'],
    ['an endpoint by the name of a method', { endpoints: { toString: {} } }, 'endpoint toString'],
    ['an endpoint by a hostile name', JSON.parse('{"endpoints":{"__proto__":{"expiration":5}}}'), 'endpoint __proto__'],
    ['no settings', { endpoints: { main: 5 } }, 'endpoint main'],
    ['another setting', { endpoints: { main: { expires: 5 } } }, 'endpoint main, expires'],
    ['a setting by the name of a method', { endpoints: { main: { constructor: 5 } } }, 'endpoint main, constructor'],
    ['the organisation’s alone', { endpoints: { main: { maxExpiration: 5 } } }, 'endpoint main, maxExpiration'],
    ['the endpoint’s alone', { organization: { developer: true } }, 'organization, developer'],
    ['no duration', { endpoints: { main: { expiration: 'soon' } } }, 'endpoint main, expiration'],
    ['no number', { endpoints: { main: { expiration: Number.NaN } } }, 'endpoint main, expiration'],
    ['no choice', { organization: { scope: 'everybody' } }, 'organization, scope'],
    ['no flag', { organization: { clearAuthProfiles: 'yes' } }, 'organization, clearAuthProfiles'],
    ['no text', { organization: { closingMessage: ['', 'a'] } }, 'organization, closingMessage'],
    ['no steps', { organization: { warnings: [{ before: 5 }] } }, 'organization, warnings'],
    ['no words', { organization: { commands: { discard: 5 } } }, 'organization, commands'],
    ['other commands', { organization: { commands: { stop: 'x' } } }, 'organization, commands'],
    ['both lists', { organization: { channels: { include: [], exclude: [] } } }, 'organization, channels'],
    ['half a range', { organization: { expirationRange: { min: 5 } } }, 'organization, expirationRange'],
    ['a function', { endpoints: { main: { closingMessage: () => 'bye' } } }, 'settings'],
    ['a function inside', { organization: { commands: { discard: [() => 'x'] } } }, 'settings'],
    ['an instance', { organization: anInstance() }, 'settings'],
  ])('refuses %s', (_what, change, where) => {
    expect(problem(change)?.where).toBe(where);
  });

  test('refuses or takes whatever it is given, and what it takes JSON keeps', () => {
    fc.assert(
      fc.property(fc.anything({ maxDepth: 4 }), someChange, (anything, change) => {
        for (const given of [
          anything,
          { endpoints: { main: anything } },
          { organization: { ...change.organization, commands: anything } },
        ])
          if (problem(given) === undefined) expect(problem(JSON.parse(JSON.stringify(given)))).toBeUndefined();
      }),
    );
  });
});
