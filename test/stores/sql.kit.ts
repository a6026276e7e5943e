import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sqlStore } from '../../src/stores/sql.ts';
import type { StoreEntry } from '../kit/store.ts';
import { type Gate, gateTo } from './gate.ts';
import {
  type Connected,
  connectAsMysql,
  connectMysql,
  connectPostgres,
  dropping,
  freshPrefix,
  missing,
  mysqlUrl,
  postgresUrl,
} from './sql-servers.ts';

/** Generous for a busy machine, short enough for a test of an outage that only shows by silence. */
const timeoutMs = 1_000;

/** Every database that sqlStore is tested on. */
export const entries: Record<string, StoreEntry> = {
  PostgreSQL: onServer(postgresUrl, 'PostgreSQL', connectPostgres),
  MariaDB: onServer(mysqlUrl, 'MariaDB', connectMysql),
  'MySQL, as far as MariaDB stands in for it': onServer(mysqlUrl, 'MariaDB', connectAsMysql),

  'SQLite in a file': {
    shared: true,
    runs: 60,

    async open() {
      const folder = await mkdtemp(join(tmpdir(), 'adjourn-sql-'));
      const databases: ReturnType<typeof fragile>[] = [];
      const open = () => {
        const database = fragile(join(folder, 'sessions.db'));
        databases.push(database);
        return { database, store: sqlStore(database, { timeoutMs }) };
      };
      const { database, store } = open();
      return {
        store,
        reopen: async () => open().store,
        fail: async (on) => {
          database.failing = on;
        },
        damage: async (key) => {
          database.exec(damaging('adjourn', key));
        },
        dispose: async () => {
          for (const one of databases) one.close();
          await rm(folder, { recursive: true });
        },
      };
    },
  },

  'SQLite in memory': {
    async open() {
      const database = new DatabaseSync(':memory:');
      return { store: sqlStore(database), dispose: async () => database.close() };
    },
  },
};

/** A fresh set of tables behind a relay that can be shut. */
function onServer(target: URL, name: string, connect: (url: string) => Connected): StoreEntry {
  return {
    shared: true,
    runs: 20,

    unavailable: () => missing(target, name),

    async open() {
      const prefix = freshPrefix();
      const gate: Gate = await gateTo(target);
      const direct = connect(target.href);
      const opened: { connected: Connected; close(): Promise<void> }[] = [];
      const open = () => {
        const connected = connect(gate.url);
        const store = sqlStore(connected.driver, { prefix, timeoutMs });
        opened.push({ connected, close: () => store.close() });
        return store;
      };
      return {
        store: open(),
        reopen: async () => open(),
        fail: async (on) => (on ? gate.shut() : gate.open()),
        damage: async (key) => {
          await direct.say(damaging(prefix, key));
        },
        dispose: async () => {
          for (const { connected, close } of opened) {
            await close();
            await connected.end();
          }
          await direct.say(dropping(prefix));
          await direct.end();
          await gate.close();
        },
      };
    },
  };
}

function damaging(prefix: string, key: string): string {
  return `UPDATE ${prefix}_conversations SET record = SUBSTR(record, 1, 3) WHERE conversation = '${key}'`;
}

/** A file whose every statement fails while `failing` is set. */
function fragile(file: string) {
  const database = new DatabaseSync(file);
  const own = {
    failing: false,
    close: () => database.close(),
    exec(sql: string) {
      check();
      database.exec(sql);
    },
    prepare(sql: string) {
      check();
      const statement = database.prepare(sql);
      return {
        all(...values: (string | number | null)[]) {
          check();
          return statement.all(...values);
        },
      };
    },
  };
  const check = () => {
    if (own.failing) throw new Error('disk I/O error');
  };
  return own;
}
