import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { Send, SendOutcome } from '../../middleware/adapter.ts';
import type { Clock } from '../../middleware/clock.ts';
import { resultOf } from '../../middleware/closer.ts';
import type { Address } from '../../middleware/core/conversation.ts';
import { AdjournError } from '../../middleware/errors.ts';
import type { Said } from '../../middleware/transcript.ts';
import { outcomeOf } from './azure-outcome.ts';
import { channelIdOf } from './azure-place.ts';
import { isTrusted, isWithinWindow } from './azure-service.ts';
import { part, text } from './wire.ts';

/** What an activity is answered through: a `TurnContext` of botbuilder or of the Agents SDK. */
export interface AzureSender {
  /** Where botbuilder keeps the client it sends by. */
  readonly turnState?: { get(key: unknown): unknown } | undefined;
  sendActivity(activity: string | object): Promise<unknown>;
}

/** A `CloudAdapter` of botbuilder or of the Agents SDK, as far as it is called. */
export type AzureHost =
  | { continueConversationAsync(appId: string, reference: object, logic: (context: AzureSender) => Promise<void>): Promise<void> }
  | {
      continueConversation(
        appId: string | object,
        reference: object,
        logic: (context: AzureSender) => Promise<void>,
      ): Promise<void>;
    };

/**
 * The conversation reference of an activity, for both SDKs: botbuilder reads `bot`, the Agents SDK `agent`.
 * Ids only, and no `activityId`, so that what is sent later is no reply to an old message.
 */
export function referenceOf(activity: { readonly channelId?: string | undefined }): Readonly<Record<string, unknown>> {
  const bot = filled(activity, ['recipient'], ['id', 'role', 'aadObjectId']);
  return {
    channelId: activity.channelId,
    ...filled(activity, [], ['serviceUrl', 'locale']),
    conversation: filled(activity, ['conversation'], ['id', 'isGroup', 'conversationType', 'tenantId']),
    user: filled(activity, ['from'], ['id', 'role', 'aadObjectId']),
    bot,
    agent: bot,
  };
}

/** Only members that say something: the Agents SDK refuses empty texts. */
function filled(value: unknown, path: readonly string[], names: readonly string[]): Record<string, unknown> {
  const members = names.map((name) => [name, part(value, ...path, name)] as const);
  return Object.fromEntries(
    members.filter(([, member]) => typeof member === 'boolean' || (typeof member === 'string' && member !== '')),
  );
}

/** How {@link senderOf} sends. */
export interface SendOptions {
  readonly appId?: string | undefined;
  readonly serviceHosts?: readonly string[] | undefined;
}

/** Set while a turn is begun for nothing but a message of ours. */
const sending = new AsyncLocalStorage<true>();

/**
 * Whether the present turn was begun to send a message of ours. It has no session and waits for none: the conversation may be held by
 * whoever sends, such as a close.
 */
export function isSending(): boolean {
  return sending.getStore() ?? false;
}

/**
 * Sends outside of requests, by a turn the bot begins itself.
 * @param host the adapter of the latest turn, or the one that was given
 */
export function senderOf(host: () => AzureHost | undefined, { appId, serviceHosts = [] }: SendOptions, clock: Clock): Send {
  return async ({ to = {} }, message) => {
    const { writtenAt, ...reference } = to;
    const serviceUrl = text(reference, 'serviceUrl');
    const by = host();
    if (serviceUrl === undefined) return { outcome: 'refused', reason: 'no_address' };
    if (!isTrusted(serviceUrl, serviceHosts)) return { outcome: 'refused', reason: 'service_url' };
    // What is no plain text may carry what opens a window, such as a message tag.
    const lastAct = typeof writtenAt === 'number' ? writtenAt : undefined;
    if (typeof message === 'string' && !isWithinWindow(channelIdOf(reference), lastAct, clock.now())) {
      return { outcome: 'refused', reason: 'window' };
    }
    if (by === undefined) return { outcome: 'retry', reason: 'no_sender' };
    return sending.run(true, () => sent(by, appId, reference, message));
  };
}

/** Nothing that goes wrong leaves the turn's logic, or the host's `onTurnError` would tell the user. */
async function sent(by: AzureHost, appId: string | undefined, reference: object, message: unknown): Promise<SendOutcome> {
  let outcome: SendOutcome | undefined;
  const logic = async (context: AzureSender) => {
    try {
      withoutRetries(by, context);
      const response = await context.sendActivity(message as string | object);
      outcome = { outcome: 'sent', id: text(response, 'id') };
    } catch (error) {
      outcome = outcomeOf(error);
    }
  };
  try {
    // botbuilder has the other method too, but it only says that it is deprecated.
    if ('continueConversationAsync' in by) await by.continueConversationAsync(appId ?? '', reference, logic);
    else await by.continueConversation(appId ?? {}, reference, logic);
  } catch {
    outcome ??= { outcome: 'retry', reason: 'not_begun' };
  }
  // Another middleware of the bot's has kept the turn to itself.
  return outcome ?? { outcome: 'refused', reason: 'middleware' };
}

/**
 * botbuilder sends three times more after a 5xx, which the person may get each time. Its client lives for this turn alone, so it can be
 * told not to. The Agents SDK sends once.
 */
function withoutRetries(by: object, { turnState }: AzureSender): void {
  const client = turnState?.get(Reflect.get(by, 'ConnectorClientKey'));
  const pipeline = part(client, 'client', 'pipeline') as { removePolicy?: (which: { phase: 'Retry' }) => unknown } | undefined;
  pipeline?.removePolicy?.({ phase: 'Retry' });
}

/**
 * Sends for a turn whose context is gone, and tells by throwing what came of it.
 * @param said told of it as well
 * @throws AdjournError `ADJ_SEND_FAILED`
 */
export async function replyBy(send: Send, address: Address, message: unknown, said: (said: Said) => void): Promise<unknown> {
  const sent = await send(address, message, { idempotencyKey: randomUUID() });
  const words = typeof message === 'string' ? message : text(message, 'text');
  if (isMessage(message)) said({ text: words, delivery: resultOf(sent) });
  if (sent.outcome === 'sent') return sent.id;
  throw new AdjournError('ADJ_SEND_FAILED', `${sent.outcome}: ${sent.reason}.`, {
    where: address.endpoint,
    ...(sent.reason === 'service_url' ? { hint: 'Name its host in serviceHosts.' } : {}),
  });
}

/** Both SDKs take for a message what has no type. */
export function isMessage(activity: unknown): boolean {
  return (text(activity, 'type') ?? 'message') === 'message';
}

/** An invoke must be answered, or the host says 501. A card expects a body of its kind, else it shows an error. */
export function emptySuccess(name: string | undefined): object {
  const body = { statusCode: 200, type: 'application/vnd.microsoft.activity.message', value: '' };
  return { type: 'invokeResponse', value: name === 'adaptiveCard/action' ? { status: 200, body } : { status: 200 } };
}
