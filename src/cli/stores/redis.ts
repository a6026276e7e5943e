import { redisStore } from '../../stores/redis.ts';
import { withPeer } from '../peer.ts';
import { connectMs, type OpenStore, timeoutMs } from './opened.ts';

/** Redis: a run has a prefix of its own. */
export async function openRedis(url: string, run: string): Promise<OpenStore> {
  const { createClient } = await withPeer('@redis/client', '--store redis:', () => import('@redis/client'));
  const client = createClient({ url, socket: { connectTimeout: connectMs, reconnectStrategy: false } });
  // Whoever calls hears of it.
  client.on('error', () => {});
  await client.connect();
  const prefix = `adjourn-${run}`;
  return {
    store: redisStore(client, { prefix, timeoutMs }),
    part: `the keys ${prefix}:*`,
    async clear() {
      for await (const keys of client.scanIterator({ MATCH: `${prefix}:*`, COUNT: 1_000 })) {
        if (keys.length > 0) await client.unlink(keys);
      }
    },
    close: async () => client.destroy(),
  };
}
