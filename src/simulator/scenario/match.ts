import { isDeepStrictEqual } from 'node:util';
import type { ExpectedEvent, Expects } from './format.ts';
import { type Line, timeFields } from './lines.ts';
import { clockTimeOf, parseClockTime, parseInstant } from './times.ts';

/** An expectation that did not hold. */
export interface Mismatch {
  /** Its place in the file. */
  readonly path: string;
  readonly expected: string;
  readonly got: string;
}

/**
 * The entries of one `expect` against the lines of its window, in order.
 * Counted entries (`times`, `no`) look at the whole window; of the others each needs a line of its own.
 * @param offset minutes east of UTC that clock times are meant in
 */
export function matchEvents(step: Pick<Expects, 'entries' | 'ordered'>, lines: readonly Line[], offset: number): Mismatch[] {
  const events = step.entries.filter((entry) => entry.about === 'event');
  const candidates = new Map(events.map((entry) => [entry, indexesOf(entry, lines, offset)]));
  const found = (entry: ExpectedEvent) => candidates.get(entry) ?? [];

  const counted = events.filter((entry) => entry.times !== 'some' && found(entry).length !== entry.times);
  const unmet = step.ordered
    ? outOfOrder(events, found)
    : withoutOwn(
        events.filter((entry) => entry.times === 'some'),
        found,
      );
  return events
    .filter((entry) => counted.includes(entry) || unmet.includes(entry))
    .map((entry) => mismatch(entry, found(entry).length, lines));
}

/** Whether `got` is what the file means by `wanted`: times compare as instants, everything else by value. */
export function isMeant(name: string, wanted: unknown, got: unknown, offset: number): boolean {
  if (!timeFields.has(name) || typeof wanted !== 'string' || typeof got !== 'string') return isDeepStrictEqual(wanted, got);
  const at = Date.parse(got);
  const clock = parseClockTime(wanted);
  return clock === undefined ? parseInstant(wanted)?.at === at : clock === clockTimeOf(at, offset);
}

function indexesOf(entry: ExpectedEvent, lines: readonly Line[], offset: number): number[] {
  const fits = (one: Line) => Object.entries(entry.fields).every(([name, wanted]) => isMeant(name, wanted, one[name], offset));
  return lines.flatMap((one, index) => (fits(one) ? [index] : []));
}

/** Entries that find no line of their own: what is left over by the largest matching (augmenting paths). */
function withoutOwn(entries: readonly ExpectedEvent[], found: (entry: ExpectedEvent) => readonly number[]): ExpectedEvent[] {
  const owner = new Map<number, ExpectedEvent>();
  const place = (entry: ExpectedEvent, tried: Set<number>): boolean => {
    for (const index of found(entry)) {
      if (tried.has(index)) continue;
      tried.add(index);
      const other = owner.get(index);
      if (other === undefined || place(other, tried)) {
        owner.set(index, entry);
        return true;
      }
    }
    return false;
  };
  return entries.filter((entry) => !place(entry, new Set()));
}

/** Entries whose lines do not come after those of the entries before them. */
function outOfOrder(entries: readonly ExpectedEvent[], found: (entry: ExpectedEvent) => readonly number[]): ExpectedEvent[] {
  let last = -1;
  return entries.filter((entry) => {
    const wanted = entry.times === 'some' ? 1 : entry.times;
    const next = found(entry)
      .filter((index) => index > last)
      .slice(0, wanted);
    last = next.at(-1) ?? last;
    return next.length < wanted;
  });
}

function mismatch(entry: ExpectedEvent, count: number, lines: readonly Line[]): Mismatch {
  const { times, fields } = entry;
  const how = times === 'some' ? 'one of its own:' : times === 0 ? 'no' : `exactly ${times}`;
  const taken = times === 'some' && count > 0 ? ', but taken by other entries or out of order' : '';
  const near = lines.filter((one) =>
    ['event', 'user', 'endpoint'].every((name) => !(name in fields) || fields[name] === one[name]),
  );
  const shown = near.slice(0, 6).map((one) => `\n${JSON.stringify(one)}`);
  const more = near.length > shown.length ? `\n… and ${near.length - shown.length} more` : '';
  return {
    path: entry.path,
    expected: `${how} ${JSON.stringify(fields)}`,
    got: `${count}${taken}; nearest:${shown.join('') || ' none'}${more}`,
  };
}
