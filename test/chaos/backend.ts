import { DatabaseSync } from 'node:sqlite';
import type { Archive } from '../../src/middleware/archive.ts';
import type { Store } from '../../src/middleware/store.ts';
import { redisStore } from '../../src/stores/redis.ts';
import { sqlArchive, sqlStore } from '../../src/stores/sql.ts';

/** Where bots keep their conversations, as plain data: it goes to other processes. `archive`: a SQLite file beside a Redis. */
export type Backend =
  | { readonly kind: 'redis'; readonly url: string; readonly prefix: string; readonly archive: string }
  | { readonly kind: 'cluster'; readonly urls: readonly string[]; readonly prefix: string; readonly archive: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly prefix: string }
  | { readonly kind: 'sqlite'; readonly file: string };

/** Machines that run tests are slow at times; that is no outage. */
const timeoutMs = 10_000;

export interface OpenBackend {
  readonly store: Store;
  readonly archive: Archive;
  close(): Promise<void>;
}

/** Opens a backend as a bot's process does, with no more packages than it takes: bots are started often. */
export async function openBackend(backend: Backend): Promise<OpenBackend> {
  switch (backend.kind) {
    case 'redis': {
      const { createClient } = await import('@redis/client');
      const client = createClient({ url: backend.url });
      client.on('error', () => {});
      await client.connect();
      return beside(redisStore(client, { ...backend, timeoutMs }), backend.archive, () => client.destroy());
    }
    case 'cluster': {
      const { createCluster } = await import('@redis/client');
      const client = createCluster({ rootNodes: backend.urls.map((url) => ({ url })) });
      client.on('error', () => {});
      await client.connect();
      return beside(redisStore(client, { ...backend, timeoutMs }), backend.archive, () => client.destroy());
    }
    case 'postgres': {
      const { default: pg } = await import('pg');
      const pool = new pg.Pool({ connectionString: backend.url, max: 10 });
      const store = sqlStore(pool, { ...backend, timeoutMs });
      return { store, archive: sqlArchive(pool, { ...backend, timeoutMs }), close: () => pool.end() };
    }
    case 'sqlite': {
      const database = new DatabaseSync(backend.file);
      return beside(sqlStore(database, { timeoutMs }), backend.file, () => database.close());
    }
  }
}

function beside(store: Store, file: string, end: () => void): OpenBackend {
  const database = new DatabaseSync(file);
  return {
    store,
    archive: sqlArchive(database, { timeoutMs }),
    async close() {
      end();
      database.close();
    },
  };
}
