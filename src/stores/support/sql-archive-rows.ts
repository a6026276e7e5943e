import { createHash } from 'node:crypto';
import type { ClosedSession, TranscriptLine } from '../../middleware/archive.ts';
import { blocksOf } from '../../middleware/core/billing.ts';
import { outcomeLabel } from '../../middleware/stats.ts';
import { toRecord, toText } from './records.ts';
import { type factColumns, longestLineId } from './sql-archive-tables.ts';
import type { Row } from './sql-dialect.ts';
import { fromColumn, toColumn } from './sql-keys.ts';
import type { SqlValue } from './sql-text.ts';

/** What a session is found and counted by. */
export function factsOf(closed: ClosedSession): Record<(typeof factColumns)[number], SqlValue> {
  return {
    channel: toColumn(closed.channel),
    endpoint: toColumn(closed.endpoint),
    started_at: closed.startedAt,
    reason: closed.reason,
    outcome: closed.outcome === undefined ? null : toColumn(outcomeLabel(closed.outcome)),
    interactive: Number(closed.interactive),
    developer: Number(closed.developer),
    billable: Number(closed.billable),
    turns: closed.turns,
    messages_in: closed.messagesIn ?? 0,
    messages_out: closed.messagesOut ?? 0,
    deadlines_met: closed.deadlines?.met ?? 0,
    deadlines_missed: closed.deadlines?.missed ?? 0,
    blocks: closed.billing?.blocks ?? blocksOf(closed.startedAt, closed.endedAt),
    spans: closed.billing?.spans ?? 0,
  };
}

export function sessionOf(row: Row): ClosedSession {
  const entry = toRecord('archive', String(row['entry']));
  return { ...entry, message: fromColumn(String(row['message'])) } as unknown as ClosedSession;
}

/** So many lines go into one statement, if they hold no more than so many characters. */
const mostLines = 256;
const mostText = 1_000_000;

export function batches(lines: readonly TranscriptLine[]): TranscriptLine[][] {
  const found: TranscriptLine[][] = [];
  let room = 0;
  for (const line of lines) {
    const length = line.text?.length ?? 0;
    let batch = found.at(-1);
    if (batch === undefined || batch.length === mostLines || length > room) {
      batch = [];
      found.push(batch);
      room = mostText;
    }
    batch.push(line);
    room -= length;
  }
  return found;
}

/**
 * Values for a statement with this many lines. The last one fills it up to a power of two, so that few different statements come of it;
 * they stand in one order, so that no two statements wait for each other.
 */
export function lineValues(lines: readonly TranscriptLine[]): {
  readonly count: number;
  readonly values: Record<string, SqlValue>;
} {
  const count = 2 ** Math.ceil(Math.log2(lines.length));
  const rows = lines.map(lineRow).sort((a, b) => (`${a.session} ${a.line}` < `${b.session} ${b.line}` ? -1 : 1));
  const values: Record<string, SqlValue> = {};
  for (let n = 0; n < count; n++) {
    for (const [name, value] of Object.entries(rows[Math.min(n, rows.length - 1)] ?? {})) values[`${name}${n}`] = value;
  }
  return { count, values };
}

/** What has a column of its own stands there alone. */
function lineRow({ session, order, key, startedAt, channel, endpoint, at, ...line }: TranscriptLine) {
  return {
    session: toColumn(session),
    line: lineIdOf(line.id),
    ord: order,
    conversation: toColumn(key),
    started_at: startedAt,
    channel: toColumn(channel),
    endpoint: toColumn(endpoint),
    said_at: at,
    text: toText(session, line),
  };
}

export function lineOf(row: Row): TranscriptLine {
  const session = fromColumn(String(row['session_id']));
  return {
    ...toRecord(session, String(row['line'])),
    session,
    order: Number(row['ord']),
    key: fromColumn(String(row['conversation'])),
    startedAt: Number(row['started_at']),
    channel: fromColumn(String(row['channel'])),
    endpoint: fromColumn(String(row['endpoint'])),
    at: Number(row['said_at']),
  } as unknown as TranscriptLine;
}

/** Long ids by their digest. */
function lineIdOf(id: string): string {
  const text = id.length > longestLineId ? '' : toColumn(id);
  return text === '' || text.length > longestLineId ? `#${digestOf(id)}` : text;
}

/** Names something that must not be kept. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
