import type { SendOutcome } from '../../middleware/adapter.ts';
import { unanswered } from './unanswered.ts';

/**
 * What is known after a push under a retry key failed. What stays unknown may be sent again under the same key: LINE executes a key
 * once, and answers 409 to who comes with it again. Source: Messaging API reference, "Retrying a failed API request".
 * @param error what a client of `@line/bot-sdk` threw: for an answer of LINE's it has a `status`
 */
export function outcomeOf(error: unknown): SendOutcome {
  const { status, body } = (error ?? {}) as { status?: unknown; body?: unknown };
  if (typeof status !== 'number') return unanswered(error);
  if (status === 409) return { outcome: 'sent', id: sentId(body) };
  if (status >= 500) return { outcome: 'unknown', reason: String(status) };
  // Two limits, one status, no code: the month's messages are used up, or these were too many at once.
  if (status === 429)
    return says(body, 'monthly limit') ? { outcome: 'refused', reason: 'quota' } : { outcome: 'retry', reason: '429' };
  // Nobody by this id knows the bot. Those who block it get a 200 like everybody else.
  if (says(body, 'Failed to send messages')) return { outcome: 'refused', reason: 'undeliverable', unreachable: true };
  return { outcome: 'refused', reason: String(status) };
}

/** Whether a reply token cannot be used, or not any more. LINE has no code for it, only these words. */
export function isSpentToken(error: unknown): boolean {
  const { status, body } = (error ?? {}) as { status?: unknown; body?: unknown };
  return status === 400 && String(body).includes('Invalid reply token');
}

/** The id of the first message of an answer, parsed or not. */
export function sentId(answer: unknown): string | undefined {
  try {
    const { sentMessages } = (typeof answer === 'string' ? JSON.parse(answer) : answer) as { sentMessages?: { id?: unknown }[] };
    const id = sentMessages?.[0]?.id;
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

function says(body: unknown, words: string): boolean {
  return typeof body === 'string' && body.includes(words);
}
