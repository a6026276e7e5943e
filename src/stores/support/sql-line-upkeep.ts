import { randomInt } from 'node:crypto';
import { lineMs } from './sql-dialect.ts';
import type { LineTables, Place } from './sql-line-tables.ts';

/** Keeps the tickets of this process valid while somebody waits, and hears what the database tells. */
export interface Upkeep {
  /** Whether the database tells whose turn it is. */
  readonly isTold: boolean;
  /** Somebody has begun to wait. */
  begin(): void;
  /** A place nobody wants any more. While it cannot be given up, this process keeps no ticket valid. */
  discard(place: Place): Promise<void>;
  close(): void;
}

/** How often tickets are kept valid, ms. */
export const beatMs = 200;

/** How often a waiter looks where nobody would tell him, ms. */
export const lookMs = 20;

/** How often newcomers are kept behind, ms. */
const markMs = lineMs / 3;

/** How long after the last waiter nobody listens any more, ms: the next one finds the connection that listens. */
const idleMs = 2_000;

/**
 * @param waited the conversations that somebody waits for
 * @param look told every now and then while there are any
 */
export function upkeep(tables: LineTables, waited: ReadonlyMap<string, unknown>, look: () => void): Upkeep {
  const unwanted = new Set<Place>();
  let ticking: NodeJS.Timeout | undefined;
  let [beatenAt, markedAt, waitedAt] = [0, 0, 0];
  let isTold = false;
  let closed = false;

  const listen = async () => {
    isTold = await tables.listen().catch(() => false);
  };

  const discard = async (place: Place): Promise<void> => {
    unwanted.add(place);
    await tables.leave(place);
    unwanted.delete(place);
  };

  const keepUp = async (now: number): Promise<void> => {
    beatenAt = now;
    for (const place of unwanted) await discard(place);
    await tables.beat();
    await listen();
    if (now - markedAt < markMs) return;
    markedAt = now;
    for (const conversation of waited.keys()) await tables.mark(conversation);
  };

  const tick = () => {
    ticking = undefined;
    const now = performance.now();
    if (waited.size > 0) {
      waitedAt = now;
      // Who looks hears of an outage soon enough.
      if (now - beatenAt >= beatMs) void keepUp(now).catch(() => {});
      look();
    } else if (now - waitedAt > idleMs) {
      isTold = false;
      tables.hush();
      return;
    }
    run();
  };

  const run = () => {
    if (closed) return;
    // Not all processes at the same moment.
    ticking ??= setTimeout(tick, (lookMs * (100 - randomInt(0, 40))) / 100);
    if (waited.size > 0) ticking.ref();
    else ticking.unref();
  };

  return {
    get isTold() {
      return isTold;
    },
    begin() {
      // Whoever has just arrived keeps newcomers behind for a while.
      waitedAt = performance.now();
      if (waited.size === 1) markedAt = waitedAt;
      void listen();
      run();
    },
    discard: (place) => discard(place).catch(() => {}),
    close() {
      closed = true;
      clearTimeout(ticking);
      tables.hush();
    },
  };
}
