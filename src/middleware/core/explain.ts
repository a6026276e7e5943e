import { warningsAhead } from './due.ts';
import { deadlineOf, endOf, expirationOf, isExpired } from './expiry.ts';
import type { Level, Policy } from './policy.ts';
import type { SessionState } from './session.ts';

/** Why a session lives as long as it does: plain data for a screen, a log line or a support ticket. Durations in ms, 0 = never. */
export interface Explanation {
  /** What counts. */
  readonly effectiveMs: number;
  /** The level it came from. */
  readonly level: Level;
  /** Every value that is set, strongest level first, with whether it won. */
  readonly inputs: readonly { readonly level: Level; readonly ms: number; readonly wins: boolean }[];
  /** The cap, where there is one, and whether it lowered the value. */
  readonly cap?: { readonly ms: number; readonly from: string; readonly applied: boolean };
  /** Whose silence is being timed. `nobody`: no live session. */
  readonly clock: 'user' | 'nobody';
  readonly session?: {
    readonly id: string;
    readonly startedAt: number;
    readonly lastActivityAt: number;
    /** Epoch ms; absent: never. */
    readonly deadline?: number;
    readonly expired: boolean;
  };
  /** What will happen next, earliest first. */
  readonly timers: readonly { readonly what: 'warns' | 'expires' | 'max_duration'; readonly at: number }[];
}

export function explain(session: SessionState | undefined, policy: Policy, now: number): Explanation {
  const { expiration } = policy;
  const { ms, level, capped } = expirationOf(expiration, session?.expiresAfterMs);
  const levels =
    session?.expiresAfterMs === undefined
      ? expiration.levels
      : [{ level: 'session' as const, ms: session.expiresAfterMs }, ...expiration.levels];
  const deadline = session === undefined ? Number.POSITIVE_INFINITY : deadlineOf(session, policy);
  const expired = session !== undefined && isExpired(session, policy, now);
  return {
    effectiveMs: ms,
    level,
    inputs: levels.map((one) => ({ ...one, wins: one.level === level && !capped })),
    ...(expiration.capMs > 0 && expiration.capFrom
      ? { cap: { ms: expiration.capMs, from: expiration.capFrom, applied: capped } }
      : {}),
    clock: session === undefined || expired ? 'nobody' : 'user',
    ...(session === undefined
      ? {}
      : {
          session: {
            id: session.id,
            startedAt: session.startedAt,
            lastActivityAt: session.lastActivityAt,
            ...(Number.isFinite(deadline) ? { deadline } : {}),
            expired,
          },
        }),
    timers: session === undefined || expired ? [] : timersOf(session, policy),
  };
}

/** The warnings still to come, then the end. */
function timersOf(session: SessionState, policy: Policy): Explanation['timers'] {
  const { at, reason } = endOf(session, policy);
  if (!Number.isFinite(at)) return [];
  const warnings = warningsAhead(session, at, policy).map(({ beforeMs }) => ({ what: 'warns' as const, at: at - beforeMs }));
  return [...warnings, { what: reason === 'inactivity' ? 'expires' : reason, at }];
}
