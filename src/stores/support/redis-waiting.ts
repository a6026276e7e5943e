import type { Handover } from './redis-handover.ts';
import { graceMs } from './short-leases.ts';

/** What a look at the conversation found: the lease is ours, with the record's value; or how long it is not. */
export type Looked = { readonly value: string | null } | Busy;

interface Busy {
  /** How long the lease lasts unless it is renewed, milliseconds. */
  readonly lastsMs: number;
  /** Our arrival, as the queue sorts by it. */
  readonly since: string;
  /** How many wait before us. */
  readonly ahead: number;
  /** Redis's time, epoch ms. */
  readonly now: number;
}

export interface Waiting {
  /** Rejects with `LEASE_TIMEOUT`, or with what a look or `refuse` failed with. */
  readonly admitted: Promise<{ readonly value: string | null; readonly handedOver: boolean }>;
  /** The lease was handed to us. */
  hear(handover: Handover): void;
  /** Looks how things stand, since a message may have been missed. */
  look(): void;
  /** It is for this one to look, from now on. */
  watch(): void;
  refuse(error: Error): void;
}

export interface WaitingOptions {
  /** When the first look was sent, on `performance.now()`. */
  readonly askedAt: number;
  /** How long to wait from then on, milliseconds. */
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whether messages arrive. */
  hears(): boolean;
  /** Whether nobody of this process is before us in the conversation; whoever is looks for us, too. */
  isFirst(): boolean;
  look(since: string): Promise<Looked>;
  /** Leaves the queue, and gives the lease up should it have come. */
  resign(): void;
  busy(): Error;
}

/** `setTimeout` overflows beyond this many milliseconds and would fire at once. */
const longestTimer = 2 ** 31 - 1;
/** How often to look while no message can arrive: well within the time that a handed-over lease lasts. */
const deafLookMs = graceMs / 4;

/**
 * Waits for a lease, from the first look that found it busy. It comes by message. Messages can be lost, and holders and other waiters
 * can die, so the first of each process looks again when the lease would lapse; and every now and then while others are ahead, since
 * one that is dead is handed the lease for a while.
 */
export function waiting(first: Busy, options: WaitingOptions): Waiting {
  const { promise: admitted, resolve, reject } = Promise.withResolvers<{ value: string | null; handedOver: boolean }>();
  const { askedAt, waitMs, signal } = options;
  let state: 'waiting' | 'admitted' | 'gone' = 'waiting';
  let isLooking = false;
  let missedALook = false;
  let nextLook: NodeJS.Timeout | undefined;
  /** Our clock less Redis's, less the time that our question took to get there. */
  const offset = askedAt - first.now;

  const leave = (as: 'admitted' | 'gone') => {
    state = as;
    clearTimeout(nextLook);
    clearTimeout(timeout);
    signal?.removeEventListener('abort', giveUp);
  };

  const admit = (value: string | null, handedOver: boolean) => {
    leave('admitted');
    resolve({ value, handedOver });
  };

  const refuse = (error: Error) => {
    if (state !== 'waiting') return;
    leave('gone');
    options.resign();
    reject(error);
  };

  const giveUp = () => refuse(options.busy());

  const plan = ({ lastsMs, ahead }: Pick<Busy, 'lastsMs' | 'ahead'>) => {
    if (!options.isFirst()) return;
    const due = lastsMs < 0 ? graceMs : lastsMs;
    const soon = Math.min(due, ahead > 0 ? graceMs : longestTimer, options.hears() ? longestTimer : deafLookMs);
    // A lease that has a millisecond left has up to two.
    nextLook = setTimeout(look, soon + 2);
  };

  /** Whoever was first has just left: there is nothing new to see yet. */
  const watch = () => {
    if (state === 'waiting' && !isLooking) plan({ lastsMs: graceMs, ahead: 1 });
  };

  const look = () => {
    clearTimeout(nextLook);
    if (state !== 'waiting') return;
    if (isLooking) missedALook = true;
    else void lookNow();
  };

  const lookNow = async (): Promise<void> => {
    isLooking = true;
    missedALook = false;
    try {
      const found = await options.look(first.since);
      isLooking = false;
      // The look may have got the place back that we had left.
      if (state === 'gone') options.resign();
      if (state !== 'waiting') return;
      if ('value' in found) admit(found.value, false);
      else if (missedALook) look();
      else plan(found);
    } catch (error) {
      if (state === 'waiting') refuse(error as Error);
    }
  };

  const timeout = setTimeout(giveUp, Math.min(Math.max(askedAt + waitMs - performance.now(), 0), longestTimer));
  signal?.addEventListener('abort', giveUp, { once: true });
  plan(first);

  return {
    admitted,
    hear({ at, value }) {
      if (state !== 'waiting') return;
      const delay = performance.now() - at - offset;
      // It lay about while this process was busy or the network slow: the lease may be somebody else's by now.
      if (delay > graceMs / 2) look();
      else admit(value === '' ? null : value, true);
    },
    look,
    watch,
    refuse,
  };
}
