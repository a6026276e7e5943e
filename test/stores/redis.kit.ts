import { afterAll } from 'vitest';
import type { StoreEntry } from '../kit/store.ts';
import { type Cluster, clusterClients, isInstalled, noServer, startCluster } from './redis-cluster.ts';
import { clients, freshPrefix, isThere, lost, redisOn } from './redis-server.ts';

/** One cluster for all of them; it takes a while to start. */
let cluster: Promise<Cluster> | undefined;

afterAll(async () => (await cluster)?.stop());

/** Every client that redisStore is tested with. */
export const entries: Record<string, StoreEntry> = Object.fromEntries([
  ...Object.entries(clients).map(([name, create]): [string, StoreEntry] => [
    name,
    {
      shared: true,
      runs: 40,
      unavailable: async () => ((await isThere()) ? undefined : lost),
      async open() {
        const redis = await redisOn(create, freshPrefix());
        return {
          store: await redis.store(),
          reopen: () => redis.store(),
          fail: async (on) => (on ? redis.gate.shut() : redis.reconnect()),
          damage: async (key) => {
            for (const at of await redis.keys(`record:${key}`)) await redis.plain.set(at, 'adjo');
          },
          dispose: () => redis.dispose(),
        };
      },
    },
  ]),
  ...Object.entries(clusterClients).map(([name, create]): [string, StoreEntry] => [
    name,
    {
      shared: true,
      runs: 15,
      unavailable: async () => (isInstalled() ? undefined : noServer),
      async open() {
        cluster ??= startCluster();
        const three = await cluster;
        const prefix = freshPrefix();
        return {
          store: await three.store(create, prefix),
          reopen: () => three.store(create, prefix),
          fail: (on) => three.shut(on),
          damage: async (key) => {
            for (const { plain } of three.nodes) {
              for (const at of await plain.keys(`${prefix}*record:${key}`)) await plain.set(at, 'adjo');
            }
          },
          dispose: () => three.clear(),
        };
      },
    },
  ]),
]);
