import type { Store } from '../../middleware/store.ts';
import type { StoreSight } from './sight.ts';

/** A store that tells what its process has to do with it. */
export interface WatchedStore extends Store {
  sight(): StoreSight;
}

/** Patience is the vendors', and runs in virtual time: a signal ends it. On real time it must not end before. */
const longestWaitMs = 60_000;

/** So long, real ms, whoever finds a conversation busy may need until they stand in line for its lease: stores do not tell. */
const arrivalMs = 50;

/** @param changed told when the sight has changed */
export function watchedStore(store: Store, changed: () => void): WatchedStore {
  let busy = 0;
  const holds = new Map<string, string>();
  const wants = new Map<object, string>();
  const askMs = store.capabilities.scope === 'shared' ? arrivalMs : 0;

  const during = async <T>(call: () => Promise<T>): Promise<T> => {
    busy += 1;
    changed();
    try {
      return await call();
    } finally {
      busy -= 1;
      changed();
    }
  };
  /** Whether it worked or not, nobody here holds the lease afterwards. */
  const givingUp = (token: string, call: () => Promise<void>) => during(() => call().finally(() => holds.delete(token)));

  const waiting: Store['begin'] = async (key, options) => {
    const want = {};
    wants.set(want, key);
    let isAsking = askMs > 0;
    const asked = () => {
      if (isAsking) busy -= 1;
      isAsking = false;
      changed();
    };
    if (isAsking) busy += 1;
    changed();
    const timer = isAsking ? setTimeout(asked, askMs) : undefined;
    try {
      return await store.begin(key, { ...options, waitMs: longestWaitMs });
    } finally {
      clearTimeout(timer);
      wants.delete(want);
      asked();
    }
  };

  return {
    capabilities: store.capabilities,
    async begin(key, options) {
      const begun = await (options.waitMs > 0 ? waiting(key, options) : during(() => store.begin(key, options)));
      holds.set(begun.lease.token, key);
      return begun;
    },
    commit: (lease, ...rest) => givingUp(lease.token, () => store.commit(lease, ...rest)),
    save: (...args) => during(() => store.save(...args)),
    renew: (...args) => during(() => store.renew(...args)),
    release: (lease) => givingUp(lease.token, () => store.release(lease)),
    nextWake: () => during(() => store.nextWake()),
    claimDue: (...args) => during(() => store.claimDue(...args)),
    find: (...args) => during(() => store.find(...args)),
    close: () => store.close(),
    sight: () => ({ busy, holds: [...holds.values()], wants: [...wants.values()] }),
  };
}
