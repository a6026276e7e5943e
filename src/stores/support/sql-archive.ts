import type { Archive, ClosedSession } from '../../middleware/archive.ts';
import { toRecord, toText } from './records.ts';
import type { Schema } from './sql-dialect.ts';
import { dialectOf, migration, prefixed, type SqlDriver, type SqlOptions } from './sql-driver.ts';
import { longestKey, toColumn } from './sql-keys.ts';

/**
 * Closed sessions in a table beside those of `sqlStore`, on the same drivers, kept until you delete them.
 * A session that comes twice is kept once, as it came first.
 * @throws AdjournError `ADJ_CONFIG_INVALID` if the driver is not known, or the prefix cannot name tables.
 */
export function sqlArchive(driver: SqlDriver, options: SqlOptions = {}): Archive {
  const prefix = prefixed(options);
  const dialect = dialectOf(driver, options);
  const { schema, put, amend, list } = textsOf(`${prefix}_archive`, dialect.name);
  const ready = migration(dialect, 'archive', prefix, schema);

  return {
    async put(closed) {
      await ready();
      const { message, ...entry } = closed;
      await dialect.run(put, {
        session: toColumn(closed.session),
        key: toColumn(closed.key),
        closedAt: closed.closedAt,
        endedAt: closed.endedAt,
        message,
        entry: toText(closed.session, entry),
      });
    },

    async amend(session, message) {
      await ready();
      await dialect.run(amend, { session: toColumn(session), message });
    },

    async list({ key, limit = 100, before }) {
      await ready();
      const earlier = Math.min(before ?? Number.MAX_VALUE, Number.MAX_VALUE);
      const { rows } = await dialect.run(list, { key: toColumn(key), before: earlier, limit });
      return rows.map(
        (row) => ({ ...toRecord(key, String(row['entry'])), message: String(row['message']) }) as unknown as ClosedSession,
      );
    },
  };
}

/** A message that comes before its session waits in a row without an entry. */
function textsOf(table: string, name: 'postgres' | 'mysql' | 'sqlite') {
  const columns = '(session_id, conversation, closed_at, ended_at, message, entry)';
  const put = `INSERT INTO ${table} AS a ${columns} VALUES (:session, :key, :closedAt, :endedAt, :message, :entry)
    ON CONFLICT (session_id) DO UPDATE SET conversation = excluded.conversation, closed_at = excluded.closed_at,
      ended_at = excluded.ended_at, entry = excluded.entry
    WHERE a.entry IS NULL`;
  const amend = `INSERT INTO ${table} (session_id, message) VALUES (:session, :message)
    ON CONFLICT (session_id) DO UPDATE SET message = excluded.message`;
  const list = `SELECT entry, message FROM ${table} WHERE conversation = :key AND closed_at < :before
    ORDER BY closed_at DESC, ended_at DESC LIMIT `;
  switch (name) {
    case 'postgres':
      return {
        schema: schemaOf(table, `varchar(${longestKey}) COLLATE "C"`, 'double precision', 'text'),
        put,
        amend,
        list: `${list} CAST(:limit AS integer)`,
      };
    case 'sqlite':
      return { schema: schemaOf(table, 'TEXT', 'REAL', 'TEXT'), put, amend, list: `${list} :limit` };
    case 'mysql':
      return {
        schema: schemaOf(
          table,
          `VARCHAR(${longestKey}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
          'DOUBLE',
          'LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
          ', INDEX (conversation, closed_at)) ENGINE=InnoDB ROW_FORMAT=DYNAMIC',
        ),
        // From left to right: the entry comes last, because the others ask whether there is one.
        put: `INSERT INTO ${table} ${columns} VALUES (:session, :key, :closedAt, :endedAt, :message, :entry)
          ON DUPLICATE KEY UPDATE ${['conversation', 'closed_at', 'ended_at', 'entry']
            .map((column) => `${column} = IF(entry IS NULL, VALUES(${column}), ${column})`)
            .join(', ')}`,
        amend: `INSERT INTO ${table} (session_id, message) VALUES (:session, :message)
          ON DUPLICATE KEY UPDATE message = VALUES(message)`,
        list: `${list} :limit`,
      };
  }
}

/** @param end what follows the columns: MySQL makes its index there. */
function schemaOf(table: string, key: string, time: string, text: string, end?: string): Schema {
  const index = end === undefined ? `${table}_conversation ON ${table} (conversation, closed_at)` : undefined;
  return [
    [
      `CREATE TABLE IF NOT EXISTS ${table} (session_id ${key} PRIMARY KEY, conversation ${key}, closed_at ${time}, ended_at ${time},
        message ${text}, entry ${text}${end ?? ')'}`,
      ...(index === undefined ? [] : [`CREATE INDEX IF NOT EXISTS ${index}`]),
    ],
  ];
}
