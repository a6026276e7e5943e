import type { Send } from '../../middleware/adapter.ts';
import type { Address } from '../../middleware/core/conversation.ts';
import { AdjournError } from '../../middleware/errors.ts';
import { part, type SlackFacts, text } from './slack-facts.ts';

/** A `WebClient`, as far as it is called. */
export interface SlackClient {
  readonly chat: { postMessage(message: { channel: string; text?: string; token?: string }): Promise<unknown> };
}

/** Whose token is asked for; what Bolt's `authorize` gets. */
export interface SlackSource {
  readonly enterpriseId: string | undefined;
  readonly teamId: string | undefined;
  readonly isEnterpriseInstall: boolean;
  readonly conversationId?: string;
  readonly userId?: string;
}

/** Knows the bot's tokens: an app's own `authorize`, or an `InstallProvider`. */
export interface SlackInstallations {
  // A method, so that an `authorize` for workspaces alone fits as well as one for organisations.
  authorize(source: SlackSource): Promise<{ readonly botToken?: string | undefined }>;
}

type To = NonNullable<Address['to']>;

/**
 * Where to answer a request, now or later: ids only, never a token. Undefined where it names neither a place nor a person.
 *
 * What a person does in a direct channel by slash command or message shortcut may happen in a channel between people, where the bot
 * cannot write: the answer goes to the person, whose id stands for their channel with the bot.
 */
export function addressOf(request: unknown, facts: SlackFacts): To | undefined {
  const elsewhere = facts.direct && (facts.shape === 'command' || facts.shape === 'shortcut');
  const channel = (elsewhere ? undefined : facts.channel) ?? facts.user;
  if (channel === undefined) return undefined;
  const ids = {
    enterpriseId: text(request, 'context', 'enterpriseId'),
    teamId: text(request, 'context', 'teamId'),
    thread_ts: elsewhere ? undefined : facts.thread,
    user: facts.user,
  };
  return {
    isEnterpriseInstall: part(request, 'context', 'isEnterpriseInstall') === true,
    channel,
    ...Object.fromEntries(Object.entries(ids).filter(([, id]) => id !== undefined)),
  };
}

/** Text, or arguments of `chat.postMessage`, on its way to an address; arguments may name another place. */
export function addressed(to: To | undefined, message: unknown): { channel: string } {
  const thread = text(to, 'thread_ts');
  return {
    channel: text(to, 'channel') ?? '',
    ...(thread === undefined ? {} : { thread_ts: thread }),
    ...(typeof message === 'object' ? message : { text: String(message) }),
  };
}

/** @returns what sends outside of requests; undefined where neither a client nor a way to find tokens was given. */
export function senderOf(
  latest: () => SlackClient | undefined,
  options: { readonly client?: SlackClient | undefined; readonly authorize?: SlackInstallations['authorize'] | undefined },
): Send | undefined {
  const { client, authorize } = options;
  if (client === undefined && authorize === undefined) return undefined;
  return async ({ endpoint, user, to: known }, message) => {
    // A person's id stands for their channel with the bot.
    const to = { channel: user, user, ...known };
    const by = client ?? latest();
    if (by === undefined) {
      throw new AdjournError('ADJ_NO_SENDER', 'No request has come since the start, so there is no client to send with.', {
        where: endpoint,
        hint: 'Give slackSessions a client beside authorize: app.client.',
      });
    }
    const token = (await authorize?.(sourceOf(to)))?.botToken;
    return by.chat.postMessage({ ...addressed(to, message), ...(token === undefined ? {} : { token }) });
  };
}

function sourceOf(to: To | undefined): SlackSource {
  const [conversationId, userId] = [text(to, 'channel'), text(to, 'user')];
  return {
    enterpriseId: text(to, 'enterpriseId'),
    teamId: text(to, 'teamId'),
    isEnterpriseInstall: part(to, 'isEnterpriseInstall') === true,
    ...(conversationId === undefined ? {} : { conversationId }),
    ...(userId === undefined ? {} : { userId }),
  };
}
