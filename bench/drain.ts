import { strict as assert } from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { type Fleet, type Message, startFleet } from '../test/processes/fleet.ts';
import type { Backend } from '../test/processes/order-stores.ts';
import {
  type Connected,
  connectMysql,
  connectPostgres,
  dropping,
  freshPrefix,
  missing,
  mysqlUrl,
  postgresUrl,
} from '../test/stores/sql-servers.ts';

/**
 * How fast waiting turns follow each other across processes: every conversation has messages in all of them, by turns, queued behind
 * one that holds it until all have arrived. Then they drain. The ideal is the bot's own time alone, which its timers overrun a little.
 * Before anything is printed the order is checked, that every message was handled once, and that the calls to the store can have done it.
 *
 * `node … bench/drain.ts [rounds] [store…]`
 */
const processes = 4;
const conversations = 8;
const messages = 20;
const logicMs = 20;
const idealMs = messages * logicMs;
const turns = conversations * messages;

const [rounds = '5', ...chosen] = process.argv.slice(2);

interface Place {
  readonly backend: Backend;
  /** Calls to the store so far, as its server counts them; absent where the processes do. */
  readonly calls?: () => Promise<number>;
  readonly close: () => Promise<void>;
}

/** A Redis of our own, so that nobody else's commands are counted. */
async function redis(): Promise<Place> {
  if (spawnSync('redis-server', ['--version']).status !== 0) throw new Error('no redis-server is installed');
  const port = await freePort();
  const server = spawn('redis-server', ['--port', `${port}`, '--save', '', '--bind', '127.0.0.1'], { stdio: 'ignore' });
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  client.on('error', () => {});
  await client.connect();
  return {
    backend: ['redis', `redis://127.0.0.1:${port}`, 'drain'],
    async calls() {
      const stats = String(await client.sendCommand(['INFO', 'commandstats']));
      return [...stats.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)].reduce((sum, [, calls]) => sum + Number(calls), 0);
    },
    async close() {
      client.destroy();
      server.kill();
      await once(server, 'exit');
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function onServer(name: 'postgres' | 'mariadb', url: URL, connect: (url: string) => Connected): Promise<Place> {
  const reason = await missing(url, name);
  if (reason !== undefined) throw new Error(reason);
  const prefix = freshPrefix();
  return {
    backend: [name, url.href, prefix],
    async close() {
      const connected = connect(url.href);
      await connected.say(dropping(prefix));
      await connected.end();
    },
  };
}

async function sqlite(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'adjourn-drain-'));
  return { backend: ['sqlite', join(folder, 'sessions.db'), 'drain'], close: () => rm(folder, { recursive: true }) };
}

/** @throws Error where a server is missing */
const places: Record<string, () => Promise<Place>> = {
  redis,
  postgres: () => onServer('postgres', postgresUrl, connectPostgres),
  mariadb: () => onServer('mariadb', mysqlUrl, connectMysql),
  sqlite,
};

interface Drain {
  readonly ms: number;
  readonly callsPerTurn: number;
  /** What the handlers took, what saving took, and from the end of one turn to the beginning of the next, ms. */
  readonly logic: readonly number[];
  readonly saves: readonly number[];
  readonly gaps: readonly number[];
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
    logic: ends.flatMap((list) => list.map(({ began, worked }) => worked - began)),
    saves: ends.flatMap((list) => list.map(({ ended, worked }) => ended - worked)),
    gaps: ends.flatMap((list) => list.slice(1).map(({ began }, index) => began - (list[index]?.ended ?? Number.NaN))),
  };
}

const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

console.log(
  `node ${process.version}: ${conversations} conversations × ${messages} messages over ${processes} processes, ${logicMs} ms each, ideal ${idealMs} ms`,
);
for (const [name, open] of Object.entries(places)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const place = await open().catch((error) => console.log(`LEFT OUT: ${name}: ${error.message}`));
  if (place === undefined) continue;
  const fleet = await startFleet(processes, place.backend);
  const runs: Drain[] = [];
  try {
    // The first one makes tables, scripts and connections, and the code warm.
    for (let round = 0; round <= Number(rounds); round++) runs.push(await drain(fleet, place.calls ?? fleet.calls, round));
  } finally {
    await fleet.stop();
    await place.close();
  }
  runs.shift();
  const ratios = runs.map(({ ms }) => ms / idealMs).sort((a, b) => a - b);
  const all = (part: 'logic' | 'saves' | 'gaps') => middle(runs.flatMap((one) => one[part])).toFixed(2);
  console.log(
    `${name.padEnd(9)} drain / ideal ${middle(ratios).toFixed(2)} (${ratios[0]?.toFixed(2)}–${ratios.at(-1)?.toFixed(2)}), in exact order, ` +
      `${middle(runs.map((one) => one.callsPerTurn)).toFixed(2)} calls a turn; ` +
      `median ms: logic ${all('logic')}, save ${all('saves')}, then ${all('gaps')} to the next turn`,
  );
}
