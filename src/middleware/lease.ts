import { isAdjournError } from './errors.ts';
import type { Lease, Store } from './store.ts';

/**
 * Renews a lease at half its life, on real time, until stopped.
 * @param lost called once, with the error, when the lease went to somebody else
 * @returns stops the renewal
 */
export function keepAlive(store: Store, lease: Lease, lost: (error: Error) => void): () => void {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const beat = async () => {
    try {
      await store.renew(lease);
    } catch (error) {
      // An outage may pass before the lease does; only the word that it is gone counts.
      if (isAdjournError(error, 'LEASE_LOST')) {
        if (!stopped) lost(error);
        return;
      }
    }
    if (!stopped) arm();
  };
  const arm = () => {
    timer = setTimeout(beat, lease.leaseMs / 2);
    timer.unref();
  };
  arm();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
