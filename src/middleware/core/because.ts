import { describeMs } from './duration.ts';
import type { Closed } from './effect.ts';
import type { Changed, Chosen, Explanation, Why } from './explain.ts';

/** What the sentences about a live session are made of. */
export interface Living extends Pick<Explanation, 'owner' | 'agent' | 'clock'> {
  readonly why: Why;
  readonly startedAt: number;
  /** By inactivity, epoch ms; infinity for never. */
  readonly deadline: number;
  /** By `maxDuration`, the same. */
  readonly longest: number;
  readonly expired: boolean;
  /** Since when the customer waits for an answer, where they do. */
  readonly waitsSince?: number | undefined;
}

/** Why a conversation's session lives as long as it does, in plain sentences. Times are UTC. */
export function becauseLive(chosen: Chosen, living: Living | undefined): string[] {
  if (living === undefined) return [...ofSettings(chosen), 'No session is live; the next one will have this.'];
  const { why, deadline, expired } = living;
  return [
    ...ofSettings(chosen),
    ...(why.lastWordAt === undefined ? ofSilence(why, deadline, 'ends') : ofPeople(why, living)),
    ...ofLength(why, living.startedAt, living.longest),
    ...(expired ? ['Its time is over: whoever comes first, the user or the worker, closes it.'] : []),
    ...(why.lastWordAt === undefined && living.owner !== undefined && living.owner !== 'bot'
      ? ['People answer in it, but none of their timers is on: the user’s silence ends it as ever.']
      : []),
  ];
}

/** Why a session ended when it did, in plain sentences. Times are UTC. */
export function becauseClosed(closed: Omit<Closed, 'type' | 'at'>): string[] {
  const { why, endedAt, closedAt, finalisedBy } = closed;
  const lag = closedAt > endedAt ? [`It was closed at ${instant(closedAt)}, ${describeMs(closedAt - endedAt)} later.`] : [];
  const after = finalisedBy === undefined ? lag : [`Nobody came back: the worker closed it at ${instant(closedAt)}.`];
  const { reason } = closed;
  if (why === undefined || !isTimed(reason)) return [ofDeed(closed), ...after];
  switch (reason) {
    case 'inactivity':
      return [
        ...ofSettings(why),
        ...(why.lastWordAt === undefined ? ofSilence(why, endedAt, 'ended') : [ofCap(why, endedAt, 'ended')]),
        ...after,
      ];
    case 'max_duration':
      return [...ofLength(why, closed.startedAt, endedAt), ...after];
    case 'agent_inactivity':
      return [ofAgentSilence(why, closed.agent), ...ofMore(why, endedAt), `So it ended at ${instant(endedAt)}.`, ...after];
  }
}

type Timed = 'inactivity' | 'max_duration' | 'agent_inactivity';

/** Whether a session that ended so had its time run out: `why` says by what. */
export function isTimed(reason: Closed['reason']): reason is Timed {
  return reason === 'inactivity' || reason === 'max_duration' || reason === 'agent_inactivity';
}

/** Where the expiration comes from, what it goes before, and what caps it. */
function ofSettings({ inputs, cap }: Chosen): string[] {
  const [strongest, ...others] = inputs.map((one) => ({ ...one, says: `${describeMs(one.ms)}${whoAndWhen(one)}` }));
  if (strongest === undefined) return [];
  const { level, says } = strongest;
  const losers = others.map((one) =>
    one.level === 'default' ? `the default of ${one.says}` : `${sources[one.level]}’s ${one.says}`,
  );
  const from =
    level === 'default'
      ? [`No expiration is set: the default is ${says}.`]
      : [`The expiration of ${sources[level]} is ${says}.`, `It goes before ${listed(losers)}.`];
  if (cap === undefined) return from;
  return [...from, `${cap.from} is ${describeMs(cap.ms)}${whoAndWhen(cap)}, and ${cap.applied ? 'caps it' : 'lowers nothing'}.`];
}

const sources = { session: 'the session', endpoint: 'the endpoint', organization: 'the organisation' } as const;

/** The user's silence, from its beginning to the deadline. */
function ofSilence(
  { lastActivityAt, effectiveMs, extendedMs = 0, change }: Why,
  deadline: number,
  ends: 'ends' | 'ended',
): string[] {
  const since = `The user was last active at ${instant(lastActivityAt)}`;
  if (deadline === Number.POSITIVE_INFINITY) return [`${since}; their silence never ends it.`];
  const more = extendedMs > 0 ? [`The closing hook gave it ${describeMs(extendedMs)} more.`] : [];
  const byClock = effectiveMs === 0 ? Number.POSITIVE_INFINITY : lastActivityAt + effectiveMs + extendedMs;
  return [
    `${since}; what counts is ${describeMs(effectiveMs)}.`,
    ...more,
    ...(change === undefined ? [] : ofChange(change, effectiveMs, deadline, byClock)),
    `${ends === 'ended' ? 'So' : 'By their silence'} it ${ends} at ${instant(deadline)}.`,
  ];
}

function ofChange(
  { at, apply, beforeMs }: NonNullable<Why['change']>,
  effectiveMs: number,
  deadline: number,
  byClock: number,
): string[] {
  const when = `Settings were changed at ${instant(at)}`;
  if (apply === 'nextSession') return [`${when}, for sessions that begin later: this one keeps what it began with.`];
  if (deadline <= at) return [`${when}, when it was over already.`];
  if (deadline > byClock)
    return [`${when}, before which ${describeMs(beforeMs)} counted: a change alone ends nothing within a minute.`];
  return beforeMs === effectiveMs ? [] : [`${when}; before, ${describeMs(beforeMs)} counted.`];
}

/** People time the session: what runs, and what does not. */
function ofPeople(why: Why, { agent, clock, waitsSince, deadline }: Living): string[] {
  const waits =
    waitsSince === undefined ? [] : [`The customer has waited for ${agent ?? 'somebody'} since ${instant(waitsSince)}.`];
  return [
    'People own the session, so the user’s silence does not end it.',
    ...waits,
    ...(clock === 'customer' && why.closeAfterMs !== undefined ? [ofAgentSilence(why, agent)] : []),
    ...(why.cap === undefined ? [] : [ofCap(why, deadline, 'ends')]),
  ];
}

function ofCap({ lastWordAt = 0 }: Why, deadline: number, ends: 'ends' | 'ended'): string {
  const since = `the last message of either side at ${instant(lastWordAt)}`;
  return `The cap goes on while people own the session, from ${since}: by it, it ${ends} at ${instant(deadline)}.`;
}

function ofAgentSilence({ answeredAt = 0, closeAfterMs = 0 }: Why, agent = 'an agent'): string {
  return `The last message of ${agent} was at ${instant(answeredAt)}, and agents.closeAfter is ${describeMs(closeAfterMs)}.`;
}

/** Why it took longer than by the clock alone. */
function ofMore({ answeredAt = 0, closeAfterMs = 0 }: Why, endedAt: number): string[] {
  const ms = endedAt - answeredAt - closeAfterMs;
  return ms > 0 ? [`The closing hook, or a change of settings, gave it ${describeMs(ms)} more.`] : [];
}

function ofLength({ maxDurationMs, change }: Why, startedAt: number, until: number): string[] {
  if (maxDurationMs === undefined) return [];
  const isPutOff = change !== undefined && until > startedAt + maxDurationMs;
  return [
    `It began at ${instant(startedAt)}, and maxDuration is ${describeMs(maxDurationMs)}: until ${instant(until)}.`,
    ...(isPutOff ? [`Settings were changed at ${instant(change.at)}: a change alone ends nothing within a minute.`] : []),
  ];
}

/** Somebody ended it, whose time was not over. */
function ofDeed({ reason, by, agent, turns, endedAt }: Omit<Closed, 'type' | 'at'>): string {
  const when = `at ${instant(endedAt)}`;
  const whose = by === undefined ? '' : `, by ${by}`;
  switch (reason) {
    case 'refresh':
      return `The user asked for a refresh ${when}.`;
    case 'user_command':
      return `The user ended it ${when}, by a command or because they left.`;
    case 'bot':
      return `The bot ended it ${when}.`;
    case 'agent':
      return `It was ended at the desk ${when}${whose || (agent === undefined ? '' : `, while ${agent} had it`)}.`;
    case 'admin':
    case 'api':
      return `It was ended from outside the conversation ${when}${whose}.`;
    case 'max_turns':
      return `It had ${turns} turns ${when}, as many as it may have.`;
    case 'erased':
      return `The contact was erased ${when}${whose}.`;
    case 'error':
      return `An error ended it ${when}.`;
    default:
      return `Its time was over ${when}.`;
  }
}

function listed(words: readonly string[]): string {
  return [words.slice(0, -1).join(', '), ...words.slice(-1)].filter((one) => one !== '').join(' and ');
}

function whoAndWhen({ changedBy, changedAt }: Changed): string {
  if (changedBy === undefined || changedAt === undefined) return '';
  return ` (set by ${changedBy} at ${instant(changedAt)})`;
}

/** The last moment that a date can have, epoch ms. */
const lastInstant = 8_640_000_000_000_000;

/** `2026-11-02T10:30:00Z` */
function instant(at: number): string {
  if (Math.abs(at) > lastInstant) return 'the end of all time';
  return new Date(at).toISOString().replace('.000Z', 'Z');
}
