import { becauseLive, type Living } from './because.ts';
import { type Owner, ownerOf } from './desk.ts';
import { deskTimers, lastWordAt } from './desk-clock.ts';
import { warningsAhead } from './due.ts';
import { agentRulesFor, deadlineOf, endOf, expirationFor, expirationOf, isExpired, isSuspended, longestFor } from './expiry.ts';
import type { ChangedBy, Level, Policy } from './policy.ts';
import type { SessionState } from './session.ts';

/** The effective expiration. Durations in ms, 0 = never. */
export interface Chosen {
  /** What counts. */
  readonly effectiveMs: number;
  /** The level it came from. */
  readonly level: Level;
  /** Every value that is set, strongest level first, with whether it won. Where a session is live, the values that count for it. */
  readonly inputs: readonly (Changed & { readonly level: Level; readonly ms: number; readonly wins: boolean })[];
  /** The cap, where there is one, and whether it lowered the value. */
  readonly cap?: Changed & { readonly ms: number; readonly from: string; readonly applied: boolean };
}

/** Why a session ended when it did: what its close keeps of an explanation. Durations in ms, 0 = never. */
export interface Why extends Chosen {
  /** The user's last activity, epoch ms: the silence began here. */
  readonly lastActivityAt: number;
  /** How much longer a closing hook let it wait. */
  readonly extendedMs?: number;
  /** The longest that a session may last, where there is a limit. */
  readonly maxDurationMs?: number;
  /** The last message of either side, where people timed the session: then only a cap goes by silence. */
  readonly lastWordAt?: number;
  /** The agent's last message, and how long after it the session ends; where that runs. */
  readonly answeredAt?: number;
  readonly closeAfterMs?: number;
  /** Settings that changed while it was live, and what they said before. */
  readonly change?: { readonly at: number; readonly apply: 'live' | 'nextSession'; readonly beforeMs: number };
}

/** Why a session lives as long as it does: plain data for a screen, a log line or a support ticket. Durations in ms, 0 = never. */
export interface Explanation extends Chosen {
  /** Who answers in the live session; absent where there is none. */
  readonly owner?: Owner;
  /** The desk that has it, and the agent; absent while the bot answers, or nobody has been found. */
  readonly desk?: string;
  readonly agent?: string;
  /** Who gave it to them from outside the conversation, where that was said. */
  readonly givenBy?: string;
  /** Whose silence is being timed: the user's, an agent's who owes an answer, the customer's after it. `nobody`: no live session. */
  readonly clock: 'user' | 'agent' | 'customer' | 'nobody';
  readonly session?: {
    readonly id: string;
    readonly startedAt: number;
    readonly lastActivityAt: number;
    /** Epoch ms; absent: never. */
    readonly deadline?: number;
    readonly expired: boolean;
  };
  /** What will happen next, earliest first. */
  readonly timers: readonly { readonly what: Timer; readonly at: number }[];
  /** The same in plain sentences; times are UTC. */
  readonly because: readonly string[];
}

/** Of a value that was changed while running: who did, and when (session time, epoch ms). */
export interface Changed {
  readonly changedBy?: string;
  readonly changedAt?: number;
}

type Timer = 'warns' | 'expires' | 'max_duration' | 'agent_inactivity' | ReturnType<typeof deskTimers>[number]['what'];

export function explain(session: SessionState | undefined, policy: Policy, now: number): Explanation {
  const deadline = session === undefined ? Number.POSITIVE_INFINITY : deadlineOf(session, policy);
  const expired = session !== undefined && isExpired(session, policy, now);
  const from = chosen(policy, session);
  return {
    ...from,
    ...(session === undefined || expired ? {} : { owner: ownerOf(session), ...peopleOf(session) }),
    clock: session === undefined || expired ? 'nobody' : clockOf(session, policy),
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
    because: becauseLive(from, session && { ...livingOf(session, policy), deadline, expired }),
  };
}

function livingOf(session: SessionState, policy: Policy): Omit<Living, 'deadline' | 'expired'> {
  const { startedAt, handover } = session;
  return {
    why: whyOf(session, policy),
    startedAt,
    longest: longestFor(session, policy).at,
    owner: ownerOf(session),
    clock: clockOf(session, policy),
    ...peopleOf(session),
    ...(handover?.wait === undefined ? {} : { waitsSince: handover.wait.since }),
  };
}

function peopleOf({ handover }: SessionState): Pick<Explanation, 'desk' | 'agent' | 'givenBy'> {
  if (handover === undefined) return {};
  const { desk, agent, givenBy } = handover;
  return { desk, ...(agent === undefined ? {} : { agent }), ...(givenBy === undefined ? {} : { givenBy }) };
}

function clockOf(session: SessionState, policy: Policy): Explanation['clock'] {
  if (!isSuspended(session, policy)) return 'user';
  return session.handover?.wait === undefined ? 'customer' : 'agent';
}

/** The effective expiration, and what it was chosen from. */
function chosen(policy: Policy, session: SessionState | undefined): Chosen {
  const expiration = session === undefined ? policy.expiration : expirationFor(session, policy);
  const { changed = {} } = expiration;
  const { ms, level, capped } = expirationOf(expiration, session?.expiresAfterMs);
  const levels =
    session?.expiresAfterMs === undefined
      ? expiration.levels
      : [{ level: 'session' as const, ms: session.expiresAfterMs }, ...expiration.levels];
  return {
    effectiveMs: ms,
    level,
    inputs: levels.map((one) => ({
      ...one,
      wins: one.level === level && !capped,
      ...(one.level === 'endpoint' || one.level === 'organization' ? whoAndWhen(changed[one.level]) : {}),
    })),
    ...(expiration.capMs > 0 && expiration.capFrom
      ? { cap: { ms: expiration.capMs, from: expiration.capFrom, applied: capped, ...whoAndWhen(changed.cap) } }
      : {}),
  };
}

/** What led to the end of a session whose time is over. */
export function whyOf(session: SessionState, policy: Policy): Why {
  const { change } = policy;
  const { ms: maxDurationMs } = longestFor(session, policy);
  const changed = change !== undefined && (change.apply === 'live' ? session.lastActivityAt : session.startedAt) < change.at;
  return {
    ...chosen(policy, session),
    lastActivityAt: session.lastActivityAt,
    ...(session.extendedMs === undefined ? {} : { extendedMs: session.extendedMs }),
    ...(maxDurationMs > 0 ? { maxDurationMs } : {}),
    ...(isSuspended(session, policy) ? silenceOf(session, policy) : {}),
    ...(changed
      ? {
          change: {
            at: change.at,
            apply: change.apply,
            beforeMs: expirationOf(change.before.expiration, session.expiresAfterMs).ms,
          },
        }
      : {}),
  };
}

/** By what people's own clocks go. */
function silenceOf(session: SessionState, policy: Policy): Pick<Why, 'lastWordAt' | 'answeredAt' | 'closeAfterMs'> {
  const { closeAfterMs } = agentRulesFor(session, policy);
  const answeredAt = session.handover?.answeredAt;
  const runs = answeredAt !== undefined && closeAfterMs > 0;
  return { lastWordAt: lastWordAt(session), ...(runs ? { answeredAt, closeAfterMs } : {}) };
}

function whoAndWhen(changed: ChangedBy | undefined): Changed {
  return changed === undefined ? {} : { changedBy: changed.by, changedAt: changed.at };
}

/** The warnings still to come, what happens at the desk, and the end. */
function timersOf(session: SessionState, policy: Policy): Explanation['timers'] {
  const { at, reason } = endOf(session, policy);
  const atDesk = deskTimers(session, agentRulesFor(session, policy));
  if (!Number.isFinite(at)) return atDesk;
  const warnings = warningsAhead(session, at, policy).map(({ beforeMs }) => ({ what: 'warns' as const, at: at - beforeMs }));
  const end = { what: reason === 'inactivity' ? ('expires' as const) : reason, at };
  return [...warnings, ...atDesk, end].sort((a, b) => a.at - b.at);
}
