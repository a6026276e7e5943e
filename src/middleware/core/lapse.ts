import { type ConversationRecord, close, type Step } from './conversation.ts';
import { endOf } from './expiry.ts';
import type { Policy } from './policy.ts';

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
