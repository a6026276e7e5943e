import { strict as assert } from 'node:assert';
import { setTimeout as pause } from 'node:timers/promises';
import { type Clock, createSessions, systemClock } from 'adjourn';
import type { Delivery, Send } from '../src/middleware/adapter.ts';
import { attach } from '../src/middleware/attach.ts';
import type { MessageActivity } from '../src/middleware/core/activity.ts';
import { adapter } from './adapter.ts';

/**
 * What a sweep does to the turns beside it: very many sessions become due at the same minute, and the worker closes them at its rate,
 * each with a closing message, while other people go on talking. Their turns are timed before and during the sweep, in one run,
 * so that both meet the same machine. Counts are checked at the end; times are only printed.
 *
 * `node … bench/sweep.ts [sessions] [rate]`
 */
const [sessionCount = 100_000, rate = 2_000] = process.argv.slice(2).map(Number);
const talkers = 200;
const baselineTurns = 5_000;
const betweenTurnsMs = 2;

/** Real time, and as much later as we like. */
let ahead = 0;
const clock: Clock = { now: () => systemClock.now() + ahead, sleep: (ms, signal) => systemClock.sleep(ms, signal) };

let sent = 0;
const send: Send = async () => {
  sent += 1;
  return { outcome: 'sent' };
};

const sessions = createSessions({
  clock,
  endpoints: { idle: { closing: 'proactive', closingMessage: 'See you.' }, lively: { expiration: 'never' } },
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  worker: { rate },
});
const channel = attach(sessions, adapter, { endpoint: ({ account }) => (account === 'lively' ? 'lively' : 'idle') }, send);
// Mounting starts the worker; it is to begin when everything is due.
await sessions.stop();

let closed = 0;
sessions.on('closed', () => {
  closed += 1;
});

let sequence = 0;

async function turn(account: 'idle' | 'lively', user: string): Promise<void> {
  sequence += 1;
  const activity: MessageActivity = {
    kind: 'message',
    channel: 'bench',
    type: 'message',
    account,
    conversation: { id: user, kind: 'direct' },
    user,
    id: `m${sequence}`,
    at: clock.now(),
    text: 'hello',
    addressed: true,
  };
  const delivery: Delivery = {
    activities: [activity],
    hosts: [],
    host: undefined,
    reply: async () => {},
    run: async () => {},
    pass: async () => assert.fail('A message was passed by.'),
    consumed: async () => assert.fail('A message was taken for a command.'),
    duplicate: async () => assert.fail('A message was taken for a duplicate.'),
  };
  const { saved } = await channel.turn(delivery);
  assert.equal(await saved, true);
}

/** Turns of people who go on talking, one every few milliseconds, whether the last one is done or not. @returns µs of each */
async function talk(until: (turns: number) => boolean): Promise<number[]> {
  const took: number[] = [];
  const running: Promise<unknown>[] = [];
  for (let turns = 0; !until(turns); turns++) {
    const due = performance.now();
    running.push(turn('lively', `u${turns % talkers}`).then(() => took.push((performance.now() - due) * 1_000)));
    await pause(betweenTurnsMs);
  }
  await Promise.all(running);
  return took.sort((a, b) => a - b);
}

const at = (sorted: readonly number[], share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
const heapMb = () => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1_048_576;
};

for (let user = 0; user < sessionCount; user++) await turn('idle', `c${user}`);
const heapFull = heapMb();
await talk((turns) => turns === 500);
const before = await talk((turns) => turns === baselineTurns);

ahead = 31 * 60_000;
const from = performance.now();
let heapMost = 0;
let slowestSecond = Number.POSITIVE_INFINITY;
let fastestSecond = 0;
let last = 0;
const watch = setInterval(() => {
  heapMost = Math.max(heapMost, process.memoryUsage().heapUsed / 1_048_576);
  if (closed < sessionCount) slowestSecond = Math.min(slowestSecond, closed - last);
  fastestSecond = Math.max(fastestSecond, closed - last);
  last = closed;
}, 1_000);
sessions.start();
const during = await talk(() => closed >= sessionCount);
const seconds = (performance.now() - from) / 1_000;
clearInterval(watch);
const heapAfter = heapMb();
await sessions.close();

assert.equal(closed, sessionCount, 'Every session closed, once.');
assert.equal(sent, sessionCount, 'Every session got its message, once.');

const row = (name: string, sorted: readonly number[]) =>
  console.log(
    `${name.padEnd(16)} ${String(sorted.length).padStart(6)} turns, µs: ` +
      [0.5, 0.9, 0.99, 0.999].map((share) => `p${share * 100} ${at(sorted, share).toFixed(0)}`).join('  '),
  );
console.log(`node ${process.version}, ${sessionCount} sessions due at once, closed at ${rate} a second`);
row('before the sweep', before);
row('during the sweep', during);
console.log(
  `p50 during / before: ${(at(during, 0.5) / at(before, 0.5)).toFixed(2)}, p99: ${(at(during, 0.99) / at(before, 0.99)).toFixed(2)}`,
);
console.log(
  `${seconds.toFixed(1)} s, ${Math.round(sessionCount / seconds)} a second (least ${slowestSecond}, most ${fastestSecond} in one second)`,
);
console.log(
  `heap, MB: ${heapFull.toFixed(0)} before, at most ${heapMost.toFixed(0)} during (uncollected), ${heapAfter.toFixed(0)} after`,
);
