import { setTimeout as pause } from 'node:timers/promises';
import { isSystemKey, partsOf } from './core/activity.ts';
import { type ConversationRecord, recordVersion } from './core/conversation.ts';
import { wakeAt } from './core/due.ts';
import { endOf, graceMs, isExpired } from './core/expiry.ts';
import type { SessionState } from './core/session.ts';
import { isAdjournError } from './errors.ts';
import { jobOutside } from './outside.ts';
import type { Policies } from './settings.ts';
import type { Shell } from './shell.ts';
import type { FoundPage, Store } from './store.ts';

/** What a change of settings means for the sessions that are live. */
export interface Survey {
  /** Live sessions on the endpoints concerned. */
  readonly sessions: number;
  /** Those that are over within a minute because of the change alone. */
  readonly closing: number;
}

/** A conversation in which a session is live, or overdue. */
interface Live {
  readonly key: string;
  readonly record: ConversationRecord;
  readonly session: SessionState;
  /** When somebody is to look at it, as it is stored. */
  readonly wakeAt: number | null;
}

/** Compares policies before and after over everything stored, a page at a time. @throws AdjournError `STORE_UNAVAILABLE` */
export async function survey(
  store: Store,
  before: Policies,
  after: Policies,
  concerns: (endpoint: string) => boolean,
  now: number,
): Promise<Survey> {
  let sessions = 0;
  let closing = 0;
  for await (const page of livePages(store)) {
    for (const { key, session } of page) {
      const { channel, endpoint } = partsOf(key);
      const [old, next] = [before(channel, endpoint), after(channel, endpoint)];
      if (concerns(endpoint) && !isExpired(session, old, now)) sessions += 1;
      if (endOf(session, old).at > now + graceMs && endOf(session, next).at <= now + graceMs) closing += 1;
    }
  }
  return { sessions, closing };
}

/**
 * Sees to it that somebody looks in time at every conversation whose session now ends earlier. Where it ends later nothing is to be
 * done: whoever looks at the old time finds nothing due. Paced, so that turns come in between. May be repeated, by anybody.
 * @throws AdjournError `STORE_UNAVAILABLE`
 */
export async function rearmAll(shell: Shell, signal: AbortSignal): Promise<void> {
  for await (const page of livePages(shell.store)) {
    if (signal.aborted) return;
    await rearm(shell, page, signal);
  }
}

/** The same for a few conversations. @throws AdjournError `STORE_UNAVAILABLE` */
export async function rearmKeys(shell: Shell, keys: readonly string[], signal: AbortSignal): Promise<void> {
  for (let from = 0; from < keys.length && !signal.aborted; from += pageSize) {
    const some = keys.slice(from, from + pageSize);
    await rearm(shell, liveOf(await shell.store.find({ keys: some, limit: some.length })), signal);
  }
}

const pageSize = 500;

/** So many records are saved again in a portion, so many of them at once; a portion takes at least so long, real ms. */
const portion = 50;
const lanes = 10;
const portionMs = 100;

async function rearm(shell: Shell, page: readonly Live[], signal: AbortSignal): Promise<void> {
  const { settings, clock } = shell;
  const late = page.filter(({ key, record, wakeAt: stored }) => {
    const { channel, endpoint } = partsOf(key);
    return (wakeAt(record, settings.policy(channel, endpoint), clock.now()) ?? never) < (stored ?? never);
  });
  for (let from = 0; from < late.length && !signal.aborted; from += portion) {
    const began = performance.now();
    const keys = late.slice(from, from + portion).values();
    const lane = async () => {
      for (const { key } of keys) await saveAgain(shell, key, signal);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    const restMs = began + portionMs - performance.now();
    if (from + portion < late.length && restMs > 0) await pause(restMs, undefined, { ref: false, signal }).catch(() => {});
  }
}

const never = Number.POSITIVE_INFINITY;

/** A busy conversation is saved by its own turn; one whose turn is of this process may have left with the settings before. */
async function saveAgain(shell: Shell, key: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  if (shell.boxes.isBusy(key)) {
    const { channel, endpoint } = partsOf(key);
    const later = shell.boxes.left(key).then(() => saveAgain(shell, key, signal));
    later.catch((error) => shell.report(error, { channel, endpoint, key }));
    return;
  }
  try {
    const job = { ...jobOutside(shell, key, 'settings', undefined), waitMs: 0 };
    await shell.underLease(job, ({ lease, record }, place) =>
      record === null ? shell.book.release(lease) : shell.book.commit(place, lease, record),
    );
  } catch (error) {
    if (!isAdjournError(error, 'LEASE_TIMEOUT', 'LEASE_LOST', 'ADJ_RECORD_INVALID')) throw error;
  }
}

/** Every conversation in which a session is live, a page at a time. */
async function* livePages(store: Store): AsyncGenerator<readonly Live[]> {
  for (let after: string | undefined, more = true; more; ) {
    const page = await store.find({ limit: pageSize, ...(after === undefined ? {} : { after }) });
    yield liveOf(page);
    after = page.next;
    more = after !== undefined;
  }
}

/** What a newer version wrote is its own business. */
function liveOf({ records }: FoundPage): Live[] {
  return records.flatMap(({ key, record: stored, wakeAt }) => {
    if (isSystemKey(key) || stored['v'] !== recordVersion) return [];
    const record = stored as unknown as ConversationRecord;
    return record.session === undefined ? [] : [{ key, record, session: record.session, wakeAt }];
  });
}
