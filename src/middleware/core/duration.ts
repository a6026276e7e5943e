/** Minutes as a number, or text: `'90s'`, `'15m'`, `'2h'`, `'14d'`; `'never'` reads as 0. */
export type Duration = number | `${number}${'s' | 'm' | 'h' | 'd'}` | 'never';

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a duration, or undefined where it is none: negative, not a number, an unknown unit. */
export function toMs(value: unknown): number | undefined {
  if (value === 'never') return 0;
  if (typeof value === 'number') return inRange(value * unitMs.m);
  if (typeof value !== 'string') return undefined;
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(value) ?? [];
  return unit === undefined ? undefined : inRange(Number(amount) * unitMs[unit as keyof typeof unitMs]);
}

/** A duration for people: `30 min`, `90 s`, `2 h`, `never`. */
export function describeMs(ms: number): string {
  if (ms === 0) return 'never';
  if (ms % unitMs.d === 0) return `${ms / unitMs.d} d`;
  if (ms % unitMs.h === 0) return `${ms / unitMs.h} h`;
  return ms % unitMs.m === 0 ? `${ms / unitMs.m} min` : `${ms / unitMs.s} s`;
}

function inRange(ms: number): number | undefined {
  return Number.isFinite(ms) && ms >= 0 ? Math.round(ms) : undefined;
}
