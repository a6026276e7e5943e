import { isKey, isSystemKey, partsOf } from './core/activity.ts';
import type { ConversationRecord } from './core/conversation.ts';
import { ownerOf } from './core/desk.ts';
import { endOf, isExpired } from './core/expiry.ts';
import type { Policy } from './core/policy.ts';
import type { SessionState } from './core/session.ts';
import { fromCursor, toCursor } from './cursor.ts';
import type { Engine } from './engine.ts';
import { AdjournError } from './errors.ts';

/** A session that is not closed yet. Times are epoch ms. */
export interface LiveSession
  extends Pick<SessionState, 'startReason' | 'startedAt' | 'lastActivityAt' | 'turns' | 'interactive' | 'developer' | 'outcome'> {
  readonly session: string;
  readonly channel: string;
  readonly endpoint: string;
  readonly key: string;
  readonly user?: string | undefined;
  /** `expired`: its time is over, and nobody has come back or closed it yet. */
  readonly state: 'live' | 'expired';
  /** When it ends if nobody does anything, or has ended; absent: never. */
  readonly deadline?: number | undefined;
  readonly owner: 'bot' | 'queue' | 'agent';
  readonly agent?: string | undefined;
}

export interface LiveQuery {
  /** At most this many. @default 100 */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
  /** Only this channel. @default all */
  readonly channel?: string | undefined;
  /** Only this endpoint. @default all */
  readonly endpoint?: string | undefined;
}

export interface LivePage {
  /** In the order of their keys. They may be fewer than `limit` though more follow. */
  readonly sessions: readonly LiveSession[];
  /** For `after`; absent on the last page. */
  readonly next?: string | undefined;
}

/** Most reads of the store for one page: where few conversations are live, a page gets short instead of slow. */
const mostReads = 10;

/**
 * Sessions that are not closed yet, of all conversations, a page at a time.
 * @throws AdjournError `STORE_UNAVAILABLE`, `ADJ_CONFIG_INVALID` if `after` is none of ours
 */
export async function liveSessions(engine: Engine, { limit = 100, after, channel, endpoint }: LiveQuery = {}): Promise<LivePage> {
  await engine.settled();
  const now = engine.clock.now();
  const prefix = channel === undefined ? '' : `${keyPart(channel)}/${endpoint === undefined ? '' : `${keyPart(endpoint)}/`}`;
  const sessions: LiveSession[] = [];
  let place = after === undefined ? undefined : placeOf(after);
  for (let reads = 0; reads < mostReads && sessions.length < limit; reads++) {
    const page = await engine.store.find({
      limit: limit - sessions.length,
      prefix,
      ...(place === undefined ? {} : { after: place }),
    });
    for (const { key, record } of page.records) {
      const { session, address } = record as unknown as ConversationRecord;
      const where = partsOf(key);
      if (session === undefined || isSystemKey(key) || (endpoint !== undefined && where.endpoint !== endpoint)) continue;
      const user = address?.user;
      const known = { channel: where.channel, endpoint: where.endpoint, key, ...(user === undefined ? {} : { user }) };
      sessions.push(liveSession(known, session, engine.settings.policy(where.channel, where.endpoint), now));
    }
    place = page.next;
    // The library's own records come after those of all conversations.
    if (place === undefined || isSystemKey(place)) return { sessions };
  }
  return place === undefined ? { sessions } : { sessions, next: toCursor(place) };
}

/** How a live session looks from outside. */
export function liveSession(
  place: Pick<LiveSession, 'channel' | 'endpoint' | 'key' | 'user'>,
  state: SessionState,
  policy: Policy,
  now: number,
): LiveSession {
  const { id: session, startReason, startedAt, lastActivityAt, turns, interactive, developer, outcome, handover } = state;
  const end = endOf(state, policy).at;
  return {
    session,
    ...place,
    state: isExpired(state, policy, now) ? 'expired' : 'live',
    ...(Number.isFinite(end) ? { deadline: end } : {}),
    ...{ startReason, startedAt, lastActivityAt, turns, interactive, developer },
    ...(outcome === undefined ? {} : { outcome }),
    owner: ownerOf(state),
    ...(handover?.agent === undefined ? {} : { agent: handover.agent }),
  };
}

function keyPart(name: string): string {
  return encodeURIComponent(name).replace(/^~/, '%7E');
}

function placeOf(after: string): string {
  const [key] = fromCursor(after, 'string');
  if (isKey(key)) return key;
  throw new AdjournError('ADJ_CONFIG_INVALID', 'This is not where a page ended.', {
    where: 'after',
    hint: 'Give the `next` of the page before, as it is.',
  });
}
