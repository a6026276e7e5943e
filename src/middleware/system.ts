import { systemKey } from './core/activity.ts';
import { AdjournError, isAdjournError } from './errors.ts';
import { patienceMs } from './job.ts';
import type { Shell } from './shell.ts';
import type { StoredRecord } from './store.ts';

/** A record that belongs to no conversation: a desk's, a person's, an erasure's. */
export interface SystemRecord {
  /** Format of the record; a reader that does not know it must refuse it. */
  readonly v: 1;
}

/** What becomes of a system record, and when somebody must look at it, epoch ms. */
export interface SystemChange<Kept extends SystemRecord, Result> {
  /** `null` removes it; the one that was given keeps it as it is, its wake-up too. */
  readonly record: Kept | null;
  /** @default nobody must */
  readonly wakeAt?: number | undefined;
  readonly result: Result;
}

/** Reads a system record, without a lease. @throws AdjournError `STORE_UNAVAILABLE`, `ADJ_RECORD_INVALID` */
export async function readSystem<Kept extends SystemRecord>(shell: Shell, kind: string, name: string): Promise<Kept | null> {
  const key = systemKey(kind, name);
  const page = await shell.store.find({ keys: [key], limit: 1 });
  return decoded<Kept>(key, page.records[0]?.record ?? null);
}

/**
 * Changes a system record under its lease. Whoever holds a conversation takes this after it, never before.
 * @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE`, `ADJ_RECORD_INVALID`, and what `decide` throws; then nothing has changed
 */
export async function changeSystem<Kept extends SystemRecord, Result>(
  shell: Shell,
  kind: string,
  name: string,
  decide: (record: Kept | null) => SystemChange<Kept, Result> | Promise<SystemChange<Kept, Result>>,
): Promise<Result> {
  const { store, clock, leaseMs } = shell;
  const key = systemKey(kind, name);
  const { record: stored, lease } = await store.begin(key, { now: clock.now(), leaseMs, waitMs: patienceMs });
  try {
    const before = decoded<Kept>(key, stored);
    const { record, wakeAt, result } = await decide(before);
    if (record === before) await store.release(lease);
    else {
      await store.commit(lease, record as StoredRecord | null, wakeAt ?? null);
      if (wakeAt !== undefined) shell.woken(wakeAt);
    }
    return result;
  } catch (error) {
    if (!isAdjournError(error, 'LEASE_LOST')) await shell.book.release(lease);
    throw error;
  }
}

function decoded<Kept extends SystemRecord>(key: string, stored: StoredRecord | null): Kept | null {
  if (stored === null || stored['v'] === 1) return stored as unknown as Kept | null;
  throw new AdjournError('ADJ_RECORD_INVALID', 'It has a format that this version cannot read.', {
    where: key,
    hint: 'A newer version of adjourn wrote it: update this process.',
  });
}
