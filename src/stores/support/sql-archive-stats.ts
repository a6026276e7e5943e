import { type StatsGroup, type StatsGroups, type StatsQuery, type StatsRow, sorted } from '../../middleware/stats.ts';
import { direct, measures, type Say } from './sql-archive-direct.ts';
import type { ArchiveTables } from './sql-archive-tables.ts';
import { tallied } from './sql-archive-tallied.ts';
import type { Dialect, Row } from './sql-dialect.ts';
import { fromColumn } from './sql-keys.ts';

/** Counting may take longer than a turn would wait, ms. */
const patienceMs = 60_000;

const dayMs = 86_400_000;

/** What a group is in the relations that counts select from. */
const groupings: Readonly<Record<StatsGroup, string>> = {
  day: `floor((at + :shift) / ${dayMs})`,
  endpoint: 'endpoint',
  channel: 'channel',
  reason: 'reason',
  outcome: 'outcome',
  interactive: 'interactive',
  developer: 'developer',
  billable: 'billable',
};

const totals = [
  'SUM(closed) AS closed',
  ...['interactive', 'developer', 'billable'].map((flag) => `SUM(closed * ${flag}) AS ${flag}`),
  ...['turns', 'messages_in', 'messages_out', 'deadlines_met', 'deadlines_missed'].map((name) => `SUM(${name}) AS ${name}`),
  ...['blocks', 'spans'].map((name) => `SUM(CASE WHEN billable = 1 THEN ${name} ELSE 0 END) AS ${name}`),
].join(', ');

/** Counts sessions in the database: where it keeps tallies of them, those; else, the sessions themselves. */
export function archiveStats(dialect: Dialect, tables: ArchiveTables): (query: StatsQuery) => Promise<StatsRow[]> {
  return async (query) => {
    const by = [...new Set(query.by ?? [])];
    const rows = direct(dialect.name, tables, query);
    const say: Say = async (text, given) => (await dialect.run(text, given, patienceMs)).rows;
    const isTallied = dialect.name === 'postgres' && query.keys === undefined;
    const { ended, began, percentiles, values } = isTallied ? await tallied(say, tables, query, rows) : rows;
    const groups = by.map((group) => `${groupings[group]} AS g_${group}`);
    const names = by.map((group) => `g_${group}`);
    const closes = `SELECT ${[...groups, 'reason', 'message', totals].join(', ')} FROM ${ended}
      GROUP BY ${[...names, 'reason', 'message'].join(', ')}`;
    const opens = `SELECT ${[...groups, 'SUM(opened) AS opened'].join(', ')} FROM ${began}
      ${names.length > 0 ? `GROUP BY ${names.join(', ')}` : ''}`;
    const tally = tallies(by);
    for (const row of await say(closes, values)) tally.ended(row);
    for (const row of await say(opens, values)) tally.began(row);
    for (const row of await percentiles(say, groups, names)) tally.percentile(row);
    return sorted(tally.rows(), by);
  };
}

type Counting = { -readonly [Name in keyof StatsRow]: StatsRow[Name] };

/** Puts rows together from what the statements give back. */
function tallies(by: readonly StatsGroup[]) {
  const found = new Map<string, Counting>();
  const at = (row: Row): Counting => {
    const group = groupOf(by, row);
    const name = JSON.stringify(by.map((each) => group[each] ?? null));
    const known = found.get(name) ?? emptyRow(group);
    found.set(name, known);
    return known;
  };
  if (by.length === 0) at({});
  return {
    ended(row: Row) {
      const number = (name: string) => Number(row[name] ?? 0);
      const closed = number('closed');
      if (closed === 0) return;
      const to = at(row);
      const [reason, message] = [fromColumn(String(row['reason'])), fromColumn(String(row['message']))];
      const { deadlines, billing } = to;
      to.closed += closed;
      to.reasons = more(to.reasons, reason, closed);
      to.messages = more(to.messages, message, closed);
      to.interactive += number('interactive');
      to.developer += number('developer');
      to.billable += number('billable');
      to.turns += number('turns');
      to.messagesIn += number('messages_in');
      to.messagesOut += number('messages_out');
      to.deadlines = { met: deadlines.met + number('deadlines_met'), missed: deadlines.missed + number('deadlines_missed') };
      to.billing = {
        sessions: billing.sessions + number('billable'),
        blocks: billing.blocks + number('blocks'),
        spans: billing.spans + number('spans'),
      };
    },
    began(row: Row) {
      const opened = Number(row['opened'] ?? 0);
      if (opened > 0) at(row).opened += opened;
    },
    percentile(row: Row) {
      const measure = measures.find(({ id }) => id === Number(row['measure']));
      if (measure === undefined || row['value'] === null) return;
      const to = at(row);
      const known = to[measure.name] ?? { p50: 0, p90: 0, p99: 0 };
      to[measure.name] = { ...known, [`p${String(row['percent'])}`]: Number(row['value']) };
    },
    rows: (): StatsRow[] => [...found.values()],
  };
}

function emptyRow(group: StatsGroups): Counting {
  return {
    group,
    opened: 0,
    closed: 0,
    reasons: {},
    interactive: 0,
    developer: 0,
    billable: 0,
    turns: 0,
    messagesIn: 0,
    messagesOut: 0,
    messages: {},
    deadlines: { met: 0, missed: 0 },
    billing: { sessions: 0, blocks: 0, spans: 0 },
  };
}

type Counts<Name extends string> = Readonly<Partial<Record<Name, number>>>;

function more<Name extends string>(counts: Counts<Name>, name: string, by: number): Counts<Name> {
  return { ...counts, [name]: (counts[name as Name] ?? 0) + by };
}

function groupOf(by: readonly StatsGroup[], row: Row): StatsGroups {
  const values = by
    .filter((group) => row[`g_${group}`] !== null)
    .map((group) => {
      const value = row[`g_${group}`];
      if (group === 'day') return [group, new Date(Number(value) * dayMs).toISOString().slice(0, 10)];
      const isFlag = group === 'interactive' || group === 'developer' || group === 'billable';
      return [group, isFlag ? Number(value) === 1 : fromColumn(String(value))];
    });
  return Object.fromEntries(values);
}
