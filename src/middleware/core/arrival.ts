import { type CommandName, isInput } from './activity.ts';
import { commandOf } from './commands.ts';
import { type ConversationRecord, close, isDeveloper, open, refreshed, type Step } from './conversation.ts';
import type { SessionEvent } from './effect.ts';
import { activityTime, deadlineOf, endOf, lateBy } from './expiry.ts';
import { type Arrived, pass, type Transition, type Verdict } from './happening.ts';
import { expire } from './lapse.ts';
import type { Policy } from './policy.ts';
import { hasSeen, withSeen } from './seen.ts';
import { discarded, type SessionState, touched } from './session.ts';
import { liveVariables } from './variables.ts';

/** What an activity does to a conversation, and what becomes of it. */
export function arrived(record: ConversationRecord, event: Arrived, policy: Policy, now: number): Transition {
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
