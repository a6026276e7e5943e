import type { Conversation } from './activity.ts';
import { isTimed } from './because.ts';
import { blocksOf } from './billing.ts';
import type { Closing, MessageResult } from './closing.ts';
import { toldOfAgents } from './desk.ts';
import type { Closed, CloseEffect, Effect, SessionEvent } from './effect.ts';
import { agentRulesFor } from './expiry.ts';
import { whyOf } from './explain.ts';
import type { Fresh } from './happening.ts';
import type { Policy } from './policy.ts';
import { nothingSeen, type Seen } from './seen.ts';
import { type Birth, type CloseReason, type EndedSession, newSession, type SessionState, type StartReason } from './session.ts';
import { keptVariables, type Variables, withoutProfile } from './variables.ts';

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
  /** What still has to happen after closes that are saved; absent for nothing. */
  readonly outbox?: readonly Effect[] | undefined;
  /** Messages that were acknowledged and whose turn is not saved yet; absent for none. */
  readonly inbox?: readonly Received[] | undefined;
  /** Fingerprints of messages whose turn lasts, noted by whoever holds the lease; absent once it is saved. */
  readonly running?: readonly string[] | undefined;
  /** What the next session takes over from the one before. */
  readonly carried?: Carried | undefined;
  /** Why the contact cannot be written to: opted out, blocked … */
  readonly unreachable?: string | undefined;
  /** What the user speaks, as the channel last said. */
  readonly locale?: string | undefined;
  /** Counts the texts sent by ourselves, so that variants rotate. */
  readonly said?: number | undefined;
  /** Other names the person was known by; their records are signposts to this one. */
  readonly names?: readonly string[] | undefined;
  /** When the contact was erased, epoch ms: what was written before then brings nothing back. */
  readonly erasedAt?: number | undefined;
  /** Set in a record that is only a signpost: the person has another name now, and this is the key that goes with it. */
  readonly movedTo?: string | undefined;
  /** Where to send later, from another process; the adapter's own JSON, without live tokens. */
  readonly address?: Address | undefined;
}

/** An acknowledged message, kept until its turn is saved. */
export interface Received {
  readonly id: string;
  /** What the adapter makes the delivery of again. */
  readonly kept: unknown;
  readonly arrivedAt: number;
}

/** What can outlive a session by `carryOver`. */
export type Carried = Pick<SessionState, 'data' | 'dialog' | 'tags' | 'sentiment'>;

/** Where a conversation is, and how its adapter reaches it later. JSON, without live tokens. */
export interface Address {
  readonly channel: string;
  readonly endpoint: string;
  readonly conversation?: Conversation | undefined;
  /** The network behind a channel that relays others. */
  readonly via?: string | undefined;
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
    record.movedTo === undefined && record.session === undefined && record.ended === undefined && record.seen === nothingSeen;
  const kept =
    record.outbox !== undefined || record.inbox !== undefined || record.carried !== undefined || record.unreachable !== undefined;
  if (record.erasedAt !== undefined) return false;
  return nothing && !kept && Object.keys(record.variables).length === 0 && Object.keys(record.auth).length === 0;
}

/** A record with the events that tell how it came about. */
export interface Step {
  readonly record: ConversationRecord;
  readonly events: readonly SessionEvent[];
}

/** What a session begins with, that may as well never begin. */
export function born(
  fresh: Fresh,
  policy: Policy,
  user: string | undefined,
  at: number,
): Omit<Birth, 'previous' | 'startReason'> {
  const { id, data, carry, developer = isDeveloper(policy, user) } = fresh;
  return { id, data, carry, developer, at };
}

/** Begins a session in a record that has none, never before the one before it ended. */
export function open(
  record: ConversationRecord,
  birth: Omit<Birth, 'previous' | 'startReason'>,
  now: number,
  startReason?: StartReason,
): Step {
  const previous = record.ended;
  const { carried, ...rest } = record;
  const session = newSession({
    ...birth,
    at: Math.max(birth.at, previous?.endedAt ?? birth.at),
    startReason: startReason ?? startReasonAfter(previous),
    previous,
  });
  return {
    record: { ...rest, session: carried === undefined ? session : withCarried(session, birth.carry?.(carried) ?? carried) },
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
  /** What became of a proactive close's steps; absent where the close happens inside a turn. */
  readonly steps?: Steps | undefined;
  readonly finalisedBy?: 'worker' | undefined;
  /** Who asked for it, where that was said. */
  readonly by?: string | undefined;
}

/** Ends the live session and clears what a close clears. What must follow is in the outbox of the same record. */
export function close(record: ConversationRecord, session: SessionState, how: Close, policy: Policy): Step {
  const { session: _cleared, ...rest } = record;
  // A channel's clock may be ahead of ours; no session ends before it began.
  const endedAt = Math.max(how.endedAt, session.startedAt);
  const ended: EndedSession = { id: session.id, reason: how.reason, endedAt };
  const closed: Closed = {
    type: 'closed',
    at: how.closedAt,
    session: session.id,
    reason: how.reason,
    startedAt: session.startedAt,
    endedAt,
    closedAt: how.closedAt,
    ...(how.reason === 'inactivity' ? { deadline: endedAt } : {}),
    ...(how.steps ?? (session.closing ? stepsOf(session.closing) : { message: 'off' as const })),
    interactive: session.interactive,
    developer: session.developer,
    billable: session.interactive && !session.developer,
    turns: session.turns,
    ...(session.outcome === undefined ? {} : { outcome: session.outcome }),
    messagesIn: session.messagesIn ?? 0,
    messagesOut: session.messagesOut ?? 0,
    billing: { blocks: blocksOf(session.startedAt, endedAt), spans: session.meter?.spans ?? 0 },
    ...(isTimed(how.reason) ? { why: whyOf(session, policy) } : {}),
    ...(how.finalisedBy === undefined ? {} : { finalisedBy: how.finalisedBy }),
    ...(how.by === undefined ? {} : { by: how.by }),
    ...toldOfAgents(session, agentRulesFor(session, policy), endedAt),
  };
  const { handover } = session;
  const who = handover?.agent === undefined ? {} : { agent: handover.agent };
  const over = handover === undefined ? [] : [{ type: 'handed_back' as const, at: how.closedAt, session: session.id, ...who }];
  const onClosing = how.steps === undefined && policy.hooks.onClosing && closed.hook === undefined;
  const onClose = how.steps === undefined && policy.hooks.onClose && closed.script === undefined;
  const due = onClosing || onClose;
  const effect: CloseEffect = {
    id: session.id,
    closed,
    ...(due ? { hooks: { onClosing, onClose, session, variables: record.variables } } : {}),
    ...(session.handover === undefined ? {} : { desk: session.handover.desk }),
  };
  const kept: ConversationRecord = {
    ...rest,
    ended,
    variables: keptVariables(record.variables, how.closedAt, false),
    auth: policy.closing.clearAuthProfiles ? {} : record.auth,
    outbox: [...(record.outbox ?? []), effect],
    ...(how.reason === 'refresh' ? {} : carriedFrom(session, policy.closing.carryOver)),
  };
  return { record: how.reason === 'refresh' ? refreshed(kept, how.closedAt) : kept, events: [...over, closed] };
}

/** What has happened of a close's steps. */
type Steps = Pick<Closed, 'message' | 'messageId' | 'hook' | 'script'>;

/** What a close under way has done when the session is cleared. A message still due was overtaken by the user's own. */
export function stepsOf({ hook, message, messageId, script }: Closing): Steps {
  const result: MessageResult = message === 'due' ? 'skipped:user_returned' : message === 'claimed' ? 'unknown' : message;
  return {
    message: result,
    ...(messageId === undefined ? {} : { messageId }),
    ...(hook === 'done' || hook === 'failed' ? { hook } : {}),
    ...(script === 'done' || script === 'failed' ? { script } : {}),
  };
}

/** What stays for the next session. A function picks from everything, when that session begins. */
function carriedFrom(
  { data, dialog, tags, sentiment }: SessionState,
  what: Policy['closing']['carryOver'],
): { carried?: Carried } {
  if (what === 'none') return {};
  if (what === 'all' || what === 'function')
    return { carried: { data, dialog, tags, ...(sentiment === undefined ? {} : { sentiment }) } };
  const members = Object.entries(typeof data === 'object' && data !== null ? data : {}).filter(([name]) => what.includes(name));
  return { carried: { data: Object.fromEntries(members), dialog: [], tags: { current: [], historic: [] } } };
}

/** What a refresh leaves: contact scope only. Tokens go, too. */
export function refreshed(record: ConversationRecord, now: number): ConversationRecord {
  const { carried: _refreshed, ...rest } = record;
  return { ...rest, variables: keptVariables(record.variables, now, true), auth: {} };
}

/** Members of the carried data take the place of what the new session began with; the others stay. */
function withCarried(session: SessionState, { data, ...carried }: Partial<Carried>): SessionState {
  const both = [session.data, data].every((one) => typeof one === 'object' && one !== null && !Array.isArray(one));
  const merged = both ? { ...(session.data as object), ...(data as object) } : (data ?? session.data);
  return { ...session, ...carried, data: merged };
}

/** Without a message that has had its turn. */
export function withoutReceived(record: ConversationRecord, id: string): ConversationRecord {
  const { inbox = [], ...rest } = record;
  const left = inbox.filter((one) => one.id !== id);
  return left.length === 0 ? rest : { ...rest, inbox: left };
}

/** What is left of an erased contact: fingerprints of what was handled, for as long as the vendor may deliver it again. */
export function tombstone({ seen, erasedAt = 0 }: ConversationRecord, now: number): ConversationRecord {
  return { ...newRecord(), seen, erasedAt: Math.max(erasedAt, now) };
}

/** Without an auth profile, and the variables set with it. */
export function withoutAuth(record: ConversationRecord, profile: string): ConversationRecord {
  const auth = Object.fromEntries(Object.entries(record.auth).filter(([name]) => name !== profile));
  return { ...record, auth, variables: withoutProfile(record.variables, profile) };
}

/** Whether a contact's sessions count as a developer's. */
function isDeveloper(policy: Policy, user: string | undefined): boolean {
  return typeof policy.developer === 'boolean' ? policy.developer : user !== undefined && policy.developer.includes(user);
}

function startReasonAfter(previous: EndedSession | undefined): StartReason {
  if (previous === undefined) return 'first';
  return previous.reason === 'inactivity' ? 'expired' : 'closed';
}
