import { systemKey } from './core/activity.ts';
import { isAdjournError } from './errors.ts';
import { keepAlive } from './lease.ts';
import { rearmAll, rearmKeys } from './reconfigure.ts';
import { realNow, type Shell, type Where } from './shell.ts';

/** Looks up sessions that end earlier since a change of settings. What goes wrong is reported, and tried again later. */
export interface Rearming {
  /** Goes on with what is left undone, by whichever process, unless somebody is at it. */
  takeOver(): void;
  /** Looks up these conversations, before all others. */
  some(keys: readonly string[]): void;
  /** Resolves when this process is not at it. */
  over(): Promise<void>;
  /** Stops, and leaves the rest to other processes. */
  stop(): Promise<void>;
}

/** Which version of the settings still has sessions to be looked up, and how to say that it has none. */
export interface Undone {
  version(): number | undefined;
  /** @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE` */
  done(version: number): Promise<void>;
}

/** Whoever has its lease looks up sessions; nothing is stored under it. */
const rearmKey = systemKey('settings', 'rearm');

/** After an outage sessions are left to other processes for so long, real ms; after a failure that stays, for longer. */
const pauseMs = 10_000;
const longPauseMs = 600_000;

export function rearming(shell: Shell, undone: Undone, where: Where): Rearming {
  const { store, clock, background } = shell;
  let stopping = new AbortController();
  let first: Promise<void> = Promise.resolve();
  let pass: Promise<void> | undefined;
  let pausedUntil = Number.NEGATIVE_INFINITY;

  /** Work that nobody waits for but `sessions.close()`. */
  const apart = (work: Promise<void>): Promise<void> => {
    const done: Promise<void> = work
      .catch((error) => {
        const passes = isAdjournError(error, 'STORE_UNAVAILABLE', 'LEASE_TIMEOUT', 'LEASE_LOST');
        pausedUntil = realNow() + (passes ? pauseMs : longPauseMs);
        shell.report(error, where);
      })
      .finally(() => background.delete(done));
    background.add(done);
    return done;
  };

  const all = async (signal: AbortSignal): Promise<void> => {
    for (let version = undone.version(); version !== undefined && !signal.aborted; version = undone.version()) {
      await rearmAll(shell, signal);
      if (!signal.aborted) await undone.done(version);
    }
  };

  /** At most one process at a time; who finds another at it leaves it to that one. */
  const underLease = async (stopped: AbortSignal): Promise<void> => {
    const begun = await store.begin(rearmKey, { now: clock.now(), leaseMs: shell.leaseMs, waitMs: 0 }).catch((error) => {
      if (isAdjournError(error, 'LEASE_TIMEOUT')) return undefined;
      throw error;
    });
    if (begun === undefined) return;
    const lost = new AbortController();
    const renewed = keepAlive(store, begun.lease, () => lost.abort());
    try {
      await first;
      await all(AbortSignal.any([stopped, lost.signal]));
    } finally {
      renewed();
      await store.release(begun.lease).catch(() => {});
    }
  };

  return {
    takeOver() {
      // A process that only makes changes may not know the endpoints that others have mounted.
      const able = shell.settings.mounted() && realNow() >= pausedUntil;
      if (!able || pass !== undefined || undone.version() === undefined) return;
      pass = apart(underLease(stopping.signal)).finally(() => {
        pass = undefined;
      });
    },
    some(keys) {
      if (keys.length > 0) first = apart(rearmKeys(shell, keys, stopping.signal));
    },
    async over() {
      await pass;
    },
    async stop() {
      stopping.abort();
      await pass;
      stopping = new AbortController();
    },
  };
}
