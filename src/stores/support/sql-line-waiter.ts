import type { BeginOptions } from '../../middleware/store.ts';
import type { Taken, Ticket } from './sql-line-tables.ts';

/** One who waits for a lease. */
export interface Waiter {
  readonly options: BeginOptions;
  /** Under which the lease may be handed to it. */
  token: string;
  ticket: number;
  readonly aheadMs: number;
  /** Has the lease, or does not wait any more. */
  readonly isGone: boolean;
  /** Has looked once more because tickets before this one were missing. */
  hasHesitated: boolean;
  /** Rejects with what it was refused with. */
  readonly admitted: Promise<Taken>;
  admit(taken: Taken): void;
  refuse(error: unknown): void;
}

/** `setTimeout` overflows beyond this many milliseconds and would fire at once. */
const longestTimer = 2 ** 31 - 1;

/**
 * @param waitMs how long it waits from now on
 * @param tired told when it has waited for so long, or its signal aborts: to refuse it
 */
export function createWaiter(
  options: BeginOptions,
  token: string,
  { ticket, aheadMs }: Ticket,
  waitMs: number,
  tired: () => void,
): Waiter {
  const { signal } = options;
  const { promise: admitted, resolve, reject } = Promise.withResolvers<Taken>();
  let isGone = false;
  const timeout = setTimeout(tired, Math.min(waitMs, longestTimer));
  signal?.addEventListener('abort', tired, { once: true });
  const leave = () => {
    isGone = true;
    clearTimeout(timeout);
    signal?.removeEventListener('abort', tired);
  };
  return {
    options,
    token,
    ticket,
    aheadMs,
    get isGone() {
      return isGone;
    },
    hasHesitated: false,
    admitted,
    admit(taken) {
      leave();
      resolve(taken);
    },
    refuse(error) {
      leave();
      reject(error);
    },
  };
}
