import { strict as assert } from 'node:assert';
import { createSessions } from 'adjourn';
import type { Channel, Delivery } from '../src/middleware/adapter.ts';
import { attach } from '../src/middleware/attach.ts';
import type { MessageActivity } from '../src/middleware/core/activity.ts';
import type { Turn } from '../src/middleware/turn.ts';
import { adapter } from './adapter.ts';

/**
 * What a turn costs in memory: the same handler called bare, and through the engine with its lease, record, draft and commit.
 * Every round alternates the two, so that a slow moment of the machine meets both. Counts are checked at the end: a number is worth
 * nothing if the turns behind it did not happen.
 */
const rounds = 11;
const turnsPerRound = 2_000;
const conversations = 1_000;

interface Counted {
  count: number;
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const sessions = createSessions({ initial: (): Counted => ({ count: 0 }), logger: silent });
const channel = attach(sessions, adapter, {});

let sequence = 0;
let handled = 0;

async function handler(data: Counted): Promise<void> {
  data.count += 1;
  handled += 1;
}

function delivery(user: number): Delivery {
  sequence += 1;
  const activity: MessageActivity = {
    kind: 'message',
    channel: 'bench',
    type: 'message',
    conversation: { id: `c${user}`, kind: 'direct' },
    user: `u${user}`,
    id: `m${sequence}`,
    at: Date.now(),
    text: 'hello',
    addressed: true,
  };
  const host = {};
  return {
    activities: [activity],
    hosts: [host],
    host,
    reply: async () => {},
    run: (turn) => handler((turn as Turn<Counted>).session.data),
    pass: async () => assert.fail('A message was passed by.'),
    consumed: async () => assert.fail('A message was taken for a command.'),
    duplicate: async () => assert.fail('A message was taken for a duplicate.'),
  };
}

async function turn(on: Channel, user: number): Promise<void> {
  const { saved } = await on.turn(delivery(user));
  assert.equal(await saved, true);
}

/** Microseconds per call. */
async function timed(calls: number, call: (index: number) => Promise<unknown>): Promise<number> {
  const from = process.hrtime.bigint();
  for (let index = 0; index < calls; index++) await call(index);
  return Number(process.hrtime.bigint() - from) / 1_000 / calls;
}

async function inFlight(calls: number, width: number, call: (index: number) => Promise<unknown>): Promise<number> {
  const from = process.hrtime.bigint();
  for (let index = 0; index < calls; index += width)
    await Promise.all(Array.from({ length: width }, (_, one) => call(index + one)));
  return Number(process.hrtime.bigint() - from) / 1_000 / calls;
}

const bareData: Counted = { count: 0 };
const cases = {
  'bare handler call': () => timed(turnsPerRound, () => handler(bareData)),
  'turns, one after another': () => timed(turnsPerRound, (index) => turn(channel, index % conversations)),
  'turns, 50 people at once': () => inFlight(turnsPerRound, 50, (index) => turn(channel, index % conversations)),
  'turns, 50 of one person at once': () =>
    inFlight(turnsPerRound, 50, (index) => turn(channel, Math.floor(index / 50) % conversations)),
};

const figures = Object.fromEntries(Object.keys(cases).map((name) => [name, [] as number[]]));
for (const run of Object.values(cases)) await run();
for (let round = 0; round < rounds; round++) {
  for (const [name, run] of Object.entries(cases)) {
    globalThis.gc?.();
    figures[name]?.push(await run());
  }
}

const total = (rounds + 1) * turnsPerRound;
assert.equal(handled, total * Object.keys(cases).length);
assert.equal(bareData.count, total);
let stored = 0;
for (let user = 0; user < conversations; user++) {
  const look: Delivery = { ...delivery(user), run: async (one) => (stored += (one as Turn<Counted>).session.data.count) };
  await (await channel.turn(look)).saved;
}
assert.equal(stored, total * (Object.keys(cases).length - 1), 'Every turn left its mark in its session.');
await sessions.close();

const sorted = (name: string) => figures[name]?.toSorted((a, b) => a - b) ?? [];
const median = (name: string) => sorted(name)[Math.floor(rounds / 2)] ?? Number.NaN;
const bare = median('bare handler call');
console.log(`node ${process.version}, ${rounds} rounds of ${turnsPerRound}, µs per turn: median (fastest–slowest)`);
for (const name of Object.keys(cases)) {
  const [fastest = Number.NaN] = sorted(name);
  const slowest = sorted(name).at(-1) ?? Number.NaN;
  const ratio =
    name === 'bare handler call'
      ? ''
      : `, ${(median(name) - bare).toFixed(1)} above bare, ${Math.round(1_000_000 / median(name))}/s`;
  console.log(`${name.padEnd(32)} ${median(name).toFixed(2)} (${fastest.toFixed(2)}–${slowest.toFixed(2)})${ratio}`);
}
