import { tzOffset } from '@date-fns/tz/tzOffset';
import type { Calendar, CalendarSettings, Weekday } from './core/calendar.ts';

/** A stretch of time, its end not included: epoch ms, or ms of a local day. */
type Span = readonly [from: number, to: number];

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
/** The day the epoch began was a Thursday. */
const weekdays = ['thu', 'fri', 'sat', 'sun', 'mon', 'tue', 'wed'] as const satisfies readonly Weekday[];
/** What takes more working time than there is in this many days never comes. */
const horizonDays = 36_525;
/** The last instant that a `Date` can name. */
const latest = 8_640_000_000_000_000;

const known = new WeakMap<CalendarSettings, Calendar | string>();

/**
 * Working time of settings; a text says what is wrong with them. An instant is working time when a clock on the wall there shows a time
 * within one of the day's spans: in a night when clocks change, an hour that is skipped has none of it, and one that comes twice has it
 * twice. The same settings give the same calendar, with what it has worked out already.
 */
export function calendarOf(settings: CalendarSettings): Calendar | string {
  if (typeof settings !== 'object' || settings === null) return `${shown(settings)} is no calendar.`;
  const before = known.get(settings);
  if (before !== undefined) return before;
  const read = readWeek(settings);
  const made = typeof read === 'string' ? read : calendarIn(settings.zone, read);
  known.set(settings, made);
  return made;
}

/** Days are counted from the epoch; a local day by the date on the wall. */
interface Week {
  readonly spans: Readonly<Record<Weekday, readonly Span[]>>;
  readonly off: ReadonlySet<number>;
}

function calendarIn(zone: string, { spans, off }: Week): Calendar {
  const offsetAt = (at: number) => Math.round(tzOffset(zone, new Date(at)) * minuteMs);
  const spansOn = (localDay: number) => (off.has(localDay) ? [] : spans[weekdayOf(localDay)]);
  const regularWeekMs = weekdays.reduce((total, day) => total + lengthOf(spans[day]), 0);

  /** Working time within one day of UTC. */
  const workOn = remembered(1_000, (day: number): readonly Span[] =>
    stretches(day * dayMs, (day + 1) * dayMs, offsetAt).flatMap(({ from, to, offset }) => {
      const [first, last] = [Math.floor((from + offset) / dayMs), Math.floor((to - 1 + offset) / dayMs)];
      return range(first, last).flatMap((local) =>
        spansOn(local).flatMap(([opens, closes]): Span[] => {
          const midnight = local * dayMs - offset;
          const span: Span = [Math.max(from, midnight + opens), Math.min(to, midnight + closes)];
          return span[0] < span[1] ? [span] : [];
        }),
      );
    }),
  );

  /** Working time in seven days of UTC: always the same, but for holidays and weeks in which the clocks change. */
  const workInWeek = remembered(6_000, (week: number): number => {
    const [from, to] = [week * 7 * dayMs, (week + 1) * 7 * dayMs];
    const offset = offsetAt(from);
    const locals = range(Math.floor((from + offset) / dayMs), Math.floor((to - 1 + offset) / dayMs));
    const isRegular = offset === offsetAt(to - 1) && !locals.some((local) => off.has(local));
    return isRegular ? regularWeekMs : range(week * 7, week * 7 + 6).reduce((total, day) => total + lengthOf(workOn(day)), 0);
  });

  return {
    after(from, ms) {
      if (ms <= 0) return from;
      let left = ms;
      const first = Math.floor(from / dayMs);
      const end = Math.min(first + horizonDays, Math.floor(latest / dayMs) - 7);
      for (let day = first; day < end; day++) {
        // Long waits go week by week.
        if (day > first && day % 7 === 0 && workInWeek(day / 7) < left) {
          left -= workInWeek(day / 7);
          day += 6;
          continue;
        }
        for (const [opens, closes] of workOn(day)) {
          const here = closes - Math.max(opens, from);
          if (here >= left) return closes - here + left;
          left -= Math.max(0, here);
        }
      }
      return Number.POSITIVE_INFINITY;
    },
  };
}

/** A stretch of time cut where the clocks change. */
function stretches(
  from: number,
  to: number,
  offsetAt: (at: number) => number,
): { readonly from: number; readonly to: number; readonly offset: number }[] {
  const offset = offsetAt(from);
  if (offset === offsetAt(to - 1)) return [{ from, to, offset }];
  const middle = Math.floor((from + to) / 2);
  return [...stretches(from, middle, offsetAt), ...stretches(middle, to, offsetAt)];
}

function readWeek({ zone, hours, holidays = [] }: CalendarSettings): Week | string {
  // An offset such as +01:00 would be wrong for half of the year.
  const isZone = typeof zone === 'string' && /^[a-z]/i.test(zone) && Number.isFinite(tzOffset(zone, new Date(0)));
  if (!isZone) return `${shown(zone)} is no zone such as Europe/Berlin.`;
  if (typeof hours !== 'object' || hours === null) return 'It names no hours.';
  const strange = Object.keys(hours).find((name) => !weekdays.some((day) => day === name));
  if (strange !== undefined) return `hours: ${shown(strange)} is no weekday such as mon.`;
  const spans = { mon: [], tue: [], wed: [], thu: [], fri: [], sat: [], sun: [] } as Record<Weekday, readonly Span[]>;
  for (const day of weekdays) {
    const read = readSpans(hours[day] ?? []);
    if (typeof read === 'string') return `hours.${day}: ${read}`;
    spans[day] = read;
  }
  if (weekdays.every((day) => spans[day].length === 0)) return 'It holds no working time.';
  if (!Array.isArray(holidays)) return 'holidays is no list of dates.';
  const off = new Set<number>();
  for (const date of holidays as readonly unknown[]) {
    const day = typeof date === 'string' && /^\d{4}-\d\d-\d\d$/.test(date) ? Date.parse(date) / dayMs : Number.NaN;
    // What a month does not have, such as a 30 February, rolls over into the next one.
    if (Number.isNaN(day) || dateOf(day) !== date) return `holidays: ${shown(date)} is no date such as 2026-12-25.`;
    off.add(day);
  }
  const idle = [...new Set([...off].map((day) => dateOf(day).slice(0, 4)))].find((year) => {
    const [first, last] = [Date.parse(`${year}-01-01`) / dayMs, Date.parse(`${year}-12-31`) / dayMs];
    return range(first, last).every((day) => off.has(day) || spans[weekdayOf(day)].length === 0);
  });
  return idle === undefined ? { spans, off } : `It holds no working time in ${idle}: every day of it is off.`;
}

/** Spans of one day in their order, which do not overlap; a text says what is wrong with them. */
function readSpans(texts: readonly string[]): readonly Span[] | string {
  if (!Array.isArray(texts)) return 'They are no list of spans.';
  const spans: Span[] = [];
  for (const text of texts as readonly unknown[]) {
    const [, from, to] =
      (typeof text === 'string' && /^([01]\d:[0-5]\d|2[0-3]:[0-5]\d)-([01]\d:[0-5]\d|2[0-3]:[0-5]\d|24:00)$/.exec(text)) || [];
    if (from === undefined || to === undefined) return `${shown(text)} is no span such as 09:00-17:00.`;
    if (timeOfDay(from) >= timeOfDay(to))
      return `${shown(text)} does not end after it begins; what goes on past midnight is two spans.`;
    spans.push([timeOfDay(from), timeOfDay(to)]);
  }
  const sorted = spans.sort(([a], [b]) => a - b);
  const overlaps = sorted.some(([from], index) => from < (sorted[index - 1]?.[1] ?? 0));
  return overlaps ? 'Two spans overlap.' : sorted;
}

function timeOfDay(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number);
  return (hours * 60 + minutes) * minuteMs;
}

function dateOf(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10);
}

function weekdayOf(day: number): Weekday {
  return weekdays.at(day % 7) ?? 'thu';
}

function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((total, [from, to]) => total + to - from, 0);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Remembers answers, until they are too many. */
function remembered<T>(most: number, make: (day: number) => T): (day: number) => T {
  const answers = new Map<number, T>();
  return (day) => {
    const before = answers.get(day);
    if (before !== undefined) return before;
    if (answers.size >= most) answers.clear();
    const made = make(day);
    answers.set(day, made);
    return made;
  };
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
