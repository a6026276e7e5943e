import { type Clock, systemClock } from '../../src/middleware/clock.ts';

/**
 * A clock for engines over real backends: session time stands still until it is moved, and waiting, which is for real servers, takes
 * real time.
 */
export function movableClock(start: string): Clock & { move(ms: number): void } {
  let now = Date.parse(start);
  return {
    now: () => now,
    sleep: systemClock.sleep,
    move(ms) {
      now += ms;
    },
  };
}
