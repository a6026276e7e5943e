import { randomUUID } from 'node:crypto';
import { AdjournError } from '../../middleware/errors.ts';
import type { BeginOptions, Lease } from '../../middleware/store.ts';

/** Who holds a key, as only the store itself sees it. */
export interface Holder {
  readonly lease: Lease;
  /** Saves of the record as last read or written under this lease. */
  revision: number;
}

/** One holder per key within this process, on real time; everybody else waits in order of arrival. */
export interface Leases {
  /** @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE` once closed. */
  take(key: string, options: Pick<BeginOptions, 'leaseMs' | 'waitMs' | 'signal'>): Promise<Holder>;
  /** Runs `work` for the lease's holder. Nobody takes over in the middle, however long it takes. @throws AdjournError `LEASE_LOST` */
  during<T>(lease: Lease, work: (holder: Holder) => T | Promise<T>): Promise<T>;
  /** Starts the lease's time again. @throws AdjournError `LEASE_LOST` */
  renew(lease: Lease): void;
  /** Hands over to the next waiter, after work in progress. A lost lease stays with whoever has it. */
  release(lease: Lease): void;
  /** Sends all waiters away. */
  close(): void;
}

interface Tenure extends Holder {
  /** Lapses then, on `performance.now()`. */
  until: number;
  /** How many pieces of `during` run. */
  working: number;
  /** Given up while one still ran. */
  released: boolean;
}

interface Waiter {
  readonly leaseMs: number;
  readonly admit: (tenure: Tenure) => void;
  readonly refuse: (error: AdjournError) => void;
}

/** A key somebody holds. Sets keep insertion order, so the first waiter is the first to have come. */
interface Slot {
  holder: Tenure;
  readonly waiters: Set<Waiter>;
  /** Runs only while somebody waits. */
  lapse?: NodeJS.Timeout | undefined;
}

/** `setTimeout` overflows beyond this many milliseconds and would fire at once. */
const longestTimer = 2 ** 31 - 1;

export function processLeases(): Leases {
  const slots = new Map<string, Slot>();
  const issuer = randomUUID();
  let issued = 0;
  let closed = false;

  const grant = (key: string, leaseMs: number): Tenure => ({
    lease: { key, token: `${issuer}:${++issued}`, leaseMs },
    revision: 0,
    until: performance.now() + leaseMs,
    working: 0,
    released: false,
  });

  const hasLapsed = (holder: Tenure) => holder.working === 0 && performance.now() >= holder.until;

  const hold = (key: string, slot: Slot | undefined, tenure: Tenure): Tenure => {
    if (slot === undefined) slots.set(key, { holder: tenure, waiters: new Set() });
    else slot.holder = tenure;
    return tenure;
  };

  /** Lets the first waiter in, if any. */
  const handOver = (key: string, slot: Slot): boolean => {
    const [next] = slot.waiters;
    if (next === undefined) return false;
    next.admit(hold(key, slot, grant(key, next.leaseMs)));
    watch(key, slot);
    return true;
  };

  /** Wakes up when the holder's time is over. A holder at work cannot be replaced; its end looks again. */
  const watch = (key: string, slot: Slot): void => {
    clearTimeout(slot.lapse);
    slot.lapse = undefined;
    if (slot.waiters.size === 0 || slot.holder.working > 0) return;
    const left = Math.ceil(slot.holder.until - performance.now());
    slot.lapse = setTimeout(() => inherit(key, slot), Math.min(Math.max(left, 0), longestTimer));
  };

  const inherit = (key: string, slot: Slot): void => {
    if (!hasLapsed(slot.holder) || !handOver(key, slot)) watch(key, slot);
  };

  const free = (key: string, slot: Slot): void => {
    if (!handOver(key, slot)) slots.delete(key);
  };

  const wait = (key: string, slot: Slot, { leaseMs, waitMs, signal }: Pick<BeginOptions, 'leaseMs' | 'waitMs' | 'signal'>) =>
    new Promise<Tenure>((resolve, reject) => {
      const leave = () => {
        slot.waiters.delete(waiter);
        clearTimeout(timeout);
        signal?.removeEventListener('abort', giveUp);
        if (slot.waiters.size === 0) watch(key, slot);
      };
      const waiter: Waiter = {
        leaseMs,
        admit: (tenure) => {
          leave();
          resolve(tenure);
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      const giveUp = () => waiter.refuse(busy(key));
      const timeout = setTimeout(giveUp, Math.min(waitMs, longestTimer));
      signal?.addEventListener('abort', giveUp, { once: true });
      slot.waiters.add(waiter);
      if (slot.lapse === undefined) watch(key, slot);
    });

  const owned = (lease: Lease): { slot: Slot; holder: Tenure } => {
    const slot = slots.get(lease.key);
    if (slot?.holder.lease.token !== lease.token || slot.holder.released) {
      throw new AdjournError('LEASE_LOST', 'The lease lapsed and went to another holder.', { where: lease.key });
    }
    return { slot, holder: slot.holder };
  };

  return {
    async take(key, options) {
      if (closed) throw new AdjournError('STORE_UNAVAILABLE', 'The store is closed.');
      if (options.signal?.aborted) throw busy(key);
      const slot = slots.get(key);
      if (slot === undefined) return hold(key, slot, grant(key, options.leaseMs));
      inherit(key, slot);
      if (hasLapsed(slot.holder)) return hold(key, slot, grant(key, options.leaseMs));
      if (!(options.waitMs > 0)) throw busy(key);
      return wait(key, slot, options);
    },

    async during(lease, work) {
      const { slot, holder } = owned(lease);
      holder.working++;
      try {
        return await work(holder);
      } finally {
        holder.working--;
        if (holder.released && holder.working === 0) free(lease.key, slot);
        else if (slot.waiters.size > 0) inherit(lease.key, slot);
      }
    },

    renew(lease) {
      const { holder } = owned(lease);
      holder.until = performance.now() + lease.leaseMs;
    },

    release(lease) {
      const slot = slots.get(lease.key);
      if (slot?.holder.lease.token !== lease.token) return;
      slot.holder.released = true;
      if (slot.holder.working === 0) free(lease.key, slot);
    },

    close() {
      closed = true;
      for (const slot of slots.values()) {
        for (const waiter of slot.waiters) waiter.refuse(new AdjournError('STORE_UNAVAILABLE', 'The store was closed.'));
      }
    },
  };
}

function busy(key: string): AdjournError {
  return new AdjournError('LEASE_TIMEOUT', 'The conversation stayed busy.', { where: key });
}
