import fc from 'fast-check';
import { expect } from 'vitest';
import { isAdjournError } from '../../src/middleware/errors.ts';
import type { BeginOptions, Begun, Store, StoredRecord } from '../../src/middleware/store.ts';

/** Waits as long as it takes. */
export const patient = { now: 0, leaseMs: 60_000, waitMs: 60_000 } satisfies BeginOptions;
/** Does not wait. */
export const impatient = { ...patient, waitMs: 0 } satisfies BeginOptions;

/** Whether a call fails with this code, and with no other. */
export async function rejects(promise: Promise<unknown>, code: Parameters<typeof isAdjournError>[1]): Promise<void> {
  const outcome = await promise.then(
    () => 'it went through',
    (error: unknown) => error,
  );
  if (!isAdjournError(outcome, code)) throw new Error(`Expected ${code}, got: ${String(outcome)}`, { cause: outcome });
  expect(outcome.message).toContain(code);
}

const key = fc.constantFrom('a', 'b', 'c/1', 'c/2');
const time = fc.integer({ min: 0, max: 20 });
const wakeAt = fc.option(time, { nil: null });
const record = fc
  .dictionary(fc.string({ maxLength: 4 }), fc.jsonValue(), { maxKeys: 3 })
  .map((one) => JSON.parse(JSON.stringify(one)) as StoredRecord);

/** One call, as the random sequences are made of. */
type Operation =
  | { does: 'begin' | 'renew' | 'release'; key: string }
  | { does: 'save'; key: string; record: StoredRecord; wakeAt: number | null }
  | { does: 'commit'; key: string; record: StoredRecord | null; wakeAt: number | null }
  | { does: 'claim'; now: number; limit: number; claimMs: number }
  | { does: 'find'; prefix: string; limit: number };

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('begin' as const), key }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constantFrom('renew' as const, 'release' as const), key }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('save' as const), key, record, wakeAt }) },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('commit' as const),
      key,
      record: fc.option(record, { nil: null, freq: 4 }),
      wakeAt,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant('claim' as const),
      now: time,
      limit: fc.integer({ min: 1, max: 3 }),
      claimMs: time,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant('find' as const),
      prefix: fc.constantFrom('', 'c/', 'a'),
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
);

/** Runs operations on a store and on plain maps, and compares. */
export function naiveModel(store: Store) {
  const records = new Map<string, { record: StoredRecord; revision: number; wakeAt: number | null }>();
  const leases = new Map<string, Begun['lease']>();
  const known = new Map<string, Begun['lease']>();

  const write = (key: string, record: StoredRecord | null, wakeAt: number | null) => {
    if (record === null) records.delete(key);
    else records.set(key, { record, revision: (records.get(key)?.revision ?? 0) + 1, wakeAt });
  };

  return {
    async begin({ key }: { key: string }) {
      if (leases.has(key)) return rejects(store.begin(key, impatient), 'LEASE_TIMEOUT');
      const begun = await store.begin(key, impatient);
      const expected = records.get(key);
      expect(begun.record).toEqual(expected?.record ?? null);
      expect(begun.revision).toBe(expected?.revision ?? 0);
      leases.set(key, begun.lease);
      known.set(key, begun.lease);
    },
    async renew({ key }: { key: string }) {
      const lease = known.get(key);
      if (lease === undefined) return;
      if (leases.has(key)) await store.renew(lease);
      else await rejects(store.renew(lease), 'LEASE_LOST');
    },
    async release({ key }: { key: string }) {
      const lease = known.get(key);
      if (lease === undefined) return;
      leases.delete(key);
      await store.release(lease);
    },
    async save(one: { key: string; record: StoredRecord; wakeAt: number | null }) {
      const lease = known.get(one.key);
      if (lease === undefined) return;
      if (!leases.has(one.key)) return rejects(store.save(lease, one.record, one.wakeAt), 'LEASE_LOST');
      await store.save(lease, one.record, one.wakeAt);
      write(one.key, one.record, one.wakeAt);
    },
    async commit(one: { key: string; record: StoredRecord | null; wakeAt: number | null }) {
      const lease = known.get(one.key);
      if (lease === undefined) return;
      if (!leases.delete(one.key)) return rejects(store.commit(lease, one.record, one.wakeAt), 'LEASE_LOST');
      await store.commit(lease, one.record, one.wakeAt);
      write(one.key, one.record, one.wakeAt);
    },
    async claim({ now, limit, claimMs }: { now: number; limit: number; claimMs: number }) {
      const wakeUp = (key: string) => records.get(key)?.wakeAt ?? Number.POSITIVE_INFINITY;
      const due = [...records.keys()]
        .map(wakeUp)
        .filter((at) => at <= now)
        .sort((a, b) => a - b);
      const claimed = await store.claimDue(now, limit, claimMs);
      expect(new Set(claimed).size).toBe(claimed.length);
      expect(claimed.map(wakeUp)).toEqual(due.slice(0, limit));
      for (const key of claimed) {
        const entry = records.get(key);
        if (entry !== undefined) entry.wakeAt = now + claimMs;
      }
    },
    async find({ prefix, limit }: { prefix: string; limit: number }) {
      const keys = [...records.keys()].filter((key) => key.startsWith(prefix)).sort();
      const page = await store.find({ prefix, limit });
      expect(page.records.map((one) => one.key)).toEqual(keys.slice(0, limit));
      expect(page.records.map((one) => one.record)).toEqual(keys.slice(0, limit).map((key) => records.get(key)?.record));
      expect(page.next).toBe(keys.length > limit ? keys[limit - 1] : undefined);
    },
  };
}
