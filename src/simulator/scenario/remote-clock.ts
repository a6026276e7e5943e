import type { Clock } from '../../middleware/clock.ts';

/** Virtual time in a process that does not keep it: the keeper says what time it is, and who wakes. */
export interface RemoteClock extends Clock {
  moveTo(now: number): void;
  wake(sleeper: number): void;
}

/** Where time is kept. */
export interface TimeKeeper {
  /** Somebody sleeps until then, epoch ms. */
  sleeps(sleeper: number, until: number): void;
  /** They do not any more. */
  calledOff(sleeper: number): void;
}

export function remoteClock(start: number, keeper: TimeKeeper): RemoteClock {
  const sleepers = new Map<number, () => void>();
  let now = start;
  let names = 0;
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const sleeper = ++names;
        const end = () => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', callOff);
          resolve();
        };
        const callOff = () => {
          keeper.calledOff(sleeper);
          end();
        };
        sleepers.set(sleeper, end);
        signal?.addEventListener('abort', callOff, { once: true });
        keeper.sleeps(sleeper, now + Math.max(0, ms));
      }),
    moveTo(at) {
      now = at;
    },
    wake: (sleeper) => sleepers.get(sleeper)?.(),
  };
}
