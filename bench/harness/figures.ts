/** One figure of the table. */
export interface Figure {
  /** What the issue calls it: the group it stands in. */
  readonly measure: string;
  /** What exactly was measured. */
  readonly name: string;
  readonly unit: Unit;
  /** The median of the rounds; of a figure that is counted and not timed, the count. */
  readonly value: number;
  /** The lowest and highest round; absent for counts. */
  readonly spread?: readonly [low: number, high: number] | undefined;
  /** What is to be reached; absent for figures that stand for comparison. */
  readonly reach?: Reach | undefined;
}

export type Unit = '×' | 'µs' | 'ms' | '/s' | 'B' | '%' | '';

export interface Reach {
  readonly is: 'at most' | 'at least' | 'exactly' | 'below';
  readonly value: number;
}

export interface Spread {
  readonly value: number;
  readonly spread: readonly [low: number, high: number];
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { value: quantile(sorted, 0.5), spread: [sorted[0] ?? Number.NaN, sorted.at(-1) ?? Number.NaN] };
}

/** @param sorted ascending */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Two measurements of the same rounds, round by round: what slows a whole round down falls out. */
export function each(one: readonly number[], other: readonly number[], combine: (one: number, other: number) => number): Spread {
  return spreadOf(one.map((value, round) => combine(value, other[round] ?? Number.NaN)));
}

export const difference = (one: readonly number[], other: readonly number[]): Spread => each(one, other, (a, b) => a - b);

function isReached({ value, reach }: Figure): boolean | undefined {
  if (reach === undefined) return undefined;
  if (reach.is === 'exactly') return value === reach.value;
  if (reach.is === 'below') return value < reach.value;
  return reach.is === 'at most' ? value <= reach.value : value >= reach.value;
}

/** The cells of a row: name, figure, spread, what is to be reached, whether it is. */
export function cells(figure: Figure): string[] {
  const { name, unit, value, spread, reach } = figure;
  const told = (number: number) => `${withDigits(number)}${unit === '' || unit === '×' || unit === '/s' ? unit : ` ${unit}`}`;
  return [
    name,
    told(value),
    spread ? `${withDigits(spread[0])}–${withDigits(spread[1])}` : '',
    reach ? `${reach.is} ${told(reach.value)}` : '',
    reach ? (isReached(figure) ? 'yes' : 'no') : '',
  ];
}

/** Three digits, more would be noise. */
function withDigits(value: number): string {
  if (!Number.isFinite(value)) return '∞';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1_000) return String(value);
  const fraction = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: fraction, maximumFractionDigits: fraction });
}
