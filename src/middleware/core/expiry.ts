import type { Activity } from './activity.ts';
import { describeMs } from './duration.ts';
import type { Expiration, Level, Policy, PolicyChange } from './policy.ts';
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
  return deadlineUnder(session, policy.expiration, policy.change);
}

function deadlineUnder(session: SessionState, expiration: Expiration, change: PolicyChange | undefined): number {
  const deadline = after(session, expirationOf(expiration, session.expiresAfterMs).ms);
  if (change === undefined) return deadline;
  const began = change.apply === 'nextSession' ? session.startedAt : session.lastActivityAt;
  if (began >= change.at) return deadline;
  const before = deadlineUnder(session, change.before, change.earlier);
  if (change.apply === 'nextSession') return before;
  return before <= change.at ? Math.min(before, deadline) : Math.max(deadline, Math.min(before, change.at + graceMs));
}

/** How long a session that a change of settings makes overdue still lives. */
const graceMs = 60_000;

function after(session: SessionState, ms: number): number {
  return ms === 0 ? Number.POSITIVE_INFINITY : session.lastActivityAt + ms + (session.extendedMs ?? 0);
}

/** When and why the session ends if nobody does anything. */
export function endOf(
  session: SessionState,
  policy: Policy,
): { readonly at: number; readonly reason: 'inactivity' | 'max_duration' } {
  const { maxDurationMs } = policy.closing;
  const longest = maxDurationMs === 0 ? Number.POSITIVE_INFINITY : session.startedAt + maxDurationMs;
  const deadline = deadlineOf(session, policy);
  return longest < deadline ? { at: longest, reason: 'max_duration' } : { at: deadline, reason: 'inactivity' };
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
