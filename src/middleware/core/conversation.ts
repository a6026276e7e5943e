import type { Conversation } from './activity.ts';
import type { SessionEvent } from './effect.ts';
import type { Policy } from './policy.ts';
import { nothingSeen, type Seen } from './seen.ts';
import { type Birth, type CloseReason, type EndedSession, newSession, type SessionState, type StartReason } from './session.ts';
import { keptVariables, type Variables } from './variables.ts';

/** Everything kept about one conversation: the unit of storage. Plain data, never changed in place. */
export interface ConversationRecord {
  /** Format of the record; a reader that does not know it must refuse it. */
  readonly v: 1;
  /** The live session. An overdue one stays here until somebody closes it. */
  readonly session?: SessionState | undefined;
  /** The session before. */
  readonly ended?: EndedSession | undefined;
  readonly variables: Variables;
  /** Tokens by auth profile; they outlive a close, not a refresh. */
  readonly auth: Readonly<Record<string, unknown>>;
  readonly seen: Seen;
  /** Set in a record that is only a signpost: the person has another name now, and this is the key that goes with it. */
  readonly movedTo?: string | undefined;
  /** Where to send later, from another process; the adapter's own JSON, without live tokens. */
  readonly address?: Address | undefined;
}

/** Where a conversation is, and how its adapter reaches it later. JSON, without live tokens. */
export interface Address {
  readonly channel: string;
  readonly endpoint: string;
  readonly conversation?: Conversation | undefined;
  readonly user?: string | undefined;
  /** The adapter's own part. */
  readonly to?: Readonly<Record<string, unknown>> | undefined;
}

export const recordVersion = 1;

export function newRecord(): ConversationRecord {
  return { v: recordVersion, variables: {}, auth: {}, seen: nothingSeen };
}

/** Whether a record says nothing that a missing one would not. */
export function isEmpty(record: ConversationRecord): boolean {
  const nothing =
    record.movedTo === undefined && record.session === undefined && record.ended === undefined && record.seen.ids.length === 0;
  return nothing && Object.keys(record.variables).length === 0 && Object.keys(record.auth).length === 0;
}

/** A record with the events that tell how it came about. */
export interface Step {
  readonly record: ConversationRecord;
  readonly events: readonly SessionEvent[];
}

/** Begins a session in a record that has none, never before the one before it ended. */
export function open(
  record: ConversationRecord,
  birth: Omit<Birth, 'previous' | 'startReason'>,
  now: number,
  startReason?: StartReason,
): Step {
  const previous = record.ended;
  const session = newSession({
    ...birth,
    at: Math.max(birth.at, previous?.endedAt ?? birth.at),
    startReason: startReason ?? startReasonAfter(previous),
    previous,
  });
  return {
    record: { ...record, session },
    events: [
      {
        type: 'opened',
        at: now,
        session: session.id,
        startReason: session.startReason,
        ...(previous ? { previous: previous.id } : {}),
      },
    ],
  };
}

export interface Close {
  readonly reason: CloseReason;
  readonly endedAt: number;
  /** When the close is saved. */
  readonly closedAt: number;
}

/** Ends the live session and clears what a close clears. */
export function close(record: ConversationRecord, session: SessionState, how: Close): Step {
  const { session: _cleared, ...rest } = record;
  // A channel's clock may be ahead of ours; no session ends before it began.
  const endedAt = Math.max(how.endedAt, session.startedAt);
  const ended: EndedSession = { id: session.id, reason: how.reason, endedAt };
  const kept = { ...rest, ended, variables: keptVariables(record.variables, how.closedAt, false) };
  return {
    record: how.reason === 'refresh' ? refreshed(kept, how.closedAt) : kept,
    events: [
      {
        type: 'closed',
        at: how.closedAt,
        session: session.id,
        reason: how.reason,
        startedAt: session.startedAt,
        endedAt,
        closedAt: how.closedAt,
        ...(how.reason === 'inactivity' ? { deadline: endedAt } : {}),
        message: 'off',
        interactive: session.interactive,
        developer: session.developer,
        billable: session.interactive && !session.developer,
        turns: session.turns,
        ...(session.outcome === undefined ? {} : { outcome: session.outcome }),
      },
    ],
  };
}

/** What a refresh leaves: contact scope only. Tokens go, too. */
export function refreshed(record: ConversationRecord, now: number): ConversationRecord {
  return { ...record, variables: keptVariables(record.variables, now, true), auth: {} };
}

/** Whether a contact's sessions count as a developer's. */
export function isDeveloper(policy: Policy, user: string | undefined): boolean {
  return typeof policy.developer === 'boolean' ? policy.developer : user !== undefined && policy.developer.includes(user);
}

function startReasonAfter(previous: EndedSession | undefined): StartReason {
  if (previous === undefined) return 'first';
  return previous.reason === 'inactivity' ? 'expired' : 'closed';
}
