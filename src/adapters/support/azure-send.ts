import type { Send } from '../../middleware/adapter.ts';
import { AdjournError } from '../../middleware/errors.ts';
import { part, text } from './azure-values.ts';

/** What an activity is answered through: a `TurnContext` of botbuilder or of the Agents SDK. */
export interface AzureSender {
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

/**
 * Sends outside of requests, by a turn the bot begins itself.
 * @param host the adapter of the latest turn, or the one that was given
 */
export function senderOf(host: () => AzureHost | undefined, appId: string | undefined): Send {
  return async ({ to, endpoint }, message) => {
    const by = host();
    if (by === undefined || text(to, 'serviceUrl') === undefined) {
      throw new AdjournError('ADJ_NO_SENDER', 'There is no adapter to send with, or no address to send to.', {
        where: endpoint,
        hint: 'Give azureSessions an adapter, for what is sent before the first turn.',
      });
    }
    let sent: unknown;
    const send = async (context: AzureSender) => {
      sent = await context.sendActivity(message as string | object);
    };
    // botbuilder has the other method too, but it only says that it is deprecated.
    if ('continueConversationAsync' in by) await by.continueConversationAsync(appId ?? '', to ?? {}, send);
    else await by.continueConversation(appId ?? {}, to ?? {}, send);
    return sent;
  };
}

/** An invoke must be answered, or the host says 501. A card expects a body of its kind, else it shows an error. */
export function emptySuccess(name: string | undefined): object {
  const body = { statusCode: 200, type: 'application/vnd.microsoft.activity.message', value: '' };
  return { type: 'invokeResponse', value: name === 'adaptiveCard/action' ? { status: 200, body } : { status: 200 } };
}
