import { toMs } from '../../middleware/core/duration.ts';

const dayMs = 86_400_000;

/** Epoch ms and minutes east of UTC of an ISO instant; undefined where it is none (a time without an offset is none). */
export function parseInstant(text: string): { readonly at: number; readonly offset: number } | undefined {
  const [, sign, hours, minutes] = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|([+-])(\d\d):?(\d\d))$/.exec(text) ?? [];
  const at = Date.parse(text);
  if (!Number.isFinite(at) || !/(?:Z|[+-]\d\d:?\d\d)$/.test(text)) return undefined;
  const east = Number(hours ?? 0) * 60 + Number(minutes ?? 0);
  return { at, offset: sign === '-' ? -east : east };
}

/** Milliseconds since midnight of `10:30`, `10:30:00` or `10:29:59.999`; undefined where it is no clock time. */
export function parseClockTime(text: string): number | undefined {
  const [, h, m, s = '0', fraction = ''] = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?$/.exec(text) ?? [];
  if (h === undefined || Number(h) > 23 || Number(m) > 59 || Number(s) > 59) return undefined;
  return Number(h) * 3_600_000 + Number(m) * 60_000 + Number(s) * 1_000 + Number(fraction.padEnd(3, '0'));
}

/** Milliseconds since midnight of an instant, as a clock at this offset shows it. */
export function clockTimeOf(at: number, offset: number): number {
  return mod(at + offset * 60_000, dayMs);
}

/**
 * The instant a step's `at` means: a clock time (the first one not before `previous`), an ISO instant, or `+31m` after `previous`.
 * Undefined where it is none of them.
 */
export function resolveAt(text: string, previous: number, offset: number): number | undefined {
  if (text.startsWith('+')) {
    const ms = /^\+\d+ms$/.test(text) ? Number.parseInt(text.slice(1), 10) : toMs(text.slice(1));
    return ms === undefined ? undefined : previous + ms;
  }
  const clock = parseClockTime(text);
  if (clock !== undefined) return previous + mod(clock - clockTimeOf(previous, offset), dayMs);
  return parseInstant(text)?.at;
}

/** The instant a `writtenAt` means: as {@link resolveAt}, but a clock time is the last one not after `arrival`. */
export function resolveWrittenAt(text: string, arrival: number, offset: number): number | undefined {
  const clock = parseClockTime(text);
  if (clock !== undefined) return arrival - mod(clockTimeOf(arrival, offset) - clock, dayMs);
  return parseInstant(text)?.at;
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}
