import { type Closing, leavesOut, type MessageResult, resumed } from './closing.ts';
import type { ConversationRecord, Received } from './conversation.ts';
import { type DeskDue, deskDue, deskTimers } from './desk-clock.ts';
import { describeMs } from './duration.ts';
import { decidedAt, type Effect } from './effect.ts';
import { agentRulesFor, endOf, expirationOf, isSuspended } from './expiry.ts';
import type { Policy } from './policy.ts';
import { lastSeenAt } from './seen.ts';
import type { SessionState } from './session.ts';

/**
 * What somebody must do with a record now, without a message from its user.
 * - `replay`: a message was acknowledged, and its process died before its turn was saved.
 * - `deliver`: effects of a close that is saved are still in the outbox.
 * - `warn`: a warning before the deadline is due.
 * - `assign`, `escalate`, `warn_agent`, `miss`: a person is to be found, or is late.
 * - `close`: the session's time is over, or a close was cut off in its middle; this is the close with its next step.
 * - `finalise`: nobody came back to a lazy session.
 * - `forget`: nothing in the record can matter any more.
 */
export type Due =
  | { readonly do: 'nothing' }
  | { readonly do: 'replay' }
  | { readonly do: 'deliver' }
  | { readonly do: 'warn'; readonly beforeMs: number; readonly step: number }
  | { readonly do: 'close'; readonly closing: Closing }
  | { readonly do: 'finalise' }
  | { readonly do: 'forget' }
  | DeskDue;

export function dueOf(record: ConversationRecord, policy: Policy, now: number): Due {
  const { session, inbox, outbox } = record;
  if (inbox !== undefined && now >= replayAt(inbox)) return { do: 'replay' };
  // What the user has written and nobody has handled yet keeps the session alive.
  const waits = inbox !== undefined;
  const first: Due = session === undefined || waits ? { do: 'nothing' } : sessionDue(record, session, policy, now);
  // What an outbox cannot get rid of holds up no session.
  if (first.do !== 'nothing') return first;
  if (outbox !== undefined) return now >= leftAt(outbox) ? { do: 'deliver' } : first;
  if (session !== undefined || waits) return first;
  return now >= (forgetAt(record, policy) ?? Number.POSITIVE_INFINITY) ? { do: 'forget' } : first;
}

function sessionDue(record: ConversationRecord, session: SessionState, policy: Policy, now: number): Due {
  const { closing } = session;
  if (closing !== undefined) {
    if (closing.retryAt !== undefined && now < closing.retryAt) return { do: 'nothing' };
    const refusal = mayWrite(record, session, policy, now, closing.endedAt, messageAt(closing.reason));
    return { do: 'close', closing: resumed(closing, policy.channel.idempotentSend, refusal) };
  }
  const end = endOf(session, policy);
  if (now >= end.at) {
    if (isProactive(end.reason, policy)) return { do: 'close', closing: closingOf(record, session, end, policy, now) };
    return now >= end.at + patienceMs(session, policy) ? { do: 'finalise' } : { do: 'nothing' };
  }
  return deskDue(session, agentRulesFor(session, policy), now) ?? warningDue(session, end.at, policy, now) ?? { do: 'nothing' };
}

/** An agent's silence is timed by somebody; a user's only where sessions close proactively. */
function isProactive(reason: Closing['reason'], policy: Policy): boolean {
  return reason === 'agent_inactivity' || policy.closing.mode === 'proactive';
}

/** When somebody must look at a record again, epoch ms; null for never. A past time means at once. */
export function wakeAt(record: ConversationRecord, policy: Policy, now: number): number | null {
  if (record.movedTo !== undefined) return null;
  const { session, inbox, outbox } = record;
  if (session === undefined && inbox === undefined && outbox === undefined) return forgetAt(record, policy);
  const times = session === undefined || inbox !== undefined ? [] : sessionTimes(session, policy, now);
  for (const at of [inbox && replayAt(inbox), outbox && leftAt(outbox)]) {
    // Who could not do it now tries again.
    if (at !== undefined) times.push(at > now ? at : now + crashNetMs);
  }
  const first = Math.min(...times);
  return Number.isFinite(first) ? first : null;
}

function sessionTimes(session: SessionState, policy: Policy, now: number): number[] {
  // Whoever saved this goes on with it; somebody else only if that one has died.
  if (session.closing !== undefined) return [session.closing.retryAt ?? now + crashNetMs];
  const { at: end, reason } = endOf(session, policy);
  const last = isProactive(reason, policy) ? end : end + patienceMs(session, policy);
  // None is sent after the deadline, which a lazy session may outlive.
  if (now >= end) return [last];
  const atDesk = deskTimers(session, agentRulesFor(session, policy)).map(({ at }) => at);
  return [last, ...warningsAhead(session, end, policy).map(({ beforeMs }) => end - beforeMs), ...atDesk];
}

/** From when on somebody else takes care of effects that whoever saved them has not delivered. */
function leftAt(outbox: readonly Effect[]): number {
  return Math.min(...outbox.map(decidedAt)) + crashNetMs;
}

/** From when on somebody else runs what was acknowledged, and whose process has died since. */
function replayAt(inbox: readonly Received[]): number {
  return Math.min(...inbox.map(({ arrivedAt }) => arrivedAt)) + crashNetMs;
}

/** After this long without news the work of another process is taken up. */
export const crashNetMs = 60_000;

/** How long a lazy session waits for its user after its deadline before it is closed without them. People wait for nobody who is gone. */
function patienceMs({ handover }: SessionState, { closing, hooks }: Policy): number {
  if (handover !== undefined) return 0;
  if (!hooks.classifyReturn) return finaliseAfterMs;
  return Math.max(finaliseAfterMs, closing.continueWithinMs ?? Number.POSITIVE_INFINITY);
}

const finaliseAfterMs = 24 * 3_600_000;

/** The latest warning that is due and was not sent in this idle period: a late worker sends only the one that is still useful. */
function warningDue(session: SessionState, end: number, policy: Policy, now: number): Due | undefined {
  const due = warningsAhead(session, end, policy).findLast(({ beforeMs }) => now >= end - beforeMs);
  return due && { do: 'warn', beforeMs: due.beforeMs, step: policy.closing.warnings.indexOf(due) };
}

/** Warnings not sent in this idle period. Whoever wrote after a warning's time, in a session that ends all the same, is not warned at once. */
export function warningsAhead(session: SessionState, end: number, policy: Policy): Policy['closing']['warnings'] {
  if (isSuspended(session, policy)) return [];
  const { warnedMs = Number.POSITIVE_INFINITY, lastActivityAt } = session;
  return policy.closing.warnings.filter(({ beforeMs }) => beforeMs < warnedMs && end - beforeMs > lastActivityAt);
}

/** A record that keeps neither variables nor tokens goes when no redelivery can come any more. */
function forgetAt(record: ConversationRecord, policy: Policy): number | null {
  const variables = Object.values(record.variables);
  const kept = record.carried !== undefined || record.unreachable !== undefined || Object.keys(record.auth).length > 0;
  if (kept || variables.some((one) => one.until === undefined)) return null;
  const lastWord = Math.max(record.ended?.endedAt ?? 0, record.erasedAt ?? 0, lastSeenAt(record.seen));
  return Math.max(lastWord + policy.channel.redeliversForMs, ...variables.map((one) => one.until ?? 0));
}

function closingOf(
  record: ConversationRecord,
  session: SessionState,
  end: { readonly at: number; readonly reason: Closing['reason'] },
  policy: Policy,
  now: number,
): Closing {
  return {
    reason: end.reason,
    endedAt: end.at,
    hook: policy.hooks.onClosing ? 'due' : 'off',
    message: mayWrite(record, session, policy, now, end.at, messageAt(end.reason)) ?? 'due',
    script: policy.hooks.onClose ? 'due' : 'off',
  };
}

/** Which of our texts goes with a close. */
function messageAt(reason: Closing['reason']): 'closing' | 'end_of_service' {
  return reason === 'agent_inactivity' ? 'end_of_service' : 'closing';
}

/** What works as set, but not as its author may think. */
export function odditiesOf(policy: Policy): string[] {
  const { closing, channel, hooks, agents } = policy;
  const found: string[] = [];
  const { ms } = expirationOf(policy.expiration);
  const isTooLate = (after: number) => channel.replyWindowMs > 0 && after >= channel.replyWindowMs - windowMarginMs;
  const tooLate = (what: string, after: number) =>
    `${what} is never sent: it is due after ${describeMs(after)}, and the channel takes no message ` +
    `${describeMs(channel.replyWindowMs)} after the user's last one.`;
  if (closing.message !== undefined && isTooLate(ms)) found.push(tooLate('its closing message', ms));
  if (agents.message !== undefined && isTooLate(agents.closeAfterMs)) {
    found.push(tooLate('agents.closingMessage', agents.closeAfterMs));
  }
  if (hooks.classifyReturn && closing.mode === 'proactive') {
    found.push("classifyReturn is never asked: a proactive close leaves nothing to return to. It needs closing: 'lazy'.");
  }
  return found;
}

/** A message overdue by more than this would only puzzle its reader. */
const staleMs = 10 * 60_000;
/** What is sent this close to the end of a reply window may arrive after it. */
const windowMarginMs = 10 * 60_000;

/** Why the user gets no text by themselves now; undefined: they may. */
export function mayWrite(
  record: ConversationRecord,
  session: SessionState,
  policy: Policy,
  now: number,
  dueAt: number,
  what: 'closing' | 'end_of_service' | 'warning',
): MessageResult | undefined {
  const { closing, channel } = policy;
  if (what === 'closing' && (closing.excluded || leavesOut(closing.channels, channel.name, record.address?.via)))
    return 'excluded';
  if (what === 'closing' && closing.message === undefined) return 'off';
  if (what === 'end_of_service' && policy.agents.message === undefined) return 'off';
  if (!session.interactive && closing.messageTo === 'interactive') return 'skipped:non_interactive';
  if (record.unreachable !== undefined) return `skipped:${record.unreachable}`;
  if (session.handover?.elsewhere) return 'skipped:elsewhere';
  if (record.address === undefined) return 'skipped:no_address';
  if (now - dueAt > staleMs) return 'skipped:overdue';
  const window = channel.replyWindowMs;
  if (window > 0 && (!session.interactive || now + windowMarginMs >= session.lastActivityAt + window)) return 'skipped:window';
  return undefined;
}
