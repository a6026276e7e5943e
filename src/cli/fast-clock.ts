import { type Clock, systemClock } from '../middleware/clock.ts';

/** Time that begins now and runs `speed` times as fast as the machine's. */
export function fastClock(speed: number): Clock {
  const start = Date.now();
  return {
    now: () => Math.floor(start + (Date.now() - start) * speed),
    sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
  };
}
