import fc from 'fast-check';
import { expect, test } from 'vitest';
import { retagged } from '../../src/middleware/core/session.ts';
import {
  keptVariables,
  liveVariables,
  readVariable,
  type Variable,
  type Variables,
  withoutProfile,
} from '../../src/middleware/core/variables.ts';
import { frozen } from './given.ts';

const name = fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'constructor', 'toString'), fc.string({ maxLength: 5 }));
const variable: fc.Arbitrary<Variable> = fc
  .record({
    value: fc.jsonValue(),
    scope: fc.constantFrom('session' as const, 'contact' as const),
    until: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
    profile: fc.option(fc.constantFrom('google', 'corp'), { nil: undefined }),
  })
  .map((one) => Object.fromEntries(Object.entries(one).filter(([, value]) => value !== undefined)) as unknown as Variable);
const variables = fc
  .array(fc.tuple(name, variable), { maxLength: 6, size: 'max' })
  .map((entries): Variables => frozen(Object.fromEntries(entries)));
const now = fc.integer({ min: 0, max: 20 });

test('an expired variable reads as absent, and so does what was never set', () => {
  fc.assert(
    fc.property(variables, name, now, (all, wanted, time) => {
      const found = Object.entries(all).find(([one]) => one === wanted)?.[1];
      const expected = found === undefined || (found.until !== undefined && found.until <= time) ? undefined : found.value;
      expect(readVariable(all, wanted, time)).toEqual(expected);
    }),
  );
});

test('a close keeps contact scope and what has time to live, a refresh contact scope only', () => {
  fc.assert(
    fc.property(variables, now, fc.boolean(), (all, time, refresh) => {
      const kept = new Map(Object.entries(keptVariables(all, time, refresh)));
      for (const [one, { scope, until }] of Object.entries(all)) {
        const alive = until === undefined || time < until;
        const stays = scope === 'contact' || (until !== undefined && !refresh);
        expect(kept.has(one), one).toBe(alive && stays);
      }
    }),
  );
});

test('a long conversation does not gather what has expired, and nothing else goes', () => {
  fc.assert(
    fc.property(variables, now, (all, time) => {
      const alive = Object.entries(all).filter(([, { until }]) => until === undefined || time < until);
      expect(Object.entries(liveVariables(all, time))).toEqual(alive);
    }),
  );
});

test('clearing a profile takes the variables set with it', () => {
  fc.assert(
    fc.property(variables, (all) => {
      expect(Object.entries(withoutProfile(all, 'google'))).toEqual(
        Object.entries(all).filter(([, one]) => one.profile !== 'google'),
      );
    }),
  );
});

test('new tags make the present ones history, unless there are none', () => {
  expect(retagged({ current: ['a'], historic: [] }, ['b'])).toEqual({ current: ['b'], historic: [['a']] });
  expect(retagged({ current: ['b'], historic: [['a']] }, [])).toEqual({ current: [], historic: [['a'], ['b']] });
  expect(retagged({ current: [], historic: [['a']] }, ['c'])).toEqual({ current: ['c'], historic: [['a']] });
});
