import { expect, test } from 'vitest';
import type { Store } from '../../src/middleware/store.ts';
import { patient } from '../kit/store-model.ts';
import { type Cluster, clusterClients, isInstalled, noServer, slotOf, startCluster } from './redis-cluster.ts';
import { freshPrefix } from './redis-server.ts';

const isLeftOut = !process.env['CI'] && !isInstalled();
if (isLeftOut) console.warn(`LEFT OUT: redisStore on a cluster: ${noServer}`);

test.skipIf(isLeftOut).each(Object.entries(clusterClients))(
  '%s: a slot that moves under load loses no turn',
  async (_, create) => {
    const cluster = await startCluster();
    try {
      const prefix = freshPrefix();
      const stores = [await cluster.store(create, prefix), await cluster.store(create, prefix)];
      const [one] = stores as [Store];
      const keys = Array.from({ length: 40 }, (_, n) => `k${n}`);
      let isOver = false;
      let turns = 0;
      const load = Array.from({ length: 16 }, async (_, lane) => {
        for (let n = lane; !isOver; n++) {
          await count(stores[n % 2] as Store, keys[n % keys.length] as string);
          turns += 1;
        }
      });
      await expect.poll(async () => (await one.find({})).records.length).toBe(keys.length);
      const tags = new Set<string>();
      for (const { plain } of cluster.nodes) for (const key of await plain.keys(`${prefix}*}:names`)) tags.add(key);
      for (const tag of [...tags].slice(0, 10)) await move(cluster, slotOf(tag));
      isOver = true;
      await Promise.all(load);
      const { records } = await one.find({});
      expect(records.reduce((sum, { record }) => sum + Number(record['n']), 0)).toBe(turns);
    } finally {
      await cluster.clear();
      await cluster.stop();
    }
  },
);

async function count(store: Store, key: string): Promise<void> {
  const { record, lease } = await store.begin(key, patient);
  await store.commit(lease, { n: Number(record?.['n'] ?? 0) + 1 }, 10);
}

/** Moves a slot to another node, as an operator's tool does: key by key, while both answer. */
async function move(cluster: Cluster, slot: number): Promise<void> {
  const source = await cluster.ownerOf(slot);
  const target = cluster.nodes[(cluster.nodes.indexOf(source) + 1) % cluster.nodes.length];
  if (target === undefined) throw new Error('A cluster has nodes.');
  const say = async (node: typeof source, ...words: string[]) => node.plain.sendCommand(['CLUSTER', ...words]);
  const [from, to] = [String(await say(source, 'MYID')), String(await say(target, 'MYID'))];
  await say(target, 'SETSLOT', String(slot), 'IMPORTING', from);
  await say(source, 'SETSLOT', String(slot), 'MIGRATING', to);
  for (;;) {
    const keys = (await say(source, 'GETKEYSINSLOT', String(slot), '10')) as unknown as string[];
    if (keys.length === 0) break;
    for (const key of keys) {
      await source.plain.sendCommand(['MIGRATE', '127.0.0.1', String(target.port), key, '0', '1000']);
    }
  }
  for (const node of [target, source, ...cluster.nodes]) await say(node, 'SETSLOT', String(slot), 'NODE', to);
}
