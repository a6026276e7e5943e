import { type Clock, within } from './clock.ts';
import { type ConversationRecord, isEmpty, recordVersion } from './core/conversation.ts';
import { wakeAt } from './core/due.ts';
import type { Policy } from './core/policy.ts';
import { AdjournError, isAdjournError } from './errors.ts';
import { type Job, patienceMs } from './job.ts';
import type { Slot } from './mailbox.ts';
import { probe } from './probe.ts';
import { ask } from './question.ts';
import type { Lease, Store, StoredRecord } from './store.ts';

/** A conversation's record, under its lease. */
export interface Held {
  readonly lease: Lease;
  readonly record: ConversationRecord | null;
  /** Where more work follows under the same lease: a save keeps it, and hands on here what it saved. */
  readonly onward?: ((record: ConversationRecord) => void) | undefined;
}

/** The store as turns use it: decoded records, and waiting that ends with the vendor's patience. */
export interface Records {
  /**
   * Takes the conversation's lease, in order of arrival: of this process where the store is its own, of all where they share it.
   * Undefined when the job's patience ends first. The place is kept all the same, in the store's queue too: asking again goes on
   * from there, and leaving the slot gives it up.
   * @param waitMs that patience, milliseconds. Default: the job's
   * @throws AdjournError `STORE_UNAVAILABLE`, `ADJ_RECORD_INVALID`
   */
  begin(job: Job, slot: Slot, waitMs?: number): Promise<Held | undefined>;
  /** What was saved last, without a lease. */
  peek(job: Job): Promise<ConversationRecord | null>;
  /** Saves and keeps the lease. @throws AdjournError `LEASE_LOST`, `STORE_UNAVAILABLE` */
  save(job: Job, lease: Lease, record: ConversationRecord): Promise<void>;
  /** The same for who has nothing more to do where it fails: the lease is given up then. @throws AdjournError as `save` */
  saveOrRelease(job: Job, lease: Lease, record: ConversationRecord): Promise<void>;
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
  /** Of the leases held, by token. */
  const slots = new Map<string, Slot>();
  /** From here on the next one may have it, while its holder still has answers to give. */
  const letGo = ({ token }: Lease) => {
    slots.get(token)?.finishes(true);
    slots.delete(token);
  };
  const release: Records['release'] = (lease) => {
    letGo(lease);
    return store.release(lease).catch(() => {});
  };

  const save: Records['save'] = (job, lease, record) =>
    store.save(lease, record as unknown as StoredRecord, wakeAt(record, policyOf(job), clock.now()));

  /** Whoever noted what it had in flight has died over it: from now on a redelivery is no repetition. */
  const withoutDead = async (job: Job, lease: Lease, record: ConversationRecord | null): Promise<ConversationRecord | null> => {
    if (record?.running === undefined) return record;
    const { running: _dead, ...rest } = record;
    // Should it fail, the turn's own save says the same.
    await save(job, lease, rest).catch(() => {});
    return rest;
  };

  const question = (job: Job, slot: Slot, waitMs: number) => {
    slot.finishes(false);
    // Whoever runs beside the holder for now keeps the place, so that what it brings is saved in order.
    const options = { now: clock.now(), leaseMs, waitMs: waitMs > 0 ? waitMs + job.policy.turnTimeoutMs + patienceMs : 0 };
    return ask(store, job.key, options, slot, store.capabilities.scope === 'process');
  };

  return {
    async begin(job, slot, waitMs = job.waitMs) {
      if (waitMs <= 0 && slot.ready !== undefined) return undefined;
      const asked = slot.question?.stands ? slot.question : question(job, slot, waitMs);
      slot.question = asked;
      try {
        const begun = (await promptly(asked.answer)) ?? (await waited(clock, job, asked.answer, waitMs));
        if (begun === undefined) {
          asked.shelve();
          return undefined;
        }
        asked.use();
        slot.question = undefined;
        const { lease, record } = begun;
        slots.set(lease.token, slot);
        return { lease, record: await withoutDead(job, lease, await decoded(job.key, record, () => release(lease))) };
      } catch (error) {
        if (isAdjournError(error, 'LEASE_TIMEOUT')) return undefined;
        // Without the store, turns keep the order of this process at least: after those ahead, before those behind.
        if (slot.ready !== undefined) await within(clock, waitMs, slot.ready, () => {});
        slot.finishes(true);
        throw error;
      } finally {
        probe('running', job);
      }
    },
    async peek(job) {
      const page = await store.find({ keys: [job.key], limit: 1 });
      return decoded(job.key, page.records[0]?.record ?? null);
    },
    save,
    async saveOrRelease(job, lease, record) {
      try {
        await save(job, lease, record);
      } catch (error) {
        await release(lease);
        throw error;
      }
    },
    async commit(job, lease, record) {
      letGo(lease);
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

/** Only waiting is news to whoever watches. */
function waited<T>(clock: Clock, job: Job, answer: Promise<T>, waitMs: number): Promise<T | undefined> {
  probe('waiting', job);
  return waitMs > 0 ? within(clock, waitMs, answer, () => undefined) : answer;
}

/** As long as a store takes that answers from memory. */
const promptTicks = 12;

/** The answer; undefined where it is not here at once. @throws what the question came to */
async function promptly<T>(answer: Promise<T>): Promise<T | undefined> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  answer.then(settle, settle);
  for (let tick = 0; tick < promptTicks && !settled; tick++) await undefined;
  return settled ? answer : undefined;
}
