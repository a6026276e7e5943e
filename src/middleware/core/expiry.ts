import type { Activity } from './activity.ts';
import type { AgentRules } from './agents.ts';
import { agentSilenceEnds, lastWordAt } from './desk-clock.ts';
import { describeMs } from './duration.ts';
import type { Expiration, Level, Policy, PolicyChange, Timing } from './policy.ts';
import type { EndedSession, SessionState } from './session.ts';

/** The effective expiration: the strongest level that sets one, then the cap. 0 = never, which counts as infinite against the cap. */
export function expirationOf(
  expiration: Expiration,
  overrideMs?: number | undefined,
): { ms: number; level: Level; capped: boolean } {
  const strongest = overrideMs === undefined ? expiration.levels[0] : { level: 'session' as const, ms: overrideMs };
  const { level, ms } = strongest ?? { level: 'default' as const, ms: 0 };
  const { capMs } = expiration;
  if (capMs > 0 && (ms === 0 || ms > capMs)) return { ms: capMs, level, capped: true };
  return { ms, level, capped: false };
}

/** The effective expiration for people: `30 min (endpoint, capped by organization.maxExpiration)`. */
export function describeExpiration(expiration: Expiration, overrideMs?: number | undefined): string {
  const { ms, level, capped } = expirationOf(expiration, overrideMs);
  return `${describeMs(ms)} (${level}${capped ? `, capped by ${expiration.capFrom}` : ''})`;
}

/**
 * When the session expires by inactivity, epoch ms; infinity for never. Never stored: it follows from state and current policy.
 * Where settings changed while it was idle, the change alone ends no session within its first minute, and revives none that was over.
 */
export function deadlineOf(session: SessionState, policy: Policy): number {
  return gently(session, changing(policy), idle).at;
}

/** The expiration that counts for a live session: under `nextSession` the one it began with, whatever has changed since. */
export function expirationFor(session: SessionState, policy: Policy): Expiration {
  return gently(session, changing(policy), idle).timing.expiration;
}

/** Whether people own the session and time it by their own clocks: then the user's silence ends nothing, but for a cap. */
export function isSuspended(session: SessionState, policy: Policy): boolean {
  return isHeld(session, timingOf(session, changing(policy)));
}

/** The rules of people's timers for a session that may have begun before they changed. */
export function agentRulesFor(session: SessionState, policy: Policy): AgentRules {
  return timingOf(session, changing(policy)).agents;
}

interface Changing extends Timing {
  readonly change?: PolicyChange | undefined;
}

function changing({ expiration, agents, closing, change }: Policy): Changing {
  return { expiration, agents, maxDurationMs: closing.maxDurationMs, change };
}

/** A clock that ends sessions: when it began to run, and when it runs out. */
type SessionClock = (session: SessionState, timing: Timing) => { readonly from: number; readonly at: number };

/** The user's silence; while people time the session, the silence of both, and only against a cap. */
const idle: SessionClock = (session, timing) => {
  const { capMs } = timing.expiration;
  if (isHeld(session, timing)) return { from: lastWordAt(session), at: after(lastWordAt(session), capMs) };
  const { ms } = expirationOf(timing.expiration, session.expiresAfterMs);
  return { from: session.lastActivityAt, at: after(session.lastActivityAt, ms) + (session.extendedMs ?? 0) };
};

/** An agent's silence after their last word. */
const agentSilence: SessionClock = (session, timing) => ({
  from: session.handover?.answeredAt ?? 0,
  at: isHeld(session, timing) ? agentSilenceEnds(session, timing.agents) : Number.POSITIVE_INFINITY,
});

/** However lively it is. */
const longest: SessionClock = ({ startedAt }, { maxDurationMs }) => ({ from: startedAt, at: after(startedAt, maxDurationMs) });

function isHeld({ handover }: SessionState, { agents }: Timing): boolean {
  return handover !== undefined && agents.on;
}

/** A change for the next session leaves those that were live with what they began with. */
function timingOf(session: SessionState, timing: Changing): Timing {
  const { change } = timing;
  if (change === undefined) return timing;
  if (isSameRules(change.before.agents, timing.agents)) return timingOf(session, { ...timing, change: change.earlier });
  if (change.apply !== 'nextSession' || session.startedAt >= change.at) return timing;
  return timingOf(session, { ...change.before, change: change.earlier });
}

/** The same settings give the same calendar. */
export function isSameRules(one: AgentRules, other: AgentRules): boolean {
  return one.calendar === other.calendar && JSON.stringify(one) === JSON.stringify(other);
}

/**
 * When a clock runs out, and by which timing. A session that was over when the timing changed ended when it was over; one that the
 * change alone ends lives for another minute.
 */
function gently(session: SessionState, timing: Changing, clock: SessionClock): { readonly at: number; readonly timing: Timing } {
  const { change } = timing;
  const { from, at } = clock(session, timing);
  if (change === undefined) return { at, timing };
  // What was changed then is not what this clock goes by.
  if (clock(session, change.before).at === at) return gently(session, { ...timing, change: change.earlier }, clock);
  const keeps = change.apply === 'nextSession';
  if ((keeps ? session.startedAt : from) >= change.at) return { at, timing };
  const before = gently(session, { ...change.before, change: change.earlier }, clock);
  if (keeps || before.at <= change.at) return before;
  return { at: Math.max(at, Math.min(before.at, change.at + graceMs)), timing };
}

/** How long a session that a change of settings makes overdue still lives. */
export const graceMs = 60_000;

function after(from: number, ms: number): number {
  return ms === 0 ? Number.POSITIVE_INFINITY : from + ms;
}

/** How long a session may last, milliseconds, 0 for no limit; and until when that is, epoch ms, infinity for no limit. */
export function longestFor(session: SessionState, policy: Policy): { readonly ms: number; readonly at: number } {
  const { at, timing } = gently(session, changing(policy), longest);
  return { ms: timing.maxDurationMs, at };
}

/** When and why the session ends if nobody does anything. */
export function endOf(
  session: SessionState,
  policy: Policy,
): { readonly at: number; readonly reason: 'inactivity' | 'agent_inactivity' | 'max_duration' } {
  const timing = changing(policy);
  const latest = gently(session, timing, longest).at;
  const deadline = gently(session, timing, idle).at;
  const silence = gently(session, timing, agentSilence).at;
  if (silence < Math.min(deadline, latest)) return { at: silence, reason: 'agent_inactivity' };
  return latest < deadline ? { at: latest, reason: 'max_duration' } : { at: deadline, reason: 'inactivity' };
}

/** The one test for lazy and proactive closing alike. */
export function isExpired(session: SessionState, policy: Policy, now: number): boolean {
  return now >= endOf(session, policy).at;
}

/** Channel time further in the future than this is not believed. */
const believedAheadMs = 2 * 60_000;

/**
 * The time an activity counts as: channel time where it is believable, else its arrival.
 * A stamp coarser than a millisecond stands for its whole span, so an arrival inside that span is the better time.
 */
export function activityTime(activity: Activity, arrivedAt: number, policy: Policy): number {
  const { at, precision = 1 } = activity;
  if (at === undefined || !Number.isFinite(at)) return arrivedAt;
  if (arrivedAt >= at && arrivedAt < at + precision) return arrivedAt;
  return at >= arrivedAt - policy.lateAfterMs && at <= arrivedAt + believedAheadMs ? at : arrivedAt;
}

/** By how many milliseconds an activity is late: older than `lateAfter` at its arrival, or written before the last close. 0: not late. */
export function lateBy(activity: Activity, arrivedAt: number, policy: Policy, ended: EndedSession | undefined): number {
  const { at, precision = 1 } = activity;
  if (at === undefined || !Number.isFinite(at)) return 0;
  const stale = at < arrivedAt - policy.lateAfterMs || (ended !== undefined && at + precision - 1 < ended.endedAt);
  return stale ? Math.max(0, arrivedAt - at) : 0;
}
