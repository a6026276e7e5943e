import { partsOf } from './core/activity.ts';
import type { ConversationRecord } from './core/conversation.ts';
import { wakeAt } from './core/due.ts';
import { endOf, isExpired } from './core/expiry.ts';
import type { Policy } from './core/policy.ts';
import { isAdjournError } from './errors.ts';
import { jobOutside } from './outside.ts';
import type { Shell } from './shell.ts';
import type { Store } from './store.ts';

type Policies = (channel: string, endpoint: string) => Policy;

/** What a change of settings means for the sessions that are live. */
export interface Survey {
  readonly sessions: number;
  /** Over within a minute because of the change alone. */
  readonly closing: number;
  /** Conversations to be looked at at another time than before. */
  readonly keys: readonly string[];
}

/** What a change takes effect within, for sessions that it ends. */
const graceMs = 60_000;

/** Compares policies before and after over everything stored, a page at a time. */
export async function survey(
  store: Store,
  before: Policies,
  after: Policies,
  concerns: (endpoint: string) => boolean,
  now: number,
): Promise<Survey> {
  const keys: string[] = [];
  let sessions = 0;
  let closing = 0;
  for (let from: string | undefined, more = true; more; ) {
    const page = await store.find({ limit: 500, ...(from === undefined ? {} : { after: from }) });
    for (const { key, record } of page.records) {
      const { session } = record as unknown as ConversationRecord;
      if (session === undefined) continue;
      const { channel, endpoint } = partsOf(key);
      const [old, next] = [before(channel, endpoint), after(channel, endpoint)];
      if (concerns(endpoint) && !isExpired(session, old, now)) sessions += 1;
      if (endOf(session, old).at > now + graceMs && endOf(session, next).at <= now + graceMs) closing += 1;
      const stored = record as unknown as ConversationRecord;
      if (wakeAt(stored, old, now) !== wakeAt(stored, next, now)) keys.push(key);
    }
    from = page.next;
    more = from !== undefined;
  }
  return { sessions, closing, keys };
}

/** Saves records again, so that they are looked at when the new settings say. A busy one is saved by its own turn. */
export async function rearm(shell: Shell, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    try {
      await shell.underLease({ ...jobOutside(shell, key, 'configure', undefined), waitMs: 0 }, async ({ lease, record }, job) =>
        record === null ? shell.book.release(lease) : shell.book.commit(job, lease, record),
      );
    } catch (error) {
      if (!isAdjournError(error, 'LEASE_TIMEOUT')) throw error;
    }
  }
}
