import type { StatsQuery } from '../../middleware/stats.ts';
import type { ArchiveTables } from './sql-archive-tables.ts';
import type { Dialect, Row } from './sql-dialect.ts';
import { toColumn } from './sql-keys.ts';
import type { Values } from './sql-text.ts';

/** Where the sessions of a count come from: relations to select from, and the values they name. */
export interface Sources {
  /** Sessions that ended in the period: `at`, what they are told apart by, their numbers, and how many they are (`closed`). */
  readonly ended: string;
  /** Sessions that began in it: `at`, what they are told apart by, how many they are (`opened`). */
  readonly began: string;
  /** The percentiles of those that ended: the names of their groups, `measure` as `measures` has it, `percent`, `value`. */
  readonly percentiles: (say: Say, groups: readonly string[], names: readonly string[]) => Promise<readonly Row[]>;
  readonly values: Values;
}

/** Runs a statement that names these values. */
export type Say = (text: string, values: Values) => Promise<readonly Row[]>;

/** What percentiles are of, and what tables and statements call it. */
export const measures = [
  { name: 'duration', id: 1, value: 'ended_at - started_at' },
  { name: 'lag', id: 2, value: 'closed_at - ended_at' },
] as const;
export type Measure = (typeof measures)[number];

/** What sessions are told apart by, and the numbers they add up to. */
export const dimensions = [
  'channel',
  'endpoint',
  'reason',
  'outcome',
  'interactive',
  'developer',
  'billable',
  'message',
] as const;
export const sums = ['turns', 'messages_in', 'messages_out', 'deadlines_met', 'deadlines_missed', 'blocks', 'spans'] as const;

/** What a query leaves out, beside its period. */
export function filtersOf({ from, to, offset = 0, keys, channel, endpoint, developer }: StatsQuery) {
  const where = [
    ...(keys === undefined ? [] : ['AND conversation IN (:...keys)']),
    ...(channel === undefined ? [] : ['AND channel = :channel']),
    ...(endpoint === undefined ? [] : ['AND endpoint = :endpoint']),
    ...(developer === undefined ? [] : ['AND developer = :developer']),
  ];
  const values: Values = {
    ...(keys === undefined ? {} : { keys: keys.map(toColumn) }),
    ...(channel === undefined ? {} : { channel: toColumn(channel) }),
    ...(endpoint === undefined ? {} : { endpoint: toColumn(endpoint) }),
    ...(developer === undefined ? {} : { developer: Number(developer) }),
    from: Math.max(from, -Number.MAX_VALUE),
    to: Math.min(to, Number.MAX_VALUE),
    shift: offset * 60_000,
  };
  return { where: where.join(' '), values };
}

/** Counts the sessions themselves. */
export function direct(name: Dialect['name'], { sessions }: ArchiveTables, query: StatsQuery): Sources {
  const { where, values } = filtersOf(query);
  const during = (time: string) =>
    `FROM ${sessions} WHERE ${time} >= :from AND ${time} < :to AND started_at IS NOT NULL ${where}`;
  const of = dimensions.join(', ');
  return {
    ended: `(SELECT ended_at AS at, ${of}, ${sums.join(', ')}, 1 AS closed ${during('ended_at')}) ended`,
    began: `(SELECT started_at AS at, ${of}, 1 AS opened ${during('started_at')}) began`,
    async percentiles(say, groups, names) {
      const apart = names.length > 0 ? `PARTITION BY ${names.join(', ')}` : '';
      const each = names.length > 0 ? `GROUP BY ${names.join(', ')}` : '';
      const found: Row[] = [];
      for (const { id, value } of measures) {
        const given = `(SELECT ended_at AS at, ${of}, ${value} AS val ${during('ended_at')}) ended`;
        const placed = `SELECT ${[...names, 'val'].join(', ')}, ROW_NUMBER() OVER (${apart} ORDER BY val) AS place, COUNT(*) OVER (${apart}) AS n
          FROM (SELECT ${[...groups, 'val'].join(', ')} FROM ${given}) apart`;
        const at = (percent: number) =>
          name === 'postgres'
            ? `percentile_disc(${percent / 100}) WITHIN GROUP (ORDER BY val)`
            : `MIN(CASE WHEN place * 100 >= n * ${percent} THEN val END)`;
        const columns = percents.map((percent) => `${at(percent)} AS p${percent}`);
        const rows = await say(
          name === 'postgres'
            ? `SELECT ${[...groups, ...columns].join(', ')} FROM ${given} ${each}`
            : `SELECT ${[...names, ...columns].join(', ')} FROM (${placed}) placed ${each}`,
          values,
        );
        found.push(
          ...rows.flatMap((row) => percents.map((percent) => ({ ...row, measure: id, percent, value: row[`p${percent}`] }))),
        );
      }
      return found;
    },
    values,
  };
}

export const percents = [50, 90, 99] as const;
