import { AdjournError } from '../../middleware/errors.ts';
import type { Lease, Store } from '../../middleware/store.ts';

/** A store that can be taken down and brought back. Closing it leaves the store behind it open. */
export interface FaultyStore extends Store {
  turn(to: 'down' | 'up'): Promise<void>;
  /** Looks into the store even while it is down. */
  behind<T>(look: () => Promise<T>): Promise<T>;
}

/** @param saved told when somebody is to look at a record that was saved, epoch ms */
export function faultyStore(store: Store, saved: (wakeAt: number) => void): FaultyStore {
  let isDown = false;
  /** How many look behind the fault. */
  let looking = 0;
  /** Leases that could not be given up. */
  const owed = new Set<Lease>();
  const told = (wakeAt: number | null) => {
    if (wakeAt !== null) saved(wakeAt);
  };
  const up = async (): Promise<Store> => {
    if (isDown && looking === 0) throw new AdjournError('STORE_UNAVAILABLE', 'The scenario has taken the store down.');
    return store;
  };
  const giveUp = (lease: Lease) => {
    if (isDown) owed.add(lease);
    return up();
  };
  return {
    capabilities: store.capabilities,
    begin: async (...args) => (await up()).begin(...args),
    async commit(lease, record, wakeAt) {
      await (await giveUp(lease)).commit(lease, record, wakeAt);
      told(wakeAt);
    },
    async save(lease, record, wakeAt) {
      await (await up()).save(lease, record, wakeAt);
      told(wakeAt);
    },
    renew: async (...args) => (await up()).renew(...args),
    release: async (lease) => (await giveUp(lease)).release(lease),
    nextWake: async (...args) => (await up()).nextWake(...args),
    claimDue: async (...args) => (await up()).claimDue(...args),
    find: async (...args) => (await up()).find(...args),
    close: async () => {},
    async turn(to) {
      isDown = to === 'down';
      if (isDown) return;
      // As every store does by itself once it answers again.
      await Promise.all([...owed].map((lease) => store.release(lease)));
      owed.clear();
    },
    async behind(look) {
      looking += 1;
      return look().finally(() => {
        looking -= 1;
      });
    },
  };
}
