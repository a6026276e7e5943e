import { type Clock, systemClock } from '../../src/index.ts';

/** Real time, and as much later as a case likes. */
export interface LeapingClock extends Clock {
  /** Half an hour passes at once, and a minute more: sessions are due. */
  leap(): void;
}

export function leapingClock(): LeapingClock {
  let ahead = 0;
  return {
    ...systemClock,
    now: () => systemClock.now() + ahead,
    leap() {
      ahead = 31 * 60_000;
    },
  };
}
