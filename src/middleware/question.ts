import { calledOff } from './clock.ts';
import { keepAlive } from './lease.ts';
import type { Slot } from './mailbox.ts';
import type { BeginOptions, Begun, Lease, Store } from './store.ts';

/**
 * A question for a conversation's lease. It keeps its place in the store's queue until its answer is used, or nobody wants it any more.
 */
export interface Question {
  /** @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE` */
  readonly answer: Promise<Begun>;
  /** Whether there is an answer, or may still be one. */
  readonly stands: boolean;
  /** Whoever asked does something else for now: a lease that comes meanwhile is kept alive. */
  shelve(): void;
  /** The answer is here, and the lease is the caller's to keep and to give up. */
  use(): void;
  /** Leaves the queue, or gives the lease back. */
  withdraw(): void;
}

/** Signals that nobody has heard of: most questions are answered, and making one costs as much as all the rest of asking. */
const unused: AbortController[] = [];

/**
 * @param inTurn only when everybody ahead in this process has left; otherwise at once, so that the store knows the order among processes.
 * Either way the answer comes when nobody in this process has answers left to give from a turn before.
 */
export function ask(store: Store, key: string, options: Omit<BeginOptions, 'signal'>, slot: Slot, inTurn: boolean): Question {
  let withdrawal: AbortController | undefined = unused.pop() ?? new AbortController();
  const { signal } = withdrawal;
  let lease: Lease | undefined;
  let stands = true;
  let isShelved = false;
  let stopRenewal = () => {};
  let isKept = false;

  const keep = () => {
    if (lease === undefined || isKept || !stands) return;
    isKept = true;
    stopRenewal = keepAlive(store, lease, () => {
      stands = false;
    });
  };
  /** Giving up what is lost does nothing; what cannot be given up lapses. */
  const giveBack = (unwanted: Lease) => void store.release(unwanted).catch(() => {});

  const asked = async (): Promise<Begun> => {
    if (inTurn && slot.ready !== undefined) await slot.ready;
    const begun = await store.begin(key, { ...options, signal });
    lease = begun.lease;
    if (signal.aborted) giveBack(lease);
    else if (isShelved) keep();
    for (let others = slot.others(); others !== undefined; others = slot.others()) {
      keep();
      await others;
    }
    return begun;
  };
  const answer = asked();
  answer.catch(() => {
    stands = false;
  });

  return {
    answer,
    get stands() {
      return stands;
    },
    shelve() {
      isShelved = true;
      keep();
    },
    use() {
      stands = false;
      stopRenewal();
      if (withdrawal && !signal.aborted) unused.push(withdrawal);
      withdrawal = undefined;
    },
    withdraw() {
      stands = false;
      stopRenewal();
      withdrawal?.abort(calledOff);
      if (lease !== undefined) giveBack(lease);
    },
  };
}
