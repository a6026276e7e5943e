/**
 * Session time. Injected, never patched into `Date`: leases, signatures and HTTP time-outs stay on real time.
 */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Resolves after `ms` milliseconds of this clock, or when `signal` aborts: it never rejects. Does not keep the process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Calls `run` after `ms` milliseconds of this clock, unless the returned function is called before. Cheaper than `sleep`, where a clock
   * has it. Does not keep the process alive.
   */
  after?(ms: number, run: () => void): () => void;
}

/** Calls `run` after `ms` milliseconds of a clock. @returns calls it off */
export function after(clock: Clock, ms: number, run: () => void): () => void {
  if (clock.after !== undefined) return clock.after(ms, run);
  const off = new AbortController();
  void clock.sleep(ms, off.signal).then(() => {
    if (!off.signal.aborted) run();
  });
  return () => off.abort(calledOff);
}

/** What work comes to; what `late` gives, or throws, where that takes longer than `ms` milliseconds of a clock. */
export function within<T, Late>(clock: Clock, ms: number, work: Promise<T>, late: () => Late | Promise<Late>): Promise<T | Late> {
  return new Promise((resolve, reject) => {
    const callOff = after(clock, ms, () => resolve(Promise.resolve().then(late)));
    const settling =
      <Value>(settle: (value: Value) => void) =>
      (value: Value) => {
        callOff();
        settle(value);
      };
    work.then(settling(resolve), settling(reject));
  });
}

/** The reason timers are called off with. Without one, `abort()` makes an error with a stack that nobody reads. */
export const calledOff = 'called off';

/** `setTimeout` overflows beyond this many milliseconds and would fire at once. */
const longestTimer = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    let left = ms;
    const next = () => {
      left -= longestTimer;
      if (left > 0) handle = setTimeout(next, Math.min(left, longestTimer)).unref();
      else run();
    };
    let handle = setTimeout(next, Math.min(left, longestTimer)).unref();
    return () => clearTimeout(handle);
  },
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
