import type { ClosedSession } from './archive.ts';
import { isSystemKey, partsOf } from './core/activity.ts';
import type { ConversationRecord } from './core/conversation.ts';
import type { SessionState } from './core/session.ts';
import type { Engine } from './engine.ts';
import { type StatsQuery, type StatsRow, sorted, statsOf } from './stats.ts';

export interface InsightQuery extends StatsQuery {
  /** Whether sessions that are not closed yet count among those that were opened. It takes a look at every record in the store. @default true */
  readonly live?: boolean | undefined;
}

/**
 * Counts over closed sessions, from the archive, and over live ones, from the store.
 * @throws AdjournError `STORE_UNAVAILABLE`
 */
export async function stats(engine: Engine, { live = true, ...query }: InsightQuery): Promise<readonly StatsRow[]> {
  const closed = (await engine.archive?.stats(query)) ?? statsOf([], query);
  if (!live) return closed;
  const open: ClosedSession[] = [];
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await engine.store.find({ limit: 500, ...(after === undefined ? {} : { after }) });
    for (const { key, record } of page.records) {
      const { session, address } = record as unknown as ConversationRecord;
      if (session !== undefined && !isSystemKey(key)) open.push(unfinished(key, session, address?.user));
    }
    after = page.next;
  }
  return merged(closed, statsOf(open, query), query);
}

/** A live session among closed ones: it began, has not ended, and there is no reason why. */
function unfinished(key: string, session: SessionState, user: string | undefined): ClosedSession {
  const { channel, endpoint } = partsOf(key);
  const { id, startedAt, turns, interactive, developer, outcome } = session;
  const never = Number.POSITIVE_INFINITY;
  const place = { session: id, channel, endpoint, key, ...(user === undefined ? {} : { user }) };
  const known: Omit<ClosedSession, 'reason'> = {
    ...place,
    ...{ startedAt, turns, interactive, developer },
    ...{ endedAt: never, closedAt: never, message: 'off', billable: interactive && !developer },
    ...(outcome === undefined ? {} : { outcome }),
  };
  return known as ClosedSession;
}

function merged(closed: readonly StatsRow[], open: readonly StatsRow[], { by = [] }: StatsQuery): readonly StatsRow[] {
  const nameOf = ({ group }: StatsRow) => JSON.stringify(by.map((each) => group[each] ?? null));
  const rows = new Map(closed.map((row) => [nameOf(row), row]));
  for (const row of open) {
    const known = rows.get(nameOf(row));
    rows.set(nameOf(row), known === undefined ? row : { ...known, opened: known.opened + row.opened });
  }
  return sorted([...rows.values()], by);
}
