import type { SendOutcome } from '../../middleware/adapter.ts';
import { part, text } from './wire.ts';

/**
 * What is known after `sendActivity` failed, on either SDK (Microsoft: "Bot Connector API reference", "Bot error codes").
 * - 403: the person has blocked or removed the bot. 401, 404 and other refusals are for good as well.
 * - 429 and 412 (several calls about one conversation at once) may be sent again; so may what has not left this machine.
 * - After anything else the message may have arrived.
 */
export function outcomeOf(error: unknown): SendOutcome {
  const status = statusOf(error);
  if (isOfLogin(error)) return { outcome: 'retry', reason: 'token' };
  if (status === undefined) return outcomeOfConnection(error);
  if (status === 429 || status === 412) {
    const afterMs = retryAfterMs(error);
    return { outcome: 'retry', reason: codeOf(error) ?? String(status), ...(afterMs === undefined ? {} : { afterMs }) };
  }
  if (status < 400 || status >= 500 || status === 408) return { outcome: 'unknown', reason: String(status) };
  const reason = codeOf(error) ?? String(status);
  return status === 403 ? { outcome: 'refused', reason, unreachable: true } : { outcome: 'refused', reason };
}

/** botbuilder's `RestError`, the Agents SDK's `HttpError`, and what its earlier versions threw. */
function statusOf(error: unknown): number | undefined {
  const found = part(error, 'statusCode') ?? part(error, 'status') ?? part(error, 'response', 'status');
  return typeof found === 'number' ? found : undefined;
}

/** Errors of Microsoft's sign-in (MSAL): there was no token to send with. */
function isOfLogin(error: unknown): boolean {
  return text(error, 'errorCode') !== undefined;
}

/** The connection was never made, so nothing has left. */
const neverConnected: readonly unknown[] = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'];

function outcomeOfConnection(error: unknown): SendOutcome {
  const code = text(error, 'cause', 'code') ?? text(error, 'code');
  return neverConnected.includes(code) ? { outcome: 'retry', reason: 'connection' } : { outcome: 'unknown', reason: 'no_answer' };
}

/** The channel's own code, such as `ConversationNotFound`; botbuilder has read it from the answer, the Agents SDK leaves that to us. */
function codeOf(error: unknown): string | undefined {
  const code = text(error, 'response', 'data', 'error', 'code') ?? text(error, 'code');
  return code !== undefined && /^\w{1,60}$/.test(code) && code !== 'REQUEST_SEND_ERROR' ? code : undefined;
}

function retryAfterMs(error: unknown): number | undefined {
  const headers = part(error, 'response', 'headers') as { get?: (name: string) => unknown } | undefined;
  const seconds = typeof headers?.get === 'function' ? Number(headers.get('retry-after') ?? Number.NaN) : Number.NaN;
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined;
}
