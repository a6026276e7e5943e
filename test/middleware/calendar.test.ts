import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calendarOf } from '../../src/middleware/calendar.ts';
import type { Calendar, CalendarSettings, Weekday } from '../../src/middleware/core/calendar.ts';
import { sessionsOver } from '../../src/middleware/sessions.ts';
import { keyvStore } from '../../src/stores/keyv.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const weekdays: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const office = Object.fromEntries(weekdays.slice(0, 5).map((name) => [name, ['09:00-17:00']]));

function calendar(settings: CalendarSettings): Calendar {
  const made = calendarOf(settings);
  if (typeof made === 'string') throw new Error(made);
  return made;
}

/** `after` with local times, such as `2026-03-27 16:45`, and minutes. */
function due(settings: CalendarSettings, from: string, minutes: number): string {
  return wallClock(settings.zone, calendar(settings).after(Date.parse(from), minutes * minute));
}

function formatter(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
}

function partsAt(format: Intl.DateTimeFormat, at: number): Record<string, string> {
  return Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
}

function wallClock(zone: string, at: number): string {
  const { weekday, hour, minute } = partsAt(formatter(zone), at);
  return `${weekday} ${hour}:${minute}`;
}

describe('working time', () => {
  const berlin: CalendarSettings = { zone: 'Europe/Berlin', hours: office };

  test.each([
    ['within a day', '2026-03-25T10:00+01:00', 30, 'Wed 10:30'],
    ['before it opens', '2026-03-25T03:00+01:00', 30, 'Wed 09:30'],
    ['on its last minute', '2026-03-25T16:59+01:00', 1, 'Wed 17:00'],
    ['over the night', '2026-03-25T16:45+01:00', 30, 'Thu 09:15'],
    ['over a weekend in which the clocks go forward', '2026-03-27T16:45+01:00', 30, 'Mon 09:15'],
    ['over a weekend in which the clocks go back', '2026-10-23T16:45+02:00', 30, 'Mon 09:15'],
    ['a whole week', '2026-03-25T12:00+01:00', 40 * 60, 'Wed 12:00'],
  ])('%s', (_what, from, minutes, to) => {
    expect(due(berlin, from, minutes)).toBe(to);
  });

  test('several spans a day, one of them to midnight', () => {
    const hours = { fri: ['22:00-24:00', '09:00-12:30', '12:30-13:00'], sat: ['00:00-02:00'] };
    const night = { zone: 'Asia/Kathmandu', hours };
    expect(due(night, '2026-05-01T12:00+05:45', 90)).toBe('Fri 22:30');
    expect(due(night, '2026-05-01T12:00+05:45', 181)).toBe('Sat 00:01');
    expect(due(night, '2026-05-02T01:59+05:45', 2)).toBe('Fri 09:01');
  });

  test('holidays are off, by the date on the wall', () => {
    const settings = { ...berlin, zone: 'Pacific/Auckland', holidays: ['2026-12-25', '2026-12-28'] };
    expect(due(settings, '2026-12-24T16:45+13:00', 30)).toBe('Tue 09:15');
  });

  test('a span in the hour that is skipped has no time that night', () => {
    const night = { zone: 'Europe/Berlin', hours: { sun: ['01:30-03:15'], mon: ['09:00-10:00'] } };
    expect(due(night, '2026-03-28T12:00+01:00', 45)).toBe('Sun 03:15');
    expect(due(night, '2026-03-28T12:00+01:00', 46)).toBe('Mon 09:01');
    const skipped = { zone: 'Europe/Berlin', hours: { sun: ['02:00-03:00'] } };
    expect(calendar(skipped).after(Date.parse('2026-03-28T12:00+01:00'), 1)).toBe(Date.parse('2026-04-05T02:00+02:00') + 1);
  });

  test('a span in the hour that comes twice has it twice', () => {
    const night = { zone: 'Europe/Berlin', hours: { sun: ['02:15-02:45'] } };
    const from = Date.parse('2026-10-24T12:00+02:00');
    expect(calendar(night).after(from, 30 * minute)).toBe(Date.parse('2026-10-25T02:45+02:00'));
    expect(calendar(night).after(from, 31 * minute)).toBe(Date.parse('2026-10-25T02:16+01:00'));
    expect(calendar(night).after(from, 61 * minute)).toBe(Date.parse('2026-11-01T02:16+01:00'));
  });

  test('a far future is no further than tomorrow, and what takes forever never comes', () => {
    const scarce = calendar({ zone: 'Europe/Berlin', hours: { mon: ['09:00-09:01'] } });
    const from = Date.parse('2900-01-04T00:00Z');
    expect(scarce.after(from, minute) - from).toBeLessThan(8 * day);
    expect(scarce.after(from, 520 * minute) - from).toBeGreaterThan(519 * 7 * day);
    expect(scarce.after(from, 1e300)).toBe(Number.POSITIVE_INFINITY);
    expect(scarce.after(8_640_000_000_000_000, minute)).toBe(Number.POSITIVE_INFINITY);
  });

  test('the same settings share what has been worked out', () => {
    expect(calendarOf(berlin)).toBe(calendarOf(berlin));
  });
});

describe('settings that cannot work', () => {
  test.each<[string, unknown, string]>([
    ['a zone nobody knows', { zone: 'Europe/Nowhere' }, '"Europe/Nowhere" is no zone such as Europe/Berlin.'],
    ['an offset', { zone: '+01:00' }, '"+01:00" is no zone such as Europe/Berlin.'],
    ['a name that every object has', { zone: 'constructor' }, '"constructor" is no zone such as Europe/Berlin.'],
    ['no zone', { zone: undefined }, 'undefined is no zone such as Europe/Berlin.'],
    ['no hours', { hours: undefined }, 'It names no hours.'],
    ['a day nobody knows', { hours: { monday: ['09:00-17:00'] } }, 'hours: "monday" is no weekday such as mon.'],
    ['hours without a list', { hours: { mon: '09:00-17:00' } }, 'hours.mon: They are no list of spans.'],
    ['hours of another form', { hours: { mon: ['9-17'] } }, 'hours.mon: "9-17" is no span such as 09:00-17:00.'],
    ['an hour that no day has', { hours: { mon: ['09:00-25:00'] } }, 'hours.mon: "09:00-25:00" is no span such as 09:00-17:00.'],
    ['more than a day', { hours: { mon: ['09:00-24:01'] } }, 'hours.mon: "09:00-24:01" is no span such as 09:00-17:00.'],
    [
      'a beginning at the end of the day',
      { hours: { mon: ['24:00-24:00'] } },
      'hours.mon: "24:00-24:00" is no span such as 09:00-17:00.',
    ],
    [
      'a span over midnight',
      { hours: { mon: ['22:00-02:00'] } },
      'hours.mon: "22:00-02:00" does not end after it begins; what goes on past midnight is two spans.',
    ],
    ['an overlap', { hours: { mon: ['12:00-17:00', '09:00-12:01'] } }, 'hours.mon: Two spans overlap.'],
    ['no working time', { hours: { mon: [] } }, 'It holds no working time.'],
    ['dates without a list', { holidays: '2026-12-25' }, 'holidays is no list of dates.'],
    ['a date that no month has', { holidays: ['2026-02-30'] }, 'holidays: "2026-02-30" is no date such as 2026-12-25.'],
    ['a date of another form', { holidays: ['25.12.2026'] }, 'holidays: "25.12.2026" is no date such as 2026-12-25.'],
    [
      'a year off',
      { hours: { mon: ['09:00-17:00'] }, holidays: mondaysOf(2026) },
      'It holds no working time in 2026: every day of it is off.',
    ],
  ])('%s', (_what, change, problem) => {
    expect(calendarOf({ zone: 'Europe/Berlin', hours: office, ...(change as object) })).toBe(problem);
  });

  test.each([null, 'weekdays', 8])('%o', (given) => {
    expect(calendarOf(given as never)).toMatch(/is no calendar\.$/);
  });

  test('all Mondays but one are fine', () => {
    expect(calendarOf({ zone: 'UTC', hours: { mon: ['09:00-17:00'] }, holidays: mondaysOf(2026).slice(1) })).toBeTypeOf('object');
  });

  test('are refused with the endpoint’s name', () => {
    const endpoints = { shop: { agents: { calendar: { zone: 'Mars/Olympus', hours: office } } } };
    expect(() => sessionsOver(keyvStore(), { endpoints })).toThrow(
      /ADJ_CONFIG_INVALID: endpoint shop, agents.calendar: "Mars\/Olympus" is no zone/,
    );
  });

  test('whatever comes from a settings store, it is a calendar or a text', () => {
    const hours = fc.dictionary(
      fc.oneof(fc.constantFrom(...weekdays), fc.string()),
      fc.oneof(fc.array(spanText()), fc.jsonValue()),
    );
    const anything = fc.record(
      {
        zone: fc.oneof(fc.constantFrom('UTC', 'Europe/Berlin', '__proto__', 'toString'), fc.string(), fc.jsonValue()),
        hours: fc.oneof(hours, fc.jsonValue()),
        holidays: fc.oneof(fc.array(fc.oneof(fc.constant('2026-12-25'), fc.string())), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(anything, (given) => {
        const made = calendarOf(given as unknown as CalendarSettings);
        if (typeof made === 'string') expect(made).toMatch(/\.$/);
        else expect(made.after(0, 1)).toBeGreaterThan(0);
      }),
    );
  });
});

/** Zones with a night in which their clocks change, and one whose clocks once left out a day. */
const nights: readonly (readonly [zone: string, night: string])[] = [
  ['Europe/Berlin', '2026-03-29'],
  ['Europe/Berlin', '2026-10-25'],
  ['America/New_York', '2026-03-08'],
  ['America/New_York', '2026-11-01'],
  ['America/St_Johns', '2026-03-08'],
  ['Australia/Lord_Howe', '2026-04-05'],
  ['Australia/Lord_Howe', '2026-10-04'],
  ['Asia/Beirut', '2024-03-31'],
  ['Asia/Kathmandu', '2026-03-29'],
  ['Pacific/Apia', '2011-12-30'],
  ['UTC', '2026-03-29'],
];

interface Minute {
  readonly weekday: Weekday;
  readonly date: string;
  readonly time: string;
}

const clocks = new Map<string, readonly Minute[]>();

/** What a clock on the wall shows at each minute of nine days around a night. */
function minutesAround(zone: string, night: string): readonly Minute[] {
  const known = clocks.get(zone + night);
  if (known !== undefined) return known;
  const format = formatter(zone);
  const minutes = Array.from({ length: (9 * day) / minute }, (_, index) => {
    const shown = partsAt(format, Date.parse(night) + index * minute - 4 * day);
    const weekday = shown['weekday']?.toLowerCase() as Weekday;
    return { weekday, date: `${shown['year']}-${shown['month']}-${shown['day']}`, time: `${shown['hour']}:${shown['minute']}` };
  });
  clocks.set(zone + night, minutes);
  return minutes;
}

/** Whether people work in a minute, read off the clock. */
function works({ hours, holidays = [] }: CalendarSettings, { weekday, date, time }: Minute): boolean {
  const spans = (hours[weekday] ?? []).map((span) => span.split('-'));
  return !holidays.includes(date) && spans.some(([from = '', to = '']) => from <= time && time < to);
}

function quarterText(quarters: number): string {
  const [hours, minutes] = [Math.floor(quarters / 4), (quarters % 4) * 15];
  return `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
}

function spanText(): fc.Arbitrary<string> {
  const time = fc.integer({ min: 0, max: 96 }).map(quarterText);
  return fc.tuple(time, time).map((times) => times.join('-'));
}

/** Spans of a day that do not overlap. */
const daySpans = fc
  .uniqueArray(fc.integer({ min: 0, max: 96 }), { maxLength: 6 })
  .map((quarters) => quarters.toSorted((a, b) => a - b).map(quarterText))
  .map((times) => times.flatMap((from, index) => (index % 2 === 0 && times[index + 1] ? [`${from}-${times[index + 1]}`] : [])));

/** Hours around one of the nights, with or without a holiday. */
const somewhere = fc
  .record({
    place: fc.constantFrom(...nights),
    spans: fc.array(daySpans, { minLength: 7, maxLength: 7 }).filter((all) => all.some((one) => one.length > 0)),
    holiday: fc.option(fc.integer({ min: -3, max: 3 })),
  })
  .map(({ place: [zone, night], spans, holiday }) => {
    const hours = Object.fromEntries(weekdays.map((name, index) => [name, spans[index] ?? []]));
    const holidays = holiday === null ? [] : [new Date(Date.parse(night) + holiday * day).toISOString().slice(0, 10)];
    const settings: CalendarSettings = { zone, hours, holidays };
    return { night, settings };
  });

describe('whatever the hours', () => {
  test('it is what a clock on the wall says, minute by minute', () => {
    const waits = fc.array(fc.tuple(fc.integer({ min: 0, max: 7 * 1_440 }), fc.integer({ min: 1, max: 2_000 })));
    fc.assert(
      fc.property(somewhere, waits, ({ night, settings }, asked) => {
        const working = calendar(settings);
        const start = Date.parse(night) - 4 * day;
        const minutes = minutesAround(settings.zone, night).map((each) => works(settings, each));
        for (const [from, wait] of asked) {
          let left = wait;
          let index = from;
          for (; index < minutes.length && left > 0; index++) if (minutes[index]) left -= 1;
          const at = working.after(start + from * minute, wait * minute);
          if (left > 0) expect(at).toBeGreaterThan(start + minutes.length * minute);
          else expect(at).toBe(start + index * minute);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('time adds up, goes forward only, and ends where people work', () => {
    const amount = fc.integer({ min: 0, max: 10 * day });
    fc.assert(
      fc.property(somewhere, fc.integer({ min: -4 * day, max: 4 * day }), amount, amount, ({ night, settings }, off, a, b) => {
        const working = calendar(settings);
        const from = Date.parse(night) + off;
        const first = working.after(from, a);
        expect(first).toBeGreaterThanOrEqual(from + a);
        expect(working.after(first, b)).toBe(working.after(from, a + b));
        expect(working.after(from + b, a)).toBeGreaterThanOrEqual(first);
        expect(working.after(from, 0)).toBe(from);
        // The millisecond before is working time: nothing else is a millisecond of work away.
        if (a > 0) expect(working.after(first - 1, 1)).toBe(first);
      }),
      { numRuns: 300 },
    );
  });
});

function mondaysOf(year: number): string[] {
  const days = Array.from({ length: 366 }, (_, index) => new Date(Date.UTC(year, 0, 1 + index)));
  return days
    .filter((one) => one.getUTCDay() === 1 && one.getUTCFullYear() === year)
    .map((one) => one.toISOString().slice(0, 10));
}
