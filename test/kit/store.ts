import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Begun, Store, StoredRecord } from '../../src/middleware/store.ts';
import { impatient, naiveModel, operation, patient, rejects } from './store-model.ts';
import { sharedStoreKit } from './store-shared.ts';
import { refusesNewerRecords } from './store-upgrade.ts';

/** One fresh, empty backend with a store on it. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Opens the same data as a new process would; what the old store held in memory is gone. Every durable store has it. */
  readonly reopen?: () => Promise<Store>;
  /** Cuts the backend off, or brings it back. Absent where there is no backend to lose. */
  readonly fail?: (on: boolean) => Promise<void>;
  /** Puts something in the place of a record that cannot be read as one. Absent where nothing but the store can write. */
  readonly damage?: (key: string) => Promise<void>;
  /** Removes everything from the backend and lets go of it. */
  readonly dispose: () => Promise<void>;
}

/** How a store comes into the kit. */
export interface StoreEntry {
  open(): Promise<StoreUnderTest>;
  /** Why it cannot be tested on this machine; undefined: it can. */
  unavailable?(): Promise<string | undefined>;
  /** Whether several processes may share the backend. @default false */
  readonly shared?: boolean;
  /** How many random sequences of calls to try, each on a backend of its own. @default 200 */
  readonly runs?: number;
}

/** Everything `src/middleware/store.ts` promises, as tests of one store. */
export function storeKit(name: string, entry: StoreEntry): void {
  const check = (title: string, work: (under: StoreUnderTest) => Promise<void>) =>
    test(title, async () => {
      const under = await entry.open();
      try {
        await work(under);
      } finally {
        await under.dispose();
      }
    });

  describe(name, () => {
    describe('records', () => {
      check('an unknown key has no record and revision 0', async ({ store }) => {
        const begun = await store.begin('a', impatient);
        expect(begun).toMatchObject({ record: null, revision: 0, lease: { key: 'a', leaseMs: 60_000 } });
      });

      check('a commit is what the next begin finds, and revisions count the saves', async ({ store }) => {
        const first = await store.begin('a', impatient);
        await store.save(first.lease, { n: 1 }, null);
        await store.commit(first.lease, { n: 2 }, null);
        expect(await peek(store, 'a')).toMatchObject({ record: { n: 2 }, revision: 2 });
        await put(store, 'a', { n: 3 });
        expect(await peek(store, 'a')).toMatchObject({ record: { n: 3 }, revision: 3 });
      });

      check('committing null deletes, and counting begins anew', async ({ store }) => {
        await put(store, 'a', { n: 1 });
        await put(store, 'a', null);
        expect(await peek(store, 'a')).toMatchObject({ record: null, revision: 0 });
        await put(store, 'a', null);
        await put(store, 'a', { n: 2 });
        expect(await peek(store, 'a')).toMatchObject({ record: { n: 2 }, revision: 1 });
      });

      check('release saves nothing', async ({ store }) => {
        await put(store, 'a', { n: 1 });
        const begun = await store.begin('a', impatient);
        (begun.record as { n: number }).n = 2;
        await store.release(begun.lease);
        expect(await peek(store, 'a')).toMatchObject({ record: { n: 1 }, revision: 1 });
      });

      check('records are copied both ways', async ({ store }) => {
        const mine = { deep: { list: [1] } };
        await put(store, 'a', mine);
        mine.deep.list.push(2);
        const read = await peek(store, 'a');
        expect(read.record).toEqual({ deep: { list: [1] } });
        (read.record as typeof mine).deep.list.push(3);
        const [found] = (await store.find({ keys: ['a'] })).records;
        (found as unknown as { record: typeof mine }).record.deep.list.push(4);
        expect((await peek(store, 'a')).record).toEqual({ deep: { list: [1] } });
      });

      check('keys and values of any kind stay apart and unchanged', async ({ store }) => {
        for (const [index, key] of hostileKeys.entries()) await put(store, key, { index, key });
        for (const [index, key] of hostileKeys.entries()) expect((await peek(store, key)).record, key).toEqual({ index, key });
        for (const [label, value] of Object.entries(hostileValues)) {
          await put(store, 'value', { value });
          expect((await peek(store, 'value')).record, label).toEqual({ value });
        }
        const proto = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}') as StoredRecord;
        await put(store, 'value', proto);
        const { record } = await peek(store, 'value');
        expect(Object.keys(record ?? {})).toEqual(['__proto__', 'constructor']);
        expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
      });

      check('what JSON cannot hold is refused, and the conversation goes on', async ({ store }) => {
        const begun = await store.begin('a', impatient);
        await rejects(store.commit(begun.lease, { n: 1n }, null), 'ADJ_RECORD_INVALID');
        expect(await peek(store, 'a')).toMatchObject({ record: null, revision: 0 });
      });
    });

    describe('leases', () => {
      check('fifty waiters get the lease in order of arrival, each the record of the one before', async ({ store }) => {
        const holder = await store.begin('a', impatient);
        const order: number[] = [];
        const waiters = Array.from({ length: 50 }, async (_, n) => {
          const begun = await store.begin('a', patient);
          order.push(n);
          const seen = (begun.record as { list: number[] }).list;
          await store.commit(begun.lease, { list: [...seen, n] }, null);
        });
        await store.commit(holder.lease, { list: [] }, null);
        await Promise.all(waiters);
        const all = Array.from({ length: 50 }, (_, n) => n);
        expect(order).toEqual(all);
        expect(await peek(store, 'a')).toMatchObject({ record: { list: all }, revision: 51 });
      });

      check('one busy conversation holds no other up', async ({ store }) => {
        await store.begin('a', impatient);
        const other = await store.begin('b', impatient);
        expect(other.lease.key).toBe('b');
      });

      check('a busy conversation refuses at once who would not wait, and in time who would', async ({ store }) => {
        const holder = await store.begin('a', impatient);
        await rejects(store.begin('a', impatient), 'LEASE_TIMEOUT');
        await rejects(store.begin('a', { ...patient, waitMs: 20 }), 'LEASE_TIMEOUT');
        await store.release(holder.lease);
        expect((await peek(store, 'a')).record).toBeNull();
      });

      check('who gives up leaves the queue; those behind move up', async ({ store }) => {
        const holder = await store.begin('a', impatient);
        const quitter = new AbortController();
        const gone = rejects(store.begin('a', { ...patient, signal: quitter.signal }), 'LEASE_TIMEOUT');
        const brief = rejects(store.begin('a', { ...patient, waitMs: 20 }), 'LEASE_TIMEOUT');
        const next = store.begin('a', patient);
        quitter.abort();
        await Promise.all([gone, brief]);
        await store.release(holder.lease);
        expect((await next).lease.token).not.toBe(holder.lease.token);
      });

      check('who has given up before coming gets nothing', async ({ store }) => {
        await rejects(store.begin('a', { ...patient, signal: AbortSignal.abort() }), 'LEASE_TIMEOUT');
        expect((await store.begin('a', impatient)).record).toBeNull();
        await rejects(store.begin('a', { ...patient, signal: AbortSignal.abort() }), 'LEASE_TIMEOUT');
      });

      check('release and commit hand over', async ({ store }) => {
        const first = await store.begin('a', impatient);
        const second = store.begin('a', patient);
        const third = store.begin('a', patient);
        await store.release(first.lease);
        await store.commit((await second).lease, { n: 2 }, null);
        expect((await third).record).toEqual({ n: 2 });
      });

      check('save keeps the lease', async ({ store }) => {
        const { lease } = await store.begin('a', impatient);
        await store.save(lease, { n: 1 }, 5);
        await rejects(store.begin('a', impatient), 'LEASE_TIMEOUT');
        await store.save(lease, { n: 2 }, 6);
        await store.commit(lease, { n: 3 }, 7);
        expect(await peek(store, 'a')).toMatchObject({ record: { n: 3 }, revision: 3 });
      });

      check('a lapsed lease goes to the next waiter, and its old holder can no longer save', async ({ store }) => {
        await put(store, 'a', { n: 0 });
        const stale = await store.begin('a', { ...impatient, leaseMs: 30 });
        const begun = await store.begin('a', patient);
        expect(begun.record).toEqual({ n: 0 });
        await rejects(store.save(stale.lease, { n: -1 }, null), 'LEASE_LOST');
        await rejects(store.renew(stale.lease), 'LEASE_LOST');
        await rejects(store.commit(stale.lease, { n: -1 }, null), 'LEASE_LOST');
        await rejects(store.commit(stale.lease, null, null), 'LEASE_LOST');
        await store.release(stale.lease);
        await rejects(store.begin('a', impatient), 'LEASE_TIMEOUT');
        await store.commit(begun.lease, { n: 1 }, null);
        await rejects(store.commit(stale.lease, { n: -1 }, null), 'LEASE_LOST');
        expect(await peek(store, 'a')).toMatchObject({ record: { n: 1 }, revision: 2 });
      });

      check('a lapsed lease goes to who comes later, too, behind those who wait', async ({ store }) => {
        await store.begin('a', { ...impatient, leaseMs: 30 });
        const first = await store.begin('a', { ...patient, leaseMs: 30 });
        const order: string[] = [];
        const waiting = store.begin('a', patient).then((begun) => {
          order.push('waiting');
          return store.release(begun.lease);
        });
        const later = store.begin('a', patient).then(() => order.push('later'));
        await Promise.all([waiting, later]);
        expect(order).toEqual(['waiting', 'later']);
        await rejects(store.renew(first.lease), 'LEASE_LOST');
      });

      check('renewal starts the time again', async ({ store }) => {
        const { lease } = await store.begin('a', { ...impatient, leaseMs: 1_000 });
        for (let round = 0; round < 4; round++) {
          await rejects(store.begin('a', { ...patient, waitMs: 300 }), 'LEASE_TIMEOUT');
          await store.renew(lease);
        }
        await store.commit(lease, { n: 1 }, null);
        expect((await peek(store, 'a')).record).toEqual({ n: 1 });
      });

      check('a lease that was given up or used up is worth nothing', async ({ store }) => {
        const { lease } = await store.begin('a', impatient);
        await store.commit(lease, { n: 1 }, null);
        await rejects(store.commit(lease, { n: 2 }, null), 'LEASE_LOST');
        await rejects(store.save(lease, { n: 2 }, null), 'LEASE_LOST');
        const other = await store.begin('a', impatient);
        await store.release(other.lease);
        await store.release(other.lease);
        await rejects(store.commit({ ...other.lease, key: 'b' }, { n: 2 }, null), 'LEASE_LOST');
        expect(await peek(store, 'a')).toMatchObject({ record: { n: 1 }, revision: 1 });
      });

      check('a closed store takes nobody in', async ({ store }) => {
        await store.begin('a', impatient);
        const waiting = store.begin('a', patient);
        const gone = rejects(waiting, 'STORE_UNAVAILABLE');
        await store.close();
        await gone;
        await rejects(store.begin('b', impatient), 'STORE_UNAVAILABLE');
      });
    });

    describe('wake-ups', () => {
      check('are claimed earliest first, up to the limit, when they are due', async ({ store }) => {
        for (const at of [50, 10, 40, 20, 30]) await put(store, `k${at}`, { at }, at);
        await put(store, 'never', {}, null);
        expect(await store.claimDue(9, 10, 100)).toEqual([]);
        expect(await store.claimDue(30, 2, 100)).toEqual(['k10', 'k20']);
        expect(await store.claimDue(30, 10, 100)).toEqual(['k30']);
        expect(await store.claimDue(50, 10, 100)).toEqual(['k40', 'k50']);
      });

      check('who claimed has claimMs; then others may', async ({ store }) => {
        await put(store, 'a', {}, 10);
        expect(await store.claimDue(10, 10, 100)).toEqual(['a']);
        expect(await store.claimDue(109, 10, 100)).toEqual([]);
        expect(await store.claimDue(110, 10, 100)).toEqual(['a']);
      });

      check('follow every save: later, earlier, none, deleted', async ({ store }) => {
        expect(await store.claimDue(0, 10, 100)).toEqual([]);
        for (const key of ['a', 'b', 'c', 'd']) await put(store, key, {}, 10);
        await put(store, 'a', {}, 30);
        await put(store, 'b', {}, 5);
        await put(store, 'c', {}, null);
        await put(store, 'd', null);
        expect(await store.claimDue(9, 10, 100)).toEqual(['b']);
        expect(await store.claimDue(29, 10, 100)).toEqual([]);
        expect(await store.claimDue(30, 10, 100)).toEqual(['a']);
        const { lease } = await store.begin('c', impatient);
        await store.save(lease, {}, 40);
        expect(await store.claimDue(40, 10, 100)).toEqual(['c']);
      });

      check('a claim takes no lease, and the next save re-arms', async ({ store }) => {
        await put(store, 'a', { n: 1 }, 10);
        const { lease } = await store.begin('a', impatient);
        expect(await store.claimDue(10, 10, 1_000)).toEqual(['a']);
        await store.commit(lease, { n: 2 }, 20);
        expect(await store.claimDue(20, 10, 1_000)).toEqual(['a']);
      });

      check('the earliest of all is known: after saves, claims and re-arms', async ({ store }) => {
        expect(await store.nextWake()).toBeNull();
        await put(store, 'never', {}, null);
        expect(await store.nextWake()).toBeNull();
        for (const [key, at] of [
          ['a', 30],
          ['b', 10],
          ['c', 20],
        ] as const)
          await put(store, key, {}, at);
        expect(await store.nextWake()).toBe(10);
        await store.claimDue(10, 10, 100);
        expect(await store.nextWake()).toBe(20);
        await store.claimDue(30, 10, 100);
        expect(await store.nextWake()).toBe(110);
        await put(store, 'c', {}, 40);
        expect(await store.nextWake()).toBe(40);
        await put(store, 'c', null);
        expect(await store.nextWake()).toBe(110);
        for (const key of ['a', 'b']) await put(store, key, {}, null);
        expect(await store.nextWake()).toBeNull();
      });
    });

    describe('listing', () => {
      check('pages through all records in order of keys, with their wake-ups', async ({ store }) => {
        const keys = Array.from({ length: 23 }, (_, n) => `p/${String(n * 7).padStart(3, '0')}`);
        for (const key of [...keys].reverse()) await put(store, key, { key }, key === 'p/000' ? null : 10);
        const pages: string[][] = [];
        for (let after: string | undefined, more = true; more; ) {
          const { records, next } = await store.find({ limit: 10, after });
          expect(records.every((one) => (one.record as { key: string }).key === one.key)).toBe(true);
          expect(records.every((one) => one.wakeAt === (one.key === 'p/000' ? null : 10))).toBe(true);
          pages.push(records.map((one) => one.key));
          after = next;
          more = next !== undefined;
        }
        expect(pages.map((one) => one.length)).toEqual([10, 10, 3]);
        expect(pages.flat()).toEqual(keys);
      });

      check('by prefix and by key, without the missing', async ({ store }) => {
        for (const key of ['a/1', 'a/2', 'ab/1', 'b/1']) await put(store, key, {});
        await put(store, 'a/3', {});
        await put(store, 'a/3', null);
        const keysOf = async (query: Parameters<Store['find']>[0]) => (await store.find(query)).records.map((one) => one.key);
        expect(await keysOf({ prefix: 'a/' })).toEqual(['a/1', 'a/2']);
        expect(await keysOf({ prefix: 'a/', after: 'a/1' })).toEqual(['a/2']);
        expect(await keysOf({ keys: ['b/1', 'a/3', 'a/1', 'zzz'] })).toEqual(['a/1', 'b/1']);
        expect(await keysOf({ prefix: 'zzz' })).toEqual([]);
        expect(await keysOf({})).toEqual(['a/1', 'a/2', 'ab/1', 'b/1']);
      });

      check('takes records of the library’s own, and finds them by name and by prefix', async ({ store }) => {
        const keys = ['~settings', '~desk/a%20b', '~desk/%7E', 'chat/main/~settings'];
        for (const key of keys) await put(store, key, { v: 1, key });
        await put(store, 'chat/main/ada', {}, 10);
        const { records } = await store.find({ keys: ['~settings'], limit: 1 });
        expect(records).toEqual([{ key: '~settings', record: { v: 1, key: '~settings' }, wakeAt: null }]);
        const found = async (prefix: string) => (await store.find({ prefix })).records.map((one) => one.key);
        expect(await found('~')).toEqual(['~desk/%7E', '~desk/a%20b', '~settings']);
        expect(await found('~desk/')).toEqual(['~desk/%7E', '~desk/a%20b']);
        expect(await store.claimDue(10, 10, 100)).toEqual(['chat/main/ada']);
      });

      check('takes no lease and needs none', async ({ store }) => {
        await put(store, 'a', { n: 1 });
        await store.begin('a', impatient);
        expect((await store.find({})).records).toEqual([{ key: 'a', record: { n: 1 }, wakeAt: null }]);
      });

      check('a hundred records make a page unless told otherwise', async ({ store }) => {
        for (let n = 0; n < 101; n++) await put(store, `k${n}`, {});
        const first = await store.find({});
        expect(first.records).toHaveLength(100);
        expect((await store.find({ after: first.next })).records).toHaveLength(1);
      });
    });

    describe('an outage', () => {
      check('is never a missing record, loses nothing and holds nobody up', async ({ store, fail }) => {
        if (fail === undefined) return expect(store.capabilities).toEqual({ scope: 'process', durable: false });
        await put(store, 'a', { n: 1 }, 10);
        const held = await store.begin('held', impatient);
        const kept = await store.begin('kept', impatient);
        const waiting = rejects(store.begin('held', patient), 'STORE_UNAVAILABLE');
        await fail(true);
        await rejects(store.begin('a', impatient), 'STORE_UNAVAILABLE');
        await rejects(store.begin('new', impatient), 'STORE_UNAVAILABLE');
        await rejects(store.find({ keys: ['a'] }), 'STORE_UNAVAILABLE');
        await rejects(store.commit(held.lease, { n: 2 }, null), 'STORE_UNAVAILABLE');
        await waiting;
        await rejects(store.save(kept.lease, { n: 3 }, null), 'STORE_UNAVAILABLE');
        await fail(false);
        await store.commit(kept.lease, { n: 4 }, null);
        expect((await peek(store, 'a')).record).toEqual({ n: 1 });
        expect((await peek(store, 'kept')).record).toEqual({ n: 4 });
        expect((await peek(store, 'new')).record).toBeNull();
        await put(store, 'held', { n: 5 });
        expect((await peek(store, 'held')).record).toEqual({ n: 5 });
        expect(await store.claimDue(10, 10, 100)).toEqual(['a']);
      });

      check('at the first use is an error, too, and the store recovers', async ({ store, fail }) => {
        if (fail === undefined) return expect(store.capabilities.durable).toBe(false);
        await fail(true);
        await rejects(store.begin('a', impatient), 'STORE_UNAVAILABLE');
        await rejects(store.find({}), 'STORE_UNAVAILABLE');
        await rejects(store.claimDue(0, 1, 1), 'STORE_UNAVAILABLE');
        await rejects(store.nextWake(), 'STORE_UNAVAILABLE');
        await fail(false);
        await put(store, 'a', { n: 1 }, 0);
        expect((await store.find({})).records).toHaveLength(1);
        expect(await store.claimDue(0, 1, 1)).toEqual(['a']);
      });

      check('a damaged value is an error and stays as it is', async ({ store, damage }) => {
        if (damage === undefined) return expect(store.capabilities.durable).toBe(false);
        await put(store, 'a', { n: 1 });
        await put(store, 'b', { n: 2 });
        await damage('a');
        await rejects(store.begin('a', impatient), 'ADJ_RECORD_INVALID');
        await rejects(store.begin('a', impatient), 'ADJ_RECORD_INVALID');
        await rejects(store.find({ keys: ['a'] }), 'ADJ_RECORD_INVALID');
        expect((await peek(store, 'b')).record).toEqual({ n: 2 });
      });
    });

    describe('a restart', () => {
      check('keeps records, revisions and wake-ups if the store is durable', async ({ store, reopen }) => {
        if (!store.capabilities.durable) return expect(reopen).toBeUndefined();
        if (reopen === undefined) throw new Error('A durable store brings reopen().');
        const record = {
          session: { id: 's', data: { cart: ['tea'] } },
          variables: { phone: { value: '1', until: 99 } },
          seen: ',m1:1',
        };
        await put(store, 'a', { n: 1 }, 30);
        await put(store, 'a', record, 20);
        await put(store, 'b', { n: 2 }, 10);
        await put(store, 'c', { n: 3 }, null);
        await put(store, 'gone', null);
        const dead = await store.begin('b', { ...impatient, leaseMs: 30 });
        const reborn = await reopen();
        expect(await peek(reborn, 'a')).toMatchObject({ record, revision: 2 });
        expect((await reborn.find({})).records.map((one) => [one.key, one.wakeAt])).toEqual([
          ['a', 20],
          ['b', 10],
          ['c', null],
        ]);
        expect(await reborn.nextWake()).toBe(10);
        expect(await reborn.claimDue(20, 10, 100)).toEqual(['b', 'a']);
        const next = await reborn.begin('b', patient);
        await rejects(reborn.commit(dead.lease, { n: -1 }, null), 'LEASE_LOST');
        await reborn.commit(next.lease, { n: 4 }, null);
        expect(await peek(reborn, 'b')).toMatchObject({ record: { n: 4 }, revision: 2 });
        await reborn.close();
      });

      check('what is saved while the wake-ups are read in again counts', async ({ store, reopen }) => {
        if (reopen === undefined) return expect(store.capabilities.durable).toBe(false);
        for (let n = 0; n < 30; n++) await put(store, `k${n}`, {}, 10);
        const reborn = await reopen();
        const claimed = reborn.claimDue(10, 100, 100);
        await Promise.all([put(reborn, 'k7', {}, 500), put(reborn, 'k8', null), put(reborn, 'new', {}, 500)]);
        const early = await claimed;
        expect(early.length).toBeGreaterThanOrEqual(28);
        expect((await reborn.claimDue(10_000, 100, 1)).sort()).toEqual(
          [...Array.from({ length: 30 }, (_, n) => `k${n}`).filter((key) => key !== 'k8'), 'new'].sort(),
        );
        await reborn.close();
      });
    });

    check('a record of a newer version is refused loudly and stays as it is', ({ store }) => refusesNewerRecords(store));

    check('says whether processes may share it', async ({ store }) => {
      expect(store.capabilities.scope).toBe(entry.shared ? 'shared' : 'process');
    });

    if (entry.shared) sharedStoreKit(entry);

    test('does what a naive model does, whatever the order of calls', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 40, size: 'max' }), async (operations) => {
          const { store, dispose } = await entry.open();
          try {
            const model = naiveModel(store);
            for (const one of operations) await model[one.does](one as never);
          } finally {
            await dispose();
          }
        }),
        { numRuns: entry.runs ?? 200 },
      );
    });
  });
}

/** Says aloud what this machine cannot test; where everything must be tested, that is a failure. */
export function leaveOut(name: string, reason: string): void {
  console.warn(`LEFT OUT: ${name}: ${reason}`);
  test(`${name} is tested`, ({ skip }) => {
    if (process.env['CI']) throw new Error(`${name} was left out: ${reason}`);
    skip(reason);
  });
}

async function put(store: Store, key: string, record: StoredRecord | null, wakeAt: number | null = null): Promise<void> {
  const { lease } = await store.begin(key, patient);
  await store.commit(lease, record, wakeAt);
}

/** Reads as a turn would, and changes nothing. */
async function peek(store: Store, key: string): Promise<Begun> {
  const begun = await store.begin(key, patient);
  await store.release(begun.lease);
  return begun;
}

const hostileKeys = [
  'plain',
  'slack/support/C1/U1',
  '__proto__',
  'constructor',
  'toString',
  '',
  ' ',
  'a:b::c',
  'keyv:x',
  '{tag}/*?[x]',
  'line\nbreak\u0000nul',
  'ünïcødé 🔒',
  '\ud800',
  '\udfff lone',
  '"\\ud800"',
  'k'.repeat(600),
  ';--/**/../$where',
];

const hostileValues: Record<string, unknown> = {
  null: null,
  empty: '',
  numbers: [0, -1, 1e308, 5e-324, 2 ** 53],
  colons: [':bigint:1', ':base64:AAAA', ':', '::'],
  surrogates: ['\ud800', '\udc00x', '🔒'],
  separators: '\u2028\u2029\n\r\u0000',
  long: 'x'.repeat(1_000_000),
  deep: Array.from({ length: 200 }).reduce<unknown>((inner) => ({ inner }), 1),
};
