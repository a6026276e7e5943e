import { DatabaseSync } from 'node:sqlite';
import { sqlArchive } from '../../src/stores/sql.ts';
import type { ArchiveEntry } from '../kit/archive.ts';
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

/** Every database that sqlArchive is tested on. */
export const entries: Record<string, ArchiveEntry> = {
  PostgreSQL: onServer(postgresUrl, 'PostgreSQL', connectPostgres),
  MariaDB: onServer(mysqlUrl, 'MariaDB', connectMysql),
  'MySQL, as far as MariaDB stands in for it': onServer(mysqlUrl, 'MariaDB', connectAsMysql),
  SQLite: {
    runs: 60,
    async open() {
      const database = new DatabaseSync(':memory:');
      return {
        archive: sqlArchive(database),
        reopen: () => sqlArchive(database),
        dispose: async () => database.close(),
      };
    },
  },
};

function onServer(url: URL, name: string, connect: (url: string) => Connected): ArchiveEntry {
  return {
    runs: 8,
    unavailable: () => missing(url, name),
    async open() {
      const prefix = freshPrefix();
      const connected = connect(url.href);
      return {
        archive: sqlArchive(connected.driver, { prefix, timeoutMs: 10_000 }),
        reopen: () => sqlArchive(connected.driver, { prefix, timeoutMs: 10_000 }),
        dispose: async () => {
          await cleared(connected, prefix);
          await connected.end();
        },
      };
    },
  };
}
