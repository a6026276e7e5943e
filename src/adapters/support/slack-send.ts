import type { Send, SendOutcome } from '../../middleware/adapter.ts';
import { type Clock, within } from '../../middleware/clock.ts';
import type { Address } from '../../middleware/core/conversation.ts';
import type { SlackFacts } from './slack-facts.ts';
import { outcomeOf } from './slack-outcome.ts';
import { part, text } from './wire.ts';

/** A `WebClient`, as far as it is called. */
export interface SlackClient {
  readonly chat: { postMessage(message: SlackMessage): Promise<unknown> };
  /** Absent from a client of the bot's own making; `chat.postMessage` then sends what is sent later, too. */
  readonly apiCall?: ((method: string, options?: Record<string, unknown>) => Promise<unknown>) | undefined;
}

/** What `chat.postMessage` needs; a reply may bring any further argument of it. */
interface SlackMessage {
  channel: string;
  text?: string;
  token?: string;
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

/** With what a sender sends. */
interface SlackSending {
  readonly client?: SlackClient | undefined;
  readonly authorize?: SlackInstallations['authorize'] | undefined;
}

/** @returns what sends outside of requests; undefined where neither a client nor a way to find tokens was given. */
export function senderOf(
  latest: () => SlackClient | undefined,
  { client, authorize }: SlackSending,
  clock: Clock,
): Send | undefined {
  if (client === undefined && authorize === undefined) return undefined;
  const tokenOf = authorize && tokens(authorize, clock);
  return async ({ user, to: known }, message) => {
    const by = client ?? latest();
    // The first request brings one.
    if (by === undefined) return { outcome: 'retry', reason: 'no_sender' };
    // A person's id stands for their channel with the bot.
    const to = { channel: user, user, ...known };
    const found = await tokenOf?.(sourceOf(to));
    if (typeof found === 'object') return found;
    // The client may be another workspace's: its own team would go along with the call.
    const credentials = found === undefined ? {} : { token: found, team_id: text(to, 'teamId') };
    try {
      return { outcome: 'sent', id: text(await post(by, { ...addressed(to, message), ...credentials }), 'ts') };
    } catch (error) {
      return outcomeOf(error);
    }
  };
}

/** How long an app's `authorize` may take, milliseconds of session time: well within what a send may take. */
const authorizeWithinMs = 5_000;

/** Nothing is waited for longer than the engine waits for a send; real milliseconds. */
const answerWithinMs = 15_000;

/**
 * Finds an installation's token, or says why there is none. One search at a time per installation: two that refresh
 * a rotating token at once make each other's worthless.
 */
function tokens(
  authorize: SlackInstallations['authorize'],
  clock: Clock,
): (source: SlackSource) => Promise<string | SendOutcome> {
  const searches = new Map<string, Promise<string | SendOutcome>>();
  const search = async (source: SlackSource): Promise<string | SendOutcome> => {
    const notNow: SendOutcome = { outcome: 'retry', reason: 'authorize' };
    const found = async () => (await authorize(source)).botToken ?? ({ outcome: 'refused', reason: 'not_authed' } as const);
    return within(
      clock,
      authorizeWithinMs,
      found().catch(() => notNow),
      () => notNow,
    );
  };
  return (source) => {
    const key = JSON.stringify(source.isEnterpriseInstall ? [source.enterpriseId] : [source.enterpriseId, source.teamId]);
    const running = searches.get(key) ?? search(source).finally(() => searches.delete(key));
    searches.set(key, running);
    return running;
  };
}

/**
 * Posts once, now. A `WebClient` by itself repeats a call that failed, though it may have posted, and sits out rate limits,
 * for up to half an hour: a text about a session would arrive when its user is long back. So the call goes through the same
 * client, with its transport and token, but without its patience and past its queue, which others may have brought to a halt.
 */
function post(client: SlackClient, message: SlackMessage): Promise<unknown> {
  if (client.apiCall === undefined) return client.chat.postMessage(message);
  const impatient: SlackClient & { apiCall: NonNullable<SlackClient['apiCall']> } = Object.create(client, {
    retryConfig: { value: { retries: 0 } },
    rejectRateLimitedCalls: { value: true },
    requestQueue: { value: { add: (task: () => unknown) => task() } },
    timeout: { value: answerWithinMs },
  });
  return impatient.apiCall('chat.postMessage', { ...message });
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
