import { strict as assert } from 'node:assert';
import { type Fleet, type Message, startFleet } from '../../test/processes/fleet.ts';
import type { Backend } from '../../test/processes/order-stores.ts';
import { connectPostgres, dropping, freshPrefix, missing, postgresUrl } from '../../test/stores/sql-servers.ts';
import { type Case, Missing } from '../harness/case.ts';
import { type Figure, spreadOf } from '../harness/figures.ts';
import { startRedis } from '../harness/redis.ts';

/**
 * How fast waiting turns follow each other across processes: every conversation has messages in all of them, by turns, queued behind
 * one that holds it until all have arrived. Then they drain. The ideal is the bot's own time alone, which its timers overrun a little.
 * Before anything is told the order is checked, that every message was handled once, and that the calls to the store can have done it.
 */
const processes = 4;
const conversations = 8;
const messages = 20;
const logicMs = 20;
const idealMs = messages * logicMs;
const turns = conversations * messages;
const measure = 'waiting turns';

interface Place {
  readonly backend: Backend;
  /** Calls to the store so far, as its server counts them; absent where the processes do. */
  readonly calls?: () => Promise<number>;
  readonly close: () => Promise<void>;
}

async function onRedis(): Promise<Place> {
  const { port, calls, stop } = await startRedis();
  return { backend: ['redis', `redis://127.0.0.1:${port}`, 'drain'], calls, close: stop };
}

async function onPostgres(): Promise<Place> {
  const reason = await missing(postgresUrl, 'PostgreSQL');
  if (reason !== undefined) throw new Missing(reason);
  const prefix = freshPrefix();
  return {
    backend: ['postgres', postgresUrl.href, prefix],
    async close() {
      const connected = connectPostgres(postgresUrl.href);
      await connected.say(dropping(prefix));
      await connected.end();
    },
  };
}

interface Drain {
  readonly ms: number;
  readonly callsPerTurn: number;
}

async function drain(fleet: Fleet, count: () => Promise<number>, round: number): Promise<Drain> {
  const before = await count();
  const given: Message[][] = Array.from({ length: conversations }, () => []);
  for (let n = 0; n < messages; n++) {
    for (const [c, list] of given.entries()) {
      const message = await fleet.give((c + n) % processes, { conversation: `r${round}c${c}`, n, logicMs, holds: n === 0 });
      if (n === 0) await fleet.begun(message);
      list.push(message);
    }
  }
  const from = fleet.go();
  const ends = await Promise.all(given.map((list) => Promise.all(list.map((message) => fleet.done(message)))));
  // The question by which a process makes sure that a message has its place is none of the turn's.
  const calls = (await count()) - before - turns;
  for (const list of ends) {
    assert(list.every(({ verdict, isSaved }) => verdict === 'run' && isSaved));
    for (const [n, { order }] of list.entries())
      assert.deepEqual(
        order,
        Array.from({ length: n + 1 }, (_, one) => one),
      );
  }
  assert.equal(fleet.handled.size, turns * (round + 1), 'Every message was handled once.');
  assert(calls >= 2 * turns, 'Every turn began and ended in the store.');
  return {
    ms: Math.max(...ends.flat().map(({ ended }) => ended)) - from,
    callsPerTurn: calls / turns,
  };
}

export const run: Case = async (quick) => [
  ...(await figures('Redis', await onRedis(), quick ? 1 : 5)),
  ...(await figures('PostgreSQL', await onPostgres(), quick ? 1 : 5)),
];

async function figures(name: string, place: Place, rounds: number): Promise<Figure[]> {
  const fleet = await startFleet(processes, place.backend);
  const runs: Drain[] = [];
  try {
    // The first one makes tables, scripts and connections, and the code warm.
    for (let round = 0; round <= rounds; round++) runs.push(await drain(fleet, place.calls ?? fleet.calls, round));
  } finally {
    await fleet.stop();
    await place.close();
  }
  runs.shift();
  const drains = spreadOf(runs.map(({ ms }) => ms / idealMs));
  const calls = spreadOf(runs.map(({ callsPerTurn }) => callsPerTurn));
  return [
    { measure, name: `drain ÷ ideal, ${name}, in exact order`, unit: '×', ...drains, reach: { is: 'at most', value: 1.1 } },
    { measure, name: `round trips a turn, ${name}`, unit: '', ...calls, reach: { is: 'at most', value: 2 } },
  ];
}
