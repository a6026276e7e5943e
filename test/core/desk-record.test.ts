import { describe, expect, test } from 'vitest';
import {
  type Agent,
  agentsOf,
  chosen,
  deskWakeAt,
  freeAgents,
  leastBusy,
  newDesk,
  present,
  roundRobin,
} from '../../src/middleware/core/desk-record.ts';
import { deskWorld, trueLoads, type World } from './desk-world.ts';
import { at, minute, policyOf } from './given.ts';

const toRule = { do: 'handOff', desk: 'd', wanted: {} } as const;

/** Conversations that wait for one of two agents who take one each. */
function world(waiting: readonly string[]): World {
  const made = deskWorld(
    policyOf({ agents: { reassignAfter: 10 } }),
    new Map([['A', 1] as const, ['B', 1] as const]),
    at('10:00'),
  );
  for (const key of waiting) {
    made.writes(key);
    made.changes(key, toRule);
    made.looks(key);
    made.passes(1_000);
  }
  return made;
}

function waitingAt(one: World): string[] {
  return Object.entries(one.desk.places).flatMap(([key, { wanted }]) => (wanted ? [key] : []));
}

describe('a seat', () => {
  test('that is kept stays kept when the desk looks before the conversation is saved', () => {
    const one = world(['k1', 'k2']);
    one.presence('A', true);
    one.attend('k1');
    one.looks('k1');
    one.attend('k2');
    one.saves('k1');
    one.saves('k2');
    expect([...trueLoads(one)]).toEqual([['A', 1]]);
    expect(waitingAt(one)).toEqual(['k2']);
  });

  test('whose keeper died is free a minute later, and goes to whoever waits', () => {
    const one = world(['k1', 'k2']);
    one.presence('A', true);
    one.takes('k2', 'A');
    one.dies('k2');
    one.attend('k1');
    one.saves('k1');
    one.looks('k1');
    expect(waitingAt(one)).toEqual(['k1']);
    expect(deskWakeAt(one.desk, one.now)).toBe(one.now + minute);
    one.passes(minute - 1);
    one.tidies();
    expect(waitingAt(one)).toEqual(['k1']);
    one.passes(1);
    one.tidies();
    expect([...trueLoads(one)]).toEqual([['A', 1]]);
    expect(one.records.get('k1')?.session?.handover?.agent).toBe('A');
  });

  test('of a conversation that is still busy is kept for another minute', () => {
    const one = world(['k1']);
    one.presence('A', true);
    one.attend('k1');
    one.passes(minute);
    one.tidies();
    expect(agentsOf(one.desk, new Map([['A', 1]]))).toMatchObject([{ load: 1 }]);
    expect(deskWakeAt(one.desk, one.now)).toBe(one.now + minute);
  });

  test('for the next session of a conversation outlives a look at the one before', () => {
    const one = world(['k1', 'k2']);
    one.presence('A', true);
    one.attend('k1');
    one.ends('k2');
    one.writes('k2');
    one.looks('k2');
    one.saves('k1');
    one.looks('k1');
    expect(agentsOf(one.desk, new Map([['A', 1]]))).toMatchObject([{ load: 1 }]);
  });
});

describe('a conversation for which nobody was free', () => {
  test('is noted, though the desk had looked before it was saved: whoever came meanwhile gets it', () => {
    const one = world(['k1']);
    one.attend('k1');
    one.looks('k1');
    one.presence('A', true);
    expect(one.desk.offers).toBeUndefined();
    one.saves('k1');
    one.looks('k1');
    one.tidies();
    expect(one.records.get('k1')?.session?.handover?.agent).toBe('A');
  });

  test('is offered again when an agent lets another one go', () => {
    const one = world(['k1', 'k2']);
    one.presence('A', true);
    for (const key of ['k1', 'k2']) {
      one.attend(key);
      one.saves(key);
      one.looks(key);
    }
    expect(waitingAt(one)).toEqual(['k2']);
    one.changes('k1', { do: 'handBack' });
    expect(one.desk.offers).toBeUndefined();
    one.looks('k1');
    one.tidies();
    expect(one.records.get('k2')?.session?.handover?.agent).toBe('A');
    expect(one.desk.offers).toBeUndefined();
  });

  test('waits no more once it is answered', () => {
    const one = world(['k1']);
    one.presence('A', true);
    one.rests();
    one.passes(10 * minute);
    one.rests();
    expect(waitingAt(one)).toEqual(['k1']);
    one.changes('k1', { do: 'answer', desk: 'd', agent: 'A' });
    one.looks('k1');
    expect(waitingAt(one)).toEqual([]);
  });

  test('those that wait longest come first', () => {
    const one = world(['k3', 'k1', 'k2']);
    one.rests();
    one.presence('B', true);
    one.tidies();
    one.presence('A', true);
    one.tidies();
    const owners = ['k1', 'k2', 'k3'].map((key) => one.records.get(key)?.session?.handover?.agent);
    expect(owners).toEqual(['A', undefined, 'B']);
  });
});

describe('rules of assignment', () => {
  const agent = (id: string, load = 0, chosenAt?: number): Agent => ({
    id,
    online: true,
    capacity: 3,
    load,
    ...(chosenAt === undefined ? {} : { chosenAt }),
  });

  test('in turn: whoever was chosen longest ago, and the first of those who never were', () => {
    expect(roundRobin([agent('A', 0, 5), agent('B'), agent('C')])).toBe('B');
    expect(roundRobin([agent('A', 0, 5), agent('B', 0, 3)])).toBe('B');
    expect(roundRobin([])).toBeUndefined();
  });

  test('the least busy: of equals the next in the row', () => {
    expect(leastBusy([agent('A', 1), agent('B', 0, 9), agent('C', 0, 4)])).toBe('C');
    expect(leastBusy([agent('A', 2, 1), agent('B', 1, 9)])).toBe('B');
    expect(leastBusy([])).toBeUndefined();
  });

  test('of two chosen at one instant the later one is the later one', () => {
    const desk = chosen(chosen(newDesk(), 'A', 10), 'B', 10);
    expect(
      agentsOf(
        desk,
        new Map([
          ['A', 1],
          ['B', 1],
        ]),
      ).map(({ chosenAt }) => chosenAt),
    ).toEqual([10, 11]);
  });

  test('only who is online, has room and was not excluded is free', () => {
    const all = [agent('A'), { ...agent('B'), online: false }, agent('C', 3), agent('D'), agent('E')];
    expect(freeAgents(all, { exclude: ['D'] }).map(({ id }) => id)).toEqual(['A', 'E']);
    expect(freeAgents(all, { only: 'E', exclude: [] }).map(({ id }) => id)).toEqual(['E']);
    expect(freeAgents(all, { only: 'B', exclude: [] })).toEqual([]);
  });

  test('presence that does not change changes nothing', () => {
    const desk = present(newDesk(), 'A', true);
    expect(present(desk, 'A', true)).toBe(desk);
    expect(present(desk, 'A', false).online).toEqual([]);
    expect(present(desk, 'B', false)).toBe(desk);
  });
});
