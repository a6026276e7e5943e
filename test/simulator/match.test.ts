import { describe, expect, it } from 'vitest';
import type { ExpectedState } from '../../src/simulator/scenario/format.ts';
import { line } from '../../src/simulator/scenario/lines.ts';
import { matchEvents } from '../../src/simulator/scenario/match.ts';
import { matchState } from '../../src/simulator/scenario/state.ts';
import { readScenario } from '../../src/simulator/scenario/validate.ts';
import { paperVendor } from './paper.ts';

const at = Date.parse('2026-11-02T10:00:00Z');
const received = (text: string, user = 'ada') => line(at, 'received', { user, endpoint: 'desk', channel: 'paper' }, { text });
const closed = (endedAt: string) => line(at, 'closed', { user: 'ada' }, { reason: 'inactivity', endedAt });

/** The places of the entries that do not hold. */
function unmet(lines: readonly ReturnType<typeof line>[], expect: readonly object[], ordered = false): string[] {
  const file = {
    name: 'x',
    start: '2026-11-02T12:00:00+02:00',
    endpoints: { desk: { channel: 'paper' } },
    steps: [{ at: '12:00', expect, ordered }],
  };
  const scenario = readScenario(file, [paperVendor]);
  const [step] = scenario.steps;
  if (step?.verb !== 'expect') throw new TypeError('no expect');
  return matchEvents(step, lines, scenario.offset).map(({ path }) => path.replace('steps[0].expect', ''));
}

describe('expected events', () => {
  it('match in any order, by the fields that are named', () => {
    expect(
      unmet(
        [received('a'), received('b')],
        [
          { event: 'received', text: 'b' },
          { event: 'received', user: 'ada' },
        ],
      ),
    ).toEqual([]);
    expect(unmet([received('a')], [{ event: 'received', text: 'a', user: 'bob' }])).toEqual(['[0]']);
  });

  it('need a line each, found even where the first choice would take another entry’s only one', () => {
    const either = { event: 'received', user: 'ada' };
    expect(unmet([received('a'), received('b')], [either, { event: 'received', text: 'a' }])).toEqual([]);
    expect(unmet([received('a')], [{ event: 'received', text: 'a' }, either])).toEqual(['[1]']);
  });

  it('come exactly so often with times, and not at all with no', () => {
    const lines = [received('a'), received('a'), received('b')];
    expect(
      unmet(lines, [
        { event: 'received', times: 3 },
        { event: 'received', text: 'a', times: 2 },
        { event: 'opened', no: true },
      ]),
    ).toEqual([]);
    expect(
      unmet(lines, [
        { event: 'received', times: 2 },
        { event: 'received', text: 'a', times: 1 },
        { event: 'received', text: 'b', no: true },
      ]),
    ).toEqual(['[0]', '[1]', '[2]']);
  });

  it('come in file order where that is asked for', () => {
    const entries = [
      { event: 'received', text: 'a' },
      { event: 'received', text: 'b', times: 2 },
      { event: 'received', text: 'c' },
    ];
    expect(unmet([received('a'), received('b'), received('b'), received('c')], entries, true)).toEqual([]);
    expect(unmet([received('b'), received('a'), received('b'), received('c')], entries, true)).toEqual(['[1]']);
    expect(
      unmet(
        [received('c'), received('a')],
        [
          { event: 'received', text: 'a' },
          { event: 'received', text: 'c' },
        ],
        true,
      ),
    ).toEqual(['[1]']);
  });

  it('compare times as instants, clock times in the offset of the file', () => {
    const lines = [closed('2026-11-02T10:30:00.000Z')];
    for (const endedAt of ['2026-11-02T10:30:00Z', '2026-11-02T11:30:00+01:00', '12:30:00', '12:30']) {
      expect(unmet(lines, [{ event: 'closed', endedAt }])).toEqual([]);
    }
    for (const endedAt of ['10:30:00', '2026-11-02T10:30:00.001Z', '12:30:01']) {
      expect(unmet(lines, [{ event: 'closed', endedAt }])).toEqual(['[0]']);
    }
  });
});

describe('expected state', () => {
  const state = {
    live: true,
    turns: 2,
    deadline: '2026-11-02T10:30:00.000Z',
    variables: { color: 'red' },
    tags: { current: ['a'], historic: [] },
  };
  const wrong = (fields: ExpectedState['fields']) =>
    matchState({ about: 'state', path: 'state', user: 'ada', endpoint: 'desk', fields }, state, 120).map(({ expected }) =>
      JSON.parse(expected),
    );

  it('looks at the fields, variables and tags that are named; null is absent', () => {
    expect(
      wrong({ live: true, deadline: '12:30', variables: { color: 'red', size: null }, tags: { current: ['a'] }, session: null }),
    ).toEqual([]);
  });

  it('tells what does not hold', () => {
    expect(wrong({ live: true, turns: 3, variables: { color: null }, deadline: null })).toEqual([
      { turns: 3, variables: { color: null }, deadline: null },
    ]);
  });
});
