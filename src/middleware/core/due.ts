import { type Closing, leavesOut, type MessageResult, resumed } from './closing.ts';
import type { ConversationRecord, Received } from './conversation.ts';
import { describeMs } from './duration.ts';
import type { Effect } from './effect.ts';
import { endOf, expirationOf } from './expiry.ts';
import type { Policy } from './policy.ts';
import type { SessionState } from './session.ts';

/**
 * What somebody must do with a record now, without a message from its user.
 * - `replay`: a message was acknowledged, and its process died before its turn was saved.
 * - `deliver`: effects of a close that is saved are still in the outbox.
 * - `warn`: a warning before the deadline is due.
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
  | { readonly do: 'forget' };

export function dueOf(record: ConversationRecord, policy: Policy, now: number): Due {
  const { session, inbox, outbox } = record;
  if (inbox !== undefined && now >= receivedAt(inbox) + crashNetMs) return { do: 'replay' };
  // What an outbox cannot get rid of holds up no session.
  const first: Due = session === undefined ? { do: 'nothing' } : sessionDue(record, session, policy, now);
  if (first.do !== 'nothing') return first;
  if (outbox !== undefined) return now >= leftAt(outbox) ? { do: 'deliver' } : first;
  if (session !== undefined) return first;
  return now >= (forgetAt(record, policy) ?? Number.POSITIVE_INFINITY) ? { do: 'forget' } : first;
}

function sessionDue(record: ConversationRecord, session: SessionState, policy: Policy, now: number): Due {
  const { closing } = session;
  if (closing !== undefined) {
    if (closing.retryAt !== undefined && now < closing.retryAt) return { do: 'nothing' };
    const refusal = mayWrite(record, session, policy, now, closing.endedAt);
    return { do: 'close', closing: resumed(closing, policy.channel.idempotentSend, refusal) };
  }
  const end = endOf(session, policy);
  if (now >= end.at) {
    if (policy.closing.mode === 'proactive') return { do: 'close', closing: closingOf(record, session, end, policy, now) };
    return now >= end.at + patienceMs(policy) ? { do: 'finalise' } : { do: 'nothing' };
  }
  const step = warningDue(session, end.at, policy, now);
  return step === undefined ? { do: 'nothing' } : step;
}

/** When somebody must look at a record again, epoch ms; null for never. A past time means at once. */
export function wakeAt(record: ConversationRecord, policy: Policy, now: number): number | null {
  if (record.movedTo !== undefined) return null;
  const { session, inbox, outbox } = record;
  if (session === undefined && inbox === undefined && outbox === undefined) return forgetAt(record, policy);
  const times = session === undefined ? [] : sessionTimes(session, policy, now);
  if (inbox !== undefined) times.push(Math.max(receivedAt(inbox), now) + crashNetMs);
  if (outbox !== undefined) times.push(leftAt(outbox) > now ? leftAt(outbox) : now + crashNetMs);
  const first = Math.min(...times);
  return Number.isFinite(first) ? first : null;
}

function sessionTimes(session: SessionState, policy: Policy, now: number): number[] {
  // Whoever saved this goes on with it; somebody else only if that one has died.
  if (session.closing !== undefined) return [session.closing.retryAt ?? now + crashNetMs];
  const end = endOf(session, policy).at;
  const last = policy.closing.mode === 'proactive' ? end : end + patienceMs(policy);
  // None is sent after the deadline, which a lazy session may outlive.
  return now >= end ? [last] : [last, ...warningsAhead(session, end, policy).map(({ beforeMs }) => end - beforeMs)];
}

/** From when on somebody else takes care of effects that whoever saved them has not delivered. */
function leftAt(outbox: readonly Effect[]): number {
  return Math.min(...outbox.map(({ closed }) => closed.closedAt)) + crashNetMs;
}

function receivedAt(inbox: readonly Received[]): number {
  return Math.min(...inbox.map(({ arrivedAt }) => arrivedAt));
}

/** After this long without news the work of another process is taken up. */
export const crashNetMs = 60_000;

/** How long a lazy session waits for its user after its deadline before it is closed without them. */
function patienceMs({ closing, hooks }: Policy): number {
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
  const { warnedMs = Number.POSITIVE_INFINITY, lastActivityAt } = session;
  return policy.closing.warnings.filter(({ beforeMs }) => beforeMs < warnedMs && end - beforeMs > lastActivityAt);
}

/** A record that keeps neither variables nor tokens goes when no redelivery can come any more. */
function forgetAt(record: ConversationRecord, policy: Policy): number | null {
  const variables = Object.values(record.variables);
  const kept = record.carried !== undefined || record.unreachable !== undefined || Object.keys(record.auth).length > 0;
  if (kept || variables.some((one) => one.until === undefined)) return null;
  const lastWord = Math.max(record.ended?.endedAt ?? 0, ...record.seen.at);
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
    message: mayWrite(record, session, policy, now, end.at) ?? 'due',
    script: policy.hooks.onClose ? 'due' : 'off',
  };
}

/** What works as set, but not as its author may think. */
export function odditiesOf(policy: Policy): string[] {
  const { closing, channel, hooks } = policy;
  const found: string[] = [];
  const { ms } = expirationOf(policy.expiration);
  const latest = channel.replyWindowMs - windowMarginMs;
  if (closing.message !== undefined && channel.replyWindowMs > 0 && ms >= latest) {
    found.push(
      `its closing message is never sent: sessions expire after ${describeMs(ms)}, and the channel takes no message ` +
        `${describeMs(channel.replyWindowMs)} after the user's last one.`,
    );
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
  warning = false,
): MessageResult | undefined {
  const { closing, channel } = policy;
  if (!warning && (closing.excluded || leavesOut(closing.channels, channel.name, record.address?.via))) return 'excluded';
  if (!warning && closing.message === undefined) return 'off';
  if (!session.interactive && closing.messageTo === 'interactive') return 'skipped:non_interactive';
  if (record.unreachable !== undefined) return `skipped:${record.unreachable}`;
  if (record.address === undefined) return 'skipped:no_address';
  if (now - dueAt > staleMs) return 'skipped:overdue';
  const window = channel.replyWindowMs;
  if (window > 0 && (!session.interactive || now + windowMarginMs >= session.lastActivityAt + window)) return 'skipped:window';
  return undefined;
}
