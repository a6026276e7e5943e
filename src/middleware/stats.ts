import type { ClosedSession } from './archive.ts';
import { blocksOf } from './core/billing.ts';
import type { MessageResult } from './core/closing.ts';
import type { CloseReason } from './core/session.ts';

/** What closed sessions can be counted by. A `day` is the one they ended on (for `opened`: began on). */
export type StatsGroup = 'day' | 'endpoint' | 'channel' | 'reason' | 'outcome' | 'interactive' | 'developer' | 'billable';

/** Which sessions to count. Times are session time, epoch ms. */
export interface StatsQuery {
  /** Sessions that ended (for `opened`: began) at this time or later … */
  readonly from: number;
  /** … and before this one. */
  readonly to: number;
  /** One row for each combination of these that there is. @default [], one row for all */
  readonly by?: readonly StatsGroup[] | undefined;
  /** When a day begins: minutes its zone is east of UTC, so 120 for UTC+2. @default 0 */
  readonly offset?: number | undefined;
  /** Only these conversations. @default all */
  readonly keys?: readonly string[] | undefined;
  /** Only this channel. @default all */
  readonly channel?: string | undefined;
  /** Only this endpoint. @default all */
  readonly endpoint?: string | undefined;
  /** `false`: without the sessions of developers; `true`: only those. @default both */
  readonly developer?: boolean | undefined;
}

/** What a row was counted by. A group that was not asked for is absent, and so is the outcome of sessions that have none. */
export interface StatsGroups {
  /** `2026-11-02` */
  readonly day?: string;
  readonly endpoint?: string;
  readonly channel?: string;
  readonly reason?: CloseReason;
  readonly outcome?: string;
  readonly interactive?: boolean;
  readonly developer?: boolean;
  readonly billable?: boolean;
}

/** The smallest value that at least half, nine tenths, 99 hundredths of the sessions do not exceed. Exact, milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** Counts over closed sessions. Those that are still live are not in an archive, and not in here. */
export interface StatsRow {
  readonly group: StatsGroups;
  /** Sessions that began in the period. All other figures are of those that ended in it. */
  readonly opened: number;
  readonly closed: number;
  /** `closed` by reason; those that did not happen are absent. */
  readonly reasons: Readonly<Partial<Record<CloseReason, number>>>;
  readonly interactive: number;
  readonly developer: number;
  readonly billable: number;
  /** Turns whose handler returned. */
  readonly turns: number;
  /** Activities of users that reached the bot. */
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** From start to end; absent where nothing was closed. */
  readonly duration?: Percentiles;
  /** From the end to the save of the close; absent where nothing was closed. */
  readonly lag?: Percentiles;
  /** `closed` by what became of the closing message: `sent`, `off`, `skipped:window`, `failed:30003` … */
  readonly messages: Readonly<Partial<Record<MessageResult, number>>>;
  /** Reply deadlines of agents. */
  readonly deadlines: { readonly met: number; readonly missed: number };
  /** What would be billed, by three ways of counting, over billable sessions. */
  readonly billing: StatsBilling;
}

export interface StatsBilling {
  /** Billable sessions. */
  readonly sessions: number;
  /** Quarters of an hour begun. */
  readonly blocks: number;
  /** Metered spans: a new one after a pause, an hour, or a hundred turns. */
  readonly spans: number;
}

/** Counts sessions that are at hand. */
export function statsOf(sessions: Iterable<ClosedSession>, query: StatsQuery): StatsRow[] {
  const { from, to, by = [], offset = 0, channel, endpoint, developer } = query;
  const keys = query.keys && new Set(query.keys);
  const tallies = new Map<string, Tally>();
  const tally = (one: ClosedSession, at: number): Tally | undefined => {
    if (at < from || at >= to) return undefined;
    const group = groupOf(one, by, dayOf(at, offset));
    const name = JSON.stringify(by.map((each) => group[each] ?? null));
    const known = tallies.get(name) ?? { group, opened: 0, closed: [] };
    tallies.set(name, known);
    return known;
  };
  if (by.length === 0) tallies.set('[]', { group: {}, opened: 0, closed: [] });
  for (const one of sessions) {
    if (keys?.has(one.key) === false) continue;
    if (channel !== undefined && one.channel !== channel) continue;
    if (endpoint !== undefined && one.endpoint !== endpoint) continue;
    if (developer !== undefined && one.developer !== developer) continue;
    const began = tally(one, one.startedAt);
    if (began) began.opened++;
    tally(one, one.endedAt)?.closed.push(one);
  }
  return sorted([...tallies.values()].map(rowOf), by);
}

/** Rows in the order of their groups. */
export function sorted(rows: readonly StatsRow[], by: readonly StatsGroup[]): StatsRow[] {
  return rows.toSorted((one, other) => {
    for (const group of by) {
      const [a, b] = [String(one.group[group] ?? ''), String(other.group[group] ?? '')];
      if (a !== b) return a < b ? -1 : 1;
    }
    return 0;
  });
}

interface Tally {
  readonly group: StatsGroups;
  opened: number;
  readonly closed: ClosedSession[];
}

function groupOf(one: ClosedSession, by: readonly StatsGroup[], day: string): StatsGroups {
  const { outcome } = one;
  const all: StatsGroups = { ...one, ...(outcome === undefined ? {} : { outcome: outcomeLabel(outcome) }), day };
  return Object.fromEntries(by.filter((each) => all[each] !== undefined).map((each) => [each, all[each]]));
}

/** How an outcome counts: by its first 64 characters, since it may be any text. */
export function outcomeLabel(outcome: string): string {
  return [...outcome].slice(0, 64).join('');
}

/** The day of an instant, where days begin `offset` minutes earlier than in UTC. */
function dayOf(at: number, offset: number): string {
  return new Date(at + offset * 60_000).toISOString().slice(0, 10);
}

function rowOf({ group, opened, closed }: Tally): StatsRow {
  const billable = closed.filter((one) => one.billable);
  const sum = (of: readonly ClosedSession[], value: (one: ClosedSession) => number | undefined) =>
    of.reduce((total, one) => total + (value(one) ?? 0), 0);
  const duration = percentiles(closed.map((one) => one.endedAt - one.startedAt));
  const lag = percentiles(closed.map((one) => one.closedAt - one.endedAt));
  return {
    group,
    opened,
    closed: closed.length,
    reasons: tallied(closed.map((one) => one.reason)),
    interactive: closed.filter((one) => one.interactive).length,
    developer: closed.filter((one) => one.developer).length,
    billable: billable.length,
    turns: sum(closed, (one) => one.turns),
    messagesIn: sum(closed, (one) => one.messagesIn),
    messagesOut: sum(closed, (one) => one.messagesOut),
    ...(duration && { duration }),
    ...(lag && { lag }),
    messages: tallied(closed.map((one) => one.message)),
    deadlines: { met: sum(closed, (one) => one.deadlines?.met), missed: sum(closed, (one) => one.deadlines?.missed) },
    billing: {
      sessions: billable.length,
      blocks: sum(billable, (one) => one.billing?.blocks ?? blocksOf(one.startedAt, one.endedAt)),
      spans: sum(billable, (one) => one.billing?.spans),
    },
  };
}

function tallied<Name extends string>(names: readonly Name[]): Partial<Record<Name, number>> {
  const counts = new Map<Name, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries(counts) as Partial<Record<Name, number>>;
}

function percentiles(values: readonly number[]): Percentiles | undefined {
  const ascending = values.toSorted((a, b) => a - b);
  const at = (percent: number) => ascending[Math.ceil((ascending.length * percent) / 100) - 1] ?? 0;
  return ascending.length === 0 ? undefined : { p50: at(50), p90: at(90), p99: at(99) };
}
