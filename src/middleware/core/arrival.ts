import { type Activity, type CommandName, isInput } from './activity.ts';
import { commandOf } from './commands.ts';
import { born, type ConversationRecord, close, open, refreshed, type Step } from './conversation.ts';
import { awaiting } from './desk.ts';
import { broughtBack } from './desk-step.ts';
import type { SessionEvent } from './effect.ts';
import { activityTime, deadlineOf, endOf, expirationFor, lateBy, longestFor } from './expiry.ts';
import { type Arrived, pass, type Transition, type Verdict } from './happening.ts';
import { expire } from './lapse.ts';
import type { Policy } from './policy.ts';
import { hasSeen, withSeen } from './seen.ts';
import { discarded, type SessionState, touched } from './session.ts';
import { liveVariables } from './variables.ts';

/** What an activity does to a conversation, and what becomes of it. */
export function arrived(before: ConversationRecord, event: Arrived, policy: Policy, now: number): Transition {
  const { activity, id } = event;
  if (!isInput(activity)) return pass({ record: before, events: [] });
  if (id !== undefined && hasSeen(before.seen, id)) {
    const events: SessionEvent[] = [{ type: 'duplicate', at: now, ...sessionId(before) }];
    return { record: before, events, verdict: { do: 'drop', quiet: false } };
  }
  if (isOfErased(before, event)) return { record: mark(before, event, policy), events: [], verdict: { do: 'drop', quiet: true } };
  const { record, events } = broughtBack(before, policy, now);
  const next = arrivedHere(record, event, policy, now);
  return events.length === 0 ? next : { ...next, events: [...events, ...next.events] };
}

function arrivedHere(record: ConversationRecord, event: Arrived, policy: Policy, now: number): Transition {
  const { activity, post } = event;
  const command = commandIn(record, activity, policy, event.arrivedAt);
  const marked = mark({ ...record, ...contactOf(event), variables: liveVariables(record.variables, now) }, event, policy);
  if (post !== undefined && hasSeen(record.seen, post)) {
    if (command !== undefined || record.session?.handover !== undefined)
      return { record: marked, events: [], verdict: { do: 'drop', quiet: true } };
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

/** While people own the session, discard and discard all are words to them; only a refresh is ours. */
export function commandIn(
  record: ConversationRecord | null,
  activity: Activity,
  policy: Policy,
  arrivedAt: number,
): CommandName | undefined {
  const command = commandOf(activity, policy.commands);
  if (command === undefined || command === 'refresh') return command;
  return isPeoples(record?.session, policy, activityTime(activity, arrivedAt, policy)) ? undefined : command;
}

function isPeoples(session: SessionState | undefined, policy: Policy, at: number): boolean {
  if (session?.handover === undefined || session.handover.elsewhere || session.closing !== undefined) return false;
  return at < endOf(session, policy).at;
}

/** Whether it came, or was written, before its contact was erased. */
function isOfErased({ erasedAt = Number.NEGATIVE_INFINITY }: ConversationRecord, { activity, arrivedAt }: Arrived): boolean {
  const { at = arrivedAt, precision = 1 } = activity;
  return arrivedAt < erasedAt || at + precision - 1 < erasedAt;
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
    session.handover !== undefined ||
    !policy.hooks.classifyReturn ||
    policy.closing.mode === 'proactive'
  )
    return false;
  const end = endOf(session, policy);
  if (at < end.at || end.reason !== 'inactivity') return false;
  const { capMs } = expirationFor(session, policy);
  const { continueWithinMs } = policy.closing;
  const limits = [
    capMs === 0 ? Number.POSITIVE_INFINITY : session.lastActivityAt + capMs,
    longestFor(session, policy).at,
    continueWithinMs === null ? Number.POSITIVE_INFINITY : end.at + continueWithinMs,
  ];
  return at < Math.min(...limits);
}

function continued(record: ConversationRecord, policy: Policy, now: number): Step {
  const session = record.session as SessionState;
  return { record, events: [{ type: 'resumed', at: now, session: session.id, deadline: deadlineOf(session, policy) }] };
}

/** The user's input reaches the bot in the live session, or the desk that owns it. */
function run({ record, events }: Step, at: number, now: number, late: number): Transition {
  const before = record.session as SessionState;
  const session = awaiting({ ...touched(before, at), messagesIn: (before.messagesIn ?? 0) + 1, interactive: true }, at);
  const told: SessionEvent[] = late > 0 ? [{ type: 'late', at: now, session: session.id, lateBy: late }] : [];
  if (session.handover !== undefined) {
    const { agent } = session.handover;
    const wrote = { type: 'customer_wrote', at: now, session: session.id, ...(agent === undefined ? {} : { agent }) } as const;
    return { record: { ...record, session }, events: [...events, ...told, wrote], verdict: { do: 'desk', lateBy: late } };
  }
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
  return born(event.fresh, policy, event.activity.user, from);
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
