/**
 * The window of activities already handled: fingerprints beside the time each first arrived (epoch ms), oldest first.
 * It lives in the conversation record, so "handled" is saved in the same write as its effect.
 */
export interface Seen {
  readonly ids: readonly string[];
  readonly at: readonly number[];
}

export const nothingSeen: Seen = Object.freeze({ ids: Object.freeze([]), at: Object.freeze([]) });

/** More than this many are never kept; the oldest leave first. */
export const seenLimit = 1_000;

export function hasSeen(seen: Seen, id: string): boolean {
  return seen.ids.includes(id);
}

/** The window with `id` in it. Known ids keep their first arrival; those older than `keepMs` leave. */
export function withSeen(seen: Seen, id: string, now: number, keepMs: number): Seen {
  const from = firstKept(seen, now - keepMs);
  const known = seen.ids.indexOf(id) >= from;
  const overflow = Math.max(0, seen.ids.length - from + (known ? 0 : 1) - seenLimit);
  const ids = seen.ids.slice(from + overflow);
  const at = seen.at.slice(from + overflow);
  if (!known) {
    ids.push(id);
    at.push(now);
  }
  return { ids, at };
}

function firstKept(seen: Seen, since: number): number {
  const index = seen.at.findIndex((at) => at > since);
  return index === -1 ? seen.at.length : index;
}
