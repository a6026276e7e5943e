import type { Send, SendOutcome } from '../../middleware/adapter.ts';
import type { Clock } from '../../middleware/clock.ts';
import { AdjournError } from '../../middleware/errors.ts';
import { isSpentToken, outcomeOf, sentId } from './line-outcome.ts';
import { unanswered } from './unanswered.ts';

/** What we call of `MessagingApiClient` or `LineBotClient` of `@line/bot-sdk`. */
export interface LineClient {
  replyMessage(request: { replyToken: string; messages: LineMessage[] }): Promise<unknown>;
  pushMessage(request: { to: string; messages: LineMessage[] }, retryKey?: string): Promise<unknown>;
}

/** Any of LINE's message objects. */
interface LineMessage {
  type: string;
}

/**
 * A reply token is good for about a minute after its webhook came in, and once (LINE: "Send reply message");
 * milliseconds, with a margin for the way there.
 */
const tokenLifeMs = 50_000;

/** Replies that are pushed where their token is spent, so that their failure is none. */
const attempts = new WeakSet<object>();

/** Whether a request is such a reply, and this error says that its token is spent. */
export function isAttempt(request: unknown, error: unknown): boolean {
  return attempts.has(request as object) && isSpentToken(error);
}

/**
 * Sends to where an event came from: by its reply token, which costs nothing, as long as that can work; by push, which counts towards
 * the monthly quota, after that.
 */
export interface LineCourier {
  /** Remembers when an event with a reply token came in. */
  received(event: { readonly replyToken?: unknown } | null | undefined): void;
  /** @param message text, one message object, or up to five of either */
  reply(event: object, to: string | undefined, message: unknown): Promise<unknown>;
  push(to: string | undefined, message: unknown): Promise<unknown>;
  /** Pushes outside of requests, under a retry key: what may or may not have been sent can be sent again. */
  readonly send: Send;
}

/**
 * @throws AdjournError `ADJ_CONFIG_INVALID` for a client that cannot send; from `reply` and `push` `ADJ_SEND_FAILED`, its `cause` the client's
 * error where LINE answered.
 */
export function lineCourier(client: LineClient, clock: Clock): LineCourier {
  if (typeof client?.replyMessage !== 'function' || typeof client.pushMessage !== 'function') {
    throw new AdjournError('ADJ_CONFIG_INVALID', 'There is no client to send with.', {
      where: 'line',
      hint: 'Give lineSessions a MessagingApiClient or LineBotClient of @line/bot-sdk.',
    });
  }
  const tokens = new WeakMap<object, { readonly replyToken: string; readonly staleAt: number }>();

  /** An event's token, for the one time it can be used. */
  const takeToken = (event: object): string | undefined => {
    const token = tokens.get(event);
    tokens.delete(event);
    return token !== undefined && clock.now() < token.staleAt ? token.replyToken : undefined;
  };

  const push: LineCourier['push'] = async (to, message) => {
    if (to === undefined) throw new AdjournError('ADJ_SEND_FAILED', 'There is nobody to send to.', { where: 'line' });
    return client.pushMessage({ to, messages: messagesOf(message) }).catch(refused);
  };

  return {
    received(event) {
      const replyToken = event?.replyToken;
      if (event && typeof replyToken === 'string') tokens.set(event, { replyToken, staleAt: clock.now() + tokenLifeMs });
    },
    async reply(event, to, message) {
      const replyToken = takeToken(event);
      if (replyToken === undefined) return push(to, message);
      const request = { replyToken, messages: messagesOf(message) };
      attempts.add(request);
      try {
        return await client.replyMessage(request);
      } catch (error) {
        // The bot has used the token itself, or LINE takes it for too old: nothing was sent. After anything else it may have been.
        return isSpentToken(error) ? push(to, message) : refused(error);
      }
    },
    push,
    async send({ conversation, user }, message, { idempotencyKey }) {
      const to = conversation?.id ?? user;
      if (to === undefined) return { outcome: 'refused', reason: 'no_address' };
      return client
        .pushMessage({ to, messages: messagesOf(message) }, idempotencyKey)
        .then((answer): SendOutcome => ({ outcome: 'sent', id: sentId(answer) }), outcomeOf);
    },
  };
}

function messagesOf(message: unknown): LineMessage[] {
  return [message].flat().map((one) => (typeof one === 'string' ? { type: 'text', text: one } : (one as LineMessage)));
}

function refused(cause: unknown): never {
  const status: unknown = (cause as { status?: unknown } | undefined)?.status;
  if (typeof status === 'number') throw unsent(`LINE answered with status ${status}.`, cause);
  // What the network says may quote the request.
  throw unsent(`LINE did not answer (${unanswered(cause).reason}).`);
}

function unsent(what: string, cause?: unknown): AdjournError {
  return new AdjournError('ADJ_SEND_FAILED', what, { where: 'line', cause });
}
