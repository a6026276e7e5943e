import type { Lease, Store } from '../../src/middleware/store.ts';

/**
 * A process that can die: after the last call it is granted has happened, it never learns what came of it, and nothing it does
 * afterwards happens. Its leases stay until they lapse.
 */
export function mortal(store: Store) {
  const leases = new Map<string, Lease>();
  /** The calls since `grant`, in order. */
  const trace: string[] = [];
  let left = Number.POSITIVE_INFINITY;
  let granted = false;
  let lapsed = false;
  const never = new Promise<never>(() => {});

  const spend = (name: string) => {
    if (!granted) return;
    trace.push(name);
    left -= 1;
  };
  const through = async <T>(name: string, work: () => T | Promise<T>): Promise<T> => {
    if (left <= 0) return never;
    spend(name);
    const result = await work();
    return left <= 0 ? never : result;
  };
  const mortalStore: Store = {
    ...store,
    begin: (key, options) =>
      through('begin', async () => {
        const begun = await store.begin(key, options);
        // It died waiting, and does not hold up whoever comes after its leases have lapsed.
        if (lapsed) await store.release(begun.lease);
        else leases.set(key, begun.lease);
        return begun;
      }),
    save: (...args) => through('save', () => store.save(...args)),
    commit: (lease, ...rest) =>
      through('commit', async () => {
        await store.commit(lease, ...rest);
        leases.delete(lease.key);
      }),
    release: (lease) =>
      through('release', async () => {
        await store.release(lease);
        leases.delete(lease.key);
      }),
    // Looking for work is no step; finding some is.
    async claimDue(...args) {
      if (left <= 0) return never;
      const keys = await store.claimDue(...args);
      if (keys.length > 0) spend('claim');
      return left <= 0 ? never : keys;
    },
    nextWake: () => (left <= 0 ? never : store.nextWake()),
    renew: (lease) => (left <= 0 ? never : store.renew(lease)),
  };
  return {
    store: mortalStore,
    trace,
    through,
    isDead: () => left <= 0,
    /** From now on it lives for this many calls. */
    grant(calls: number) {
      granted = true;
      left = calls;
    },
    /** Its leases are over. */
    async lapse() {
      lapsed = true;
      for (const lease of leases.values()) await store.release(lease);
    },
  };
}
