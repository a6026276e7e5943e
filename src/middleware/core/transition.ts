import { type Activity, type CommandName, isInput } from './activity.ts';
import type { Closing } from './closing.ts';
import { commandOf } from './commands.ts';
import {
  type Address,
  type Carried,
  type ConversationRecord,
  close,
  isDeveloper,
  newRecord,
  open,
  refreshed,
  type Step,
  stepsOf,
  withoutAuth,
} from './conversation.ts';
import type { Effect, SessionEvent } from './effect.ts';
import { activityTime, deadlineOf, endOf, lateBy } from './expiry.ts';
import type { Policy } from './policy.ts';
import { hasSeen, withSeen } from './seen.ts';
import { type CloseReason, discarded, type SessionState, touched } from './session.ts';
import { liveVariables } from './variables.ts';

/** What can happen to a conversation. Everything a decision needs comes with it; the core reads no clock and makes no ids. */
export type ConversationEvent =
  | Arrived
  | Returned
  | Failed
  | Started
  | Touched
  | Ended
  | ClosingChanged
  | Extended
  | Cleared
  | WarnedOnce
  | Finalised
  | Delivered
  | ContactChanged;

/** An activity came in. */
export interface Arrived {
  readonly type: 'arrived';
  readonly activity: Activity;
  /** Taken before the activity waited for a lease, epoch ms. */
  readonly arrivedAt: number;
  /** Fingerprint of the activity's id, and of the post it belongs to. */
  readonly id?: string | undefined;
  readonly post?: string | undefined;
  readonly address?: Address | undefined;
  readonly fresh: Fresh;
  /** What the intent classifier says of a message that finds its session expired. Only `same` continues it. */
  readonly returns?: 'same' | 'new' | 'invalid' | undefined;
}

/** What a session would be born with, should one begin. */
export interface Fresh {
  readonly id: string;
  readonly data: unknown;
  /** What the endpoint's own function says of the contact; undefined where it has none. */
  readonly developer?: boolean | undefined;
  /** The endpoint's own function for what to take over from the session before; undefined where it has none. */
  readonly carry?: ((before: Carried) => Partial<Carried>) | undefined;
}

/** The bot's handler returned; applied to the record as the handler left it. */
export interface Returned {
  readonly type: 'returned';
  /** False for a turn that only joined another one (a post that arrives twice, a proactive turn). */
  readonly counts: boolean;
  readonly close?: { readonly reason: CloseReason; readonly at: number } | undefined;
}

/** The bot's handler threw; applied to the record as it was before the handler, or as the handler left it. */
export interface Failed {
  readonly type: 'failed';
  /** The window before the turn: a failed activity is not marked done. */
  readonly seen: ConversationRecord['seen'];
}

/** The bot begins a conversation itself. On a live session it changes nothing. */
export interface Started {
  readonly type: 'started';
  readonly user: string | undefined;
  /** Why, in the bot's words. */
  readonly reason?: string | undefined;
  readonly address?: Address | undefined;
  readonly fresh: Fresh;
}

/** A later message of the bot; moves the clock only while no user has written. */
export interface Touched {
  readonly type: 'touched';
}

/** Somebody ends the session. */
export interface Ended {
  readonly type: 'ended';
  readonly reason: CloseReason;
}

/** A proactive close begins, or has done a step. */
export interface ClosingChanged {
  readonly type: 'closing';
  readonly closing: Closing;
}

/** The closing hook asked for more time; once per idle period. */
export interface Extended {
  readonly type: 'extended';
  readonly byMs: number;
}

/** The last step of a proactive close. */
export interface Cleared {
  readonly type: 'cleared';
}

/** A warning is claimed: it is sent once per idle period, if at all. */
export interface WarnedOnce {
  readonly type: 'warned';
  readonly beforeMs: number;
}

/** Nobody came back to a lazy session. */
export interface Finalised {
  readonly type: 'finalised';
}

/** The contact opted out, blocked the bot or left; or came back. */
export interface ContactChanged {
  readonly type: 'contact';
  /** Why nothing reaches them; undefined: it does again. */
  readonly unreachable: string | undefined;
  /** When that was, epoch ms, where the channel says; a word from before their last activity is out of date. */
  readonly at?: number | undefined;
}

/** Effects that have happened. */
export interface Delivered {
  readonly type: 'delivered';
  readonly ids: readonly string[];
  /** What is left of effects whose hooks have run. */
  readonly left: readonly Effect[];
  /** Auth profiles that a closing script cleared. */
  readonly profiles: readonly string[];
}

export interface Transition {
  readonly record: ConversationRecord;
  /** To be told once the record is saved. */
  readonly events: readonly SessionEvent[];
  readonly verdict: Verdict;
}

/**
 * What the shell does with an activity.
 * - `run`: the bot's handler gets it, in this record's session. `counts` is false where it joins a turn already counted.
 * - `consume`: a command; the handler does not run, the user is told.
 * - `drop`: handled before. `quiet`: a second form of a post whose command was taken; not even an event.
 * - `classify`: whether the user comes back with the same intent must be asked first; nothing has changed yet.
 * - `pass`: no business of a session.
 */
export type Verdict =
  | { readonly do: 'run'; readonly counts: boolean; readonly lateBy: number }
  | { readonly do: 'consume'; readonly command: CommandName }
  | { readonly do: 'drop'; readonly quiet: boolean }
  | { readonly do: 'classify' }
  | { readonly do: 'pass' };

/** What happens next: the new record, what to tell, and what to do with the activity. Pure. */
export function transition(before: ConversationRecord | null, event: ConversationEvent, policy: Policy, now: number): Transition {
  const record = before ?? newRecord();
  switch (event.type) {
    case 'arrived':
      return arrived(record, event, policy, now);
    case 'returned':
      return returned(record, event, policy, now);
    case 'failed':
      return pass({ record: { ...record, seen: event.seen }, events: [] });
    case 'started':
      return started(record, event, policy, now);
    case 'touched':
      return pass(touchedByBot(record, policy, now));
    case 'ended':
      return pass(ended(record, event.reason, policy, now));
    case 'closing':
      return pass(withSession(record, (session) => ({ ...session, closing: event.closing })));
    case 'extended':
      return pass(
        withSession(record, ({ closing: _off, ...session }) => ({
          ...session,
          extendedMs: (session.extendedMs ?? 0) + event.byMs,
        })),
      );
    case 'cleared':
      return pass(cleared(record, policy, now));
    case 'warned':
      return pass(withSession(record, (session) => ({ ...session, warnedMs: event.beforeMs })));
    case 'finalised':
      return pass(finalised(record, policy, now));
    case 'contact':
      return pass(contactChanged(record, event, policy, now));
    case 'delivered':
      return pass({ record: delivered(record, event), events: [] });
  }
}

/** Closes the live session if its time is over, or if a close was cut off in its middle. */
export function expire(record: ConversationRecord, policy: Policy, at: number, now: number): Step {
  const { session } = record;
  if (session === undefined) return { record, events: [] };
  if (session.closing !== undefined) {
    const { reason, endedAt } = session.closing;
    return close(record, session, { reason, endedAt, closedAt: now }, policy);
  }
  const end = endOf(session, policy);
  if (at < end.at) return { record, events: [] };
  return close(record, session, { reason: end.reason, endedAt: end.at, closedAt: now }, policy);
}

function arrived(record: ConversationRecord, event: Arrived, policy: Policy, now: number): Transition {
  const { activity, id, post } = event;
  if (!isInput(activity)) return pass({ record, events: [] });
  const command = commandOf(activity, policy.commands);
  const duplicate = id !== undefined && hasSeen(record.seen, id);
  if (duplicate) {
    const events: SessionEvent[] = [{ type: 'duplicate', at: now, ...sessionId(record) }];
    return { record, events, verdict: { do: 'drop', quiet: false } };
  }
  const marked = mark({ ...record, ...contactOf(event), variables: liveVariables(record.variables, now) }, event, policy);
  if (post !== undefined && hasSeen(record.seen, post)) {
    if (command !== undefined) return { record: marked, events: [], verdict: { do: 'drop', quiet: true } };
    if (record.session !== undefined) return { record: marked, events: [], verdict: { do: 'run', counts: false, lateBy: 0 } };
  }
  const at = activityTime(activity, event.arrivedAt, policy);
  const late = lateBy(activity, event.arrivedAt, policy, record.ended);
  if (command === undefined && mayContinue(record, policy, at)) {
    if (event.returns === undefined) return { record, events: [], verdict: { do: 'classify' } };
    if (event.returns === 'same') return run(continued(marked, policy, now), at, now, late);
  }
  const aged = expire(marked, policy, at, now);
  if (command === 'refresh') return refresh(aged, event, policy, at, now, late);
  if (command !== undefined) return discard(aged, command, policy, at, now);
  return run(inSession(aged, event, policy, at, now), at, now, late);
}

/** What the activity tells of the contact. Whoever writes can be written to again. */
function contactOf({ address, activity }: Arrived): Partial<ConversationRecord> {
  const { locale } = activity;
  return { ...(address ? { address } : {}), ...(locale === undefined ? {} : { locale }), unreachable: undefined };
}

function inSession(aged: Step, event: Arrived, policy: Policy, at: number, now: number): Step {
  if (aged.record.session !== undefined) return aged;
  const opened = open(aged.record, birth(aged.record, event, policy, at), now);
  return { record: opened.record, events: [...aged.events, ...opened.events] };
}

/** Whether the session's time is over but an intent classifier may continue it: lazy sessions, for a while, never beyond the cap. */
function mayContinue({ session }: ConversationRecord, policy: Policy, at: number): boolean {
  if (
    session === undefined ||
    session.closing !== undefined ||
    !policy.hooks.classifyReturn ||
    policy.closing.mode === 'proactive'
  )
    return false;
  const end = endOf(session, policy);
  if (at < end.at || end.reason !== 'inactivity') return false;
  const { capMs } = policy.expiration;
  const { continueWithinMs, maxDurationMs } = policy.closing;
  const limits = [
    capMs === 0 ? Number.POSITIVE_INFINITY : session.lastActivityAt + capMs,
    maxDurationMs === 0 ? Number.POSITIVE_INFINITY : session.startedAt + maxDurationMs,
    continueWithinMs === null ? Number.POSITIVE_INFINITY : end.at + continueWithinMs,
  ];
  return at < Math.min(...limits);
}

function continued(record: ConversationRecord, policy: Policy, now: number): Step {
  const session = record.session as SessionState;
  return { record, events: [{ type: 'resumed', at: now, session: session.id, deadline: deadlineOf(session, policy) }] };
}

/** The user's input reaches the bot in the live session. */
function run({ record, events }: Step, at: number, now: number, late: number): Transition {
  const session = { ...touched(record.session as SessionState, at), interactive: true };
  const told: SessionEvent[] = late > 0 ? [{ type: 'late', at: now, session: session.id, lateBy: late }] : [];
  return { record: { ...record, session }, events: [...events, ...told], verdict: { do: 'run', counts: true, lateBy: late } };
}

/** A new session starts at once, and nothing but contact scope comes along, even where no session was live. */
function refresh(aged: Step, event: Arrived, policy: Policy, at: number, now: number, late: number): Transition {
  const { session } = aged.record;
  const from = session ? Math.max(at, session.lastActivityAt) : at;
  const closed = session
    ? close(aged.record, session, { reason: 'refresh', endedAt: from, closedAt: now }, policy)
    : { record: refreshed(aged.record, now), events: [] };
  const opened = open(closed.record, birth(closed.record, event, policy, from), now, 'refresh');
  const events = [...aged.events, taken('refresh', session, now), ...closed.events, ...opened.events];
  if (event.activity.kind === 'command' && event.activity.content) return run({ record: opened.record, events }, at, now, late);
  return { record: opened.record, events, verdict: { do: 'consume', command: 'refresh' } };
}

function discard(aged: Step, command: Exclude<CommandName, 'refresh'>, policy: Policy, at: number, now: number): Transition {
  const { session } = aged.record;
  const events = [...aged.events, taken(command, session, now)];
  const verdict: Verdict = { do: 'consume', command };
  if (session === undefined) return { record: aged.record, events, verdict };
  if (command === 'discard' && policy.discardEndsSession) {
    const ended = close(
      aged.record,
      session,
      {
        reason: 'user_command',
        endedAt: Math.max(at, session.lastActivityAt),
        closedAt: now,
      },
      policy,
    );
    return { record: ended.record, events: [...events, ...ended.events], verdict };
  }
  return { record: { ...aged.record, session: touched(discarded(session, command), at) }, events, verdict };
}

function taken(command: CommandName, session: SessionState | undefined, now: number): SessionEvent {
  return { type: 'command', at: now, command, ...(session ? { session: session.id } : {}) };
}

function returned(record: ConversationRecord, event: Returned, policy: Policy, now: number): Transition {
  const { session } = record;
  if (session === undefined) return pass({ record, events: [] });
  const counted: SessionState = event.counts ? { ...session, turns: session.turns + 1 } : session;
  const { maxTurns } = policy.closing;
  const full = maxTurns > 0 && counted.turns >= maxTurns ? ({ reason: 'max_turns', at: now } as const) : undefined;
  const how = event.close ?? full;
  if (how === undefined) return pass({ record: { ...record, session: counted }, events: [] });
  return pass(close(record, counted, { reason: how.reason, endedAt: how.at, closedAt: now }, policy));
}

function started(record: ConversationRecord, event: Started, policy: Policy, now: number): Transition {
  const aged = expire(record, policy, now, now);
  if (aged.record.session !== undefined) return pass(aged);
  const kept = event.address ? { ...aged.record, address: event.address } : aged.record;
  const opened = open(
    kept,
    { ...event.fresh, at: now, developer: event.fresh.developer ?? isDeveloper(policy, event.user) },
    now,
    'bot',
  );
  const told =
    event.reason === undefined ? opened.events : opened.events.map((one) => ({ ...one, reason: event.reason }) as SessionEvent);
  return pass({ record: opened.record, events: [...aged.events, ...told] });
}

function touchedByBot(record: ConversationRecord, policy: Policy, now: number): Step {
  const aged = expire(record, policy, now, now);
  const { session } = aged.record;
  if (session === undefined || session.interactive) return aged;
  return { record: { ...aged.record, session: touched(session, now) }, events: aged.events };
}

function ended(record: ConversationRecord, reason: CloseReason, policy: Policy, now: number): Step {
  const aged = expire(record, policy, now, now);
  if (aged.record.session === undefined) return aged;
  return close(aged.record, aged.record.session, { reason, endedAt: now, closedAt: now }, policy);
}

/** Whoever leaves ends their session, without a message. */
function contactChanged(record: ConversationRecord, event: ContactChanged, policy: Policy, now: number): Step {
  const { unreachable, at = now } = event;
  if (record.session !== undefined && at < record.session.lastActivityAt) return { record, events: [] };
  if (unreachable === undefined) {
    const { unreachable: _again, ...rest } = record;
    return { record: rest, events: [] };
  }
  const aged = expire({ ...record, unreachable }, policy, now, now);
  if (aged.record.session === undefined) return aged;
  const how = { reason: 'user_command', endedAt: now, closedAt: now } as const;
  const ended = close(aged.record, aged.record.session, how, policy);
  return { record: ended.record, events: [...aged.events, ...ended.events] };
}

function withSession(record: ConversationRecord, next: (session: SessionState) => SessionState): Step {
  return { record: record.session === undefined ? record : { ...record, session: next(record.session) }, events: [] };
}

function cleared(record: ConversationRecord, policy: Policy, now: number): Step {
  const { session } = record;
  if (session?.closing === undefined) return { record, events: [] };
  const { reason, endedAt } = session.closing;
  return close(record, session, { reason, endedAt, closedAt: now, steps: stepsOf(session.closing) }, policy);
}

function finalised(record: ConversationRecord, policy: Policy, now: number): Step {
  const { session } = record;
  if (session === undefined) return { record, events: [] };
  const { at, reason } = endOf(session, policy);
  return close(record, session, { reason, endedAt: at, closedAt: now, finalisedBy: 'worker' }, policy);
}

function delivered(record: ConversationRecord, { ids, left: changed, profiles }: Delivered): ConversationRecord {
  const { outbox = [], ...rest } = profiles.reduce(withoutAuth, record);
  const left = outbox.filter(({ id }) => !ids.includes(id)).map((effect) => changed.find(({ id }) => id === effect.id) ?? effect);
  return left.length === 0 ? rest : { ...rest, outbox: left };
}

/** What was written before the session before it ended begins a new one at its arrival. */
function birth(record: ConversationRecord, event: Arrived, policy: Policy, at: number) {
  const from = record.ended !== undefined && at < record.ended.endedAt ? event.arrivedAt : at;
  return { ...event.fresh, at: from, developer: event.fresh.developer ?? isDeveloper(policy, event.activity.user) };
}

function mark(record: ConversationRecord, event: Arrived, policy: Policy): ConversationRecord {
  let { seen } = record;
  for (const id of [event.id, event.post]) {
    if (id !== undefined) seen = withSeen(seen, id, event.arrivedAt, policy.channel.redeliversForMs);
  }
  return seen === record.seen ? record : { ...record, seen };
}

function sessionId(record: ConversationRecord): { session?: string } {
  return record.session === undefined ? {} : { session: record.session.id };
}

function pass(step: Step): Transition {
  return { ...step, verdict: { do: 'pass' } };
}
