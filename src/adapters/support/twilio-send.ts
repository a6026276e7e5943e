import type { Send, SendOutcome } from '../../middleware/adapter.ts';
import { AdjournError } from '../../middleware/errors.ts';
import { unanswered } from './unanswered.ts';

/** A client of `twilio`, as far as it is called. */
export interface TwilioClient {
  readonly messages: { create(message: TwilioMessage): Promise<unknown> };
}

/** What `client.messages.create` needs; a reply may bring any further parameter of it. */
interface TwilioMessage {
  readonly to: string;
  readonly from?: string;
  readonly body?: string;
}

/** With what a sender sends. */
interface TwilioSending {
  readonly client: TwilioClient;
  readonly accounts?: readonly string[] | undefined;
  readonly validityPeriod?: number | undefined;
  readonly statusCallback?: string | undefined;
}

/** The parameter of a status callback that names the close its message announced. */
export const closeParameter = 'close';

/** A text that waits longer than this in Twilio's queue would meet its reader in another session; seconds. */
const validityPeriodS = 600;

/** Longest that Twilio takes (Message resource, `ValidityPeriod`); seconds. */
const longestValidityS = 36_000;

/**
 * What sends outside of requests. Twilio has no idempotency keys for messages, and says yes when a message is queued: what comes
 * of it, it tells the status callback.
 * @throws AdjournError `ADJ_CONFIG_INVALID`
 */
export function senderOf({ client, accounts, statusCallback, validityPeriod = validityPeriodS }: TwilioSending): Send {
  if (!Number.isInteger(validityPeriod) || validityPeriod < 1 || validityPeriod > longestValidityS) {
    throw invalid('validityPeriod', `It must be a whole number of seconds, 1 to ${longestValidityS}.`);
  }
  if (statusCallback !== undefined && !URL.canParse(statusCallback)) throw invalid('statusCallback', 'It must be an address.');
  return async ({ to, user }, message, { closeId }) => {
    const defaults = {
      to: user,
      from: accounts?.[0],
      validityPeriod,
      ...(statusCallback === undefined ? {} : { statusCallback: about(statusCallback, closeId) }),
    };
    try {
      return { outcome: 'sent', id: sidOf(await create(client, { ...defaults, ...to }, message)) };
    } catch (error) {
      return outcomeOf(error);
    }
  };
}

/** Sends text, or parameters of `messages.create`, which may replace those of the address. */
export function create(client: TwilioClient, to: Readonly<Record<string, unknown>>, message: unknown): Promise<unknown> {
  const own = typeof message === 'object' && message !== null ? message : { body: String(message) };
  const addressed: object = { ...to, ...own };
  return client.messages.create(addressed as TwilioMessage);
}

/** Codes of messages that were not taken and may be later: rate limits and full queues. */
const later: readonly number[] = [20429, 21611, 30001, 30008, 30022, 63018];

/** Codes that say of a number that nothing reaches it. Source: twilio.com/docs/api/errors; 21610 is the person's own STOP. */
const gone: readonly number[] = [21211, 21610, 21612, 21614, 30004, 30005, 30006, 63003, 63024];

/** Whether an error code means that nothing reaches the person for now. */
export function isGone(code: string | undefined): boolean {
  return gone.includes(Number(code));
}

/**
 * What is known after `messages.create` failed. Twilio's errors are told by their members, since not all of their classes are exported.
 * @param error what a client of `twilio` threw: its own errors have a `status`, the network's have none
 */
export function outcomeOf(error: unknown): SendOutcome {
  const { status, code } = (error ?? {}) as { status?: unknown; code?: unknown };
  if (typeof status !== 'number') return unanswered(error);
  const reason = String(typeof code === 'number' && code > 0 ? code : status);
  if (status === 429 || later.includes(Number(reason))) return { outcome: 'retry', reason };
  if (status >= 500) return { outcome: 'unknown', reason };
  return { outcome: 'refused', reason, ...(isGone(reason) ? { unreachable: true } : {}) };
}

/** The status callback's address, with the close that its message announces. */
function about(statusCallback: string, closeId: string | undefined): string {
  if (closeId === undefined) return statusCallback;
  const url = new URL(statusCallback);
  url.searchParams.set(closeParameter, closeId);
  return url.href;
}

function sidOf(answer: unknown): string | undefined {
  const sid = (answer as { sid?: unknown } | undefined)?.sid;
  return typeof sid === 'string' ? sid : undefined;
}

function invalid(setting: string, hint: string): AdjournError {
  return new AdjournError('ADJ_CONFIG_INVALID', `${setting} cannot be used.`, { where: 'twilio', hint });
}
