import { randomUUID } from 'node:crypto';
import { createClient as createClient5 } from '@redis/client';
import { createClient as createClient6 } from 'redis';
import type { Store } from '../../src/middleware/store.ts';
import { type RedisLike, redisStore } from '../../src/stores/redis.ts';
import { placesUnder } from '../../src/stores/support/redis-keys.ts';
import { type Gate, gateTo } from './gate.ts';

export const redisUrl = new URL(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');

/** Why Redis tests were left out. */
export const lost = `no Redis at ${redisUrl.host}`;

/** Generous for a busy machine, short enough for a test of an outage that only shows by silence. */
const timeoutMs = 1_000;

export interface Client extends RedisLike {
  connect(): Promise<unknown>;
  ping(): Promise<unknown>;
  destroy(): unknown;
}

type Create = (url: string, name?: string) => Client;

const socket = { reconnectStrategy: 20 };

export const clients: Record<string, Create> = {
  'node-redis 5': (url, name = 'test') => createClient5({ url, socket, name }),
  'node-redis 6': (url, name = 'test') => createClient6({ url, socket, name }),
};

export const createClient: Create = (url, name = 'test') => createClient6({ url, socket, name });

const plainClient = () => createClient6({ url: redisUrl.href });

/** A Redis with a relay in front, for one test. */
export interface Redis {
  readonly gate: Gate;
  /** Where the relay is. */
  readonly url: string;
  /** Where Redis itself is. */
  readonly directUrl: string;
  /** A connection of its own, past the relay. */
  readonly plain: ReturnType<typeof plainClient>;
  /** A store with a client of its own, as another process would have. */
  store(): Promise<Store>;
  client(): Promise<Client>;
  /** The keys of this test that end so. */
  keys(end?: string): Promise<string[]>;
  /** The ids of the connections on which stores of this test hear of handovers. */
  listeners(): Promise<string[]>;
  /** Conversations that lie in one partition. */
  namesakes(count: number): string[];
  /** Lets connections through again, and waits until every client has one. */
  reconnect(): Promise<void>;
  dispose(): Promise<void>;
}

export function freshPrefix(): string {
  return `adjourn-test-${randomUUID()}`;
}

export async function isThere(): Promise<boolean> {
  const gate = await gateTo(redisUrl);
  const reachable = await gate.reachable();
  await gate.close();
  return reachable;
}

export async function redisOn(create: Create, prefix: string): Promise<Redis> {
  const gate = await gateTo(redisUrl);
  const plain = plainClient();
  await plain.connect();
  const opened: Client[] = [];
  const stores: Store[] = [];

  const client = async () => {
    const fresh = create(gate.url, prefix);
    fresh.on('error', () => {});
    await fresh.connect();
    opened.push(fresh);
    return fresh;
  };
  const keys = async (end = '') => (await plain.keys(`${prefix}*`)).filter((key) => key.endsWith(end));
  const listeners = async () => {
    const list = String(await plain.sendCommand(['CLIENT', 'LIST', 'TYPE', 'PUBSUB']));
    const ours = list.split('\n').filter((line) => line.includes(` name=${prefix} `) && / sub=[1-9]/.test(line));
    return ours.map((line) => /^id=(\d+)/.exec(line)?.[1] ?? '');
  };
  const namesakes = (count: number) => {
    const places = placesUnder(prefix);
    const { partition } = places.of('k');
    const keys = Array.from({ length: count * 400 }, (_, n) => `k${String(n).padStart(6, '0')}`);
    return keys.filter((key) => places.of(key).partition === partition).slice(0, count);
  };
  const reconnect = async () => {
    gate.open();
    await Promise.all(opened.map((one) => one.ping()));
  };

  return {
    gate,
    plain,
    client,
    url: gate.url,
    directUrl: redisUrl.href,
    keys,
    listeners,
    namesakes,
    reconnect,
    async store() {
      const store = redisStore(await client(), { prefix, timeoutMs });
      stores.push(store);
      return store;
    },
    async dispose() {
      await reconnect();
      await Promise.all(stores.map((store) => store.close()));
      const left = await keys();
      if (left.length > 0) await plain.del(left);
      for (const one of [...opened, plain]) one.destroy();
      await gate.close();
    },
  };
}
