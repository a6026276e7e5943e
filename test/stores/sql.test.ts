import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import type { Store } from '../../src/middleware/store.ts';
import { type SqlDriver, sqlStore } from '../../src/stores/sql.ts';
import { impatient, patient, rejects } from '../kit/store-model.ts';
import { allOf, found } from '../secrets/needles.ts';
import {
  type Connected,
  connectMysql,
  connectPostgres,
  dropping,
  freshPrefix,
  missing,
  mysqlUrl,
  postgresUrl,
} from './sql-servers.ts';

const servers = [
  ['PostgreSQL', postgresUrl, connectPostgres],
  ['MariaDB', mysqlUrl, connectMysql],
] as const;

async function turn(store: Store, key: string, record: Record<string, unknown> | null = {}, wakeAt: number | null = 10) {
  const { lease } = await store.begin(key, patient);
  await store.commit(lease, record, wakeAt);
}

/** Runs while an answer is waited for that no other call could prove. */
const until = (holds: () => Promise<boolean>) => vi.waitUntil(holds, { timeout: 15_000, interval: 20 });

for (const [name, url, connect] of servers) {
  const reason = await missing(url, name);
  const isLeftOut = reason !== undefined && !process.env['CI'];
  if (isLeftOut) console.warn(`LEFT OUT: sqlStore: ${reason}`);

  /** A test with tables and connections of its own. */
  const check = (title: string, work: (tools: Tools) => Promise<void>) =>
    test.skipIf(isLeftOut)(title, async () => {
      const prefix = freshPrefix();
      const opened: Connected[] = [];
      const stores: Store[] = [];
      const open = (max?: number) => {
        const connected = connect(url.href, max);
        opened.push(connected);
        return connected;
      };
      const storeOn = (driver: SqlDriver, timeoutMs = 2_000) => {
        const store = sqlStore(driver, { prefix, timeoutMs });
        stores.push(store);
        return store;
      };
      const direct = open();
      try {
        await work({ prefix, direct, open, storeOn });
      } finally {
        for (const store of stores) await store.close();
        await direct.say(dropping(prefix));
        for (const one of opened) await one.end();
      }
    });

  describe(name, () => {
    check('processes that start together make the tables once', async ({ prefix, direct, open, storeOn }) => {
      const stores = Array.from({ length: 6 }, () => storeOn(open(2).driver));
      await Promise.all(stores.map((store, n) => turn(store, `k${n}`)));
      expect(await direct.say(`SELECT part, version FROM ${prefix}_schema`)).toEqual([{ part: 'store', version: 1 }]);
      expect((await storeOn(direct.driver).find({})).records).toHaveLength(6);
    });

    check('tables of a newer version are left alone', async ({ prefix, direct, open, storeOn }) => {
      await turn(storeOn(direct.driver), 'a');
      await direct.say(`UPDATE ${prefix}_schema SET version = 99`);
      await rejects(storeOn(open().driver).begin('a', impatient), 'ADJ_CONFIG_INVALID');
    });

    check('a pool without a free connection is an outage, in time, and what was given up is not done later', async (tools) => {
      const connected = tools.open(2);
      const store = tools.storeOn(connected.driver, 300);
      await turn(store, 'warm');
      const back = [await connected.occupy(), await connected.occupy()];
      const from = performance.now();
      await rejects(store.begin('a', impatient), 'STORE_UNAVAILABLE');
      await rejects(store.find({}), 'STORE_UNAVAILABLE');
      expect(performance.now() - from).toBeLessThan(1_500);
      for (const one of back) one();
      await turn(store, 'a');
      expect((await tools.storeOn(tools.direct.driver).find({})).records).toHaveLength(2);
    });

    check('a pool of one connection is enough', async ({ open, storeOn }) => {
      const store = storeOn(open(1).driver);
      const holder = await store.begin('a', impatient);
      const waiting = turn(store, 'a', { n: 2 });
      await rejects(store.begin('a', impatient), 'LEASE_TIMEOUT');
      await store.commit(holder.lease, { n: 1 }, null);
      await waiting;
      expect((await store.begin('a', impatient)).record).toEqual({ n: 2 });
    });

    check('keys that a database may take for the same stay apart', async ({ direct, storeOn }) => {
      const store = storeOn(direct.driver);
      const keys = ['a', 'A', 'á', 'a ', 'a\t', 'a\u0301', 'a\\', 'a\\20;', 'ａ', '\u{10ffff}', ''];
      for (const key of keys) await turn(store, key, { key });
      for (const key of keys) expect((await store.begin(key, impatient)).record, JSON.stringify(key)).toEqual({ key });
      const under = async (prefix: string) => (await store.find({ prefix })).records.map((one) => one.key).sort();
      expect(await under('a')).toEqual(keys.filter((key) => key.startsWith('a')).sort());
      expect(await under('a\\')).toEqual(['a\\', 'a\\20;']);
    });

    check('an error of the database tells nothing of the record', async ({ prefix, direct, storeOn }) => {
      const store = storeOn(direct.driver);
      await turn(store, 'a');
      await direct.say(`ALTER TABLE ${prefix}_conversations ADD CONSTRAINT ${prefix}_c CHECK (record NOT LIKE '%card 4111%')`);
      const error = await turn(store, 'a', { said: 'my card 4111' }).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', cause: { code: expect.anything() } });
      expect(error.cause.message).toContain(`${prefix}_c`);
      expect(found({ text: 'my card 4111' }, allOf(error))).toEqual([]);
    });

    check('a key too long for an index is refused', async ({ direct, storeOn }) => {
      const store = storeOn(direct.driver);
      await turn(store, '🔒'.repeat(320));
      await rejects(store.begin('k'.repeat(641), impatient), 'ADJ_RECORD_INVALID');
    });

    check('stores with prefixes of their own do not meet', async ({ prefix, direct, storeOn }) => {
      const other = `${prefix}_b`;
      const theirs = sqlStore(direct.driver, { prefix: other });
      await turn(storeOn(direct.driver), 'a', { mine: true });
      expect(await theirs.begin('a', impatient)).toMatchObject({ record: null });
      expect(await theirs.nextWake()).toBeNull();
      await theirs.close();
      await direct.say(dropping(other));
    });

    check('nothing is left of leases, waiters and conversations that are done', async ({ prefix, direct, open, storeOn }) => {
      const [one, other] = [storeOn(open().driver), storeOn(open().driver)];
      const holder = await one.begin('a', patient);
      const quitter = new AbortController();
      const waits = [turn(other, 'a'), turn(one, 'a'), turn(other, 'a', null)];
      const quits = rejects(other.begin('a', { ...patient, signal: quitter.signal }), 'LEASE_TIMEOUT');
      await rejects(other.begin('a', impatient), 'LEASE_TIMEOUT');
      quitter.abort();
      await one.commit(holder.lease, {}, 10);
      await Promise.all([...waits, quits]);
      await turn(one, 'a', null);
      const unused = await one.begin('b', impatient);
      await one.release(unused.lease);
      expect(await one.claimDue(1, 10, 100)).toEqual([]);
      await until(async () => (await direct.say(`SELECT 1 FROM ${prefix}_line`)).length === 0);
      expect(await direct.say(`SELECT conversation FROM ${prefix}_conversations`)).toEqual([]);
    });

    check('a row whose process died before the first save is removed in the end', async ({ prefix, direct, storeOn }) => {
      const store = storeOn(direct.driver);
      await store.begin('dead', { ...impatient, leaseMs: 1 });
      await store.begin('alive', impatient);
      await sleep(5);
      expect(await store.claimDue(2 * 60 * 60_000, 10, 100)).toEqual([]);
      expect(await direct.say(`SELECT conversation FROM ${prefix}_conversations`)).toEqual([{ conversation: 'alive' }]);
    });

    check('tickets of processes that are long gone are removed', async ({ prefix, direct, open, storeOn }) => {
      await turn(storeOn(direct.driver), 'a');
      const longGone = `'2020-01-01 00:00:00'`;
      await direct.say(
        `INSERT INTO ${prefix}_processes (process, valid_until) VALUES ('gone', ${longGone}), ('here', '2100-01-01 00:00:00')`,
      );
      await direct.say(
        name === 'PostgreSQL'
          ? `INSERT INTO ${prefix}_line VALUES ('a', 1, 'gone', 'gone:1', 1, ${longGone}), ('a', 2, 'here', 'here:1', 1, ${longGone})`
          : `INSERT INTO ${prefix}_line VALUES ('a', 1, 'gone', 'gone:1', ${longGone}), ('a', 2, 'here', 'here:1', ${longGone})`,
      );
      await storeOn(open().driver).claimDue(0, 1, 1);
      expect(await direct.say(`SELECT process FROM ${prefix}_line`)).toEqual([{ process: 'here' }]);
      expect(await direct.say(`SELECT process FROM ${prefix}_processes`)).toEqual([{ process: 'here' }]);
    });

    check('a wake-up that moves to later does not move in the index; one that comes earlier does', async (tools) => {
      const store = tools.storeOn(tools.direct.driver);
      const times = () => tools.direct.say(`SELECT wake_at, look_at FROM ${tools.prefix}_conversations`);
      await turn(store, 'a', {}, 100);
      await turn(store, 'a', {}, 300);
      expect(await times()).toEqual([{ wake_at: 300, look_at: 100 }]);
      expect(await store.nextWake()).toBe(300);
      expect(await times()).toEqual([{ wake_at: 300, look_at: 300 }]);
      await turn(store, 'a', {}, 200);
      expect(await times()).toEqual([{ wake_at: 200, look_at: 200 }]);
      await turn(store, 'a', {}, 400);
      expect(await store.claimDue(399, 10, 1)).toEqual([]);
      expect(await store.claimDue(400, 10, 1)).toEqual(['a']);
    });

    check('of wake-ups that seem due the truly earliest are claimed', async ({ direct, storeOn }) => {
      const store = storeOn(direct.driver);
      for (const [key, at] of Object.entries({ a: 1, b: 10, c: 2, d: 12, e: 30 })) await turn(store, key, {}, at);
      await turn(store, 'a', {}, 11);
      await turn(store, 'c', {}, 99);
      expect(await store.claimDue(20, 2, 1_000)).toEqual(['b', 'a']);
      expect(await store.claimDue(40, 9, 1_000)).toEqual(['d', 'e']);
    });

    check(
      'a place that its process lost in an outage holds nobody up, though the process lives',
      async ({ direct, open, storeOn }) => {
        const store = storeOn(direct.driver);
        const outage = { isOn: false };
        const shaky = storeOn(failing(name, open().driver, outage));
        const [a, b] = [await store.begin('a', impatient), await store.begin('b', impatient)];
        const lost = rejects(shaky.begin('a', patient), 'STORE_UNAVAILABLE');
        await rejects(shaky.begin('a', impatient), 'LEASE_TIMEOUT');
        const next = store.begin('a', patient);
        await rejects(store.begin('a', impatient), 'LEASE_TIMEOUT');
        outage.isOn = true;
        await lost;
        outage.isOn = false;
        // This one keeps its process alive in the eyes of the others.
        const elsewhere = shaky.begin('b', patient);
        await rejects(shaky.begin('b', impatient), 'LEASE_TIMEOUT');
        await store.release(a.lease);
        await store.release((await next).lease);
        await store.release(b.lease);
        await shaky.release((await elsewhere).lease);
      },
    );

    check('a lease whose grant nobody heard of is given back', async ({ direct, open, storeOn }) => {
      const store = storeOn(direct.driver);
      await turn(store, 'warm');
      const deaf = storeOn(lossy(name, open().driver));
      await turn(deaf, 'warm');
      await rejects(deaf.begin('lose', impatient), 'STORE_UNAVAILABLE');
      await turn(store, 'lose', { n: 1 });
    });
  });
}

interface Tools {
  readonly prefix: string;
  readonly direct: Connected;
  open(max?: number): Connected;
  storeOn(driver: SqlDriver, timeoutMs?: number): Store;
}

/** Fails while there is an outage. */
function failing(name: string, driver: SqlDriver, outage: { isOn: boolean }): SqlDriver {
  const check = () => {
    if (outage.isOn) throw new Error('Connection refused');
  };
  if (name === 'PostgreSQL') {
    const pool = driver as Postgres['driver'];
    return {
      totalCount: 0,
      on: (event, listener) => pool.on(event, listener),
      off: (event, listener) => pool.off(event, listener),
      async connect() {
        check();
        return pool.connect();
      },
    };
  }
  const pool = driver as Extract<SqlDriver, { getConnection(): unknown }>;
  return {
    async getConnection() {
      check();
      return pool.getConnection();
    },
  };
}

/** Loses the first answer about a conversation named `lose`, after the server has done its work. */
function lossy(name: string, driver: SqlDriver): SqlDriver {
  let lost = false;
  const hears = async <T>(answer: Promise<T>, values: unknown[] = []): Promise<T> => {
    const result = await answer;
    if (lost || !values.includes('lose')) return result;
    lost = true;
    throw new Error('Connection reset');
  };
  if (name === 'PostgreSQL') {
    const pool = driver as ReturnType<typeof connectPostgres>['driver'];
    return {
      totalCount: 0,
      on: (event, listener) => pool.on(event, listener),
      off: (event, listener) => pool.off(event, listener),
      async connect() {
        const client = await pool.connect();
        return {
          query: (config) => hears(client.query(config), config.values),
          release: () => client.release(),
          on: (event, listener) => client.on(event as 'end', listener as () => void),
        };
      },
    };
  }
  const pool = driver as Extract<SqlDriver, { getConnection(): unknown }>;
  return {
    async getConnection() {
      const connection = await pool.getConnection();
      return {
        execute: (options, values) => hears(connection.execute(options, values), values),
        query: (options) => connection.query(options),
        release: () => connection.release(),
        destroy: () => connection.release(),
      };
    },
  };
}

describe('waiting on PostgreSQL', async () => {
  const isLeftOut = (await missing(postgresUrl, '')) !== undefined && !process.env['CI'];

  test.skipIf(isLeftOut)('a waiting process that is killed holds nobody up for a second', async () => {
    const prefix = freshPrefix();
    const connected = connectPostgres(postgresUrl.href);
    const store = sqlStore(connected.driver, { prefix });
    const holder = await store.begin('a', impatient);
    const elsewhere = fork(new URL('sql-elsewhere.ts', import.meta.url), [postgresUrl.href, prefix], {
      execArgv: ['--conditions=@adjourn/source'],
    });
    try {
      await until(async () => (await connected.say(`SELECT 1 FROM ${prefix}_line`)).length === 1);
      const next = store.begin('a', patient);
      await rejects(store.begin('a', impatient), 'LEASE_TIMEOUT');
      elsewhere.kill('SIGKILL');
      await once(elsewhere, 'exit');
      const from = performance.now();
      await store.commit(holder.lease, { n: 1 }, null);
      expect((await next).record).toEqual({ n: 1 });
      expect(performance.now() - from).toBeLessThan(1_000);
    } finally {
      elsewhere.kill('SIGKILL');
      await store.close();
      await connected.say(dropping(prefix));
      await connected.end();
    }
  });

  test.skipIf(isLeftOut)(
    'a lease is handed over with its record; a long one is read, and so is one that nobody told of',
    async () => {
      const prefix = freshPrefix();
      const [one, other, direct] = [1, 2, 3].map(() => connectPostgres(postgresUrl.href)) as [Postgres, Postgres, Postgres];
      const read = { count: 0 };
      const [holding, waiting] = [
        sqlStore(one.driver, { prefix }),
        sqlStore(counting(other.driver, read, 'RETURNING record, revision'), { prefix }),
      ];
      const listeners = `FROM pg_stat_activity WHERE query LIKE 'LISTEN ${prefix}%'`;
      const handOver = async (record: Record<string, unknown> | null, meanwhile = async () => {}) => {
        const { lease } = await holding.begin('a', impatient);
        const next = waiting.begin('a', patient);
        await rejects(waiting.begin('a', impatient), 'LEASE_TIMEOUT');
        await until(async () => (await direct.say(`SELECT 1 ${listeners}`)).length === 1);
        await meanwhile();
        await holding.commit(lease, record, null);
        const begun = await next;
        expect(begun.record).toEqual(record);
        await waiting.release(begun.lease);
        return begun.revision;
      };
      expect(await handOver({ text: 'short' })).toBe(1);
      expect(await handOver({ text: 'né \n 🔒' })).toBe(2);
      expect(await handOver(null)).toBe(0);
      expect(read.count).toBe(0);
      expect(await handOver({ text: '🔒'.repeat(2_000) })).toBe(1);
      expect(read.count).toBe(1);
      expect(
        await handOver({ text: 'missed' }, async () => void (await direct.say(`SELECT pg_terminate_backend(pid) ${listeners}`))),
      ).toBe(2);
      await Promise.all([holding, waiting].map((store) => store.close()));
      await direct.say(dropping(prefix));
      await Promise.all([one, other, direct].map((each) => each.end()));
    },
  );

  test.skipIf(isLeftOut)('who waits is told, and hardly ever asks; the connection that listens goes back', async () => {
    const prefix = freshPrefix();
    const [one, other, direct] = [1, 2, 3].map(() => connectPostgres(postgresUrl.href)) as [Postgres, Postgres, Postgres];
    const looks = { count: 0 };
    const stores = [sqlStore(one.driver, { prefix }), sqlStore(counting(other.driver, looks, 'AS holder'), { prefix })] as [
      Store,
      Store,
    ];
    const listening = async () => {
      const rows = await direct.say(`SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN ${prefix}%'`);
      return rows.length;
    };

    let { lease } = await stores[0].begin('a', impatient);
    const waiting = stores[1].begin('a', patient);
    await until(async () => (await listening()) === 1);
    const before = looks.count;
    await sleep(600);
    expect(looks.count - before).toBeLessThan(8);
    await stores[0].release(lease);
    ({ lease } = await waiting);

    let handingOver = 0;
    for (let n = 0; n < 10; n++) {
      const [holder, next] = n % 2 ? stores : ([stores[1], stores[0]] as const);
      const waits = next.begin('a', patient);
      await rejects(next.begin('a', impatient), 'LEASE_TIMEOUT');
      if (n < 2) await until(async () => (await listening()) === 2);
      const from = performance.now();
      await holder.release(lease);
      ({ lease } = await waits);
      handingOver += performance.now() - from;
    }
    expect(handingOver).toBeLessThan(500);

    await until(async () => (await listening()) === 0);
    await Promise.all(stores.map((store) => store.close()));
    await direct.say(dropping(prefix));
    await Promise.all([one, other, direct].map((each) => each.end()));
  });
});

type Postgres = ReturnType<typeof connectPostgres>;

/** Counts the statements that have some words in them. */
function counting(pool: Postgres['driver'], statements: { count: number }, words: string): SqlDriver {
  return {
    totalCount: 0,
    on: (event, listener) => pool.on(event, listener),
    off: (event, listener) => pool.off(event, listener),
    async connect() {
      const client = await pool.connect();
      return {
        query: (config) => {
          if (config.text.includes(words)) statements.count++;
          return client.query(config);
        },
        release: (destroy) => client.release(destroy),
        on: (event, listener) => client.on(event as 'notification', listener),
      };
    },
  };
}

describe('SQLite', () => {
  async function inFolder(work: (open: () => DatabaseSync) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'adjourn-sql-'));
    const opened: DatabaseSync[] = [];
    try {
      await work(() => {
        const database = new DatabaseSync(join(folder, 'sessions.db'));
        opened.push(database);
        return database;
      });
    } finally {
      for (const database of opened) database.close();
      await rm(folder, { recursive: true });
    }
  }

  test('a file is shared by the processes of a machine, and survives their end; memory is neither', async () => {
    await inFolder(async (open) => {
      const database = open();
      const store = sqlStore(database);
      expect(store.capabilities).toEqual({ scope: 'shared', durable: true });
      await turn(store, 'a');
      expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
      expect(database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 1 });
    });
    const memory = new DatabaseSync(':memory:');
    expect(sqlStore(memory).capabilities).toEqual({ scope: 'process', durable: false });
    memory.close();
  });

  test('processes that start together make the tables once', async () => {
    await inFolder(async (open) => {
      const stores = Array.from({ length: 6 }, () => sqlStore(open()));
      await Promise.all(stores.map((store, n) => turn(store, `k${n}`)));
      expect((await (stores[0] as Store).find({})).records).toHaveLength(6);
    });
  });

  test('while another process writes, this one waits without standing still, but not for ever', async () => {
    await inFolder(async (open) => {
      const writer = open();
      const store = sqlStore(open(), { timeoutMs: 300 });
      await turn(store, 'a');
      writer.exec('BEGIN IMMEDIATE');
      let ticks = 0;
      const ticking = setInterval(() => ticks++, 1);
      await rejects(store.begin('a', impatient), 'STORE_UNAVAILABLE');
      clearInterval(ticking);
      expect(ticks).toBeGreaterThan(5);
      const begun = store.begin('a', impatient);
      writer.exec('COMMIT');
      expect((await begun).record).toEqual({});
    });
  });
});

test('what is no database, or no prefix of a table, is refused', () => {
  expect(() => sqlStore({} as SqlDriver)).toThrowError(/ADJ_CONFIG_INVALID: sql: .*pg\.Pool/);
  expect(() => sqlStore({ connect() {}, query() {} } as unknown as SqlDriver)).toThrowError(/not a single client/);
  const memory = new DatabaseSync(':memory:');
  for (const prefix of ['', 'Has Space', 'x'.repeat(31), '1st', 'a;drop']) {
    expect(() => sqlStore(memory, { prefix }), prefix).toThrowError(/ADJ_CONFIG_INVALID: prefix/);
  }
  memory.close();
});
