import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dialect, missing, type Result, unavailable, within } from './sql-dialect.ts';
import { postgresSchema, postgresTexts } from './sql-postgres-texts.ts';
import { binder } from './sql-text.ts';

/** What is used of a `pg.Pool`. */
export interface PgPoolLike {
  connect(): Promise<PgClientLike>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
  readonly totalCount: number;
  readonly options?: { readonly max?: number | undefined } | undefined;
}

export interface PgClientLike {
  query(config: {
    name?: string;
    text: string;
    values?: unknown[];
  }): Promise<{ rows: Record<string, unknown>[]; rowCount: number | null }>;
  release(destroy?: boolean): void;
  on(event: string, listener: (message: { channel: string; payload?: string | undefined }) => void): unknown;
}

/** PostgreSQL: another transaction of ours was in the way, and the statement may simply come again. */
const passing = new Set(['40001', '40P01']);

/** Migrations may wait for another process that makes the same tables, ms. */
const migrationMs = 30_000;

export function postgres(pool: PgPoolLike, timeoutMs: number): Dialect {
  const bind = binder('$n');
  const heedless = () => {};
  /** A broken connection says so by an event, too; without a listener that would end the process. */
  const guarded = new WeakSet<PgClientLike>();
  pool.on('error', heedless);

  const connect = async (ms: number): Promise<PgClientLike> => {
    const client = await within(ms, pool.connect(), (late) => late.release());
    if (!guarded.has(client)) {
      guarded.add(client);
      client.on('error', heedless);
    }
    return client;
  };

  const query = async (client: PgClientLike, ms: number, ...[text, values = {}]: Parameters<Dialect['run']>): Promise<Result> => {
    const { sql, name, values: bound } = bind(text, values);
    const { rows, rowCount } = await within(
      ms,
      client.query(bound.length > 0 ? { name, text: sql, values: bound } : { text: sql }),
    );
    return { rows, changes: rowCount ?? 0 };
  };

  const using = async <T>(ms: number, work: (client: PgClientLike, left: () => number) => Promise<T>): Promise<T> => {
    const end = performance.now() + ms;
    const left = () => Math.max(1, end - performance.now());
    const client = await connect(ms);
    try {
      const result = await work(client, left);
      client.release();
      return result;
    } catch (error) {
      // After an answer from the server the connection is as good as before; after silence nobody knows.
      client.release(!hasAnswered(error));
      throw error;
    }
  };

  const run: Dialect['run'] = async (text, values, patienceMs = timeoutMs) => {
    for (let tries = 1; ; tries++) {
      try {
        return await using(patienceMs, (client, left) => query(client, left(), text, values));
      } catch (error) {
        if (tries > 5 || !passing.has(String(codeOf(error)))) throw unavailable('PostgreSQL', error);
        await sleep(randomInt(1, 5 * tries));
      }
    }
  };

  /** Whoever stops listening while a connection is still being made finds it stopped. */
  let listening: { readonly ready: Promise<boolean>; stop(): void } | undefined;

  const listen = (channels: readonly string[], heard: (channel: string, said: string) => void) => {
    let over = false;
    let client: PgClientLike | undefined;
    const stop = () => {
      if (over) return;
      over = true;
      if (listening === mine) listening = undefined;
      client?.release(true);
    };
    const begun = async () => {
      try {
        const made = await connect(timeoutMs);
        if (over) {
          made.release();
          return false;
        }
        client = made;
        client.on('notification', ({ channel, payload = '' }) => {
          if (!over) heard(channel, payload);
        });
        client.on('error', stop);
        client.on('end', stop);
        for (const channel of channels) await query(client, timeoutMs, `LISTEN ${channel}`);
        return !over;
      } catch {
        stop();
        return false;
      }
    };
    const mine = { ready: begun(), stop };
    return mine;
  };

  return {
    name: 'postgres',
    capabilities: { scope: 'shared', durable: true },
    run,

    async migrate(part, versionTable, steps) {
      const versionOf = `SELECT version FROM ${versionTable} WHERE part = :part`;
      try {
        const known = await using(timeoutMs, async (client, left) => {
          const { rows } = await query(client, left(), `SELECT to_regclass(:table) IS NOT NULL AS there`, {
            table: versionTable,
          });
          return rows[0]?.['there'] === true ? query(client, left(), versionOf, { part }) : undefined;
        });
        if (missing(steps, known?.rows[0]?.['version'], part).length === 0) return;
        await using(migrationMs, async (client, left) => {
          const say = (text: string, values = {}) => query(client, left(), text, values);
          await say('BEGIN');
          try {
            await say(`SET LOCAL lock_timeout = '20s'`);
            await say('SELECT pg_advisory_xact_lock(hashtext(:name))', { name: `adjourn ${versionTable}` });
            await say(`CREATE TABLE IF NOT EXISTS ${versionTable} (part text PRIMARY KEY, version integer NOT NULL)`);
            const { rows } = await say(versionOf, { part });
            for (const statement of missing(steps, rows[0]?.['version'], part).flat()) await say(statement);
            await say(
              `INSERT INTO ${versionTable} (part, version) VALUES (:part, :version)
               ON CONFLICT (part) DO UPDATE SET version = excluded.version`,
              { part, version: steps.length },
            );
            await say('COMMIT');
          } catch (error) {
            await say('ROLLBACK').catch(() => {});
            throw error;
          }
        });
      } catch (error) {
        throw error instanceof Error && error.name === 'AdjournError' ? error : unavailable('PostgreSQL', error);
      }
    },

    take: async (texts, values) => (await run(texts.take, values)).rows[0],
    claim: async (texts, values) => (await run(texts.claim, values)).rows,

    async listen(channels, heard) {
      // Whoever has so few connections needs them for the turns.
      if ((pool.options?.max ?? 10) < 3) return false;
      listening ??= listen(channels, heard);
      return listening.ready;
    },

    hush: () => listening?.stop(),

    close() {
      listening?.stop();
      pool.off('error', heedless);
    },

    schema: postgresSchema,
    texts: postgresTexts,
  };
}

/** An error of the server itself comes with its severity. */
function hasAnswered(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'severity' in error && 'code' in error && !String(error.code).startsWith('57P')
  );
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
