import { percents, type Say } from './sql-archive-direct.ts';
import type { Row } from './sql-dialect.ts';
import type { Values } from './sql-text.ts';

/** Where to look for percentiles of a measure. */
export interface Heaps {
  /**
   * A relation of the groups' names, `cell`, how many values there are (`n`), and the values (`vals`), each as often as `times` says.
   * @param columns which of the last three are needed
   * @param which leaves out what is not looked at
   */
  readonly heaps: (columns: readonly string[], which: string) => string;
  readonly names: readonly string[];
  readonly values: Values;
  /** Where a cell begins and ends; a rounding error more or less. */
  readonly boundsOf: (cell: number) => readonly [from: number, to: number];
}

/** A percentile that is looked for: the value that is reached when `rank` values are counted from the smallest one. */
interface Target {
  /** What names its group. */
  readonly of: Row;
  readonly percent: number;
  readonly rank: number;
  readonly cell: number;
  /** Where it lies, by what has been looked at so far: the cell, a slice of it, the value itself. */
  readonly place: number;
  /** How many values lie before that. */
  readonly below: number;
}

/** So many slices are made of a cell. */
const slices = 256;

/** What groups are made of, to the database. */
const types: Readonly<Record<string, string>> = {
  g_day: 'double precision',
  g_channel: 'text',
  g_endpoint: 'text',
  g_developer: 'smallint',
};

/**
 * Finds percentiles without sorting: by how many values there are, first the cell that each lies in, then a slice of that cell, then the
 * value. Exact, unless sessions come in meanwhile.
 */
export async function narrowed(say: Say, { heaps, names, values, boundsOf }: Heaps): Promise<readonly Row[]> {
  const known = [...names, 'cell'].join(', ');
  const slice = 'CAST(floor((val - low) * scale) AS integer)';
  // The heaps come first, by themselves: else the values in them, whose number nobody foresees, are sorted.
  const inside = (at: string, where = '') => `WITH picked AS MATERIALIZED (
      SELECT id, place, low, scale, vals, times FROM ${heaps(['vals', 'times'], 'AND cell IN (:...cells)')}
      JOIN jsonb_to_recordset(CAST(:targets AS jsonb)) AS target (id integer, ${names.map((name) => `${name} ${types[name]}, `).join('')}
        cell smallint, place integer, low double precision, scale double precision) USING (${known})
    )
    SELECT id, ${at} AS at, SUM(many) AS n FROM picked CROSS JOIN LATERAL unnest(vals, times) AS each (val, many) ${where} GROUP BY 1, 2`;
  const look = (text: string, at: readonly Target[]) => {
    const targets = at.map(({ of, cell, place }, id) => {
      const [from, to] = boundsOf(cell);
      return { id, ...of, cell, place, low: from, scale: slices / (to - from) };
    });
    return say(text, { ...values, cells: [...new Set(at.map(({ cell }) => cell))], targets: JSON.stringify(targets) });
  };

  const sizes = await say(`SELECT ${known}, SUM(n) AS n FROM ${heaps(['n'], '')} GROUP BY ${known}`, values);
  const inCells = targetsIn(sizes, names);
  if (inCells.length === 0) return [];
  const inSlices = closer(inCells, await look(inside(slice), inCells));
  const found = closer(inSlices, await look(inside('val', `WHERE ${slice} = place`), inSlices));
  return found.map(({ of, percent, place }) => ({ ...of, percent, value: place }));
}

/** The cells that percentiles lie in, by the sizes of all cells. */
function targetsIn(sizes: readonly Row[], names: readonly string[]): Target[] {
  const groups = Map.groupBy(sizes, (row) => JSON.stringify(names.map((name) => row[name])));
  return [...groups.values()].flatMap((rows) => {
    const total = rows.reduce((sum, { n }) => sum + Number(n), 0);
    const of = Object.fromEntries(names.map((name) => [name, rows[0]?.[name]]));
    const byCell = rows.map(({ cell, n }) => ({ at: cell, n }));
    return percents.map((percent) => {
      const rank = Math.ceil((total * percent) / 100);
      const { place, below } = reached(rank, 0, byCell);
      return { of, percent, rank, cell: place, place, below };
    });
  });
}

/** The targets, with their places among what was found for each. */
function closer(targets: readonly Target[], found: readonly Row[]): Target[] {
  const rows = Map.groupBy(found, ({ id }) => Number(id));
  return targets.map((target, id) => ({ ...target, ...reached(target.rank, target.below, rows.get(id) ?? []) }));
}

/** The first place at which so many are counted, and how many lie before it. */
function reached(rank: number, below: number, rows: readonly Row[]): { readonly place: number; readonly below: number } {
  let before = below;
  let place = 0;
  for (const { at, n } of rows.toSorted((a, b) => Number(a['at']) - Number(b['at']))) {
    place = Number(at);
    if (before + Number(n) >= rank) break;
    before += Number(n);
  }
  return { place, below: before };
}
