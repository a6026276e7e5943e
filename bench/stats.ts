import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { createPool } from 'mysql2/promise';
import pg from 'pg';
import type { StatsQuery } from '../src/middleware/stats.ts';
import { type SqlDriver, sqlArchive } from '../src/stores/sql.ts';

/**
 * How long it takes to count a month of closed sessions, and what the database does for it.
 *
 *     npx node --conditions=@adjourn/source bench/stats.ts [postgres|mariadb|sqlite] [sessions]
 *
 * The sessions are made by the database itself, a million a statement, into tables of their own that are removed at the end: six endpoints,
 * half of them closed proactively; every third session is one message long, so lasts exactly half an hour. Then the archive is asked as
 * anybody would ask it, and on PostgreSQL the plans of its statements are shown.
 */
const [name = 'postgres', wanted = '1000000'] = process.argv.slice(2);
const total = Number(wanted);
const postgresUrl = process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/test';
const atOnce = 1_000_000;
const rounds = 5;
const prefix = `bench${randomUUID().slice(0, 8)}`;
const month = { from: Date.parse('2026-11-01T00:00:00Z'), to: Date.parse('2026-12-01T00:00:00Z') };

interface Database {
  readonly driver: SqlDriver;
  say(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** How it says: a random number below 1, the numbers from one to another as `n`, one of several texts, a whole number, two texts as one. */
  readonly random: string;
  numbers(first: number, last: number): string;
  pick(of: readonly string[], index: string): string;
  whole(value: string): string;
  join(one: string, other: string): string;
  readonly id: string;
  readonly settle: readonly string[];
  readonly clear: readonly string[];
  end(): Promise<void>;
}

const table = `${prefix}_archive`;
const drops = ['', '_lines', '_erased', '_counts', '_spreads'].map((one) => `DROP TABLE IF EXISTS ${table}${one}`);
drops.push(`DROP TABLE IF EXISTS ${prefix}_schema`);
/** The statements that the archive has sent, as PostgreSQL got them. */
const sent: { readonly text: string; readonly values: readonly unknown[] }[] = [];

const databases: Readonly<Record<string, () => Database>> = {
  postgres() {
    const pool = new pg.Pool({ connectionString: postgresUrl });
    const driver: SqlDriver = {
      totalCount: 0,
      on: (event, listener) => pool.on(event, listener),
      off: (event, listener) => pool.off(event, listener),
      async connect() {
        const client = await pool.connect();
        return {
          query(config) {
            sent.push({ text: config.text, values: config.values ?? [] });
            return client.query(config);
          },
          release: (destroy) => client.release(destroy),
          on: (event, listener) => client.on(event as 'notification', listener),
        };
      },
    };
    return {
      driver,
      say: async (sql) => (await pool.query(sql)).rows,
      random: 'random()',
      numbers: (first, last) => `generate_series(${first}, ${last}) AS numbers (n)`,
      pick: (of, index) => `(ARRAY[${of.map((one) => `'${one}'`).join(', ')}])[1 + CAST(floor(${index}) AS integer)]`,
      whole: (value) => `CAST(floor(${value}) AS bigint)`,
      join: (one, other) => `${one} || ${other}`,
      id: 'CAST(gen_random_uuid() AS text)',
      settle: [`VACUUM ANALYZE ${table}`, `VACUUM ANALYZE ${table}_counts`, `VACUUM ANALYZE ${table}_spreads`],
      clear: [...drops, `DROP FUNCTION IF EXISTS ${table}_tally`],
      end: () => pool.end(),
    };
  },
  mariadb() {
    const pool = createPool(process.env['MYSQL_URL'] ?? 'mysql://root@127.0.0.1:3306/test');
    return {
      driver: pool,
      say: async (sql) => (await pool.query(sql))[0] as Record<string, unknown>[],
      random: 'RAND()',
      numbers: (first, last) => `(SELECT seq AS n FROM seq_${first}_to_${last}) numbers`,
      pick: (of, index) => `ELT(1 + FLOOR(${index}), ${of.map((one) => `'${one}'`).join(', ')})`,
      whole: (value) => `FLOOR(${value})`,
      join: (one, other) => `CONCAT(${one}, ${other})`,
      id: 'UUID()',
      settle: [`ANALYZE TABLE ${table}`],
      clear: drops,
      end: () => pool.end(),
    };
  },
  sqlite() {
    const database = new DatabaseSync(`/tmp/${prefix}.db`);
    return {
      driver: database,
      say: async (sql) => database.prepare(sql).all() as Record<string, unknown>[],
      random: '((random() & 0xfffffff) / 268435456.0)',
      numbers: (first, last) =>
        `(WITH RECURSIVE c (n) AS (VALUES (${first}) UNION ALL SELECT n + 1 FROM c WHERE n < ${last}) SELECT n FROM c) numbers`,
      pick: (of, index) =>
        `CASE CAST(${index} AS INTEGER) ${of.map((one, n) => `WHEN ${n} THEN '${one}'`).join(' ')} ELSE '${of.at(-1)}' END`,
      whole: (value) => `CAST(${value} AS INTEGER)`,
      join: (one, other) => `${one} || ${other}`,
      id: 'lower(hex(randomblob(18)))',
      settle: ['ANALYZE'],
      clear: drops,
      end: async () => database.close(),
    };
  },
};

/** What somebody who looks at a month wants to know. Those further down are counted session by session. */
const questions: Readonly<Record<string, StatsQuery>> = {
  'the whole month': { ...month, developer: false },
  'by day': { ...month, by: ['day'], developer: false },
  'by day, UTC+5:30': { ...month, by: ['day'], offset: 330, developer: false },
  'by day and endpoint': { ...month, by: ['day', 'channel', 'endpoint'] },
  'one day': { ...month, to: month.from + 24 * 3_600_000 },
  'by reason, outcome': { ...month, by: ['reason', 'outcome'] },
  'of one person': { ...month, keys: ['line/shop/U17'] },
};

const open = databases[name];
if (open === undefined) throw new Error(`No such database: ${name}. There are ${Object.keys(databases).join(', ')}.`);
const database = open();
const archive = sqlArchive(database.driver, { prefix });
try {
  await archive.find('none');
  const made = await timed(load);
  console.log(
    `${total} sessions of a month in ${name}, made in ${(made / 1_000).toFixed(1)} s; milliseconds, the best of ${rounds}`,
  );
  for (const [title, query] of Object.entries(questions)) await ask(title, query);
  if (name === 'postgres') await tell();
} finally {
  for (const sql of database.clear) await database.say(sql);
  await database.end();
}

/** Sessions as a busy bot has them. */
async function load(): Promise<void> {
  const { random, pick, whole, numbers, say } = database;
  const columns = {
    id: database.id,
    who: database.join("'line/shop/U'", whole(`${random} * ${total / 10}`)),
    channel: pick(['line', 'slack', 'whatsapp'], `${random} * 3`),
    endpoint: pick(['shop', 'support'], `${random} * 2`),
    // Sessions come to an archive about in their order.
    started: whole(`${month.from} + (n + ${random} * 500) * ${(month.to - month.from - 3 * 3_600_000) / (total + 500)}`),
    duration: `CASE WHEN n % 3 = 0 THEN 1800000 ELSE ${whole(`1800000 + ${random} * ${random} * ${random} * 7200000`)} END`,
    lag: `CASE WHEN n % 2 = 0 THEN ${whole(`${random} * ${random} * 2000`)} WHEN n % 7 = 0 THEN 0 ELSE ${whole(`${random} * 86400000`)} END`,
    reason: `CASE WHEN n % 7 = 0 THEN 'refresh' WHEN n % 11 = 0 THEN 'bot' ELSE 'inactivity' END`,
    outcome: `CASE WHEN n % 4 = 0 THEN ${pick(['resolved', 'escalated', 'abandoned'], `${random} * 3`)} END`,
    message: `CASE WHEN n % 2 = 1 THEN 'off' WHEN n % 50 = 0 THEN 'failed:30003' ELSE 'sent' END`,
  };
  const made = Object.entries(columns).map(([column, value]) => `${value} AS ${column}`);
  for (let first = 1; first <= total; first += atOnce) {
    await say(`INSERT INTO ${table} (session_id, conversation, channel, endpoint, started_at, ended_at, closed_at, reason, outcome,
        interactive, developer, billable, turns, messages_in, messages_out, deadlines_met, deadlines_missed, blocks, spans, message, entry)
      SELECT id, who, channel, endpoint, started, started + duration, started + duration + lag, reason, outcome,
        1, CASE WHEN n % 50 = 1 THEN 1 ELSE 0 END, CASE WHEN n % 50 = 1 THEN 0 ELSE 1 END,
        n % 9, n % 11, n % 13, 0, 0, 2 + n % 3, 1 + n % 2, message, '${'x'.repeat(600)}'
      FROM (SELECT n, ${made.join(', ')} FROM ${numbers(first, Math.min(total, first + atOnce - 1))}) made`);
  }
  for (const sql of database.settle) await say(sql);
}

async function ask(title: string, query: StatsQuery): Promise<void> {
  const times: number[] = [];
  let rows = 0;
  for (let round = 0; round < rounds; round++) {
    times.push(
      await timed(async () => {
        rows = (await archive.stats(query)).length;
      }),
    );
  }
  console.log(
    `${title.padEnd(24)} ${Math.min(...times)
      .toFixed(0)
      .padStart(7)}   ${rows} rows`,
  );
}

/** What PostgreSQL does for the whole month, and how large the tables are. */
async function tell(): Promise<void> {
  sent.length = 0;
  await archive.stats({ ...month, developer: false });
  const pool = new pg.Pool({ connectionString: postgresUrl });
  for (const { text, values } of sent.filter(({ text: sql }) => /SUM|percent/.test(sql))) {
    const { rows } = await pool.query(`EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${text}`, [...values]);
    console.log(`\n${rows.map((row) => row['QUERY PLAN']).join('\n')}`);
  }
  await pool.end();
  const sizes =
    await database.say(`SELECT relname, pg_size_pretty(pg_total_relation_size(oid)) AS size, reltuples AS rows FROM pg_class
    WHERE relkind = 'r' AND relname LIKE '${table}%' ORDER BY 1`);
  console.log(
    `\n${sizes.map(({ relname, size, rows }) => `${String(relname)}: ${String(size)}, ${String(rows)} rows`).join('\n')}`,
  );
}

async function timed(work: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}
