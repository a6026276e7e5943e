import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { Archive } from '../../src/middleware/archive.ts';
import { type SqlDriver, sqlArchive, sqlStore } from '../../src/stores/sql.ts';
import { closed, line } from '../kit/archive.ts';
import { impatient, rejects } from '../kit/store-model.ts';
import { gateTo } from './gate.ts';
import {
  type Connected,
  cleared,
  connectAsMysql,
  connectMysql,
  connectPostgres,
  freshPrefix,
  missing,
  mysqlUrl,
  postgresUrl,
} from './sql-servers.ts';

/** A database with nothing of ours in it, and what a test does with it by itself. */
interface Database {
  readonly prefix: string;
  readonly driver: SqlDriver;
  say(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  end(): Promise<void>;
}

const key = 'line/shop/U1';

function onServer(connect: (url: string) => Connected, url: URL): () => Database {
  return () => {
    const prefix = freshPrefix();
    const connected = connect(url.href);
    return {
      ...connected,
      prefix,
      async end() {
        await cleared(connected, prefix);
        await connected.end();
      },
    };
  };
}

function inMemory(): Database {
  const database = new DatabaseSync(':memory:');
  return {
    prefix: 'adjourn',
    driver: database,
    say: async (sql) => database.prepare(sql).all() as Readonly<Record<string, unknown>>[],
    end: async () => database.close(),
  };
}

const noPostgres = await missing(postgresUrl, 'PostgreSQL');
const noMysql = await missing(mysqlUrl, 'MariaDB');

/** Databases, and the types version 1 used: of keys, times and texts, and where the index stands. */
const databases: readonly (readonly [
  name: string,
  reason: string | undefined,
  open: () => Database,
  types: readonly string[],
])[] = [
  ['SQLite', undefined, inMemory, ['TEXT', 'REAL', 'TEXT']],
  ['PostgreSQL', noPostgres, onServer(connectPostgres, postgresUrl), ['varchar(640) COLLATE "C"', 'double precision', 'text']],
  ...(['MariaDB', 'MySQL, as far as MariaDB stands in for it'] as const).map((name) => {
    const text = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
    const connect = name === 'MariaDB' ? connectMysql : connectAsMysql;
    return [name, noMysql, onServer(connect, mysqlUrl), [`VARCHAR(640) ${text}`, 'DOUBLE', `LONGTEXT ${text}`]] as const;
  }),
];

/** What a process of version 1 has left: its table, two sessions, one it could not have read itself, and a report on a fourth. */
async function versionOne({ say, prefix }: Database, types: readonly string[], isMysql: boolean): Promise<void> {
  const [id, time, text] = types;
  await say(`CREATE TABLE ${prefix}_archive (session_id ${id} PRIMARY KEY, conversation ${id}, closed_at ${time}, ended_at ${time},
    message ${text}, entry ${text}${isMysql ? ', INDEX (conversation, closed_at)) ENGINE=InnoDB ROW_FORMAT=DYNAMIC' : ')'}`);
  if (!isMysql) await say(`CREATE INDEX ${prefix}_archive_conversation ON ${prefix}_archive (conversation, closed_at)`);
  await say(`CREATE TABLE ${prefix}_schema (part VARCHAR(32) PRIMARY KEY, version INTEGER NOT NULL)`);
  await say(`INSERT INTO ${prefix}_schema VALUES ('archive', 1)`);
  await oldRow({ say, prefix }, 's1', 3_600_000);
  await oldRow({ say, prefix }, 's2', 7_200_000);
  await say(`INSERT INTO ${prefix}_archive VALUES ('damaged', '${key}-', 1, 1, 'sent', '{"session":')`);
  await say(`INSERT INTO ${prefix}_archive (session_id, message) VALUES ('s4', 'failed:30003')`);
}

async function oldRow({ say, prefix }: Pick<Database, 'say' | 'prefix'>, session: string, endedAt: number): Promise<void> {
  const { message, ...entry } = old(session, endedAt);
  await say(`INSERT INTO ${prefix}_archive (session_id, conversation, closed_at, ended_at, message, entry)
    VALUES ('${session}', '${key}', ${endedAt + 1}, ${endedAt}, '${message}', '${JSON.stringify(entry)}')`);
}

/** A session as version 1 kept it. */
function old(session: string, endedAt: number) {
  const { messagesIn: _later, billing: _too, ...entry } = closed(session, endedAt, { startedAt: endedAt - 2_000_000 });
  return entry;
}

for (const [name, reason, open, types] of databases) {
  const isLeftOut = reason !== undefined && !process.env['CI'];
  if (isLeftOut) console.warn(`LEFT OUT: archive on ${name}: ${reason}`);
  const isMysql = name.startsWith('M');

  const check = (title: string, work: (archive: Archive, database: Database) => Promise<void>, isOld = false) =>
    test.skipIf(isLeftOut)(title, async () => {
      const database = open();
      try {
        if (isOld) await versionOne(database, types, isMysql);
        await work(sqlArchive(database.driver, { prefix: database.prefix }), database);
      } finally {
        await database.end();
      }
    });

  describe(`archive: ${name}`, () => {
    check(
      'what version 1 kept is read and counted, whoever comes first',
      async (archive, { driver, prefix }) => {
        const other = sqlArchive(driver, { prefix });
        const [, found] = await Promise.all([archive.put(closed('s3', 9_000_000)), other.find('s1')]);
        expect(found).toEqual(old('s1', 3_600_000));
        const { sessions } = await archive.sessions({ keys: [key] });
        expect(sessions).toEqual([closed('s3', 9_000_000), old('s2', 7_200_000), old('s1', 3_600_000)]);
        const [row] = await archive.stats({ from: 0, to: 1e9 });
        expect(row).toMatchObject({
          opened: 3,
          closed: 3,
          turns: 9,
          messagesIn: 4,
          billing: { sessions: 3, blocks: 7, spans: 1 },
        });
        expect(row?.duration).toEqual({ p50: 2_000_000, p90: 2_000_000, p99: 2_000_000 });
        expect(await other.stats({ from: 0, to: 1e9 })).toEqual([row]);
        await rejects(archive.find('damaged'), 'ADJ_RECORD_INVALID');
      },
      true,
    );

    check(
      'a report that version 1 heard finds its session',
      async (archive) => {
        await archive.put(closed('s4', 9_000_000));
        expect(await archive.find('s4')).toMatchObject({ message: 'failed:30003' });
      },
      true,
    );

    check(
      'what version 1 kept goes when it is time, also what it writes meanwhile',
      async (archive, database) => {
        const here = { channel: 'line', endpoint: 'shop' };
        expect(await archive.expire({ ...here, sessionsBefore: 3_600_001, limit: 9 })).toEqual({ sessions: 1, lines: 0 });
        await oldRow(database, 's5', 9_000_000);
        expect((await archive.stats({ from: 0, to: 1e9 }))[0]?.closed).toBe(2);
        await oldRow(database, 's6', 9_100_000);
        expect(await archive.erase({ keys: [key], at: 1e9 })).toEqual({ sessions: 3, lines: 0, done: true });
        expect((await archive.stats({ from: 0, to: 1e9 }))[0]?.closed).toBe(0);
      },
      true,
    );

    check('a report whose session never comes is forgotten after a while', async (archive, { say, prefix }) => {
      await archive.amend('old', 'failed:30003');
      await archive.amend('new', 'failed:30003');
      const longAgo = Date.now() - 31 * 24 * 3_600_000;
      await say(`UPDATE ${prefix}_archive SET heard_at = ${longAgo} WHERE session_id = 'old'`);
      await archive.expire({ channel: 'line', endpoint: 'shop', limit: 1 });
      for (const [n, session] of ['old', 'new'].entries()) await archive.put(closed(session, 100 + n));
      const { sessions } = await archive.sessions({ keys: [key] });
      expect(sessions.map(({ session, message }) => [session, message])).toEqual([
        ['new', 'failed:30003'],
        ['old', 'sent'],
      ]);
    });

    check('an erasure does not keep the name of what it erased', async (archive, { say, prefix }) => {
      await archive.put(closed('s', 100));
      await archive.append([line('s', 0)]);
      await archive.erase({ keys: [key], at: 500 });
      const kept = await Promise.all(['', '_lines', '_erased'].map((table) => say(`SELECT * FROM ${prefix}_archive${table}`)));
      expect(kept.map((rows) => rows.length)).toEqual([0, 0, 1]);
      expect(JSON.stringify(kept)).not.toContain('U1');
    });
  });
}

describe.skipIf(noMysql !== undefined && !process.env['CI'])('MySQL', () => {
  test('a migration that died right after it changed the table goes on', async () => {
    const database = onServer(connectMysql, mysqlUrl)();
    await sqlArchive(database.driver, { prefix: database.prefix }).put(closed('s', 100));
    await database.say(`UPDATE ${database.prefix}_schema SET version = 1`);
    const next = sqlArchive(database.driver, { prefix: database.prefix });
    expect(await next.find('s')).toEqual(closed('s', 100));
    await database.end();
  });
});

describe.skipIf(noPostgres !== undefined && !process.env['CI'])('PostgreSQL', () => {
  const tallied = async ({ say, prefix }: Database) =>
    (await Promise.all(['counts', 'spreads'].map((table) => say(`SELECT * FROM ${prefix}_archive_${table}`)))).flat();

  test('its tallies follow the table, whoever changes that, and leave nothing behind', async () => {
    const database = onServer(connectPostgres, postgresUrl)();
    const { driver, prefix, say } = database;
    const archive = sqlArchive(driver, { prefix });
    for (let n = 0; n < 20; n++)
      await archive.put(closed(`s${n}`, 3_600_000 * n, { startedAt: 3_600_000 * n - 1_000 * (n % 7) }));
    await say(`DELETE FROM ${prefix}_archive WHERE session_id IN ('s3', 's4')`);
    await say(`UPDATE ${prefix}_archive SET started_at = started_at - 500, turns = turns + 1 WHERE session_id < 's15'`);
    const whole = { from: 0, to: 1e9, by: ['day' as const] };
    const byTallies = await archive.stats(whole);
    expect(byTallies).toEqual(await archive.stats({ ...whole, keys: [key] }));
    expect(byTallies).toMatchObject([{ closed: 18 }]);
    expect(await tallied(database)).not.toEqual([]);
    await archive.erase({ keys: [key], at: 1e9 });
    expect(await tallied(database)).toEqual([]);
    await database.end();
  });

  test('an outage is an error in bounded time, and afterwards everything is as it was', async () => {
    const prefix = freshPrefix();
    const gate = await gateTo(postgresUrl);
    const behind = connectPostgres(gate.url);
    const archive = sqlArchive(behind.driver, { prefix, timeoutMs: 500 });
    await archive.put(closed('s', 100));
    await gate.shut();
    await rejects(archive.put(closed('t', 200)), 'STORE_UNAVAILABLE');
    await rejects(archive.append([line('s', 0)]), 'STORE_UNAVAILABLE');
    await rejects(archive.sessions({ keys: [key] }), 'STORE_UNAVAILABLE');
    await gate.open();
    await archive.put(closed('t', 200));
    expect((await archive.sessions({ keys: [key] })).sessions).toHaveLength(2);
    await behind.end();
    await gate.close();
    const direct = connectPostgres(postgresUrl.href);
    await cleared(direct, prefix);
    await direct.end();
  });
});

test('a store and an archive get on in one database', async () => {
  const database = new DatabaseSync(':memory:');
  const [store, archive] = [sqlStore(database), sqlArchive(database)];
  const [begun] = await Promise.all([store.begin(key, impatient), archive.put(closed('s', 100))]);
  await store.commit(begun.lease, {}, null);
  expect((await archive.sessions({ keys: [key] })).sessions).toHaveLength(1);
  expect((await store.find({})).records).toHaveLength(1);
  database.close();
});
