import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Adapter } from '../../src/middleware/adapter.ts';
import {
  type Activity,
  isInput,
  keyOf,
  type LifecycleActivity,
  partsOf,
  type Scope,
} from '../../src/middleware/core/activity.ts';
import { fold } from '../../src/middleware/core/commands.ts';
import { answersForPeople, type PeopleCase } from './people.ts';
import { standsInTranscripts } from './transcript.ts';

/** One request as the vendor sends it, and what must come of it. */
export interface Fixture {
  readonly file: string;
  /** What the case is, in a sentence. Says "no id" where an input has none by the vendor's nature. */
  readonly about: string;
  /** What the channel's parser gets. */
  readonly request: unknown;
  /** The activities, in order; members that are not named do not matter. */
  readonly expect: readonly Record<string, unknown>[];
}

/** What is under test: a channel's adapter, its fixtures, and its bots and sender. */
export interface AdapterCase {
  readonly adapter: Adapter<never>;
  readonly fixtures: readonly Fixture[];
  readonly people: PeopleCase;
}

/** Fewer cases than this cannot cover a channel's activity table. */
const fewestFixtures = 15;

/** The list of channels is the list of files. */
const folder = new URL('../../src/adapters/', import.meta.url);
export const channels = readdirSync(folder)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));

/** The channel's `Adapter`, told from the other exports of its file by its shape. */
export async function loadAdapter(channel: string): Promise<Adapter<never>> {
  const module: Record<string, unknown> = await import(new URL(`${channel}.ts`, folder).href);
  const adapter = Object.values(module).find(isAdapter);
  if (adapter === undefined) throw new Error(`src/adapters/${channel}.ts does not export an Adapter.`);
  return adapter;
}

function isAdapter(value: unknown): value is Adapter<never> {
  return typeof value === 'object' && value !== null && 'name' in value && 'parse' in value && 'capabilities' in value;
}

/** The fixtures of a channel: every JSON file of its folder. */
export function fixturesOf(channel: string): Fixture[] {
  const fixtures = new URL(`../fixtures/${channel}/`, import.meta.url);
  if (!existsSync(fixtures)) return [];
  return readdirSync(fixtures)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ file, ...JSON.parse(readFileSync(new URL(file, fixtures), 'utf8')) }));
}

/** Runs everything an adapter promises against one channel. */
export function conforms(channel: string, { adapter, fixtures, people }: AdapterCase): void {
  const parse = (request: unknown): Activity[] => adapter.parse(request as never);
  const cases = fixtures.map((fixture) => [fixture.file, fixture] as const);

  answersForPeople(channel, people);
  standsInTranscripts(channel, people.bots);

  describe(`${channel}: what it declares`, () => {
    it('carries the name of its file', () => expect(adapter.name).toBe(channel));

    it('has capabilities that can be true', () => {
      const { redeliversFor, ackWithinMs, batches, replyWindow, idempotentSend, reservedWords, onError } = adapter.capabilities;
      for (const ms of [redeliversFor, ackWithinMs]) expect(Number.isInteger(ms) && ms > 0, String(ms)).toBe(true);
      expect(Number.isInteger(replyWindow) && replyWindow >= 0, String(replyWindow)).toBe(true);
      expect([typeof batches, typeof idempotentSend]).toEqual(['boolean', 'boolean']);
      expect([undefined, 'drop', 'keep']).toContain(onError);
      expect(reservedWords).toEqual(reservedWords.map(fold));
      expect(new Set(reservedWords).size).toBe(reservedWords.length);
    });
  });

  describe(`${channel}: its fixtures`, () => {
    it(`are ${fewestFixtures} or more, each with a subject of its own`, () => {
      expect(fixtures.length).toBeGreaterThanOrEqual(fewestFixtures);
      expect(new Set(fixtures.map((one) => one.about)).size).toBe(fixtures.length);
    });

    it('show what opens sessions, what does not, and what is unknown', () => {
      const kinds = new Set(fixtures.flatMap((one) => one.expect.map((activity) => activity['kind'])));
      expect([...kinds]).toEqual(expect.arrayContaining(['message', 'lifecycle', 'unsupported']));
    });

    it('hold several conversations in one request exactly where the adapter says so', () => {
      const conversations = fixtures.map(({ request }) => new Set(parse(request).map((one) => keyOf(one, 'main', 'user'))));
      expect(conversations.some((keys) => keys.size > 1)).toBe(adapter.capabilities.batches);
    });
  });

  describe.each(cases)(`${channel}: %s`, (_file, { about, request, expect: expected }) => {
    it(about, () => {
      const activities = parse(request);
      expect(activities).toHaveLength(expected.length);
      for (const [index, activity] of activities.entries()) expect(activity).toMatchObject(expected[index] ?? {});
    });

    it('is parsed without being changed, the same way every time, into plain data', () => {
      const frozen = deepFreeze(structuredClone(request));
      const activities = parse(frozen);
      expect(parse(frozen)).toEqual(activities);
      expect(parse(request)).toEqual(activities);
      expect(JSON.parse(JSON.stringify(activities))).toEqual(activities);
      expect(activities.flatMap((one) => flaws(one, channel))).toEqual([]);
    });

    it('names its conversation and can be recognised when it comes again', () => {
      for (const activity of parse(request).filter(isInput)) {
        expect(activity.id !== undefined || /\bno id\b/i.test(about), 'an id, or "no id" in the subject').toBe(true);
        const key = keyOf(activity, 'main', 'user') ?? '';
        expect(partsOf(key)).toMatchObject({ channel, endpoint: 'main' });
        expect(key.split('/').every((part) => part !== '' && part === encodeURIComponent(decodeURIComponent(part)))).toBe(true);
      }
    });

    it('does no harm when parts of it are missing, mistyped or hostile', () => {
      fc.assert(
        fc.property(fc.array(mutations, { minLength: 1, maxLength: 4 }), (changes) => {
          const hostile = deepFreeze(changes.reduce<unknown>(mutated, structuredClone(request)));
          const activities = parse(hostile);
          expect(activities.flatMap((one) => flaws(one, channel))).toEqual([]);
          expect(isDeepStrictEqual(parse(hostile), activities)).toBe(true);
        }),
        { numRuns: 60 },
      );
    });
  });

  it.each(
    [undefined, null, true, 0, Number.NaN, '', 'text', [], [[]], {}, { body: null }, { body: [] }, { body: {} }, () => {}].map(
      (value) => [value],
    ),
  )(`${channel}: a request that is no request (%o) opens nothing`, (value) => {
    expect(parse(value).filter(isInput)).toEqual([]);
  });
}

/** What is wrong with an activity, whatever it was parsed from. */
function flaws(activity: Activity, channel: string): string[] {
  const found: string[] = [];
  const must = (right: boolean, what: string) => right || found.push(what);
  const optional = (value: unknown, type: string) => value === undefined || typeof value === type;
  const { conversation } = activity;

  must(Object.getPrototypeOf(activity) === Object.prototype, 'is not plain data');
  must(activity.channel === channel, `channel is ${String(activity.channel)}`);
  must(typeof activity.type === 'string' && activity.type !== '', 'type is no word');
  for (const name of ['account', 'user', 'alias', 'id', 'post', 'locale'] as const) {
    must(optional(activity[name], 'string'), `${name} is ${typeof activity[name]}`);
  }
  must(activity.id !== '' && activity.post !== '', 'an empty id would make strangers duplicates of each other');
  for (const name of ['at', 'precision'] as const) {
    must(activity[name] === undefined || Number.isFinite(activity[name]), `${name} is ${String(activity[name])}`);
  }
  if (conversation !== undefined) {
    must(typeof conversation.id === 'string', 'conversation.id is no string');
    must(conversation.kind === 'direct' || conversation.kind === 'shared', 'conversation.kind is unknown');
    must(optional(conversation.thread, 'string') && optional(conversation.root, 'string'), 'a thread is no string');
  }
  switch (activity.kind) {
    case 'message':
      must(optional(activity.text, 'string'), 'text is no string');
      must(typeof activity.addressed === 'boolean', 'addressed is no boolean');
      must(activity.addressed || conversation?.kind === 'shared', 'a direct message is not addressed');
      break;
    case 'postback':
      must(optional(activity.payload, 'string'), 'payload is no string');
      break;
    case 'command':
      must(['discard', 'discard all', 'refresh'].includes(activity.command), 'command is unknown');
      must(typeof activity.content === 'boolean', 'content is no boolean');
      break;
    case 'lifecycle':
      must(meanings.has(activity.means), 'means is unknown');
      must(optional(activity.agent, 'string') && activity.agent !== '', 'agent is nobody');
      must(activity.agent === undefined || activity.agent.length <= longestAgent, 'agent is no name');
      must(activity.agent === undefined || ofAgents.includes(activity.means), 'an agent who did nothing');
      must(activity.elsewhere === undefined || activity.means === 'handed_off', 'elsewhere without a hand-over');
      break;
    case 'unsupported':
      must(
        typeof activity.reason === 'string' && activity.reason.length > 0 && activity.reason.length < 200,
        'reason is no short text',
      );
      break;
    default:
      found.push(`kind is ${String((activity as { kind?: unknown }).kind)}`);
  }
  if (isInput(activity)) must(activity.user !== undefined || conversation !== undefined, 'an input of nobody');
  for (const scope of ['user', 'thread', 'conversation'] satisfies Scope[]) {
    const key = keyOf(activity, 'main', scope);
    must(key === undefined || key.startsWith(`${channel}/main/`), `key is ${key}`);
  }
  must(!('polluted' in {}), 'Object.prototype was changed');
  return found;
}

/** What agents do. */
const ofAgents: readonly LifecycleActivity['means'][] = ['agent_replied', 'handed_off'];

const meanings: ReadonlySet<LifecycleActivity['means']> = new Set([
  undefined,
  'proactive',
  'unreachable',
  'reachable',
  'renamed',
  'handed_back',
  'customer_wrote',
  ...ofAgents,
]);

/** The name is kept with the session: nobody has a longer one. */
const longestAgent = 100;

/** One change to a request: somewhere in it, something else than the vendor would send. */
interface Mutation {
  /** Which place: counts all places of the request, over and over. */
  readonly place: number;
  readonly change: 'delete' | 'replace' | 'rename';
  readonly value: unknown;
}

const megabyte = 'x'.repeat(2 ** 20);
const hostileValues: unknown[] = [
  null,
  true,
  -1,
  1e308,
  '',
  ' ',
  megabyte,
  '\ud800',
  '\udc00 discard',
  '__proto__',
  'constructor',
  [],
  [null, [], 'x'],
  {},
  JSON.parse('{ "__proto__": { "polluted": true } }'),
  JSON.parse('{ "constructor": { "prototype": { "polluted": true } }, "toString": 1, "length": -1 }'),
];

const mutations: fc.Arbitrary<Mutation> = fc.record({
  place: fc.nat(10_000),
  change: fc.constantFrom('delete' as const, 'replace' as const, 'rename' as const),
  value: fc.oneof(fc.constantFrom(...hostileValues), fc.jsonValue()),
});

function mutated(request: unknown, { place, change, value }: Mutation): unknown {
  const places = placesOf(request);
  const chosen = places[place % (places.length + 1)];
  if (chosen === undefined) return change === 'delete' ? undefined : structuredClone(value);
  const { holder, name } = chosen;
  const held = holder[name];
  if (change !== 'replace') delete holder[name];
  // `defineProperty`, as assigning to `__proto__` would change the prototype instead of adding a member.
  const set = (key: string, to: unknown) =>
    Object.defineProperty(holder, key, { value: to, writable: true, enumerable: true, configurable: true });
  if (change === 'replace') set(name, structuredClone(value));
  if (change === 'rename' && !Array.isArray(holder)) set(typeof value === 'string' ? value.slice(0, 50) : '__proto__', held);
  return request;
}

/** Every member of every object and list inside a value. */
function placesOf(value: unknown): { holder: Record<string, unknown>; name: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((name) => [{ holder, name }, ...placesOf(holder[name])]);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
