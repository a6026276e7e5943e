import { type Closing, type MessageResult, resumed } from './closing.ts';
import type { ConversationRecord } from './conversation.ts';
import { endOf } from './expiry.ts';
import type { Policy } from './policy.ts';
import type { SessionState } from './session.ts';

/**
 * What somebody must do with a record now, without a message from its user.
 * - `deliver`: effects of a close that is saved are still in the outbox.
 * - `warn`: a warning before the deadline is due.
 * - `close`: the session's time is over, or a close was cut off in its middle; this is the close with its next step.
 * - `finalise`: nobody came back to a lazy session.
 * - `forget`: nothing in the record can matter any more.
 */
export type Due =
  | { readonly do: 'nothing' }
  | { readonly do: 'deliver' }
  | { readonly do: 'warn'; readonly beforeMs: number; readonly step: number }
  | { readonly do: 'close'; readonly closing: Closing }
  | { readonly do: 'finalise' }
  | { readonly do: 'forget' };

export function dueOf(record: ConversationRecord, policy: Policy, now: number): Due {
  if (record.outbox !== undefined) return { do: 'deliver' };
  const { session } = record;
  if (session === undefined)
    return now >= (forgetAt(record, policy) ?? Number.POSITIVE_INFINITY) ? { do: 'forget' } : { do: 'nothing' };
  if (session.closing !== undefined) return { do: 'close', closing: resumed(session.closing, policy.channel.idempotentSend) };
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
  // Whoever saved these goes on with them; somebody else only if that one has died.
  if (record.outbox !== undefined || record.session?.closing !== undefined) return now + crashNetMs;
  if (record.session === undefined) return forgetAt(record, policy);
  const end = endOf(record.session, policy).at;
  const last = policy.closing.mode === 'proactive' ? end : end + patienceMs(policy);
  const times = [last, ...warningTimes(record.session, end, policy)].filter(Number.isFinite);
  return times.length === 0 ? null : Math.min(...times);
}

/** After this long without news the work of another process is taken up. */
export const crashNetMs = 60_000;

/** How long a lazy session waits for its user after its deadline before it is closed without them. */
function patienceMs({ closing }: Policy): number {
  const longest = closing.continueWithinMs ?? Number.POSITIVE_INFINITY;
  return Number.isFinite(longest) ? Math.max(finaliseAfterMs, longest) : finaliseAfterMs;
}

const finaliseAfterMs = 24 * 3_600_000;

/** The latest warning that is due and was not sent in this idle period: a late worker sends only the one that is still useful. */
function warningDue(session: SessionState, end: number, policy: Policy, now: number): Due | undefined {
  const { warnings } = policy.closing;
  const step = warnings.findLastIndex(({ beforeMs }) => now >= end - beforeMs);
  const beforeMs = warnings[step]?.beforeMs;
  if (beforeMs === undefined || beforeMs >= (session.warnedMs ?? Number.POSITIVE_INFINITY)) return undefined;
  return { do: 'warn', beforeMs, step };
}

function warningTimes(session: SessionState, end: number, policy: Policy): number[] {
  const armed = policy.closing.warnings.filter(({ beforeMs }) => beforeMs < (session.warnedMs ?? Number.POSITIVE_INFINITY));
  return armed.map(({ beforeMs }) => end - beforeMs);
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
  if (!warning && closing.excluded) return 'excluded';
  if (!warning && closing.message === undefined) return 'off';
  if (!session.interactive && closing.messageTo === 'interactive') return 'skipped:non_interactive';
  if (record.unreachable !== undefined) return `skipped:${record.unreachable}`;
  if (record.address === undefined) return 'skipped:no_address';
  if (now - dueAt > staleMs) return 'skipped:overdue';
  const window = channel.replyWindowMs;
  if (window > 0 && (!session.interactive || now + windowMarginMs >= session.lastActivityAt + window)) return 'skipped:window';
  return undefined;
}
