import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { type Archive, type ClosedSession, memoryArchive } from '../../src/middleware/archive.ts';
import { sqlArchive, sqlStore } from '../../src/stores/sql.ts';
import { impatient } from '../kit/store-model.ts';
import {
  connectAsMysql,
  connectMysql,
  connectPostgres,
  dropping,
  freshPrefix,
  missing,
  mysqlUrl,
  postgresUrl,
} from './sql-servers.ts';

interface Opened {
  readonly archive: Archive;
  close(): Promise<void>;
}

function onServer(connect: typeof connectMysql | typeof connectPostgres, url: URL) {
  return async (): Promise<Opened> => {
    const prefix = freshPrefix();
    const connected = connect(url.href);
    return {
      archive: sqlArchive(connected.driver, { prefix }),
      close: async () => {
        await connected.say(dropping(prefix));
        await connected.end();
      },
    };
  };
}

const archives: Readonly<Record<string, readonly [reason: string | undefined, open: () => Promise<Opened>]>> = {
  memory: [undefined, async () => ({ archive: memoryArchive(), close: async () => {} })],
  PostgreSQL: [await missing(postgresUrl, 'PostgreSQL'), onServer(connectPostgres, postgresUrl)],
  MariaDB: [await missing(mysqlUrl, 'MariaDB'), onServer(connectMysql, mysqlUrl)],
  'MySQL, as far as MariaDB stands in for it': [await missing(mysqlUrl, 'MariaDB'), onServer(connectAsMysql, mysqlUrl)],
  SQLite: [
    undefined,
    async () => {
      const database = new DatabaseSync(':memory:');
      return { archive: sqlArchive(database), close: async () => database.close() };
    },
  ],
};

const closed = (session: string, closedAt: number, more: Partial<ClosedSession> = {}): ClosedSession => ({
  session,
  key: 'line/shop/U1',
  channel: 'line',
  endpoint: 'shop',
  user: 'U1',
  reason: 'inactivity',
  startedAt: closedAt - 60,
  endedAt: closedAt - 1,
  closedAt,
  message: 'sent',
  interactive: true,
  developer: false,
  billable: true,
  turns: 3,
  outcome: '🔒 done\u0000',
  ...more,
});

for (const [name, [reason, open]] of Object.entries(archives)) {
  const isLeftOut = reason !== undefined && !process.env['CI'];
  if (isLeftOut) console.warn(`LEFT OUT: archive on ${name}: ${reason}`);

  const check = (title: string, work: (archive: Archive) => Promise<void>) =>
    test.skipIf(isLeftOut)(title, async () => {
      const { archive, close } = await open();
      try {
        await work(archive);
      } finally {
        await close();
      }
    });

  describe(`archive: ${name}`, () => {
    check('gives the sessions of a conversation back as they came, newest first, a page at a time', async (archive) => {
      for (const n of [2, 1, 3]) await archive.put(closed(`s${n}`, n * 100));
      await archive.put(closed('other', 150, { key: 'line/shop/U2' }));
      const key = 'line/shop/U1';
      expect(await archive.list({ key })).toEqual([closed('s3', 300), closed('s2', 200), closed('s1', 100)]);
      expect(await archive.list({ key, limit: 2 })).toEqual([closed('s3', 300), closed('s2', 200)]);
      expect(await archive.list({ key, before: 200 })).toEqual([closed('s1', 100)]);
      expect(await archive.list({ key: 'line/shop/U3' })).toEqual([]);
    });

    check('of sessions closed at the same time the one that ended later comes first', async (archive) => {
      await archive.put(closed('early', 100, { endedAt: 50 }));
      await archive.put(closed('late', 100, { endedAt: 60 }));
      expect((await archive.list({ key: 'line/shop/U1' })).map((one) => one.session)).toEqual(['late', 'early']);
    });

    check('keeps one of a session that comes twice, also at the same time', async (archive) => {
      await Promise.all([1, 2, 3, 4].map(() => archive.put(closed('s', 100))));
      await archive.put(closed('s', 200, { turns: 9 }));
      expect(await archive.list({ key: 'line/shop/U1' })).toEqual([closed('s', 100)]);
    });

    check('a report on the closing message counts, whether it comes after the session or before', async (archive) => {
      await archive.put(closed('s1', 100));
      await archive.amend('s1', 'failed:30006');
      await archive.amend('s2', 'failed:63016');
      await archive.put(closed('s2', 200));
      await archive.put(closed('s2', 200));
      const messages = (await archive.list({ key: 'line/shop/U1' })).map((one) => one.message);
      expect(messages).toEqual(['failed:63016', 'failed:30006']);
    });
  });
}

test('a store and an archive get on in one database', async () => {
  const database = new DatabaseSync(':memory:');
  const [store, archive] = [sqlStore(database), sqlArchive(database)];
  const [begun] = await Promise.all([store.begin('line/shop/U1', impatient), archive.put(closed('s', 100))]);
  await store.commit(begun.lease, {}, null);
  expect(await archive.list({ key: 'line/shop/U1' })).toHaveLength(1);
  expect((await store.find({})).records).toHaveLength(1);
  database.close();
});

test('what an archive kept is there for the next process', async ({ skip }) => {
  if ((await missing(postgresUrl, 'PostgreSQL')) !== undefined && !process.env['CI']) skip();
  const prefix = freshPrefix();
  const [one, other] = [connectPostgres(postgresUrl.href), connectPostgres(postgresUrl.href)];
  await sqlArchive(one.driver, { prefix }).put(closed('s', 100));
  expect(await sqlArchive(other.driver, { prefix }).list({ key: 'line/shop/U1' })).toEqual([closed('s', 100)]);
  await one.say(dropping(prefix));
  await Promise.all([one.end(), other.end()]);
});
