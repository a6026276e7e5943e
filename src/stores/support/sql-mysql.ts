import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dialect, missing, type Result, type Row, unavailable, within } from './sql-dialect.ts';
import { mysqlSchema, mysqlTexts } from './sql-mysql-texts.ts';
import { binder, type SqlValue } from './sql-text.ts';

/** What is used of a pool of `mysql2/promise`. */
export interface MysqlPoolLike {
  getConnection(): Promise<MysqlConnectionLike>;
}

/** A pool of `mysql2` with callbacks, which has the other one inside. */
export interface MysqlCallbackPoolLike {
  promise(): MysqlPoolLike;
}

export interface MysqlConnectionLike {
  execute(
    options: { sql: string; rowsAsArray: false; namedPlaceholders: false },
    values: SqlValue[],
  ): Promise<readonly [unknown, unknown]>;
  query(options: { sql: string; rowsAsArray: false }): Promise<readonly [unknown, unknown]>;
  release(): void;
  destroy(): void;
}

/** Deadlock, lock wait, or a row that moved on meanwhile: the statement may simply come again. */
const passing = new Set([1205, 1213, 1020]);

/** Migrations may wait for another process that makes the same tables, ms. */
const migrationMs = 30_000;

export function mysql(pool: MysqlPoolLike, timeoutMs: number): Dialect {
  const bind = binder('?');
  /** Known from the first migration on: MariaDB answers an insert with the row it found. */
  let returning = false;

  const query = async (
    connection: MysqlConnectionLike,
    ms: number,
    ...[text, values = {}]: Parameters<Dialect['run']>
  ): Promise<Result> => {
    const { sql, values: bound } = bind(text, values);
    const call =
      bound.length > 0
        ? connection.execute({ sql, rowsAsArray: false, namedPlaceholders: false }, bound)
        : connection.query({ sql, rowsAsArray: false });
    const [answer] = await within(ms, call);
    if (Array.isArray(answer)) return { rows: answer as Row[], changes: answer.length };
    return { rows: [], changes: Number((answer as { affectedRows?: number }).affectedRows) };
  };

  const using = async <T>(ms: number, work: (connection: MysqlConnectionLike, left: () => number) => Promise<T>): Promise<T> => {
    const end = performance.now() + ms;
    const left = () => Math.max(1, end - performance.now());
    const connection = await within(ms, pool.getConnection(), (late) => late.release());
    try {
      const result = await work(connection, left);
      connection.release();
      return result;
    } catch (error) {
      // After an answer from the server the connection is as good as before; after silence nobody knows.
      if (hasAnswered(error)) connection.release();
      else connection.destroy();
      throw error;
    }
  };

  const repeated = async <T>(
    work: (connection: MysqlConnectionLike, left: () => number) => Promise<T>,
    patienceMs = timeoutMs,
  ): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await using(patienceMs, work);
      } catch (error) {
        if (tries > 5 || !passing.has(errnoOf(error))) throw unavailable('MySQL', error);
        await sleep(randomInt(1, 5 * tries));
      }
    }
  };

  const run: Dialect['run'] = (text, values, patienceMs) =>
    repeated((connection, left) => query(connection, left(), text, values), patienceMs);

  return {
    name: 'mysql',
    capabilities: { scope: 'shared', durable: true },
    run,

    async migrate(part, versionTable, steps) {
      try {
        await using(migrationMs, async (connection, left) => {
          const say = async (text: string, values = {}) => (await query(connection, left(), text, values)).rows[0];
          returning = String((await say('SELECT VERSION() AS version'))?.['version']).includes('MariaDB');
          const lock = { name: `adjourn ${versionTable}` };
          const there = await say(
            'SELECT COUNT(*) AS there FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = :table',
            { table: versionTable },
          );
          const version = async () =>
            (await say(`SELECT version FROM ${versionTable} WHERE part = :part`, { part }))?.['version'];
          if (Number(there?.['there']) > 0 && missing(steps, await version(), part).length === 0) return;
          if (Number((await say('SELECT GET_LOCK(:name, 20) AS mine', lock))?.['mine']) !== 1) {
            throw new Error('Another process is making the tables and does not come to an end.');
          }
          try {
            await say(
              `CREATE TABLE IF NOT EXISTS ${versionTable} (part VARCHAR(32) PRIMARY KEY, version INT NOT NULL) ENGINE=InnoDB`,
            );
            for (const statement of missing(steps, await version(), part).flat()) await say(statement);
            await say(
              `INSERT INTO ${versionTable} (part, version) VALUES (:part, :version) ON DUPLICATE KEY UPDATE version = :version`,
              { part, version: steps.length },
            );
          } finally {
            await say('SELECT RELEASE_LOCK(:name)', lock).catch(() => {});
          }
        });
      } catch (error) {
        throw error instanceof Error && error.name === 'AdjournError' ? error : unavailable('MySQL', error);
      }
    },

    async take(texts, values) {
      if (!returning) await run(texts.take, values);
      const { rows } = returning
        ? await run(
            `${texts.take} RETURNING IF(lease_token = :token, record, NULL) AS record, revision, lease_token, line_ticket`,
            values,
          )
        : await run(texts.read, { ...values, keys: [String(values['key'])] });
      const [row] = rows;
      if (row === undefined) return undefined;
      const taken = row['lease_token'] === values['token'];
      if (!taken && values['waits'] === 0) return undefined;
      const ticket = Number(row['line_ticket']);
      if (!taken) await run(texts.note, { ...values, ticket });
      return { ...row, taken, ticket };
    },

    claim: (texts, values) =>
      repeated(async (connection, left) => {
        const say = (text: string, given = {}) => query(connection, left(), text, given);
        // The range that is read must not keep others from adding to it.
        await say('SET TRANSACTION ISOLATION LEVEL READ COMMITTED');
        await say('START TRANSACTION');
        try {
          const { rows } = await say(texts.claim, values);
          if (rows.length > 0) await say(texts.moved, { ...values, keys: rows.map((row) => String(row['conversation'])) });
          await say('COMMIT');
          return rows;
        } catch (error) {
          await say('ROLLBACK').catch(() => {});
          throw error;
        }
      }),

    close() {},

    schema: mysqlSchema,
    texts: mysqlTexts,
  };
}

/** An error of the server itself that leaves the connection in order. */
function hasAnswered(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'sqlState' in error && !('fatal' in error && error.fatal === true);
}

function errnoOf(error: unknown): number {
  return typeof error === 'object' && error !== null && 'errno' in error ? Number(error.errno) : 0;
}
