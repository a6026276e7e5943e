import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dialect, missing, type Result, type Row, unavailable } from './sql-dialect.ts';
import { sqliteSchema, sqliteTexts } from './sql-sqlite-texts.ts';
import { binder, type SqlValue, type Values } from './sql-text.ts';

/** What is used of a `DatabaseSync` of `node:sqlite`. */
export interface SqliteLike {
  exec(sql: string): void;
  prepare(sql: string): SqliteStatementLike;
}

export interface SqliteStatementLike {
  all(...values: SqlValue[]): unknown[];
}

/** Another process writes at this moment. */
const busy = 5;

/** How long SQLite itself may wait for another process, ms: it holds up this one, so we rather come again. */
const blockingMs = 10;

export function sqlite(database: SqliteLike, timeoutMs: number): Dialect {
  const bind = binder('?n');
  const statements = new Map<string, SqliteStatementLike>();
  let readied = false;

  /** The first use, not the making of the store, meets a file that cannot be opened or is busy. */
  const ready = () => {
    if (readied) return;
    database.exec(`PRAGMA busy_timeout = ${blockingMs}`);
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = NORMAL');
    readied = true;
  };

  const say = (text: string, values: Values = {}): Result => {
    ready();
    const { sql, values: bound } = bind(text, values);
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      statements.set(sql, statement);
    }
    const rows = statement.all(...bound) as Row[];
    return { rows, changes: rows.length };
  };

  const together = <T>(work: () => T): T => {
    ready();
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  };

  const repeated = async <T>(work: () => T): Promise<T> => {
    const end = performance.now() + timeoutMs;
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (error instanceof Error && error.name === 'AdjournError') throw error;
        if (errcodeOf(error) !== busy || performance.now() > end) throw unavailable('SQLite', error);
      }
      await sleep(randomInt(1, 10));
    }
  };

  return {
    name: 'sqlite',
    capabilities: isInFile(database) ? { scope: 'shared', durable: true } : { scope: 'process', durable: false },
    run: (text, values) => repeated(() => say(text, values)),

    migrate: (part, versionTable, steps) =>
      repeated(() => {
        const versionOf = () => {
          const { rows } = say(`SELECT version FROM ${versionTable} WHERE part = :part`, { part });
          return rows[0]?.['version'];
        };
        const there = say(`SELECT 1 FROM sqlite_master WHERE name = :versionTable`, { versionTable });
        if (there.changes > 0 && missing(steps, versionOf(), part).length === 0) return;
        together(() => {
          database.exec(`CREATE TABLE IF NOT EXISTS ${versionTable} (part TEXT PRIMARY KEY, version INTEGER NOT NULL)`);
          for (const statement of missing(steps, versionOf(), part).flat()) database.exec(statement);
          say(
            `INSERT INTO ${versionTable} (part, version) VALUES (:part, :version)
             ON CONFLICT (part) DO UPDATE SET version = excluded.version`,
            { part, version: steps.length },
          );
        });
      }),

    take: (texts, values) =>
      repeated(() => {
        const [row] = say(texts.take, values).rows;
        if (row !== undefined && row['taken'] !== 1) say(texts.note, { ...values, ticket: Number(row['ticket']) });
        return row;
      }),

    claim: (texts, values) =>
      repeated(() =>
        together(() => {
          const { rows } = say(texts.claim, values);
          if (rows.length > 0) say(texts.moved, { ...values, keys: rows.map((row) => String(row['conversation'])) });
          return rows;
        }),
      ),

    close() {
      statements.clear();
    },

    schema: sqliteSchema,
    texts: sqliteTexts,
  };
}

function isInFile(database: SqliteLike): boolean {
  const main = (database.prepare('PRAGMA database_list').all() as { name?: unknown; file?: unknown }[]).find(
    (one) => one.name === 'main',
  );
  return typeof main?.file === 'string' && main.file !== '';
}

/** The extended code holds the plain one in its last byte. */
function errcodeOf(error: unknown): number {
  return typeof error === 'object' && error !== null && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
}
