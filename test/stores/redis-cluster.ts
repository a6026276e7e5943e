import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCluster as createCluster5 } from '@redis/client';
import { createClient, createCluster as createCluster6 } from 'redis';
import { expect } from 'vitest';
import type { Store } from '../../src/middleware/store.ts';
import { type RedisLike, redisStore } from '../../src/stores/redis.ts';
import { type Gate, gateTo } from './gate.ts';

const slots = 16_384;
const timeoutMs = 1_000;

interface Client extends RedisLike {
  connect(): Promise<unknown>;
  destroy(): unknown;
}

type NodeAddress = { readonly host: string; readonly port: number };
type Create = (root: string, addressOf: (address: string) => NodeAddress) => Client;

const defaults = { socket: { reconnectStrategy: 20 } };

/** Every client for clusters that redisStore is tested with. */
export const clusterClients: Record<string, Create> = {
  'cluster, node-redis 5': (url, nodeAddressMap) => createCluster5({ rootNodes: [{ url }], defaults, nodeAddressMap }),
  'cluster, node-redis 6': (url, nodeAddressMap) => createCluster6({ rootNodes: [{ url }], defaults, nodeAddressMap }),
};

interface Node {
  readonly port: number;
  readonly plain: ReturnType<typeof plainClient>;
  readonly gate: Gate;
  readonly process: ChildProcess;
}

const plainClient = (port: number) => createClient({ url: `redis://127.0.0.1:${port}` });

/** Three nodes of the installed redis-server. */
export interface Cluster {
  readonly nodes: readonly Node[];
  store(create: Create, prefix: string): Promise<Store>;
  /** The node that has a slot. */
  ownerOf(slot: number): Promise<Node>;
  /** Breaks every connection of the stores, or lets them through again. */
  shut(on: boolean): Promise<void>;
  /** Empties all nodes and lets go of all stores. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

/** Which slot a key with a hash tag has: CRC-16 of the tag, as the specification of Redis Cluster says. */
export function slotOf(key: string): number {
  const tag = key.slice(key.indexOf('{') + 1, key.indexOf('}'));
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc % slots;
}

export const noServer = 'no redis-server is installed';

export function isInstalled(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}

export async function startCluster(): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'adjourn-cluster-'));
  const nodes = await Promise.all([0, 1, 2].map((index) => startNode(folder, index)));
  const [first] = nodes as [Node];
  for (const [index, { plain }] of nodes.entries()) {
    const own = Array.from({ length: slots }, (_, slot) => slot).filter((slot) => slot % nodes.length === index);
    await plain.sendCommand(['CLUSTER', 'ADDSLOTS', ...own.map(String)]);
    if (index > 0) await plain.sendCommand(['CLUSTER', 'MEET', '127.0.0.1', String(first.port)]);
  }
  for (const { plain } of nodes) {
    const info = async () => String(await plain.sendCommand(['CLUSTER', 'INFO']));
    await expect.poll(info, { timeout: 15_000 }).toMatch(/cluster_state:ok[\s\S]*cluster_known_nodes:3/);
  }

  const gates = new Map(nodes.map(({ port, gate }) => [String(port), gate]));
  const addressOf = (address: string): NodeAddress => {
    const gate = gates.get(address.split(':').at(-1) ?? '');
    return { host: '127.0.0.1', port: Number(new URL(gate?.url ?? '').port) };
  };
  const opened: { readonly store: Store; readonly client: Client }[] = [];

  return {
    nodes,
    async store(create, prefix) {
      const client = create(first.gate.url, addressOf);
      client.on('error', () => {});
      await client.connect();
      const store = redisStore(client, { prefix, timeoutMs });
      opened.push({ store, client });
      return store;
    },
    async ownerOf(slot) {
      for (const node of nodes) {
        const shards = String(await node.plain.sendCommand(['CLUSTER', 'NODES'])).split('\n');
        const own = shards.find((line) => line.includes('myself')) ?? '';
        const ranges = own.split(' ').slice(8);
        const has = ranges.some((range) => {
          const [from, to = from] = range.split('-').map(Number);
          return from !== undefined && to !== undefined && from <= slot && slot <= to;
        });
        if (has) return node;
      }
      throw new Error(`Nobody has slot ${slot}.`);
    },
    async shut(on) {
      for (const { gate } of nodes) on ? gate.shut() : gate.open();
    },
    async clear() {
      for (const { gate } of nodes) gate.open();
      await Promise.all(opened.map(({ store }) => store.close()));
      for (const { client } of opened.splice(0)) client.destroy();
      await Promise.all(nodes.map(({ plain }) => plain.flushAll()));
    },
    async stop() {
      for (const { plain, gate, process } of nodes) {
        plain.destroy();
        await gate.close();
        process.kill('SIGKILL');
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startNode(folder: string, index: number): Promise<Node> {
  for (let attempt = 0; attempt < 20; attempt++) {
    // The nodes talk among themselves on a port 10000 higher.
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    const options = { port, dir: folder, save: '', appendonly: 'no', 'cluster-enabled': 'yes' };
    const config = Object.entries({ ...options, 'cluster-config-file': `nodes-${port}-${index}.conf` });
    const args = config.flatMap(([name, value]) => [`--${name}`, String(value)]);
    const process = spawn('redis-server', [...args, '--bind', '127.0.0.1'], { stdio: 'ignore' });
    const gone = once(process, 'exit');
    const gate = await gateTo(new URL(`redis://127.0.0.1:${port}`));
    while (process.exitCode === null && !(await gate.reachable()))
      await Promise.race([gone, new Promise((go) => setTimeout(go, 20))]);
    if (process.exitCode !== null) {
      await gate.close();
      continue;
    }
    const plain = plainClient(port);
    await plain.connect();
    return { port, plain, gate, process };
  }
  throw new Error('No free port for a node.');
}
