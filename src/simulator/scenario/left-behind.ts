import type { Store } from '../../middleware/store.ts';
import type { StoreSight } from './sight.ts';

/**
 * What dead processes have left behind in the store: leases, and places in line. They lapse in real time, while virtual time must
 * not pass them: whoever looks after a conversation a virtual minute later finds it free, as they would in a real one.
 */
export interface LeftBehind {
  /** A process has died that had this to do with the store. */
  add(left: StoreSight): void;
  /**
   * Waits until conversations are free that nobody living has.
   * @returns whether there were any
   */
  lapse(held: readonly string[], now: number): Promise<boolean>;
}

export function leftBehind(store: Store): LeftBehind {
  const doubtful = new Set<string>();
  return {
    add({ holds, wants }) {
      for (const key of [...holds, ...wants]) doubtful.add(key);
    },
    async lapse(held, now) {
      const keys = [...doubtful].filter((key) => !held.includes(key));
      for (const key of keys) {
        // Who gets the lease knows that nobody dead has it or is handed it.
        const { lease } = await store.begin(key, { now, leaseMs: 10_000, waitMs: 60_000 });
        await store.release(lease);
        doubtful.delete(key);
      }
      return keys.length > 0;
    },
  };
}
