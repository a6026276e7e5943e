import { graceMs } from './short-leases.ts';
import { deadTicketMs, lineMs, type Schema, type Tables, type Texts, ticketMs } from './sql-dialect.ts';
import { longestKey } from './sql-keys.ts';

/** The tables: conversations, kept a little empty so that a save finds room beside the old row, and the line of those who wait. */
export const postgresSchema = ({ conversations, line, processes }: Tables): Schema => [
  [
    `CREATE TABLE IF NOT EXISTS ${conversations} (
       conversation varchar(${longestKey}) COLLATE "C" PRIMARY KEY,
       record text,
       revision integer NOT NULL DEFAULT 0,
       wake_at double precision,
       look_at double precision,
       lease_token text,
       lease_until timestamptz,
       line_ticket bigint NOT NULL DEFAULT 0,
       line_served bigint NOT NULL DEFAULT 0,
       line_until timestamptz
     ) WITH (fillfactor = 80)`,
    `CREATE INDEX IF NOT EXISTS ${conversations}_look_at ON ${conversations} (look_at) WHERE look_at IS NOT NULL`,
    `CREATE TABLE IF NOT EXISTS ${line} (
       conversation varchar(${longestKey}) COLLATE "C" NOT NULL,
       ticket bigint NOT NULL,
       process text NOT NULL,
       token text NOT NULL,
       lease_ms double precision NOT NULL,
       valid_until timestamptz NOT NULL,
       PRIMARY KEY (conversation, ticket)
     )`,
    `CREATE TABLE IF NOT EXISTS ${processes} (process text PRIMARY KEY, valid_until timestamptz NOT NULL)`,
  ],
];

/** Every statement is a transaction: `now()` is its beginning, which errs to the side of a lease that still lasts. */
export function postgresTexts({ conversations, line, processes, inbox }: Tables): Texts {
  const free = `(c.lease_token IS NULL OR c.lease_until <= now())`;
  const nobodyWaits = `(c.line_until IS NULL OR c.line_until <= now())`;
  const ticket = `CAST(:ticket AS bigint)`;
  const may = `(${free} AND (${ticket} > 0 OR ${nobodyWaits}))`;
  const leased = `now() + :leaseMs * interval '1 millisecond'`;
  const inSight = `now() + interval '${lineMs} milliseconds'`;
  const valid = `now() + interval '${ticketMs} milliseconds'`;
  const held = `conversation = :key AND lease_token = :token`;
  const record = `record = :text, revision = CASE WHEN :emptied = 1 THEN 0 ELSE revision + 1 END, wake_at = :wakeAt,
    look_at = CASE WHEN :emptied = 1 THEN 0 WHEN look_at <= :wakeAt THEN look_at ELSE :wakeAt END`;
  const alive = `(l.valid_until > now() OR EXISTS (SELECT FROM ${processes} p WHERE p.process = l.process AND p.valid_until > now()))`;
  const first = `(SELECT l.ticket FROM ${line} l WHERE l.conversation = c.conversation AND ${alive} ORDER BY l.ticket LIMIT 1)`;
  // Leases and tickets need not outlive a crash of the server: a save asks for the token it finds. Nobody waits for the disk; least of
  // all who tells something, since all others who would have to wait until that transaction is over.
  const hasty = `set_config('synchronous_commit', 'off', true)`;
  const at = `round(extract(epoch FROM now()) * 1000)`;
  const head = `concat_ws(' ', n.token, c.revision, ${at}, c.conversation)`;
  // A message has less than 8000 bytes; whoever gets none of the record reads it.
  const message = `CASE WHEN octet_length(${head}) + octet_length(coalesce(c.record, '')) < 7990
    THEN ${head} || E'\\n' || coalesce(c.record, '') ELSE ${head} END`;
  const given = `lease_token = NULL, lease_until = NULL`;
  const unused = `look_at = CASE WHEN record IS NULL THEN 0 ELSE look_at END`;
  const handOver = (change: string) => `WITH n AS (
      SELECT l.ticket, l.token, l.process, l.lease_ms FROM ${line} l WHERE l.conversation = :key AND ${alive} ORDER BY l.ticket LIMIT 1
    ), c AS (
      UPDATE ${conversations} SET ${change}, lease_token = (SELECT token FROM n),
        lease_until = (SELECT now() + LEAST(lease_ms, ${graceMs}) * interval '1 millisecond' FROM n),
        line_served = GREATEST(line_served, (SELECT ticket FROM n)),
        line_until = CASE WHEN (SELECT ticket FROM n) >= line_ticket THEN NULL ELSE line_until END
      WHERE ${held} RETURNING conversation, record, revision, line_until
    ), passed AS (
      DELETE FROM ${line} l USING c, n WHERE l.conversation = c.conversation AND l.ticket <= n.ticket
    )
    SELECT n.token, n.token IS NULL AND c.line_until IS NOT NULL AS awaited, ${at} AS at, c.revision,
      CASE WHEN n.process = CAST(:process AS text) THEN c.record END AS record,
      CASE WHEN n.token IS NOT NULL THEN ${hasty} END AS hasty,
      CASE WHEN n.process <> CAST(:process AS text) THEN pg_notify('${inbox}' || n.process, ${message}) END AS told
    FROM c LEFT JOIN n ON true`;
  const page = `SELECT conversation, record, wake_at FROM ${conversations} WHERE record IS NOT NULL`;
  return {
    take: `WITH arrived AS (
        INSERT INTO ${conversations} AS c (conversation, look_at, lease_token, lease_until)
        VALUES (:key, :lookAt, :token, ${leased})
        ON CONFLICT (conversation) DO UPDATE SET
          lease_token = CASE WHEN ${may} THEN excluded.lease_token ELSE c.lease_token END,
          lease_until = CASE WHEN ${may} THEN excluded.lease_until ELSE c.lease_until END,
          line_ticket = CASE WHEN ${may} THEN c.line_ticket ELSE c.line_ticket + 1 END,
          line_served = CASE WHEN ${may} THEN GREATEST(c.line_served, ${ticket}) ELSE c.line_served END,
          line_until = CASE WHEN NOT ${may} THEN ${inSight} WHEN ${ticket} > 0 AND c.line_ticket > ${ticket} THEN c.line_until END
        WHERE ${may} OR :waits = 1
        RETURNING lease_token IS NOT DISTINCT FROM :token AS taken, record, revision, line_ticket, ${hasty}
      ), noted AS (
        INSERT INTO ${line} (conversation, ticket, process, token, lease_ms, valid_until)
        SELECT :key, line_ticket, :process, :token, :leaseMs, ${valid} FROM arrived WHERE NOT taken
      ), passed AS (
        DELETE FROM ${line} l USING arrived WHERE taken AND l.conversation = :key AND l.ticket <= ${ticket}
      )
      SELECT taken, CASE WHEN taken THEN record END AS record, revision, line_ticket AS ticket,
        extract(epoch FROM now()) * 1000 AS at FROM arrived`,
    note: '',
    save: `UPDATE ${conversations} SET ${record} WHERE ${held}`,
    commit: `UPDATE ${conversations} SET ${record}, ${given} WHERE ${held} AND line_until IS NULL`,
    renew: `UPDATE ${conversations} SET lease_until = ${leased} WHERE ${held}`,
    release: `UPDATE ${conversations} SET ${unused}, ${given} WHERE ${held} AND line_until IS NULL`,
    handOver: { commit: handOver(record), release: handOver(unused) },
    // Any write will do; this one says nothing.
    flush: `INSERT INTO ${processes} AS p (process, valid_until) VALUES (:process, now())
      ON CONFLICT (process) DO UPDATE SET valid_until = p.valid_until`,
    takeUp: `UPDATE ${conversations} SET lease_until = ${leased} WHERE ${held} RETURNING record, revision, ${hasty}`,
    tell: `SELECT pg_notify(:channel, :key), ${hasty}`,
    look: `SELECT conversation, line_served AS served, lease_token AS holder, ${first} AS first,
        CASE WHEN ${free} THEN 0 ELSE extract(epoch FROM c.lease_until - now()) * 1000 END AS left_ms
      FROM ${conversations} c WHERE conversation IN (:...keys)`,
    beat: `INSERT INTO ${processes} (process, valid_until) VALUES (:process, ${valid})
      ON CONFLICT (process) DO UPDATE SET valid_until = excluded.valid_until RETURNING ${hasty}`,
    mark: `UPDATE ${conversations} SET line_until = ${inSight} WHERE conversation = :key AND line_served < line_ticket RETURNING ${hasty}`,
    leave: `DELETE FROM ${line} WHERE conversation = :key AND token = :token RETURNING ${hasty}`,
    unmark: `UPDATE ${conversations} SET line_until = NULL, line_served = GREATEST(line_served, ${ticket})
      WHERE conversation = :key AND line_ticket <= ${ticket}
      AND NOT EXISTS (SELECT FROM ${line} l WHERE l.conversation = :key AND ${alive}) RETURNING ${hasty}`,
    passed: '',
    tidy: [
      `DELETE FROM ${line} l WHERE l.valid_until < now() - interval '${deadTicketMs} milliseconds' AND NOT ${alive}`,
      `DELETE FROM ${processes} WHERE valid_until < now() - interval '${deadTicketMs} milliseconds'`,
    ],
    claim: `WITH due AS (
        SELECT conversation, wake_at, CASE WHEN record IS NULL THEN 'empty'
          WHEN wake_at = look_at AND wake_at <= :now THEN 'due' WHEN wake_at = look_at THEN 'later' ELSE 'stale' END AS state
        FROM ${conversations} WHERE look_at <= :bound AND conversation NOT IN (:...done) ORDER BY look_at LIMIT CAST(:limit AS integer) FOR UPDATE SKIP LOCKED
      )
      UPDATE ${conversations} c SET
        wake_at = CASE WHEN due.state = 'due' THEN :until ELSE c.wake_at END,
        look_at = CASE WHEN due.state IN ('due', 'empty') THEN :until ELSE c.wake_at END
      FROM due WHERE c.conversation = due.conversation AND due.state <> 'later'
      RETURNING c.conversation, due.wake_at, due.state`,
    moved: '',
    earliest: `SELECT look_at, wake_at FROM ${conversations} WHERE look_at IS NOT NULL AND record IS NOT NULL ORDER BY look_at LIMIT 1`,
    sweep: `DELETE FROM ${conversations} c WHERE conversation IN (:...keys) AND record IS NULL AND ${free} AND ${nobodyWaits}`,
    read: `${page} AND conversation IN (:...keys) ORDER BY conversation`,
    list: `${page} AND conversation >= :from AND conversation < :to ORDER BY conversation LIMIT CAST(:limit AS integer)`,
  };
}
