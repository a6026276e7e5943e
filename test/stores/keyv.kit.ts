import { randomUUID } from 'node:crypto';
import KeyvRedis from '@keyv/redis';
import { Keyv as Keyv5 } from 'keyv';
import { Keyv as Keyv6 } from 'keyv6';
import { type KeyvLike, keyvStore } from '../../src/stores/keyv.ts';
import type { StoreEntry } from '../kit/store.ts';
import { FailingMap } from './failing.ts';
import { type Gate, gateTo } from './gate.ts';

const redisUrl = new URL(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');

/** Generous for a busy machine, short enough for a test of an outage that only shows by silence. */
const timeoutMs = 1_000;

/** Every backend that keyvStore is tested on. */
export const entries: Record<string, StoreEntry> = {
  'in memory': {
    open: async () => ({ store: keyvStore(), dispose: async () => {} }),
  },
  'Keyv 5.6 in memory': inMemory((map) => new Keyv5({ store: map })),
  'Keyv 6 in memory': inMemory((map) => new Keyv6({ store: map })),
  'Keyv 5.6 on Redis': onRedis((adapter, namespace) => new Keyv5(adapter, { namespace, useKeyPrefix: false })),
  'Keyv 6 on Redis': onRedis((adapter, namespace) => new Keyv6(adapter, { namespace })),
};

/** A map that outlives its Keyv stands for a durable backend. */
function inMemory(keyvOn: (map: Map<string, unknown>) => KeyvLike): StoreEntry {
  return {
    async open() {
      const map = new FailingMap();
      const store = () => keyvStore(keyvOn(map), { durable: true });
      return {
        store: store(),
        reopen: async () => store(),
        fail: async (on) => {
          map.failing = on;
        },
        damage: async (key) => {
          for (const [at, value] of map) if (at.endsWith(`adjourn/${key}`)) map.set(at, cut(value));
        },
        dispose: async () => {},
      };
    },
  };
}

function cut(value: unknown): unknown {
  return typeof value === 'string' ? value.slice(0, -9) : { value: cut((value as { value: unknown }).value), expires: undefined };
}

function onRedis(
  keyvOn: (adapter: KeyvRedis<string>, namespace: string) => KeyvLike & { disconnect(): Promise<void> },
): StoreEntry {
  return {
    runs: 40,

    async unavailable() {
      const gate = await gateTo(redisUrl);
      const reachable = await gate.reachable();
      await gate.close();
      return reachable ? undefined : `no Redis at ${redisUrl.host}`;
    },

    async open() {
      const namespace = `adjourn-test-${randomUUID()}`;
      const gate = await gateTo(redisUrl);
      const connections: (() => Promise<void>)[] = [];
      const connect = () => {
        const adapter = new KeyvRedis<string>({ url: gate.url, socket: { reconnectStrategy: 20 } });
        const keyv = keyvOn(adapter, namespace);
        connections.push(() => keyv.disconnect());
        return { adapter, store: keyvStore(keyv, { timeoutMs }) };
      };
      const { adapter, store } = connect();
      return {
        store,
        reopen: async () => connect().store,
        fail: async (on) => (on ? gate.shut() : reopenFor(gate, adapter)),
        damage: async (key) => {
          const client = await adapter.getClient();
          await (client as { set(key: string, value: string): Promise<unknown> }).set(
            `${namespace}::adjourn/${key}`,
            '{"value":"adjo',
          );
        },
        dispose: async () => {
          await reopenFor(gate, adapter);
          adapter.namespace = namespace;
          await adapter.clear();
          await Promise.all(connections.map((disconnect) => disconnect()));
          await gate.close();
        },
      };
    },
  };
}

/** Lets connections through again, and waits until the adapter has one. */
async function reopenFor(gate: Gate, adapter: KeyvRedis<string>): Promise<void> {
  gate.open();
  const client = (await adapter.getClient()) as { ping(): Promise<unknown> };
  await client.ping();
}
