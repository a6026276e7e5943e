import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { redisStore } from '../../stores/redis.ts';
import { sqlArchive } from '../../stores/sql.ts';
import { withPeer } from '../peer.ts';
import { connectMs, type OpenStore, timeoutMs } from './opened.ts';
import { removeFile } from './sqlite.ts';

/** Redis: a run has a prefix of its own. Redis is no archive; that stands in a file of SQLite, whose name says which run it is of. */
export async function openRedis(url: string, run: string): Promise<OpenStore> {
  const { createClient } = await withPeer('@redis/client', '--store redis:', () => import('@redis/client'));
  const client = createClient({ url, socket: { connectTimeout: connectMs, reconnectStrategy: false } });
  // Whoever calls hears of it.
  client.on('error', () => {});
  await client.connect();
  const prefix = `adjourn-${run}`;
  const file = join(tmpdir(), `${prefix}.db`);
  const database = new DatabaseSync(file);
  let isCleared = false;
  return {
    store: redisStore(client, { prefix, timeoutMs }),
    archive: sqlArchive(database, { timeoutMs }),
    part: `the archive ${file} and the keys ${prefix}:*`,
    async clear() {
      for await (const keys of client.scanIterator({ MATCH: `${prefix}:*`, COUNT: 1_000 })) {
        if (keys.length > 0) await client.unlink(keys);
      }
      isCleared = true;
    },
    async close() {
      client.destroy();
      database.close();
      if (isCleared) await removeFile(file);
    },
  };
}
