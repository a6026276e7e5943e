/**
 * The window of activities already handled: `,id:time` for each, oldest first; `time` is when it first arrived, epoch ms in base 36.
 * It lives in the conversation record, so "handled" is saved in the same write as its effect, and it is one text, so that reading a
 * record costs the same whether it holds ten or a thousand. An id must hold neither comma nor colon.
 */
export type Seen = string;

export const nothingSeen: Seen = '';

/** More than this many are never kept; the oldest leave first. */
export const seenLimit = 1_000;

export function hasSeen(seen: Seen, id: string): boolean {
  return seen.includes(`,${id}:`);
}

/** The window with `id` in it. Known ids keep their first arrival; those that arrived `keepMs` ago leave. */
export function withSeen(seen: Seen, id: string, now: number, keepMs: number): Seen {
  let from = 0;
  while (from < seen.length && timeAt(seen, from) <= now - keepMs) from = next(seen, from);
  const kept = from === 0 ? seen : seen.slice(from);
  if (hasSeen(kept, id)) return kept;
  return `${withoutSurplus(kept)},${id}:${now.toString(36)}`;
}

/** When the last of them first arrived, epoch ms; 0 for none. */
export function lastSeenAt(seen: Seen): number {
  return seen === nothingSeen ? 0 : timeAt(seen, seen.lastIndexOf(','));
}

/** Leaves room for one more. */
function withoutSurplus(seen: Seen): Seen {
  // The shortest entry there can be: a comma, an id, a colon, a time.
  if (seen.length < 4 * seenLimit) return seen;
  let count = 0;
  for (let at = 0; at < seen.length; at = next(seen, at)) count += 1;
  let from = 0;
  for (; count >= seenLimit; count -= 1) from = next(seen, from);
  return seen.slice(from);
}

/** Where the entry after the one at `from` begins. */
function next(seen: Seen, from: number): number {
  const at = seen.indexOf(',', from + 1);
  return at === -1 ? seen.length : at;
}

function timeAt(seen: Seen, from: number): number {
  return Number.parseInt(seen.slice(seen.indexOf(':', from) + 1, next(seen, from)), 36);
}
