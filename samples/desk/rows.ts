import type { Desk, DeskConversation, Sessions } from 'adjourn';
import type { BotData } from '../words.ts';

/** A conversation that somebody at the desk may care for: in the queue, or theirs. Times are epoch ms. */
export interface Row {
  readonly key: string;
  readonly isQueued: boolean;
  /** When the customer is to be answered at the latest; Infinity where no time is set, or where it is their move. */
  readonly dueAt: number;
  readonly isOverdue: boolean;
  /** When the session ends if the customer stays silent after an answer. */
  readonly closesAt: number | undefined;
}

interface Place {
  readonly desk: Desk;
  readonly sessions: Sessions<BotData>;
  readonly agent: string;
  /** When late replies were due, by session. */
  readonly missed: ReadonlyMap<string, number>;
}

/** What somebody at the desk sees: the queue and their own conversations, the least time left first. */
export async function rowsOf(place: Place): Promise<Row[]> {
  const all = await place.desk.conversations();
  const visible = all.filter(({ agent }) => agent === undefined || agent === place.agent);
  const rows = await Promise.all(visible.map((one) => rowOf(place, one)));
  // The desk tells the oldest first, and among equals it stays so.
  return rows.sort((a, b) => (a.dueAt === b.dueAt ? 0 : a.dueAt - b.dueAt));
}

/** One conversation as it stands now. */
export async function rowOf(
  { sessions, missed }: Pick<Place, 'sessions' | 'missed'>,
  { key, session, agent }: Pick<DeskConversation, 'key' | 'session' | 'agent'>,
): Promise<Row> {
  const { timers } = await sessions.explain(key);
  const timer = (wanted: string) => timers.find(({ what }) => what === wanted)?.at;
  const late = missed.get(session);
  return {
    key,
    isQueued: agent === undefined,
    dueAt: late ?? timer('overdue') ?? Number.POSITIVE_INFINITY,
    isOverdue: late !== undefined,
    closesAt: timer('agent_inactivity'),
  };
}

/** A row in words. */
export function shownRow({ isQueued, dueAt, isOverdue, closesAt }: Row, now: number): string {
  const where = isQueued ? 'in the queue' : 'yours';
  if (isOverdue) return `${where}, overdue since ${clockTime(dueAt)}, by ${span(now - dueAt)}`;
  if (Number.isFinite(dueAt)) return `${where}, due ${clockTime(dueAt)}, in ${span(dueAt - now)}`;
  return closesAt === undefined ? where : `${where}, answered, closes ${clockTime(closesAt)}`;
}

/** `10:05:00` where the desk stands. */
function clockTime(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

/** `4:59`. */
function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
