import type { MessageResult } from './core/closing.ts';
import type { Closed } from './core/effect.ts';
import { fromCursor, toCursor } from './cursor.ts';
import { type StatsQuery, type StatsRow, statsOf } from './stats.ts';

/** A closed session, as it is kept for good. */
export interface ClosedSession extends Omit<Closed, 'type' | 'at'> {
  readonly channel: string;
  readonly endpoint: string;
  /** The conversation it was part of. */
  readonly key: string;
  readonly user?: string | undefined;
}

/** One line of a session's transcript. */
export interface TranscriptLine {
  /** Unique within its session, and the same when the line is delivered again. */
  readonly id: string;
  readonly session: string;
  /** When the session began, epoch ms: an erasure takes the sessions that began before it, whenever their lines come. */
  readonly startedAt: number;
  /** The conversation. */
  readonly key: string;
  readonly channel: string;
  readonly endpoint: string;
  /** Session time, epoch ms. */
  readonly at: number;
  /** Its place within the session. */
  readonly order: number;
  readonly from: 'user' | 'bot' | 'agent' | 'system';
  /** Which agent. */
  readonly agent?: string | undefined;
  /** `message`, `postback` … */
  readonly type: string;
  readonly text?: string | undefined;
  /** What became of a message that was sent; absent for what came in. */
  readonly delivery?: 'sent' | 'unknown' | `failed:${string}` | undefined;
}

/** A page, and where the next one begins. */
export interface SessionsPage {
  readonly sessions: readonly ClosedSession[];
  /** For `after`; absent on the last page. Its form is the archive's own. */
  readonly next?: string | undefined;
}

export interface TranscriptPage {
  readonly lines: readonly TranscriptLine[];
  /** For `after`; absent on the last page. Its form is the archive's own. */
  readonly next?: string | undefined;
}

/**
 * Where closed sessions and transcripts go. Times are session time, epoch ms. What it gives out are copies.
 * Whatever it is given may come twice, and late: it keeps one, the first.
 * Every call may throw AdjournError `STORE_UNAVAILABLE`; then it may have happened, or not, and can be made again.
 */
export interface Archive {
  /** Keeps a closed session. */
  put(closed: ClosedSession): Promise<void>;
  /** A later report on the closing message (a delivery status); it may come before the session does. */
  amend(session: string, message: MessageResult): Promise<void>;
  /** Keeps lines of transcripts, many in few calls. Their sessions need not be closed. */
  append(lines: readonly TranscriptLine[]): Promise<void>;
  /**
   * The closed sessions of one or several conversations, the one that ended last first.
   * @param query `limit`: how many make a page, 100 unless told otherwise; `after`: the `next` of the page before
   * @throws AdjournError `ADJ_CONFIG_INVALID` if `after` is none of ours
   */
  sessions(query: {
    readonly keys: readonly string[];
    readonly limit?: number | undefined;
    readonly after?: string | undefined;
  }): Promise<SessionsPage>;
  /** One closed session. */
  find(session: string): Promise<ClosedSession | undefined>;
  /**
   * A session's transcript, in order.
   * @param query `limit`: how many lines make a page, 100 unless told otherwise; `after`: the `next` of the page before
   * @throws AdjournError `ADJ_CONFIG_INVALID` if `after` is none of ours
   */
  transcript(query: {
    readonly session: string;
    readonly limit?: number | undefined;
    readonly after?: string | undefined;
  }): Promise<TranscriptPage>;
  /** Counts over closed sessions, ordered by their groups. */
  stats(query: StatsQuery): Promise<readonly StatsRow[]>;
  /**
   * Removes what these conversations' sessions that began before `at` have left, and lets nothing of them in any more: a `put`, `append`
   * or `amend` that comes later vanishes. Removes up to `limit` sessions and up to `limit` lines a call (1000 unless told otherwise);
   * until `done`, call it again, with the same `at`.
   */
  erase(query: {
    readonly keys: readonly string[];
    readonly at: number;
    readonly limit?: number | undefined;
  }): Promise<{ readonly sessions: number; readonly lines: number; readonly done: boolean }>;
  /**
   * Retention: removes up to `limit` closed sessions of an endpoint that ended before `sessionsBefore`, and up to `limit` lines written
   * before `linesBefore`, the oldest first. Lines are not kept for longer than sessions: `linesBefore` counts only where it is later.
   * Fewer than `limit` of both: nothing is left to remove.
   */
  expire(query: {
    readonly channel: string;
    readonly endpoint: string;
    readonly sessionsBefore?: number | undefined;
    readonly linesBefore?: number | undefined;
    readonly limit: number;
  }): Promise<{ readonly sessions: number; readonly lines: number }>;
}

/** How many sessions or lines make a page, and how many of each an erasure removes in one call, unless told otherwise. */
export const archiveDefaults = Object.freeze({ page: 100, erased: 1_000 });

/** Closed sessions and transcripts in this process's memory, for tests and small bots. */
export function memoryArchive(): Archive {
  const sessions = new Map<string, ClosedSession>();
  const lines = new Map<string, TranscriptLine>();
  /** Reports that came before their sessions. */
  const early = new Map<string, MessageResult>();
  /** By conversation: what began before this time is erased. */
  const erased = new Map<string, number>();

  const isErased = ({ key, startedAt }: { readonly key: string; readonly startedAt: number }) =>
    startedAt < (erased.get(key) ?? Number.NEGATIVE_INFINITY);
  const remove = <One>(from: Map<string, One>, which: (one: One) => boolean, age: (one: One) => number, limit: number) => {
    const found = [...from].filter(([, one]) => which(one)).sort(([, a], [, b]) => age(a) - age(b));
    for (const [id] of found.slice(0, limit)) from.delete(id);
    return Math.min(found.length, limit);
  };
  const removeBoth = (ofSession: (one: ClosedSession) => boolean, ofLine: (line: TranscriptLine) => boolean, limit: number) => ({
    sessions: remove(sessions, ofSession, (one) => one.endedAt, limit),
    lines: remove(lines, ofLine, (line) => line.at, limit),
  });

  return {
    async put(closed) {
      const { session } = closed;
      const message = early.get(session) ?? closed.message;
      early.delete(session);
      if (!sessions.has(session) && !isErased(closed)) sessions.set(session, structuredClone({ ...closed, message }));
    },

    async amend(session, message) {
      const closed = sessions.get(session);
      if (closed) sessions.set(session, { ...closed, message });
      else early.set(session, message);
    },

    async append(more) {
      for (const line of more) {
        const id = JSON.stringify([line.session, line.id]);
        if (!lines.has(id) && !isErased(line)) lines.set(id, structuredClone(line));
      }
    },

    async sessions({ keys, limit = archiveDefaults.page, after }) {
      const found = [...sessions.values()].filter(({ key }) => keys.includes(key)).sort(byEnd);
      const { page, rest } = pageOf(found, limit, after === undefined ? undefined : endOf(after), byEnd);
      const last = page.at(-1);
      return {
        sessions: page,
        ...(last && rest ? { next: toCursor(last.endedAt, last.closedAt, last.session) } : {}),
      };
    },

    async find(session) {
      return structuredClone(sessions.get(session));
    },

    async transcript({ session, limit = archiveDefaults.page, after }) {
      const found = [...lines.values()].filter((line) => line.session === session).sort(byOrder);
      const { page, rest } = pageOf(found, limit, after === undefined ? undefined : placeOf(after), byOrder);
      const last = page.at(-1);
      return { lines: page, ...(last && rest ? { next: toCursor(last.order, last.id) } : {}) };
    },

    stats: async (query) => statsOf(sessions.values(), query),

    async erase({ keys, at, limit = archiveDefaults.erased }) {
      for (const key of keys) erased.set(key, Math.max(at, erased.get(key) ?? at));
      const gone = (one: ClosedSession | TranscriptLine) => keys.includes(one.key) && isErased(one);
      const removed = removeBoth(gone, gone, limit);
      return { ...removed, done: ![...sessions.values(), ...lines.values()].some(gone) };
    },

    async expire({ channel, endpoint, sessionsBefore = 0, linesBefore = 0, limit }) {
      const here = (one: ClosedSession | TranscriptLine) => one.channel === channel && one.endpoint === endpoint;
      const oldest = Math.max(sessionsBefore, linesBefore);
      return removeBoth(
        (one) => here(one) && one.endedAt < sessionsBefore,
        (line) => here(line) && line.at < oldest,
        limit,
      );
    },
  };
}

/** Copies of what comes after a place, and whether that is not all. */
function pageOf<One extends Place, Place>(
  found: readonly One[],
  limit: number,
  place: Place | undefined,
  compare: (one: Place, other: Place) => number,
): { readonly page: readonly One[]; readonly rest: boolean } {
  const left = place === undefined ? found : found.filter((one) => compare(one, place) > 0);
  return { page: left.slice(0, limit).map((one) => structuredClone(one)), rest: left.length > limit };
}

type End = Pick<ClosedSession, 'endedAt' | 'closedAt' | 'session'>;

function endOf(after: string): End {
  const [endedAt, closedAt, session] = fromCursor(after, 'number', 'number', 'string');
  return { endedAt, closedAt, session };
}

/** The one that ended last first. */
function byEnd(a: End, b: End): number {
  return b.endedAt - a.endedAt || b.closedAt - a.closedAt || (a.session < b.session ? 1 : a.session > b.session ? -1 : 0);
}

type Place = Pick<TranscriptLine, 'order' | 'id'>;

function placeOf(after: string): Place {
  const [order, id] = fromCursor(after, 'number', 'string');
  return { order, id };
}

function byOrder(a: Place, b: Place): number {
  return a.order - b.order || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
