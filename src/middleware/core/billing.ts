/** What a session would be billed as, where sessions are not simply counted. */
export interface Billing {
  /** Quarters of an hour begun. */
  readonly blocks: number;
  /** Metered spans. */
  readonly spans: number;
}

/** A meter that runs in the live session. Times are epoch ms. */
export interface Meter {
  /** Spans begun. */
  readonly spans: number;
  /** When the present one began. */
  readonly since: number;
  /** Turns in the present one. */
  readonly turns: number;
  /** The last turn. */
  readonly last: number;
}

const minute = 60_000;
const blockMs = 15 * minute;

/** A span ends after a pause of this length, … */
const pauseMs = 30 * minute;
/** … after this time, … */
const spanMs = 60 * minute;
/** … or with this turn. */
const spanTurns = 100;

/**
 * Counts a turn at `at`. As Microsoft bills Copilot Studio: a new billed session after 30 minutes without a turn, after 60 minutes,
 * or after 100 turns.
 */
export function metered(meter: Meter | undefined, at: number): Meter {
  if (meter === undefined) return { spans: 1, since: at, turns: 1, last: at };
  const { spans, since, turns, last } = meter;
  const isOver = at >= last + pauseMs || at >= since + spanMs || turns >= spanTurns;
  return isOver ? { spans: spans + 1, since: at, turns: 1, last: at } : { spans, since, turns: turns + 1, last: at };
}

/** Blocks of 15 minutes, as Kore.ai bills: each one begun counts, and a session counts at least one. */
export function blocksOf(startedAt: number, endedAt: number): number {
  return Math.max(1, Math.ceil((endedAt - startedAt) / blockMs));
}
