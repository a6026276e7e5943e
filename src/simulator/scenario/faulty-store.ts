import { AdjournError } from '../../middleware/errors.ts';
import type { Store } from '../../middleware/store.ts';

/** A store that can be taken down and brought back. Closing it leaves the store behind it open. */
export interface FaultyStore extends Store {
  down(isDown: boolean): void;
  /** Looks into the store even while it is down. */
  behind<T>(looking: () => Promise<T>): Promise<T>;
}

/** @param saved told when somebody is to look at a record that was saved, epoch ms */
export function faultyStore(store: Store, saved: (wakeAt: number) => void): FaultyStore {
  let isDown = false;
  const told = (wakeAt: number | null) => {
    if (wakeAt !== null) saved(wakeAt);
  };
  const up = async (): Promise<Store> => {
    if (isDown) throw new AdjournError('STORE_UNAVAILABLE', 'The scenario has taken the store down.');
    return store;
  };
  return {
    capabilities: store.capabilities,
    begin: async (...args) => (await up()).begin(...args),
    async commit(lease, record, wakeAt) {
      await (await up()).commit(lease, record, wakeAt);
      told(wakeAt);
    },
    async save(lease, record, wakeAt) {
      await (await up()).save(lease, record, wakeAt);
      told(wakeAt);
    },
    renew: async (...args) => (await up()).renew(...args),
    release: async (...args) => (await up()).release(...args),
    nextWake: async (...args) => (await up()).nextWake(...args),
    claimDue: async (...args) => (await up()).claimDue(...args),
    find: async (...args) => (await up()).find(...args),
    close: async () => {},
    down(wanted) {
      isDown = wanted;
    },
    async behind(looking) {
      const wasDown = isDown;
      isDown = false;
      return looking().finally(() => {
        isDown = wasDown;
      });
    },
  };
}
