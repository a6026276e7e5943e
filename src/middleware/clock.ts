/**
 * Session time. Injected, never patched into `Date`: leases, signatures and HTTP time-outs stay on real time.
 */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Resolves after `ms` milliseconds of this clock, or when `signal` aborts: it never rejects. Does not keep the process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The reason timers are called off with. Without one, `abort()` makes an error with a stack that nobody reads. */
export const calledOff = 'called off';

/** `setTimeout` overflows beyond this many milliseconds and would fire at once. */
const longestTimer = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    for (let left = ms; left > 0 && !signal?.aborted; left -= longestTimer) {
      await timer(Math.min(left, longestTimer), signal);
    }
  },
};

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(handle);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const handle = setTimeout(done, ms);
    handle.unref();
    signal?.addEventListener('abort', done, { once: true });
  });
}
