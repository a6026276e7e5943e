import { randomUUID } from 'node:crypto';
import { createPool } from 'mysql2/promise';
import pg from 'pg';
import type { SqlDriver } from '../../src/stores/sql.ts';
import { gateTo } from './gate.ts';

export const postgresUrl = new URL(process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/test');
export const mysqlUrl = new URL(process.env['MYSQL_URL'] ?? 'mysql://root@127.0.0.1:3306/test');

/** A pool of connections, and what a test does with it by itself. */
export interface Connected {
  readonly driver: SqlDriver;
  say(sql: string): Promise<Readonly<Record<string, unknown>>[]>;
  /** Takes one connection away from the store. @returns gives it back */
  occupy(): Promise<() => void>;
  end(): Promise<void>;
}

export function connectPostgres(url: string, max = 10): Connected & { readonly driver: pg.Pool } {
  const pool = new pg.Pool({ connectionString: url, max });
  return {
    driver: pool,
    say: async (sql) => (await pool.query(sql)).rows,
    occupy: async () => {
      const client = await pool.connect();
      return () => client.release();
    },
    end: () => pool.end(),
  };
}

export function connectMysql(url: string, max = 10): Connected {
  const pool = createPool({ uri: url, connectionLimit: max });
  return {
    driver: pool,
    say: async (sql) => (await pool.query(sql))[0] as Record<string, unknown>[],
    occupy: async () => {
      const connection = await pool.getConnection();
      return () => connection.release();
    },
    end: () => pool.end(),
  };
}

/** The same, on a server that says it is no MariaDB, so that nothing is asked of it that MySQL cannot. */
export function connectAsMysql(url: string): Connected {
  const connected = connectMysql(url);
  const pool = connected.driver as ReturnType<typeof createPool>;
  return {
    ...connected,
    driver: {
      async getConnection() {
        const connection = await pool.getConnection();
        return {
          execute: (options, values) => connection.execute(options, values),
          query: (options) => connection.query({ ...options, sql: options.sql.replace('VERSION()', `'8.0.40'`) }),
          release: () => connection.release(),
          destroy: () => connection.destroy(),
        };
      },
    },
  };
}

/** Why a server cannot be tested on here; undefined: it can. */
export async function missing(target: URL, name: string): Promise<string | undefined> {
  const gate = await gateTo(target);
  const reachable = await gate.reachable();
  await gate.close();
  return reachable ? undefined : `no ${name} at ${target.host}`;
}

/** The tables of one test. */
export function freshPrefix(): string {
  return `t${randomUUID().replaceAll('-', '').slice(0, 20)}`;
}

export function dropping(prefix: string): string {
  const tables = [
    'conversations',
    'line',
    'processes',
    'schema',
    ...['', '_lines', '_erased', '_counts', '_spreads'].map((one) => `archive${one}`),
  ];
  return `DROP TABLE IF EXISTS ${tables.map((one) => `${prefix}_${one}`).join(', ')}`;
}

/** Removes what an archive has made. */
export async function cleared({ say }: Connected, prefix: string): Promise<void> {
  await say(dropping(prefix));
  await say(`DROP FUNCTION IF EXISTS ${prefix}_archive_tally`);
}
