import { sums } from './sql-archive-direct.ts';
import { tallyTables } from './sql-archive-tallies.ts';
import type { Dialect, Schema } from './sql-dialect.ts';
import { longestKey } from './sql-keys.ts';

/**
 * The names of the tables.
 * - `sessions`: one row a closed session. Its entry as JSON text, what became of its closing message (which may be reported before the
 *   session is there, in a row without an entry), and beside them in columns what sessions are found and counted by.
 * - `lines`: one row a line of a transcript, as JSON text, and in columns what it is found by.
 * - `erased`: what began in a conversation before this time is gone, and stays so. The conversation is not named but by its digest.
 * - `counts`, `spreads`: on PostgreSQL, what counts over sessions come to, hour by hour (see `tallyTables`).
 */
export interface ArchiveTables {
  readonly sessions: string;
  readonly lines: string;
  readonly erased: string;
  readonly counts: string;
  readonly spreads: string;
}

export function archiveTables(prefix: string): ArchiveTables {
  const sessions = `${prefix}_archive`;
  return {
    sessions,
    lines: `${sessions}_lines`,
    erased: `${sessions}_erased`,
    counts: `${sessions}_counts`,
    spreads: `${sessions}_spreads`,
  };
}

/** Longest id of a line, in its stored form, characters: with its session's it has to fit into an index of MySQL. */
export const longestLineId = 120;

const flags = ['interactive', 'developer', 'billable'] as const;

/** Columns of a session beside those of version 1; null in what that wrote, until it is counted for the first time. */
export const factColumns = ['channel', 'endpoint', 'started_at', 'reason', 'outcome', ...flags, ...sums] as const;

/** The statements that make the tables, by version. */
export function archiveSchema(tables: ArchiveTables, name: Dialect['name']): Schema {
  switch (name) {
    case 'postgres': {
      const key = `varchar(${longestKey}) COLLATE "C"`;
      const kinds = { key, id: key, word: key, time: 'double precision', number: 'integer', flag: 'smallint', text: 'text' };
      const second = [
        `ALTER TABLE ${tables.sessions} ${added(kinds)
          .map((column) => `ADD COLUMN IF NOT EXISTS ${column}`)
          .join(', ')}`,
        `DROP INDEX IF EXISTS ${tables.sessions}_conversation`,
        ...indexesOf(tables),
        ...furtherTables(tables, kinds),
        ...tallyTables(tables),
      ];
      return [first(tables, kinds), second];
    }
    case 'sqlite': {
      const kinds = { key: 'TEXT', id: 'TEXT', word: 'TEXT', time: 'REAL', number: 'INTEGER', flag: 'INTEGER', text: 'TEXT' };
      const second = [
        ...added(kinds).map((column) => `ALTER TABLE ${tables.sessions} ADD COLUMN ${column}`),
        `DROP INDEX ${tables.sessions}_conversation`,
        ...indexesOf(tables),
        ...furtherTables(tables, kinds),
      ];
      return [first(tables, kinds), second];
    }
    case 'mysql': {
      const text = (type: string) => `${type} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`;
      const kinds = {
        key: text(`VARCHAR(${longestKey})`),
        id: text(`VARCHAR(${longestLineId})`),
        word: text('VARCHAR(64)'),
        time: 'DOUBLE',
        number: 'INT',
        flag: 'TINYINT',
        text: text('LONGTEXT'),
      };
      const engine = 'ENGINE=InnoDB ROW_FORMAT=DYNAMIC';
      const indexes = (table: keyof typeof indexed) => indexed[table].map((columns) => `INDEX (${columns.join(', ')})`);
      const alter = `ALTER TABLE ${tables.sessions} ${[
        ...added(kinds).map((column) => `ADD COLUMN ${column}`),
        'DROP INDEX conversation',
        ...indexes('sessions').map((index) => `ADD ${index}`),
      ].join(', ')}`;
      // Not in a transaction, and not every server knows ADD COLUMN IF NOT EXISTS: a process may have died right after this.
      const once = [
        `SET @adjourn = (SELECT IF(COUNT(*) > 0, 'DO 0', '${alter}') FROM information_schema.columns
          WHERE table_schema = DATABASE() AND table_name = '${tables.sessions}' AND column_name = 'channel')`,
        'PREPARE adjourn FROM @adjourn',
        'EXECUTE adjourn',
        'DEALLOCATE PREPARE adjourn',
      ];
      return [
        [`${sessionsTable(tables, kinds)}, INDEX (conversation, closed_at)) ${engine}`],
        [...once, ...furtherTables(tables, kinds, indexes('lines')).map((statement) => `${statement} ${engine}`)],
      ];
    }
  }
}

/** What a database calls a key, an id of a line, a short word, a time, a number, yes or no, and a text of any length. */
type Kinds = Readonly<Record<'key' | 'id' | 'word' | 'time' | 'number' | 'flag' | 'text', string>>;

function first(tables: ArchiveTables, kinds: Kinds): string[] {
  const { sessions } = tables;
  return [
    `${sessionsTable(tables, kinds)})`,
    `CREATE INDEX IF NOT EXISTS ${sessions}_conversation ON ${sessions} (conversation, closed_at)`,
  ];
}

/** As version 1 made it, up to its end. */
function sessionsTable({ sessions }: ArchiveTables, { key, time, text }: Kinds): string {
  return `CREATE TABLE IF NOT EXISTS ${sessions} (session_id ${key} PRIMARY KEY, conversation ${key}, closed_at ${time},
    ended_at ${time}, message ${text}, entry ${text}`;
}

function added({ key, word, time, number, flag }: Kinds): string[] {
  return [
    `channel ${word}`,
    `endpoint ${key}`,
    `started_at ${time}`,
    `reason ${word}`,
    `outcome ${key}`,
    ...flags.map((name) => `${name} ${flag}`),
    ...sums.map((name) => `${name} ${number}`),
    `heard_at ${time}`,
  ];
}

/** By conversation, for people; by endpoint, for retention; by time, for counts. */
const indexed = {
  sessions: [['conversation', 'ended_at', 'closed_at'], ['channel', 'endpoint', 'ended_at'], ['ended_at'], ['started_at']],
  lines: [['session_id', 'ord'], ['conversation'], ['channel', 'endpoint', 'said_at']],
};

function indexesOf({ sessions }: ArchiveTables): string[] {
  return indexed.sessions.map((columns) => index(sessions, columns));
}

function index(table: string, columns: readonly string[]): string {
  return `CREATE INDEX IF NOT EXISTS ${table}_${columns[0]}_${columns.length} ON ${table} (${columns.join(', ')})`;
}

/** @param indexes of the lines, where they stand in the table's own statement */
function furtherTables({ lines, erased }: ArchiveTables, kinds: Kinds, indexes?: readonly string[]): string[] {
  const { key, id, word, time, text } = kinds;
  return [
    `CREATE TABLE IF NOT EXISTS ${lines} (session_id ${key} NOT NULL, line_id ${id} NOT NULL, ord ${time} NOT NULL,
      conversation ${key} NOT NULL, started_at ${time} NOT NULL, channel ${word} NOT NULL, endpoint ${key} NOT NULL,
      said_at ${time} NOT NULL, line ${text} NOT NULL, PRIMARY KEY (session_id, line_id)${(indexes ?? []).map((one) => `, ${one}`).join('')})`,
    `CREATE TABLE IF NOT EXISTS ${erased} (conversation ${id} PRIMARY KEY, erased_at ${time} NOT NULL)`,
    ...(indexes === undefined ? indexed.lines.map((columns) => index(lines, columns)) : []),
  ];
}
