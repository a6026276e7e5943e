import { type Clock, calledOff } from './clock.ts';
import { type ConversationRecord, isEmpty, recordVersion } from './core/conversation.ts';
import { wakeAt } from './core/due.ts';
import type { Policy } from './core/policy.ts';
import { AdjournError, isAdjournError } from './errors.ts';
import type { Job } from './job.ts';
import type { Slot } from './mailbox.ts';
import { probe } from './probe.ts';
import type { Lease, Store, StoredRecord } from './store.ts';

/** A conversation's record, under its lease. */
export interface Held {
  readonly lease: Lease;
  readonly record: ConversationRecord | null;
}

/** The store as turns use it: decoded records, and waiting that ends with the vendor's patience. */
export interface Records {
  /**
   * Takes the conversation's lease once everybody ahead in this process has left.
   * Undefined when the job's patience ends first; the slot stays taken either way.
   * @param waitMs that patience, milliseconds. Default: the job's
   * @throws AdjournError `STORE_UNAVAILABLE`, `ADJ_RECORD_INVALID`
   */
  begin(job: Job, slot: Slot, waitMs?: number): Promise<Held | undefined>;
  /** What was saved last, without a lease. */
  peek(job: Job): Promise<ConversationRecord | null>;
  /** Saves and keeps the lease. @throws AdjournError `LEASE_LOST`, `STORE_UNAVAILABLE` */
  save(job: Job, lease: Lease, record: ConversationRecord): Promise<void>;
  /** Saves and releases. @throws AdjournError `LEASE_LOST`, `STORE_UNAVAILABLE`; the lease is given up in any case. */
  commit(job: Job, lease: Lease, record: ConversationRecord | null): Promise<void>;
  /** Gives the lease up; if that fails too, it lapses by itself. */
  release(lease: Lease): Promise<void>;
}

/**
 * @param policyOf the policy of now: settings may have changed while a turn ran
 * @param woken told when a record wants to be looked at again, epoch ms
 */
export function records(
  store: Store,
  clock: Clock,
  leaseMs: number,
  policyOf: (job: Job) => Policy,
  woken: (at: number) => void,
): Records {
  const release: Records['release'] = (lease) => store.release(lease).catch(() => {});
  return {
    async begin(job, slot, waitMs = job.waitMs) {
      const settled = new AbortController();
      const late = new AbortController();
      // Who waits for nobody needs no patience; the store still takes the time it takes.
      const patience =
        waitMs > 0
          ? clock.sleep(waitMs, settled.signal).then(() => {
              if (!settled.signal.aborted) late.abort(calledOff);
            })
          : undefined;
      try {
        if (slot.ready !== undefined) {
          probe('waiting', job);
          await Promise.race([slot.ready, patience]);
          if (late.signal.aborted || patience === undefined) return undefined;
        }
        const beginning = store.begin(job.key, { now: clock.now(), leaseMs, waitMs, signal: late.signal });
        const begun = (await Promise.race([beginning, someTicks()])) ?? (await waited(job, beginning));
        return { lease: begun.lease, record: await decoded(job.key, begun.record, () => release(begun.lease)) };
      } catch (error) {
        if (isAdjournError(error, 'LEASE_TIMEOUT')) return undefined;
        throw error;
      } finally {
        settled.abort(calledOff);
        probe('running', job);
      }
    },
    async peek(job) {
      const page = await store.find({ keys: [job.key], limit: 1 });
      return decoded(job.key, page.records[0]?.record ?? null);
    },
    async save(job, lease, record) {
      await store.save(lease, record as unknown as StoredRecord, wakeAt(record, policyOf(job), clock.now()));
    },
    async commit(job, lease, record) {
      try {
        if (record === null || isEmpty(record)) return await store.commit(lease, null, null);
        const at = wakeAt(record, policyOf(job), clock.now());
        await store.commit(lease, record as unknown as StoredRecord, at);
        if (at !== null) woken(at);
      } catch (error) {
        if (!isAdjournError(error, 'LEASE_LOST')) await release(lease);
        throw error;
      }
    },
    release,
  };
}

/** A record of a newer version is refused loudly, and stays as it is. */
async function decoded(
  key: string,
  stored: StoredRecord | null,
  refuse?: () => Promise<void>,
): Promise<ConversationRecord | null> {
  if (stored === null) return null;
  if (stored['v'] === recordVersion) return stored as unknown as ConversationRecord;
  await refuse?.();
  throw new AdjournError(
    'ADJ_RECORD_INVALID',
    `The record has format ${JSON.stringify(stored['v']) ?? 'none'}, not ${recordVersion}.`,
    {
      where: key,
      hint: 'A newer version of adjourn wrote it: update this process.',
    },
  );
}

/** Only a store that keeps us waiting is news to whoever watches. */
function waited<T>(job: Job, beginning: Promise<T>): Promise<T> {
  probe('waiting', job);
  return beginning;
}

/** Long enough for a store that answers from memory. */
async function someTicks(): Promise<undefined> {
  for (let tick = 0; tick < 8; tick++) await undefined;
}
