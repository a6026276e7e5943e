import { deadTicketMs, lineMs, type Schema, type Tables, type Texts, ticketMs } from './sql-dialect.ts';

/** The tables: conversations, and the line of those who wait. Times of leases are epoch ms. */
export const sqliteSchema = ({ conversations, line, processes }: Tables): Schema => [
  [
    `CREATE TABLE IF NOT EXISTS ${conversations} (
       conversation TEXT PRIMARY KEY,
       record TEXT,
       revision INTEGER NOT NULL DEFAULT 0,
       wake_at REAL,
       look_at REAL,
       lease_token TEXT,
       lease_until REAL,
       line_ticket INTEGER NOT NULL DEFAULT 0,
       line_served INTEGER NOT NULL DEFAULT 0,
       line_until REAL
     )`,
    `CREATE INDEX IF NOT EXISTS ${conversations}_look_at ON ${conversations} (look_at) WHERE look_at IS NOT NULL`,
    `CREATE TABLE IF NOT EXISTS ${line} (
       conversation TEXT NOT NULL,
       ticket INTEGER NOT NULL,
       process TEXT NOT NULL,
       token TEXT NOT NULL,
       valid_until REAL NOT NULL,
       PRIMARY KEY (conversation, ticket)
     )`,
    `CREATE TABLE IF NOT EXISTS ${processes} (process TEXT PRIMARY KEY, valid_until REAL NOT NULL)`,
  ],
];

export function sqliteTexts({ conversations, line, processes }: Tables): Texts {
  const now = `(unixepoch('subsec') * 1000)`;
  const free = `(lease_token IS NULL OR lease_until <= ${now})`;
  const nobodyWaits = `(line_until IS NULL OR line_until <= ${now})`;
  const may = `(${free} AND (:ticket > 0 OR ${nobodyWaits}))`;
  const leased = `${now} + :leaseMs`;
  const inSight = `${now} + ${lineMs}`;
  const valid = `${now} + ${ticketMs}`;
  const held = `conversation = :key AND lease_token = :token RETURNING 1`;
  const record = `record = :text, revision = CASE WHEN :emptied = 1 THEN 0 ELSE revision + 1 END, wake_at = :wakeAt,
    look_at = CASE WHEN :emptied = 1 THEN 0 WHEN look_at <= :wakeAt THEN look_at ELSE :wakeAt END`;
  const given = `lease_token = NULL, lease_until = NULL`;
  const alive = `(l.valid_until > ${now} OR EXISTS (SELECT 1 FROM ${processes} p WHERE p.process = l.process AND p.valid_until > ${now}))`;
  const page = `SELECT conversation, record, wake_at FROM ${conversations} WHERE record IS NOT NULL`;
  return {
    take: `INSERT INTO ${conversations} AS c (conversation, look_at, lease_token, lease_until)
      VALUES (:key, :lookAt, :token, ${leased})
      ON CONFLICT (conversation) DO UPDATE SET
        lease_token = CASE WHEN ${may} THEN excluded.lease_token ELSE c.lease_token END,
        lease_until = CASE WHEN ${may} THEN excluded.lease_until ELSE c.lease_until END,
        line_ticket = CASE WHEN ${may} THEN c.line_ticket ELSE c.line_ticket + 1 END,
        line_served = CASE WHEN ${may} THEN MAX(c.line_served, :ticket) ELSE c.line_served END,
        line_until = CASE WHEN NOT ${may} THEN ${inSight} WHEN :ticket > 0 AND c.line_ticket > :ticket THEN c.line_until END
      WHERE ${may} OR :waits = 1
      RETURNING lease_token IS :token AS taken, CASE WHEN lease_token = :token THEN record END AS record, revision,
        line_ticket AS ticket`,
    note: `INSERT INTO ${line} (conversation, ticket, process, token, valid_until) VALUES (:key, :ticket, :process, :token, ${valid})
      ON CONFLICT (conversation, ticket) DO UPDATE SET valid_until = excluded.valid_until`,
    save: `UPDATE ${conversations} SET ${record} WHERE ${held}`,
    commit: `UPDATE ${conversations} SET ${record}, ${given} WHERE ${held}`,
    renew: `UPDATE ${conversations} SET lease_until = ${leased} WHERE ${held}`,
    release: `UPDATE ${conversations} SET look_at = CASE WHEN record IS NULL THEN 0 ELSE look_at END, ${given} WHERE ${held}`,
    flush: '',
    takeUp: '',
    tell: '',
    look: `SELECT conversation, line_served AS served, lease_token AS holder, CASE WHEN ${free} THEN 0 ELSE lease_until - ${now} END AS left_ms,
        (SELECT l.ticket FROM ${line} l WHERE l.conversation = c.conversation AND ${alive} ORDER BY l.ticket LIMIT 1) AS first
      FROM ${conversations} c WHERE conversation IN (:...keys)`,
    beat: `INSERT INTO ${processes} (process, valid_until) VALUES (:process, ${valid})
      ON CONFLICT (process) DO UPDATE SET valid_until = excluded.valid_until`,
    mark: `UPDATE ${conversations} SET line_until = ${inSight} WHERE conversation = :key AND line_served < line_ticket`,
    leave: `DELETE FROM ${line} WHERE conversation = :key AND token = :token`,
    unmark: `UPDATE ${conversations} SET line_until = NULL, line_served = MAX(line_served, :ticket)
      WHERE conversation = :key AND line_ticket <= :ticket
      AND NOT EXISTS (SELECT 1 FROM ${line} l WHERE l.conversation = :key AND ${alive})`,
    passed: `DELETE FROM ${line} WHERE conversation = :key AND ticket <= :ticket`,
    tidy: [
      `DELETE FROM ${line} AS l WHERE l.valid_until < ${now} - ${deadTicketMs} AND NOT ${alive}`,
      `DELETE FROM ${processes} WHERE valid_until < ${now} - ${deadTicketMs}`,
    ],
    claim: `SELECT conversation, wake_at, CASE WHEN record IS NULL THEN 'empty'
        WHEN wake_at = look_at AND wake_at <= :now THEN 'due' WHEN wake_at = look_at THEN 'later' ELSE 'stale' END AS state
      FROM ${conversations} WHERE look_at <= :bound AND conversation NOT IN (:...done) ORDER BY look_at LIMIT :limit`,
    moved: `UPDATE ${conversations} SET
        wake_at = CASE WHEN record IS NOT NULL AND wake_at = look_at AND wake_at <= :now THEN :until ELSE wake_at END,
        look_at = CASE WHEN record IS NULL OR (wake_at = look_at AND wake_at <= :now) THEN :until ELSE wake_at END
      WHERE conversation IN (:...keys)`,
    earliest: `SELECT look_at, wake_at FROM ${conversations} WHERE look_at IS NOT NULL AND record IS NOT NULL ORDER BY look_at LIMIT 1`,
    sweep: `DELETE FROM ${conversations} WHERE conversation IN (:...keys) AND record IS NULL AND ${free} AND ${nobodyWaits}`,
    read: `${page} AND conversation IN (:...keys) ORDER BY conversation`,
    list: `${page} AND conversation >= :from AND conversation < :to ORDER BY conversation LIMIT :limit`,
  };
}
