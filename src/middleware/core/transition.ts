import { arrived } from './arrival.ts';
import { metered } from './billing.ts';
import {
  born,
  type ConversationRecord,
  close,
  newRecord,
  open,
  type Step,
  stepsOf,
  tombstone,
  withoutAuth,
} from './conversation.ts';
import { changedAtDesk } from './desk-step.ts';
import type { SessionEvent } from './effect.ts';
import { endOf } from './expiry.ts';
import {
  type ContactChanged,
  type ConversationEvent,
  type Delivered,
  type Ended,
  type Erased,
  pass,
  type Returned,
  type Started,
  type Transition,
} from './happening.ts';
import { expire } from './lapse.ts';
import type { Policy } from './policy.ts';
import { type SessionState, touched } from './session.ts';

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
      return pass(ended(record, event, policy, now));
    case 'closing':
      return pass(withSession(record, (session) => ({ ...session, closing: event.closing })));
    case 'extended':
      return pass(withSession(record, (session) => extended(session, event.byMs)));
    case 'cleared':
      return pass(cleared(record, policy, now));
    case 'warned':
      return pass(withSession(record, (session) => ({ ...session, warnedMs: event.beforeMs })));
    case 'finalised':
      return pass(finalised(record, policy, now));
    case 'contact':
      return pass(contactChanged(record, event, policy, now));
    case 'erased':
      return pass(erased(record, event, policy, now));
    case 'desk':
      return pass(changedAtDesk(record, event, policy, now));
    case 'delivered':
      return pass({ record: delivered(record, event), events: [] });
  }
}

function returned(record: ConversationRecord, event: Returned, policy: Policy, now: number): Transition {
  const { session } = record;
  if (session === undefined) return pass({ record, events: [] });
  const counted: SessionState = event.counts
    ? { ...session, turns: session.turns + 1, meter: metered(session.meter, session.lastActivityAt) }
    : session;
  const { maxTurns } = policy.closing;
  const full = maxTurns > 0 && counted.turns >= maxTurns ? ({ reason: 'max_turns', at: now } as const) : undefined;
  const how = event.close ?? full;
  if (how === undefined) return pass({ record: { ...record, session: counted }, events: [] });
  return pass(close(record, counted, { ...how, endedAt: how.at, closedAt: now }, policy));
}

function started(record: ConversationRecord, event: Started, policy: Policy, now: number): Transition {
  const aged = expire(record, policy, now, now);
  if (aged.record.session !== undefined) return pass(aged);
  const kept = event.address ? { ...aged.record, address: event.address } : aged.record;
  const opened = open(kept, born(event.fresh, policy, event.user, now), now, 'bot');
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

function ended(record: ConversationRecord, { reason, by }: Ended, policy: Policy, now: number): Step {
  const aged = expire(record, policy, now, now);
  if (aged.record.session === undefined) return aged;
  return close(aged.record, aged.record.session, { reason, by, endedAt: now, closedAt: now }, policy);
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

/** The close is told, and nothing else follows it. */
function erased(record: ConversationRecord, { at, by }: Erased, policy: Policy, now: number): Step {
  if (record.erasedAt !== undefined && record.erasedAt >= at) return { record, events: [] };
  const { session } = record;
  const closed = session && close(record, session, { reason: 'erased', by, endedAt: now, closedAt: now }, policy);
  return { record: tombstone(record, at), events: closed?.events ?? [] };
}

function withSession(record: ConversationRecord, next: (session: SessionState) => SessionState): Step {
  return { record: record.session === undefined ? record : { ...record, session: next(record.session) }, events: [] };
}

/** Whoever's silence was about to end the session has more time. */
function extended({ closing, ...session }: SessionState, byMs: number): SessionState {
  const { handover } = session;
  if (closing?.reason !== 'agent_inactivity' || handover === undefined) {
    return { ...session, extendedMs: (session.extendedMs ?? 0) + byMs };
  }
  return { ...session, handover: { ...handover, extendedMs: (handover.extendedMs ?? 0) + byMs } };
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
