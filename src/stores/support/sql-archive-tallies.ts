import { dimensions, type Measure, measures, sums } from './sql-archive-direct.ts';
import type { ArchiveTables } from './sql-archive-tables.ts';

/** Tallies are kept by the hour, ms. */
export const hourMs = 3_600_000;

/**
 * Values are sorted into cells, so many to an octave: enough that few values lie in the one that a percentile falls into, and no more.
 * Durations lie close together, lags do not. Values below zero mirror the others.
 */
const cellsPerOctave: Readonly<Record<Measure['name'], number>> = { duration: 32, lag: 16 };
const perUnit = ({ name }: Measure) => cellsPerOctave[name] / Math.LN2;

/** @param unit cells to a unit of the logarithm */
const cellOf = (value: string, unit: string | number) => `CAST(CASE WHEN ${value} >= 0 THEN floor(ln(1 + (${value})) * ${unit})
  ELSE -1 - floor(ln(1 - (${value})) * ${unit}) END AS smallint)`;

/** A measure's cell of the value in a column. */
export function cellIn(measure: Measure, column: string): string {
  return cellOf(column, perUnit(measure));
}

/** Where a cell begins and ends, ms; a rounding error more or less. */
export function boundsOf(measure: Measure, cell: number): readonly [from: number, to: number] {
  const edge = (n: number) => Math.expm1(n / perUnit(measure));
  return cell >= 0 ? [edge(cell), edge(cell + 1)] : [-edge(-cell), -edge(-cell - 1)];
}

/** Each session once for each measure. */
const eachMeasure = `CROSS JOIN LATERAL (VALUES ${measures
  .map((measure) => `(${measure.id}, ${measure.value}, ${perUnit(measure)})`)
  .join(', ')}) AS each (measure, val, unit)`;

/**
 * On PostgreSQL two tables follow the sessions by triggers, so that whatever happens to those (a late report, an erasure, a row deleted by
 * hand) they agree, in the same transaction:
 * - `counts`: how many sessions began and ended in an hour, by all that they are counted by, and the sums of their numbers;
 * - `spreads`: how long they lasted, and how late they were closed, by endpoint and cell: how many, and the very values, each with how
 *   often it is there.
 */
export function tallyTables({ sessions, counts, spreads }: ArchiveTables): string[] {
  const numbers = ['opened', 'closed', ...sums].map((name) => `${name} bigint NOT NULL`).join(', ');
  const trigger = (name: string, when: string, transition: string) => [
    `DROP TRIGGER IF EXISTS ${name} ON ${sessions}`,
    `CREATE TRIGGER ${name} AFTER ${when} ON ${sessions} REFERENCING ${transition} FOR EACH STATEMENT EXECUTE FUNCTION ${sessions}_tally()`,
  ];
  return [
    `CREATE TABLE IF NOT EXISTS ${counts} (
       slot integer NOT NULL, kind uuid NOT NULL, channel text NOT NULL, endpoint text NOT NULL, reason text NOT NULL, outcome text,
       interactive smallint NOT NULL, developer smallint NOT NULL, billable smallint NOT NULL, message text NOT NULL, ${numbers},
       PRIMARY KEY (slot, kind)
     ) WITH (fillfactor = 70)`,
    `CREATE TABLE IF NOT EXISTS ${spreads} (
       measure smallint NOT NULL, slot integer NOT NULL, cell smallint NOT NULL, channel text NOT NULL, endpoint text NOT NULL,
       developer smallint NOT NULL, n bigint NOT NULL, vals double precision[] NOT NULL, times integer[] NOT NULL,
       PRIMARY KEY (measure, cell, slot, channel, endpoint, developer)
     ) WITH (fillfactor = 70)`,
    `CREATE INDEX IF NOT EXISTS ${spreads}_slot ON ${spreads} (measure, slot)`,
    tallying({ sessions, counts, spreads }),
    ...trigger(`${sessions}_added`, 'INSERT', 'NEW TABLE AS added'),
    ...trigger(`${sessions}_removed`, 'DELETE', 'OLD TABLE AS removed'),
    ...trigger(`${sessions}_changed`, 'UPDATE', 'OLD TABLE AS removed NEW TABLE AS added'),
  ];
}

/** What a trigger does with the rows that a statement has added and removed. */
function tallying({ sessions, counts, spreads }: Omit<ArchiveTables, 'lines' | 'erased'>): string {
  const of = ['started_at', 'ended_at', 'closed_at', ...dimensions, ...sums].join(', ');
  const change = (table: string, sign: 1 | -1) => `SELECT ${sign} AS sign, ${of} FROM ${table} WHERE started_at IS NOT NULL`;
  const add = (changes: string) => `${intoCounts(counts, changes)};\n${intoSpreads(spreads, changes)};`;
  const hour = (time: string) => `SELECT ${hourOf(time)} FROM removed WHERE started_at IS NOT NULL`;
  const tidy = `
    DELETE FROM ${counts} WHERE opened = 0 AND closed = 0 AND slot IN (${hour('ended_at')} UNION ${hour('started_at')});
    DELETE FROM ${spreads} WHERE n = 0 AND measure IN (1, 2) AND slot IN (${hour('ended_at')});`;
  return `CREATE OR REPLACE FUNCTION ${sessions}_tally() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM added) THEN ${add(change('added', 1))} END IF;
      ELSIF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT FROM removed) THEN ${add(change('removed', -1))} ${tidy} END IF;
      ELSIF EXISTS (SELECT FROM added) THEN
        ${add(`${change('added', 1)} UNION ALL ${change('removed', -1)}`)} ${tidy}
      END IF;
      RETURN NULL;
    END $$`;
}

function hourOf(time: string): string {
  return `CAST(floor(${time} / ${hourMs}) AS integer)`;
}

/** Rows are taken in one order, here and below, so that no two statements wait for each other. */
function intoCounts(counts: string, changes: string): string {
  const of = dimensions.join(', ');
  const kind = `CAST(md5(concat_ws(' ', channel, endpoint, reason, coalesce(outcome, ' '), interactive, developer, billable, message)) AS uuid)`;
  const numbers = ['opened', 'closed', ...sums];
  return `INSERT INTO ${counts} AS t (slot, kind, ${of}, ${numbers.join(', ')})
    SELECT slot, ${kind} AS kind, ${of}, ${numbers.map((name) => `SUM(${name})`).join(', ')}
    FROM (
      SELECT ${hourOf('ended_at')} AS slot, ${of}, 0 AS opened, sign AS closed, ${sums.map((name) => `sign * ${name} AS ${name}`).join(', ')}
      FROM (${changes}) ended
      UNION ALL
      SELECT ${hourOf('started_at')}, ${of}, sign, 0, ${sums.map(() => '0').join(', ')} FROM (${changes}) began
    ) change
    GROUP BY slot, ${of} ORDER BY 1, 2
    ON CONFLICT (slot, kind) DO UPDATE SET ${numbers.map((name) => `${name} = t.${name} + excluded.${name}`).join(', ')}`;
}

/** What is there and what comes are thrown together; what is there no more falls out. */
function intoSpreads(spreads: string, changes: string): string {
  const key = 'measure, cell, slot, channel, endpoint, developer';
  return `INSERT INTO ${spreads} AS t (${key}, n, vals, times)
    SELECT measure, cell, slot, channel, endpoint, developer, SUM(times), array_agg(val), array_agg(times) FROM (
      SELECT measure, ${hourOf('ended_at')} AS slot, ${cellOf('val', 'unit')} AS cell, channel, endpoint, developer, val,
        CAST(SUM(sign) AS integer) AS times
      FROM (${changes}) change ${eachMeasure}
      GROUP BY measure, unit, 2, channel, endpoint, developer, val HAVING SUM(sign) <> 0
    ) change
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (${key}) DO UPDATE SET n = t.n + excluded.n, (vals, times) = (
      SELECT coalesce(array_agg(val), '{}'), coalesce(array_agg(times), '{}') FROM (
        SELECT val, CAST(SUM(times) AS integer) AS times
        FROM (SELECT * FROM unnest(t.vals, t.times) UNION ALL SELECT * FROM unnest(excluded.vals, excluded.times)) AS heap (val, times)
        GROUP BY val HAVING SUM(times) <> 0
      ) merged
    )`;
}
