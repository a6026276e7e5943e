import type { SendOutcome } from '../../middleware/adapter.ts';
import { unanswered } from './unanswered.ts';
import { part, text } from './wire.ts';

/**
 * Slack's words for a message that was not posted and may be later.
 * Source: the errors of docs.slack.dev/reference/methods/chat.postMessage.
 */
const later: readonly string[] = [
  'ratelimited',
  'rate_limited',
  'message_limit_exceeded',
  'request_timeout',
  'service_unavailable',
  'team_added_to_org',
  'token_expired',
];

/** After these, as the same page has it, some of the call may have happened. */
const unclear: readonly string[] = ['fatal_error', 'internal_error'];

/** The channel, the person or the app in it is gone; every other refusal is about the message or the token's rights. */
const gone: readonly string[] = [
  'account_inactive',
  'channel_not_found',
  'is_archived',
  'messages_tab_disabled',
  'not_in_channel',
  'token_revoked',
  'user_not_found',
];

/** What is known after `chat.postMessage` failed. @param error what a `WebClient` threw */
export function outcomeOf(error: unknown): SendOutcome {
  switch (part(error, 'code')) {
    case 'slack_webapi_rate_limited_error':
      return { outcome: 'retry', reason: 'ratelimited', afterMs: Number(part(error, 'retryAfter')) * 1_000 };
    case 'slack_webapi_platform_error':
      return refusalOf(text(error, 'data', 'error') ?? '');
    case 'slack_webapi_http_error': {
      const status = Number(part(error, 'statusCode'));
      return { outcome: status >= 500 ? 'unknown' : 'refused', reason: String(status) };
    }
    case 'slack_webapi_request_error':
      return unanswered(part(error, 'original'));
  }
  // Rate limited without a time to wait: the SDK has no code for it, only these words.
  const limited = error instanceof Error && error.message.startsWith('Retry header did not contain');
  return limited ? { outcome: 'retry', reason: 'ratelimited' } : unanswered(error);
}

function refusalOf(reason: string): SendOutcome {
  // Whatever stands between us and Slack may answer, too; the SDK then shows its page as the error.
  if (!/^[a-z][a-z0-9_]{1,63}$/.test(reason)) return { outcome: 'unknown', reason: 'answer' };
  if (later.includes(reason)) return { outcome: 'retry', reason };
  if (unclear.includes(reason)) return { outcome: 'unknown', reason };
  return { outcome: 'refused', reason, ...(gone.includes(reason) ? { unreachable: true } : {}) };
}
