import { describe, expect, test } from 'vitest';
import type { Store } from '../../src/middleware/store.ts';
import type { StoreEntry } from './store.ts';
import { impatient, patient, rejects } from './store-model.ts';

/** What `src/middleware/store.ts` promises of stores that several processes share: here, several store objects over one backend. */
export function sharedStoreKit(entry: StoreEntry): void {
  const check = (title: string, processes: number, work: (stores: readonly Store[]) => Promise<void>) =>
    test(title, async () => {
      const { store, reopen, dispose } = await entry.open();
      const stores = [store];
      try {
        if (reopen === undefined) throw new Error('A shared store brings reopen().');
        while (stores.length < processes) stores.push(await reopen());
        await work(stores);
      } finally {
        await Promise.all(stores.slice(1).map((one) => one.close()));
        await dispose();
      }
    });

  const two = (title: string, work: (one: Store, other: Store) => Promise<void>) =>
    check(title, 2, ([one, other]) => work(one as Store, other as Store));

  describe('between processes', () => {
    two('a lease excludes, and its record is the newest', async (one, other) => {
      const held = await one.begin('a', impatient);
      await rejects(other.begin('a', impatient), 'LEASE_TIMEOUT');
      await rejects(other.begin('a', { ...patient, waitMs: 50 }), 'LEASE_TIMEOUT');
      await one.commit(held.lease, { n: 1 }, null);
      const next = await other.begin('a', impatient);
      expect(next).toMatchObject({ record: { n: 1 }, revision: 1 });
      await rejects(one.begin('a', impatient), 'LEASE_TIMEOUT');
      await other.release(next.lease);
    });

    two('a lease can be used by whoever has it', async (one, other) => {
      const { lease } = await one.begin('a', impatient);
      await other.save(lease, { n: 1 }, null);
      await other.renew(lease);
      await other.commit(lease, { n: 2 }, null);
      await rejects(one.commit(lease, { n: 3 }, null), 'LEASE_LOST');
    });

    check('fifty waiters get the lease in order of arrival, whatever process they wait in', 3, async (stores) => {
      const [store] = stores as [Store];
      const holder = await store.begin('a', impatient);
      const order: number[] = [];
      const waiters: Promise<void>[] = [];
      for (let n = 0; n < 50; n++) {
        const mine = stores[n % stores.length] as Store;
        waiters.push(
          mine.begin('a', patient).then(async ({ record, lease }) => {
            order.push(n);
            await mine.commit(lease, { list: [...(record as { list: number[] }).list, n] }, null);
          }),
        );
        // Only a call of the same process that has been answered proves that the one before has arrived.
        await rejects(mine.begin('a', impatient), 'LEASE_TIMEOUT');
      }
      await store.commit(holder.lease, { list: [] }, null);
      await Promise.all(waiters);
      const all = Array.from({ length: 50 }, (_, n) => n);
      expect(order).toEqual(all);
      expect((await store.begin('a', impatient)).record).toEqual({ list: all });
    });

    check(
      'calls of one process keep their order though none waits for the one before, and so do those of the others',
      3,
      async (stores) => {
        const [store] = stores as [Store];
        const holder = await store.begin('a', impatient);
        const order: number[] = [];
        const waiters: Promise<void>[] = [];
        for (const [group, count] of [4, 1, 7, 3, 2, 5, 8].entries()) {
          const mine = stores[group % stores.length] as Store;
          for (let one = 0; one < count; one++) {
            const n = waiters.length;
            waiters.push(
              mine.begin('a', patient).then(async ({ lease }) => {
                order.push(n);
                await mine.release(lease);
              }),
            );
          }
          await rejects(mine.begin('a', impatient), 'LEASE_TIMEOUT');
        }
        await store.release(holder.lease);
        await Promise.all(waiters);
        expect(order).toEqual(Array.from({ length: 30 }, (_, n) => n));
      },
    );

    check('who gives up leaves the others in their places', 2, async ([one, other]) => {
      const [mine, theirs] = [one as Store, other as Store];
      const holder = await mine.begin('a', impatient);
      const order: number[] = [];
      const waiters: Promise<void>[] = [];
      const quitter = new AbortController();
      for (let n = 0; n < 12; n++) {
        const store = n % 4 < 2 ? mine : theirs;
        const quits = n % 3 === 0;
        const begun = store.begin('a', quits ? { ...patient, signal: quitter.signal } : patient);
        waiters.push(
          quits
            ? rejects(begun, 'LEASE_TIMEOUT')
            : begun.then(async ({ lease }) => {
                order.push(n);
                await store.release(lease);
              }),
        );
        await rejects(store.begin('a', impatient), 'LEASE_TIMEOUT');
      }
      quitter.abort();
      await mine.release(holder.lease);
      await Promise.all(waiters);
      expect(order).toEqual([1, 2, 4, 5, 7, 8, 10, 11]);
    });

    check('every turn counts, whoever comes when', 4, async (stores) => {
      const [store] = stores as [Store];
      await Promise.all(
        Array.from({ length: 120 }, async (_, n) => {
          const mine = stores[n % stores.length] as Store;
          const key = `k${n % 3}`;
          const { record, lease } = await mine.begin(key, patient);
          await mine.commit(lease, { n: ((record as { n: number } | null)?.n ?? 0) + 1 }, n);
        }),
      );
      const { records } = await store.find({});
      expect(records.map(({ record }) => record)).toEqual([{ n: 40 }, { n: 40 }, { n: 40 }]);
    });

    two('a lapsed lease is taken over, and its old holder saves nothing', async (one, other) => {
      const stale = await one.begin('a', { ...impatient, leaseMs: 50 });
      const begun = await other.begin('a', patient);
      await rejects(one.save(stale.lease, { n: -1 }, 1), 'LEASE_LOST');
      await rejects(one.renew(stale.lease), 'LEASE_LOST');
      await rejects(one.commit(stale.lease, { n: -1 }, 1), 'LEASE_LOST');
      await one.release(stale.lease);
      await rejects(one.begin('a', impatient), 'LEASE_TIMEOUT');
      await other.commit(begun.lease, { n: 1 }, 2);
      await rejects(one.commit(stale.lease, null, null), 'LEASE_LOST');
      expect((await one.find({})).records).toEqual([{ key: 'a', record: { n: 1 }, wakeAt: 2 }]);
    });

    two('a lease that lapsed and that nobody took is nobody’s', async (one, other) => {
      const { lease } = await one.begin('a', { ...impatient, leaseMs: 30 });
      const next = await other.begin('a', patient);
      await other.release(next.lease);
      await rejects(one.commit(lease, { n: -1 }, null), 'LEASE_LOST');
      expect((await other.begin('a', impatient)).record).toBeNull();
    });

    two('a lease that was waited for lasts its full time', async (one, other) => {
      const holder = await one.begin('a', impatient);
      const waited = other.begin('a', { ...patient, leaseMs: 60_000 });
      await rejects(other.begin('a', impatient), 'LEASE_TIMEOUT');
      await one.release(holder.lease);
      const { lease } = await waited;
      await rejects(one.begin('a', { ...patient, waitMs: 1_500 }), 'LEASE_TIMEOUT');
      await other.commit(lease, { n: 1 }, null);
      expect((await one.begin('a', impatient)).record).toEqual({ n: 1 });
    });

    check('who closes its store leaves no waiters behind', 3, async (stores) => {
      const [one, leaving, third] = stores as [Store, Store, Store];
      const holder = await one.begin('a', impatient);
      const gone = [1, 2, 3].map(() => rejects(leaving.begin('a', patient), 'STORE_UNAVAILABLE'));
      await rejects(leaving.begin('a', impatient), 'LEASE_TIMEOUT');
      const next = third.begin('a', patient);
      await rejects(third.begin('a', impatient), 'LEASE_TIMEOUT');
      await leaving.close();
      await Promise.all(gone);
      const from = performance.now();
      await one.commit(holder.lease, { n: 1 }, null);
      expect((await next).record).toEqual({ n: 1 });
      expect(performance.now() - from).toBeLessThan(900);
    });

    two('each wake-up is claimed once', async (one, other) => {
      const keys = Array.from({ length: 40 }, (_, n) => `k${String(n).padStart(2, '0')}`);
      for (const [n, key] of keys.entries()) {
        const { lease } = await one.begin(key, impatient);
        await one.commit(lease, {}, n);
      }
      const claims = await Promise.all(Array.from({ length: 12 }, (_, n) => (n % 2 ? one : other).claimDue(100, 7, 1_000)));
      const rest = await one.claimDue(100, 100, 1_000);
      expect([...claims.flat(), ...rest].sort()).toEqual(keys);
      expect(await one.nextWake()).toBe(1_100);
      expect(await other.claimDue(1_099, 100, 1_000)).toEqual([]);
      expect(await other.claimDue(1_100, 100, 1_000)).toHaveLength(40);
    });

    two('what one saves the other finds, by wake-up and by name', async (one, other) => {
      const { lease } = await one.begin('a', impatient);
      await one.save(lease, { n: 1 }, 30);
      expect(await other.nextWake()).toBe(30);
      expect((await other.find({})).records).toEqual([{ key: 'a', record: { n: 1 }, wakeAt: 30 }]);
      await one.commit(lease, null, null);
      expect(await other.nextWake()).toBeNull();
      expect((await other.find({})).records).toEqual([]);
    });
  });
}
