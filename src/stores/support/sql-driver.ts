import { AdjournError } from '../../middleware/errors.ts';
import type { Dialect, Schema } from './sql-dialect.ts';
import { type MysqlCallbackPoolLike, type MysqlPoolLike, mysql } from './sql-mysql.ts';
import { type PgPoolLike, postgres } from './sql-postgres.ts';
import { type SqliteLike, sqlite } from './sql-sqlite.ts';

/** A database somebody else has opened: a `pg.Pool`, a pool of `mysql2`, a `DatabaseSync` of `node:sqlite`. */
export type SqlDriver = PgPoolLike | MysqlPoolLike | MysqlCallbackPoolLike | SqliteLike;

export interface SqlOptions {
  /** What the names of the tables begin with: lower-case letters, digits and `_`, at most 30. @default 'adjourn' */
  readonly prefix?: string | undefined;
  /** How long the database, or a free connection, may take to answer before it counts as an outage, milliseconds. @default 2000 */
  readonly timeoutMs?: number | undefined;
}

/** @throws AdjournError `ADJ_CONFIG_INVALID` */
export function prefixed({ prefix = 'adjourn' }: SqlOptions): string {
  if (/^[a-z_][a-z0-9_]{0,29}$/.test(prefix)) return prefix;
  throw new AdjournError('ADJ_CONFIG_INVALID', 'The prefix cannot begin the name of a table.', {
    where: 'prefix',
    hint: 'Use lower-case letters, digits and _, at most 30 of them.',
  });
}

/** @throws AdjournError `ADJ_CONFIG_INVALID` */
export function dialectOf(driver: SqlDriver, { timeoutMs = 2_000 }: SqlOptions): Dialect {
  if (has(driver, 'promise')) return mysql((driver as MysqlCallbackPoolLike).promise(), timeoutMs);
  if (has(driver, 'getConnection')) return mysql(driver as MysqlPoolLike, timeoutMs);
  if (has(driver, 'prepare') && has(driver, 'exec')) return sqlite(driver as SqliteLike, timeoutMs);
  if (has(driver, 'connect') && 'totalCount' in driver) return postgres(driver as PgPoolLike, timeoutMs);
  throw new AdjournError('ADJ_CONFIG_INVALID', 'The driver is none that is known here.', {
    where: 'sql',
    hint: 'Give it a pg.Pool (not a single client), a pool of mysql2, or a DatabaseSync of node:sqlite.',
  });
}

/** Brings one part of the tables up to date at its first use, and tries again at the next one if that fails. */
export function migration(dialect: Dialect, part: string, prefix: string, schema: Schema): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= dialect.migrate(part, `${prefix}_schema`, schema).catch((error) => {
      done = undefined;
      throw error;
    });
    return done;
  };
}

function has(driver: object, method: string): boolean {
  return typeof (driver as Readonly<Record<string, unknown>>)[method] === 'function';
}
