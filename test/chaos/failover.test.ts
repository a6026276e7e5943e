import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, createCluster } from 'redis';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../src/middleware/clock.ts';
import { redisStore } from '../../src/stores/redis.ts';
import { toyBot } from '../middleware/toy.ts';
import { isInstalled, noServer } from '../stores/redis-cluster.ts';

const there = isInstalled();
if (!there) console.warn(`LEFT OUT: a master of a cluster is killed, ${noServer}.`);

const slots = 16_384;
const masters = 3;
const people = 30;

interface Node {
  readonly port: number;
  readonly process: ChildProcess;
  ask(...command: readonly string[]): Promise<string>;
}

const started: Node[] = [];
let folder: string | undefined;

afterEach(async () => {
  for (const { process } of started.splice(0)) process.kill('SIGKILL');
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  // The nodes talk among themselves on a port 10000 higher.
  for (;;) {
    const server = createServer().listen(20_000 + Math.floor(Math.random() * 20_000), '127.0.0.1');
    const isFree = await Promise.race([once(server, 'listening').then(() => true), once(server, 'error').then(() => false)]);
    const address = server.address();
    if (!isFree || typeof address !== 'object' || address === null) continue;
    server.close();
    return address.port;
  }
}

async function startNode(dir: string): Promise<Node> {
  const port = await freePort();
  const options = { port, dir, save: '', 'cluster-enabled': 'yes', 'cluster-node-timeout': 1_000, bind: '127.0.0.1' };
  const args = Object.entries({ ...options, 'cluster-config-file': `nodes-${port}.conf` });
  const process = spawn(
    'redis-server',
    args.flatMap(([name, value]) => [`--${name}`, String(value)]),
    { stdio: 'ignore' },
  );
  const ask = async (...command: readonly string[]) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: false } });
    client.on('error', () => {});
    await client.connect();
    try {
      return String(await client.sendCommand([...command]));
    } finally {
      client.destroy();
    }
  };
  await expect.poll(() => ask('PING').catch(() => ''), { timeout: 15_000 }).toBe('PONG');
  const node = { port, process, ask };
  started.push(node);
  return node;
}

/** Three masters with a replica each. */
async function startCluster(dir: string): Promise<readonly Node[]> {
  const nodes: Node[] = [];
  for (let n = 0; n < 2 * masters; n++) nodes.push(await startNode(dir));
  const [first] = nodes as [Node];
  for (const { ask } of nodes.slice(1)) await ask('CLUSTER', 'MEET', '127.0.0.1', String(first.port));
  for (const [n, { ask }] of nodes.slice(0, masters).entries()) {
    const range = [n, n + 1].map((part) => Math.floor((part * slots) / masters));
    await ask('CLUSTER', 'ADDSLOTSRANGE', String(range[0]), String((range[1] ?? slots) - 1));
  }
  const info = (node: Node) => node.ask('CLUSTER', 'INFO');
  for (const node of nodes) await expect.poll(() => info(node), { timeout: 20_000 }).toMatch(/cluster_known_nodes:6/);
  for (const [n, { ask }] of nodes.slice(masters).entries())
    await ask('CLUSTER', 'REPLICATE', (await nodes[n]?.ask('CLUSTER', 'MYID')) ?? '');
  for (const node of nodes) await expect.poll(() => info(node), { timeout: 20_000 }).toMatch(/cluster_state:ok/);
  for (const { ask } of nodes.slice(masters)) {
    await expect.poll(() => ask('INFO', 'replication'), { timeout: 20_000 }).toMatch(/master_link_status:up/);
  }
  return nodes;
}

test.runIf(there || process.env['CI'])(
  'a master of a cluster is killed while people write: its replica takes over, their sessions go on, and no turn counts twice',
  async () => {
    expect(there, noServer).toBe(true);
    folder = await mkdtemp(join(tmpdir(), 'adjourn-failover-'));
    const nodes = await startCluster(folder);
    const rootNodes = nodes.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` }));
    const client = createCluster({ rootNodes, defaults: { socket: { reconnectStrategy: 50 } } });
    client.on('error', () => {});
    await client.connect();
    const bot = toyBot({ store: redisStore(client, { timeoutMs: 2_000 }), clock: systemClock as never, leaseMs: 2_000 });

    const everybody = async () => {
      const seen: { readonly id: string; readonly degraded: boolean; readonly turn: number }[] = [];
      const talk = async (n: number) => {
        const user = `u${n}`;
        const message = bot.message('hi', { conversation: { id: user, kind: 'direct' }, user, at: Date.now() });
        await bot.deliver(message, ({ session, degraded }) => {
          seen[n] = { id: session.id, degraded, turn: session.turnCount };
        });
      };
      await Promise.all(Array.from({ length: people }, (_, n) => talk(n)));
      return seen;
    };

    const before = await everybody();
    expect(before.map(({ turn }) => turn)).toEqual(Array(people).fill(1));
    // Replication is asynchronous: what a master has not passed on when it dies is lost with it.
    await sleep(500);
    nodes[0]?.process.kill('SIGKILL');

    let after = await everybody();
    let rounds = 1;
    for (const patience = Date.now() + 30_000; after.some(({ degraded }) => degraded) && Date.now() < patience; rounds++) {
      await sleep(200);
      after = await everybody();
    }
    expect(after.filter(({ degraded }) => degraded)).toEqual([]);
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    // Each round counts once, or not at all while its node was away.
    for (const { turn } of after) {
      expect(turn).toBeGreaterThan(1);
      expect(turn).toBeLessThanOrEqual(1 + rounds);
    }
    expect(bot.names()).not.toContain('closed');
    await bot.sessions.close();
    client.destroy();
  },
  150_000,
);
