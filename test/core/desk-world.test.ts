import fc from 'fast-check';
import { expect, test } from 'vitest';
import { agentsOf, doubtfulPlaces, waitingPlaces } from '../../src/middleware/core/desk-record.ts';
import { dueOf, wakeAt } from '../../src/middleware/core/due.ts';
import { deskWorld, trueLoads, type World } from './desk-world.ts';
import { at, minute, policyOf } from './given.ts';

/** For a busy machine. */
const patienceMs = 120_000;

const keys = ['k1', 'k2', 'k3', 'k4', 'k5'];
const agents = ['A', 'B', 'C', 'D', 'E'];
const replyWithin = 30;

const policies = [
  policyOf({ expiration: 0, agents: { reassignAfter: 10, replyWithin, warnBefore: 5, closeAfter: 60 } }),
  policyOf({ expiration: 0, agents: { reassignAfter: 4, closeAfter: 60, cancelOnReply: false } }, { maxExpiration: 240 }),
  policyOf({ expiration: 30, agents: {} }),
  policyOf({ expiration: 40, closing: 'proactive', agents: { replyWithin, warnBefore: 29 } }, { maxExpiration: 90 }),
];

const key = fc.constantFrom(...keys);
const agent = fc.constantFrom(...agents);
const wanted = fc.oneof(fc.constant({}), fc.constant(undefined), fc.record({ agent }));

type Step =
  | {
      readonly do: 'writes' | 'refreshes' | 'attend' | 'saves' | 'dies' | 'looks' | 'answers' | 'returns' | 'closes';
      readonly key: string;
    }
  | { readonly do: 'handOff'; readonly key: string; readonly wanted: { readonly agent?: string } | undefined }
  | { readonly do: 'takes'; readonly key: string; readonly agent: string }
  | { readonly do: 'presence'; readonly agent: string; readonly online: boolean }
  | { readonly do: 'passes'; readonly seconds: number }
  | { readonly do: 'tidies' | 'rests' };

const often = (names: Extract<Step, { key: string; agent?: never; wanted?: never }>['do'][]) =>
  fc.record({ do: fc.constantFrom(...names), key });

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 7, arbitrary: often(['attend', 'saves', 'looks']) },
  { weight: 4, arbitrary: often(['writes', 'answers']) },
  { weight: 2, arbitrary: often(['dies', 'refreshes', 'returns', 'closes']) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('handOff' as const), key, wanted }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('presence' as const), agent, online: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('takes' as const), key, agent }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('passes' as const), seconds: fc.integer({ min: 1, max: 900 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('tidies' as const, 'rests' as const) }) },
);

function take(world: World, step: Step): unknown {
  switch (step.do) {
    case 'attend':
    case 'saves':
    case 'dies':
    case 'looks':
      return world[step.do](step.key);
    case 'writes':
    case 'refreshes':
      return world.writes(step.key, step.do === 'refreshes');
    case 'answers':
      return answers(world, step.key);
    case 'returns':
      return world.changes(step.key, { do: 'handBack' });
    case 'closes':
      return world.ends(step.key);
    case 'handOff':
      return world.changes(step.key, handOff(step.wanted));
    case 'takes':
      return world.takes(step.key, step.agent);
    case 'presence':
      return world.presence(step.agent, step.online);
    case 'passes':
      return world.passes(step.seconds * 1_000);
    case 'tidies':
    case 'rests':
      return world[step.do]();
  }
}

function handOff(to: { readonly agent?: string } | undefined) {
  return { do: 'handOff', desk: 'd', ...(to === undefined ? {} : { wanted: to }) } as const;
}

/** Whoever has the conversation answers; where nobody has it, nobody does: what people do by themselves may exceed their capacity. */
function answers(world: World, one: string): unknown {
  const who = world.records.get(one)?.session?.handover?.agent;
  return who !== undefined && world.changes(one, { do: 'answer', desk: 'd', agent: who });
}

const worlds = fc.record({
  rules: fc.integer({ min: 0, max: policies.length - 1 }),
  capacities: fc.array(fc.constantFrom(1, 1, 1, 2, Number.POSITIVE_INFINITY), {
    minLength: agents.length,
    maxLength: agents.length,
  }),
  // As long as asked for: short stories hold no races.
  steps: fc.array(steps, { maxLength: 120, size: 'max' }),
});

/** What the desk has done by itself in each wait. */
interface WaitStory {
  readonly since: number;
  readonly moves: string[];
  warned: number;
  overdue: number;
}

function storiesOf(world: World): WaitStory[] {
  const stories: WaitStory[] = [];
  const open = new Map<string, WaitStory>();
  for (const { key: where, by, event } of world.told) {
    const begin = () => {
      const story = { since: event.at, moves: [], warned: 0, overdue: 0 };
      open.set(where, story);
      stories.push(story);
    };
    const story = open.get(where);
    if (event.type === 'handed_off' || (event.type === 'assigned' && story === undefined)) {
      if (story === undefined) begin();
    } else if (event.type === 'customer_wrote' && story === undefined) begin();
    else if (event.type === 'answered' || event.type === 'handed_back') open.delete(where);
    else if (event.type === 'reassigned' && by === 'desk') story?.moves.push(event.agent);
    else if (event.type === 'warned' && story) story.warned += 1;
    else if (event.type === 'overdue' && story) {
      story.overdue += 1;
      expect(event.dueAt).toBe(story.since + replyWithin * minute);
    }
  }
  return stories;
}

test(
  'whatever happens in whatever order, nobody has too many, no deadline moves, and nothing is told twice',
  () => {
    fc.assert(
      fc.property(worlds, ({ rules, capacities, steps: all }) => {
        const policy = policies[rules] ?? policyOf();
        const most = new Map(agents.map((id, index) => [id, capacities[index] ?? 1]));
        const world = deskWorld(policy, most, at('10:00'));
        for (const one of agents.slice(0, 2)) world.presence(one, true);
        for (const step of all) {
          take(world, step);
          for (const [who, load] of trueLoads(world)) expect(load).toBeLessThanOrEqual(most.get(who) ?? 0);
          for (const { session } of world.records.values()) {
            const { wait, agent: owner } = session?.handover ?? {};
            expect(new Set(wait?.tried).size).toBe(wait?.tried.length ?? 0);
            if (wait !== undefined && owner !== undefined) expect(wait.tried).toContain(owner);
          }
        }
        for (const story of storiesOf(world)) {
          expect(story.moves.length).toBeLessThanOrEqual(3);
          expect(new Set(story.moves).size).toBe(story.moves.length);
          expect(story.warned).toBeLessThanOrEqual(1);
          expect(story.overdue).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 300 },
    );
  },
  patienceMs,
);

test(
  'whoever dies in the middle of whatever, a minute later no seat is kept for nobody, and nobody waits while somebody is free',
  () => {
    fc.assert(
      fc.property(worlds, fc.uniqueArray(key, { maxLength: 2 }), ({ rules, capacities, steps: all }, dying) => {
        const policy = policies[rules] ?? policyOf();
        const most = new Map(agents.map((id, index) => [id, capacities[index] ?? 1]));
        const world = deskWorld(policy, most, at('10:00'));
        for (const one of agents.slice(0, 2)) world.presence(one, true);
        for (const step of all) take(world, step);
        for (const one of dying) {
          for (const who of agents) world.takes(one, who);
          world.attend(one);
          world.dies(one);
        }
        world.rests();
        world.passes(minute);
        world.tidies();
        world.rests();
        expect(doubtfulPlaces(world.desk, world.now + minute)).toEqual([]);
        const loads = trueLoads(world);
        const known = agentsOf(world.desk, most);
        expect(known.map(({ id, load }) => [id, load])).toEqual(known.map(({ id }) => [id, loads.get(id) ?? 0]));
        const stuck = [...world.records].flatMap(([one, { session }]) => (session?.handover?.wait?.stuck ? [one] : []));
        expect(waitingPlaces(world.desk).toSorted()).toEqual(stuck.toSorted());
        for (const one of stuck) {
          const { handover } = world.records.get(one)?.session ?? {};
          const asked = handover?.agent === undefined ? handover?.wanted?.agent : undefined;
          const free = known.filter(({ id, online, load, capacity }) => online && load < capacity && (asked ?? id) === id);
          expect(free.filter(({ id }) => id === asked || !handover?.wait?.tried.includes(id))).toEqual([]);
        }
        for (const record of world.records.values()) {
          expect(dueOf(record, policy, world.now)).toEqual({ do: 'nothing' });
        }
      }),
      { numRuns: 300 },
    );
  },
  patienceMs,
);

test(
  'every wait ends: by an answer, a return, a close, a refresh, or the cap',
  () => {
    fc.assert(
      fc.property(worlds, ({ capacities, steps: all }) => {
        const policy = policyOf({ agents: { reassignAfter: 10, replyWithin, warnBefore: 5 } }, { maxExpiration: '8h' });
        const most = new Map(agents.map((id, index) => [id, capacities[index] ?? 1]));
        const world = deskWorld(policy, most, at('10:00'));
        for (const step of all) take(world, step);
        world.rests();
        world.passes(8 * 60 * minute);
        world.rests();
        expect([...world.records.values()].filter(({ session }) => session?.handover !== undefined)).toEqual([]);
        expect(Object.values(world.desk.places).filter(({ since }) => since !== undefined)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  },
  patienceMs,
);

test(
  'the worker neither spins over a conversation at a desk nor sleeps through it',
  () => {
    fc.assert(
      fc.property(worlds, ({ rules, capacities, steps: all }) => {
        const policy = policies[rules] ?? policyOf();
        const most = new Map(agents.map((id, index) => [id, capacities[index] ?? 1]));
        const world = deskWorld(policy, most, at('10:00'));
        for (const step of all) {
          take(world, step);
          for (const record of world.records.values()) {
            const [due, armed] = [dueOf(record, policy, world.now).do, wakeAt(record, policy, world.now)];
            if (armed !== null && armed <= world.now) expect(due).not.toBe('nothing');
            if (due !== 'nothing' && due !== 'deliver') expect(armed).toBeLessThanOrEqual(world.now);
          }
        }
      }),
      { numRuns: 200 },
    );
  },
  patienceMs,
);
