import type { StatsQuery } from '../../middleware/stats.ts';
import { dimensions, filtersOf, measures, type Say, type Sources, sums } from './sql-archive-direct.ts';
import { narrowed } from './sql-archive-percentiles.ts';
import type { ArchiveTables } from './sql-archive-tables.ts';
import { boundsOf, cellIn, hourMs } from './sql-archive-tallies.ts';

/** What `spreads` are told apart by. */
const spreadBy = ['g_day', 'g_channel', 'g_endpoint', 'g_developer'];

/**
 * Counts by the hourly tallies. Hours that are not whole, because the period begins or ends in them, or a day of the query's zone does, are
 * counted session by session; so is what the tallies do not tell apart.
 */
export async function tallied(
  say: Say,
  { sessions, counts, spreads }: ArchiveTables,
  query: StatsQuery,
  direct: Sources,
): Promise<Sources> {
  const { where, values } = filtersOf(query);
  const [there] = await say(`SELECT MIN(slot) AS first, MAX(slot) AS last FROM ${counts}`, {});
  const { first, last, split } = hoursOf(query, Number(there?.['first'] ?? 0), Number(there?.['last'] ?? 0));
  const hour = (slot: string) => `${slot} * CAST(${hourMs} AS double precision)`;
  const whole = `slot >= CAST(:first AS integer) AND slot < CAST(:last AS integer) ${where}
    ${split.length > 0 ? 'AND slot NOT IN (:...split)' : ''}`;

  /** Sessions of hours that are not whole, by when they began or ended. */
  const singles = (time: string, columns: string, also = '') => {
    const during = (from: string, to: string) =>
      `SELECT ${time} AS at, ${columns} FROM ${sessions} ${also} WHERE ${time} >= ${from} AND ${time} < ${to} AND started_at IS NOT NULL ${where}`;
    const parts = [
      during(':from', 'LEAST(CAST(:to AS double precision), CAST(:beginning AS double precision))'),
      during(':ending', ':to'),
    ];
    if (split.length > 0) {
      parts.push(`SELECT one.* FROM unnest(ARRAY[:...split]) AS hours (hour)
        CROSS JOIN LATERAL (${during(hour('CAST(hour AS integer)'), hour('(CAST(hour AS integer) + 1)'))} OFFSET 0) one`);
    }
    return parts.map((part) => `UNION ALL ${part}`).join(' ');
  };

  const of = dimensions.join(', ');
  const numbers = sums.join(', ');
  const all = {
    ...values,
    first,
    last,
    beginning: first * hourMs,
    ending: last * hourMs,
    ...(split.length > 0 ? { split } : {}),
  };
  return {
    ended: `(SELECT ${hour('slot')} AS at, ${of}, ${numbers}, closed FROM ${counts} WHERE closed > 0 AND ${whole}
      ${singles('ended_at', `${of}, ${numbers}, 1 AS closed`)}) ended`,
    began: `(SELECT ${hour('slot')} AS at, ${of}, opened FROM ${counts} WHERE opened > 0 AND ${whole}
      ${singles('started_at', `${of}, 1 AS opened`)}) began`,
    async percentiles(say, groups, names) {
      if (!names.every((name) => spreadBy.includes(name))) return direct.percentiles(say, groups, names);
      const place = 'channel, endpoint, developer, cell';
      const found = measures.map(async (measure) => {
        const heap = `channel, endpoint, developer, ${cellIn(measure, 'val')} AS cell, 1 AS n, ARRAY[val] AS vals, ARRAY[1] AS times`;
        const rows = await narrowed(say, {
          heaps: (columns, which) => `(
            SELECT ${[...groups, 'cell', ...columns].join(', ')} FROM (
              SELECT ${hour('slot')} AS at, ${place}, n, vals, times FROM ${spreads} WHERE measure = ${measure.id} ${which} AND ${whole}
              ${singles('ended_at', heap, `CROSS JOIN LATERAL (VALUES (${measure.value})) AS each (val)`)}
            ) heap
          ) heaps`,
          names,
          values: all,
          boundsOf: (cell) => boundsOf(measure, cell),
        });
        return rows.map((row) => ({ ...row, measure: measure.id }));
      });
      return (await Promise.all(found)).flat();
    },
    values: all,
  };
}

/**
 * The whole hours of a period, as they are numbered in the tallies, and those among them that two days share.
 * @param earliest with `latest`, the hours that there is anything in: no others are looked at
 */
function hoursOf({ from, to, offset = 0, by = [] }: StatsQuery, earliest: number, latest: number) {
  const within = (slot: number) => Math.max(earliest, Math.min(latest + 1, slot));
  const first = within(Math.ceil(from / hourMs));
  const last = Math.max(first, within(Math.floor(to / hourMs)));
  const minuteOfDay = (slot: number) => (((slot * 60 + offset) % 1_440) + 1_440) % 1_440;
  const isSplit = (slot: number) => minuteOfDay(slot) > 1_440 - 60;
  const whole = by.includes('day') ? Array.from({ length: last - first }, (_, n) => first + n) : [];
  return { first, last, split: whole.filter(isSplit) };
}
