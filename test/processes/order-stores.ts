import { DatabaseSync } from 'node:sqlite';
import { redisStore } from 'adjourn/stores/redis';
import { type SqlDriver, sqlStore } from 'adjourn/stores/sql';
import { createPool } from 'mysql2/promise';
import pg from 'pg';
import { createClient } from 'redis';
import type { Store } from '../../src/middleware/store.ts';

/** Which store, where it is (a URL or a file), and what its names begin with: all a process has to be told. */
export type Backend = readonly [name: 'redis' | 'postgres' | 'mariadb' | 'sqlite', where: string, prefix: string];

/** A store with connections of its own, whose calls are counted where its server does not count them itself. */
export async function open([name, where, prefix]: Backend): Promise<{ readonly store: Store; calls(): number }> {
  let count = 0;
  const calls = () => count;
  const counted = <T>(answer: T): T => {
    count += 1;
    return answer;
  };
  if (name === 'redis') {
    const client = createClient({ url: where });
    client.on('error', () => {});
    await client.connect();
    return { store: redisStore(client, { prefix }), calls };
  }
  const driver = { postgres, mariadb, sqlite }[name](where, counted);
  return { store: sqlStore(driver, { prefix }), calls };
}

type Counted = <T>(answer: T) => T;

function postgres(where: string, counted: Counted): SqlDriver {
  const pool = new pg.Pool({ connectionString: where });
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (config: pg.QueryConfig) => Promise<pg.QueryResult>;
    Object.assign(client, { query: (config: pg.QueryConfig) => counted(query(config)) });
  });
  return pool;
}

function mariadb(where: string, counted: Counted): SqlDriver {
  const pool = createPool({ uri: where });
  return {
    async getConnection() {
      const connection = await pool.getConnection();
      return {
        execute: (options, values) => counted(connection.execute(options, values)),
        query: (options) => counted(connection.query(options)),
        release: () => connection.release(),
        destroy: () => connection.destroy(),
      };
    },
  };
}

function sqlite(where: string, counted: Counted): SqlDriver {
  const database = new DatabaseSync(where);
  return {
    exec: (sql) => counted(database.exec(sql)),
    prepare(sql) {
      const statement = database.prepare(sql);
      return { all: (...values) => counted(statement.all(...values)) };
    },
  };
}
