import type { Clock } from '../middleware/clock.ts';

export interface VirtualClockOptions {
  /** Where virtual time begins: epoch ms, or an ISO instant. @default 2026-01-01T00:00:00Z */
  readonly start?: number | string | undefined;
  /**
   * Resolves when everything that was woken has come to rest; awaited after each sleeper.
   * @default a few turns of the event loop: enough for work that awaits no I/O
   */
  readonly settle?: (() => Promise<void>) | undefined;
  /** Awaited whenever time has moved, before anybody is woken: for clocks elsewhere that follow this one. @default nothing */
  readonly moved?: ((now: number) => Promise<void>) | undefined;
}

/** A clock for tests and simulations: time stands still until it is advanced, and due sleepers wake in order, one at a time. */
export interface VirtualClock extends Clock {
  /** Moves time on by `ms`, waking every sleeper that becomes due at its own time. */
  advance(ms: number): Promise<void>;
  /** Moves time on to an instant. @throws RangeError if it is in the past. */
  advanceTo(at: number | string): Promise<void>;
  /** When the next sleeper wakes, epoch ms; undefined: nobody sleeps. */
  nextWake(): number | undefined;
  /**
   * The same time for one of several simulated processes: of sleepers due at one instant those of the lowest rank wake first.
   * The clock itself has rank 0.
   */
  ranked(rank: number): Clock;
}

interface Sleeper {
  readonly at: number;
  readonly rank: number;
  readonly wake: () => void;
}

/** @returns a clock at `start`, at rest. */
export function virtualClock(options: VirtualClockOptions = {}): VirtualClock {
  const settle = options.settle ?? someTurns;
  let now = instant(options.start ?? '2026-01-01T00:00:00Z');
  const sleepers = new Set<Sleeper>();

  /** Sets keep insertion order, so of two of one rank due at one time the first to fall asleep wakes first. */
  const earliest = () =>
    [...sleepers].reduce<Sleeper | undefined>((first, one) => (first && !comesBefore(one, first) ? first : one), undefined);

  const moveTo = async (at: number) => {
    if (at <= now) return;
    now = at;
    await options.moved?.(at);
  };

  const advanceTo = async (at: number | string) => {
    const target = instant(at);
    if (target < now) throw new RangeError('A virtual clock does not go back.');
    await settle();
    for (let next = earliest(); next !== undefined && next.at <= target; next = earliest()) {
      await moveTo(next.at);
      next.wake();
      await settle();
    }
    await moveTo(target);
    await settle();
  };

  const ranked = (rank: number): Clock => ({
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const wake = () => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        const sleeper: Sleeper = { at: now + Math.max(0, ms), rank, wake };
        if (signal?.aborted) return resolve();
        sleepers.add(sleeper);
        signal?.addEventListener('abort', wake, { once: true });
      }),
  });

  return {
    ...ranked(0),
    ranked,
    advance: (ms) => advanceTo(now + ms),
    advanceTo,
    nextWake: () => earliest()?.at,
  };
}

function comesBefore(one: Sleeper, other: Sleeper): boolean {
  return one.at === other.at ? one.rank < other.rank : one.at < other.at;
}

function instant(at: number | string): number {
  const ms = typeof at === 'number' ? at : Date.parse(at);
  if (!Number.isFinite(ms)) throw new RangeError(`Not an instant: ${at}`);
  return ms;
}

async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}
