import { type Clock, systemClock } from '../../src/middleware/clock.ts';

/** Session time that runs faster than the machine's, the same in every process that is given the same numbers. */
export interface Pace {
  /** When both clocks showed the same, epoch ms. */
  readonly from: number;
  /** How many milliseconds of session time pass in one of real time. */
  readonly factor: number;
  /** By how much this process's clock is wrong, milliseconds of session time. */
  readonly skewMs?: number | undefined;
}

/** Minutes of idleness pass in seconds; leases, which run on real time, do not notice. */
export function pacedClock({ from, factor, skewMs = 0 }: Pace): Clock {
  return {
    now: () => Math.round(from + (Date.now() - from) * factor) + skewMs,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  };
}
