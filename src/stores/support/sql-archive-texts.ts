import { type ArchiveTables, factColumns } from './sql-archive-tables.ts';
import type { Dialect } from './sql-dialect.ts';

/** One statement for each thing an archive does, counts aside. */
export interface ArchiveTexts {
  /** Keeps a session, unless it is there. */
  readonly put: string;
  /** Keeps what became of a closing message, with its session or before it. */
  readonly amend: string;
  /** Takes back a session that an erasure concerns, or what was heard of it before. */
  readonly forget: string;
  readonly sessions: string;
  readonly find: string;
  /** Keeps this many lines, `:session0`, `:session1` …, except those that are there. */
  append(lines: number): string;
  readonly transcript: string;
  readonly erase: string;
  readonly erased: string;
  /** Removes some of what an erasure concerns. */
  readonly eraseSessions: string;
  readonly eraseLines: string;
  /** Removes the oldest. */
  readonly expireSessions: string;
  readonly expireLines: string;
  /** Removes reports whose sessions never came. */
  readonly tidy: string;
  /** Sessions of version 1 that lack their columns, some of them. */
  readonly bare: string;
  /** Gives a session its columns. */
  readonly complete: string;
}

const entryColumns = ['conversation', 'closed_at', 'ended_at', ...factColumns, 'entry'];
const lineColumns = ['session', 'line', 'ord', 'conversation', 'started_at', 'channel', 'endpoint', 'said_at', 'text'] as const;

export function archiveTexts({ sessions, lines, erased }: ArchiveTables, name: Dialect['name']): ArchiveTexts {
  const isMysql = name === 'mysql';
  const limit = name === 'postgres' ? 'LIMIT CAST(:limit AS integer)' : 'LIMIT :limit';
  const upsert = (key: string, changes: string) =>
    isMysql ? `ON DUPLICATE KEY UPDATE ${changes}` : `ON CONFLICT (${key}) DO UPDATE SET ${changes}`;
  const coming = (column: string) => (isMysql ? `VALUES(${column})` : `excluded.${column}`);
  const values = (columns: readonly string[]) => columns.map((column) => `:${column}`).join(', ');

  /** Removes at most `:limit` rows. SQLite counts what it gives back. */
  const removing = (table: string, key: string, which: string, first: string) =>
    isMysql
      ? `DELETE FROM ${table} WHERE ${which} ORDER BY ${first} ${limit}`
      : `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE ${which} ORDER BY ${first} ${limit})
         ${name === 'sqlite' ? 'RETURNING 1' : ''}`;

  const known = isMysql
    ? // From left to right: the entry comes last, because the others ask whether there is one.
      entryColumns.map((column) => `${column} = IF(entry IS NULL, VALUES(${column}), ${column})`).join(', ')
    : `${entryColumns.map((column) => `${column} = excluded.${column}`).join(', ')} WHERE ${sessions}.entry IS NULL`;
  const theirs = 'conversation IN (:...keys) AND started_at < :at';
  const here = 'channel = :channel AND endpoint = :endpoint';

  return {
    put: `INSERT INTO ${sessions} (session_id, message, ${entryColumns.join(', ')}) VALUES (:session, :message, ${values(entryColumns)})
      ${upsert('session_id', known)}`,
    amend: `INSERT INTO ${sessions} (session_id, message, heard_at) VALUES (:session, :message, :now)
      ${upsert('session_id', `message = ${coming('message')}`)}`,
    forget: `DELETE FROM ${sessions} WHERE session_id = :session
      AND (entry IS NULL OR (conversation = :conversation AND started_at < :at))`,
    sessions: `SELECT session_id, entry, message, ended_at, closed_at FROM ${sessions}
      WHERE conversation IN (:...keys) AND ended_at <= :endedAt AND (ended_at, closed_at, session_id) < (:endedAt, :closedAt, :session)
      ORDER BY ended_at DESC, closed_at DESC, session_id DESC ${limit}`,
    find: `SELECT entry, message FROM ${sessions} WHERE session_id = :session AND entry IS NOT NULL`,
    append: (count) => {
      const rows = Array.from({ length: count }, (_, n) => `(${lineColumns.map((column) => `:${column}${n}`).join(', ')})`);
      return `INSERT INTO ${lines} (session_id, line_id, ord, conversation, started_at, channel, endpoint, said_at, line)
        VALUES ${rows.join(', ')} ${isMysql ? 'ON DUPLICATE KEY UPDATE line_id = line_id' : 'ON CONFLICT DO NOTHING'}`;
    },
    transcript: `SELECT session_id, line_id, ord, conversation, started_at, channel, endpoint, said_at, line FROM ${lines} WHERE session_id = :session AND ord >= :order AND (ord, line_id) > (:order, :line)
      ORDER BY ord, line_id ${limit}`,
    erase: `INSERT INTO ${erased} (conversation, erased_at) VALUES (:digest, :at)
      ${upsert('conversation', isMysql ? 'erased_at = GREATEST(erased_at, VALUES(erased_at))' : `erased_at = ${greater(name)}(${erased}.erased_at, excluded.erased_at)`)}`,
    erased: `SELECT conversation, erased_at FROM ${erased} WHERE conversation IN (:...digests)`,
    eraseSessions: removing(sessions, 'session_id', theirs, 'ended_at'),
    eraseLines: removing(lines, 'session_id, line_id', theirs, 'said_at'),
    expireSessions: removing(sessions, 'session_id', `${here} AND ended_at < :before`, 'ended_at'),
    expireLines: removing(lines, 'session_id, line_id', `${here} AND said_at < :before`, 'said_at'),
    tidy: `DELETE FROM ${sessions} WHERE started_at IS NULL AND entry IS NULL AND heard_at < :before`,
    bare: `SELECT session_id, entry FROM ${sessions} WHERE started_at IS NULL AND entry IS NOT NULL AND session_id > :session
      ORDER BY session_id ${limit}`,
    complete: `UPDATE ${sessions} SET ${factColumns.map((column) => `${column} = :${column}`).join(', ')}
      WHERE session_id = :session AND started_at IS NULL`,
  };
}

function greater(name: Dialect['name']): string {
  return name === 'sqlite' ? 'MAX' : 'GREATEST';
}
