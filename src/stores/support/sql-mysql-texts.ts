import { deadTicketMs, lineMs, type Schema, type Tables, type Texts, ticketMs } from './sql-dialect.ts';
import { longestKey } from './sql-keys.ts';

/** The tables: conversations, and the line of those who wait. Times of leases are UTC, whatever zone the session is in. */
export const mysqlSchema = ({ conversations, line, processes }: Tables): Schema => [
  [
    `CREATE TABLE IF NOT EXISTS ${conversations} (
       conversation VARCHAR(${longestKey}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY,
       record LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
       revision INT NOT NULL DEFAULT 0,
       wake_at DOUBLE,
       look_at DOUBLE,
       lease_token VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
       lease_until DATETIME(6),
       line_ticket BIGINT NOT NULL DEFAULT 0,
       line_served BIGINT NOT NULL DEFAULT 0,
       line_until DATETIME(6),
       INDEX (look_at)
     ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
    `CREATE TABLE IF NOT EXISTS ${line} (
       conversation VARCHAR(${longestKey}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
       ticket BIGINT NOT NULL,
       process VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
       token VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
       valid_until DATETIME(6) NOT NULL,
       PRIMARY KEY (conversation, ticket)
     ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
    `CREATE TABLE IF NOT EXISTS ${processes} (
       process VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
       valid_until DATETIME(6) NOT NULL
     ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
  ],
];

/** Assignments happen from left to right and see those before: once the token is ours, the rest follows. */
export function mysqlTexts({ conversations, line, processes }: Tables): Texts {
  const now = `UTC_TIMESTAMP(6)`;
  const free = `(lease_token IS NULL OR lease_until <= ${now})`;
  const nobodyWaits = `(line_until IS NULL OR line_until <= ${now})`;
  const leased = `${now} + INTERVAL :leaseMs * 1000 MICROSECOND`;
  const inSight = `${now} + INTERVAL ${lineMs * 1_000} MICROSECOND`;
  const valid = `${now} + INTERVAL ${ticketMs * 1_000} MICROSECOND`;
  const held = `conversation = :key AND lease_token = :token`;
  const mine = `lease_token = VALUES(lease_token)`;
  const record = `record = :text, revision = IF(:emptied = 1, 0, revision + 1), wake_at = :wakeAt,
    look_at = CASE WHEN :emptied = 1 THEN 0 WHEN look_at <= :wakeAt THEN look_at ELSE :wakeAt END`;
  const given = `lease_token = NULL, lease_until = NULL`;
  const alive = `(l.valid_until > ${now} OR EXISTS (SELECT 1 FROM ${processes} p WHERE p.process = l.process AND p.valid_until > ${now}))`;
  const columns = `conversation, record, wake_at, revision, lease_token, line_ticket`;
  return {
    take: `INSERT INTO ${conversations} (conversation, look_at, lease_token, lease_until) VALUES (:key, :lookAt, :token, ${leased})
      ON DUPLICATE KEY UPDATE
        lease_token = IF(${free} AND (:ticket > 0 OR ${nobodyWaits}), VALUES(lease_token), lease_token),
        lease_until = IF(${mine}, VALUES(lease_until), lease_until),
        line_served = IF(${mine}, GREATEST(line_served, :ticket), line_served),
        line_until = CASE WHEN ${mine} THEN IF(:ticket > 0 AND line_ticket > :ticket, line_until, NULL)
          WHEN :waits = 1 THEN ${inSight} ELSE line_until END,
        line_ticket = IF(${mine} OR :waits = 0, line_ticket, line_ticket + 1)`,
    note: `INSERT INTO ${line} (conversation, ticket, process, token, valid_until) VALUES (:key, :ticket, :process, :token, ${valid})
      ON DUPLICATE KEY UPDATE valid_until = VALUES(valid_until)`,
    save: `UPDATE ${conversations} SET ${record} WHERE ${held}`,
    commit: `UPDATE ${conversations} SET ${record}, ${given} WHERE ${held}`,
    renew: `UPDATE ${conversations} SET lease_until = ${leased} WHERE ${held}`,
    release: `UPDATE ${conversations} SET look_at = IF(record IS NULL, 0, look_at), ${given} WHERE ${held}`,
    flush: '',
    takeUp: '',
    tell: '',
    look: `SELECT conversation, line_served AS served, lease_token AS holder, IF(${free}, 0, TIMESTAMPDIFF(MICROSECOND, ${now}, lease_until) / 1000) AS left_ms,
        (SELECT l.ticket FROM ${line} l WHERE l.conversation = c.conversation AND ${alive} ORDER BY l.ticket LIMIT 1) AS first
      FROM ${conversations} c WHERE conversation IN (:...keys)`,
    beat: `INSERT INTO ${processes} (process, valid_until) VALUES (:process, ${valid})
      ON DUPLICATE KEY UPDATE valid_until = VALUES(valid_until)`,
    mark: `UPDATE ${conversations} SET line_until = ${inSight} WHERE conversation = :key AND line_served < line_ticket`,
    leave: `DELETE FROM ${line} WHERE conversation = :key AND token = :token`,
    unmark: `UPDATE ${conversations} SET line_until = NULL, line_served = GREATEST(line_served, :ticket)
      WHERE conversation = :key AND line_ticket <= :ticket
      AND NOT EXISTS (SELECT 1 FROM ${line} l WHERE l.conversation = :key AND ${alive})`,
    passed: `DELETE FROM ${line} WHERE conversation = :key AND ticket <= :ticket`,
    tidy: [
      `DELETE l FROM ${line} l WHERE l.valid_until < ${now} - INTERVAL ${deadTicketMs * 1_000} MICROSECOND AND NOT ${alive}`,
      `DELETE FROM ${processes} WHERE valid_until < ${now} - INTERVAL ${deadTicketMs * 1_000} MICROSECOND`,
    ],
    claim: `SELECT conversation, wake_at, CASE WHEN record IS NULL THEN 'empty'
        WHEN wake_at = look_at AND wake_at <= :now THEN 'due' WHEN wake_at = look_at THEN 'later' ELSE 'stale' END AS state
      FROM ${conversations} WHERE look_at <= :bound AND conversation NOT IN (:...done) ORDER BY look_at LIMIT :limit FOR UPDATE SKIP LOCKED`,
    moved: `UPDATE ${conversations} SET
        wake_at = IF(record IS NOT NULL AND wake_at = look_at AND wake_at <= :now, :until, wake_at),
        look_at = IF(record IS NULL, :until, wake_at)
      WHERE conversation IN (:...keys)`,
    earliest: `SELECT look_at, wake_at FROM ${conversations} WHERE look_at IS NOT NULL AND record IS NOT NULL ORDER BY look_at LIMIT 1`,
    sweep: `DELETE FROM ${conversations} WHERE conversation IN (:...keys) AND record IS NULL AND ${free} AND ${nobodyWaits}`,
    read: `SELECT ${columns} FROM ${conversations} WHERE conversation IN (:...keys) ORDER BY conversation`,
    list: `SELECT ${columns} FROM ${conversations} WHERE record IS NOT NULL AND conversation >= :from AND conversation < :to
      ORDER BY conversation LIMIT :limit`,
  };
}
