import type { Adapter, AdapterOptions, Delivery } from '../middleware/adapter.ts';
import { attach } from '../middleware/attach.ts';
import type { Activity, Conversation } from '../middleware/core/activity.ts';
import type { Sessions } from '../middleware/sessions.ts';
import { adoptConversation } from './support/slack-conversation.ts';
import { factsOf, firstAction, msOf, type SlackFacts } from './support/slack-facts.ts';
import { slackHearing } from './support/slack-said.ts';
import { addressed, addressOf, type SlackClient, type SlackInstallations, senderOf } from './support/slack-send.ts';
import { part, text } from './support/wire.ts';

/** What Bolt hands its middleware, as far as it is read. */
export interface SlackRequest {
  readonly body: unknown;
  /** Also what `sessions.of()` is asked with: the one object that Bolt's middleware and listeners share. */
  readonly context: object;
  readonly client: SlackClient;
  next(): Promise<void>;
  /** Absent where Bolt has acknowledged by itself, as it does for nearly every event. */
  readonly ack?: unknown;
}

/**
 * Turns Bolt's arguments into one activity. What people post, tap, submit or run is input; everything else Slack tells is lifecycle,
 * the bot's own messages and their updates included. A direct conversation is named by its user, since views and global shortcuts
 * name no channel.
 *
 * Sources: docs.slack.dev/reference/events/message, docs.slack.dev/reference/interaction-payloads.
 */
export function parseSlack(request: Pick<SlackRequest, 'body' | 'context'>): Activity[] {
  const facts = factsOf(request);
  const body = part(request, 'body');
  const origin = {
    channel: 'slack',
    type: facts.type,
    account: facts.installation,
    conversation: placeOf(facts),
    user: facts.user,
    id: facts.delivery,
    at: msOf(facts.stamp),
  };
  if (facts.shape === 'unknown') return [{ kind: 'unsupported', ...origin, reason: 'none of the envelopes Slack sends' }];
  if (!isInput(body, facts)) return [{ kind: 'lifecycle', ...origin }];
  if (origin.conversation === undefined) return [{ kind: 'unsupported', ...origin, reason: 'names no installation or no user' }];
  if (facts.shape !== 'event') return [{ kind: 'postback', ...origin, payload: payloadOf(body, facts) }];
  return [{ kind: 'message', ...origin, ...postOf(body, facts), ...wordsOf(body, facts) }];
}

/** Slack through Bolt, which acknowledges events before the bot runs: nothing that failed comes again, so changes are kept. */
export const slack: Adapter<SlackRequest> = {
  name: 'slack',
  parse: parseSlack,
  capabilities: {
    // Three retries within minutes; apps that ask for delayed events get hourly ones for another 24 hours.
    redeliversFor: 25 * 3_600_000,
    ackWithinMs: 3_000,
    batches: false,
    replyWindow: 0,
    // Web API: about one message a second in a channel, and some hundred a minute in a workspace.
    sendsPerSecond: 5,
    idempotentSend: false,
    reservedWords: [],
    onError: 'keep',
  },
};

/**
 * Bolt middleware that gives every message, action, command, shortcut and view submission its session.
 * Mount it with `app.use()`, before `app.assistant()`, which keeps its events to itself. Listeners call `sessions.of(context)`;
 * the turn ends when all of them have returned. What they throw goes to `app.error` as ever. `context.conversation` and
 * `context.updateConversation` become the session's own. `accounts` are ids of workspaces, or of organisations for org-wide installs.
 *
 * Events wait up to a minute for a busy conversation, since Bolt has acknowledged them. What the bot itself must acknowledge within
 * Slack's 3 seconds waits 2.5 of them, then runs beside the other turn (`turn.exclusive` is false).
 *
 * What the bot posts by `say` and `client` is heard, for transcripts.
 *
 * `sessions.open` and `sessions.run` name a direct conversation by installation and user: `T07…:U07…`.
 */
export function slackSessions<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  options: SlackOptions<Endpoint> = {},
): (request: SlackRequest) => Promise<void> {
  let latest: SlackClient | undefined;
  const channel = attach(
    sessions,
    slack,
    options,
    senderOf(() => latest, options, sessions.clock),
  );
  const hearing = slackHearing(channel, [sessions, options.endpoint]);
  if (options.client) hearing.listen(options.client);
  return async (request) => {
    const { context, client, next } = request;
    latest = client;
    hearing.listen(client);
    const facts = factsOf(request);
    const activities = parseSlack(request);
    const to = addressOf(request, facts);
    const reply = (message: unknown) => client.chat.postMessage(addressed(to, message));
    const ack = async (answer?: string) => {
      if (typeof request.ack === 'function') await request.ack(answer);
    };
    const isCommand = facts.shape === 'command';
    const delivery: Delivery = {
      activities,
      hosts: [context, request],
      host: request,
      to,
      reply,
      run: (turn) => {
        adoptConversation(context, turn, sessions.clock.now());
        return next();
      },
      pass: next,
      consumed: async (told) => {
        await ack(isCommand ? told : undefined);
        if (told !== undefined && !isCommand) await reply(told);
      },
      duplicate: () => ack(),
      waitMs: request.ack === undefined && !options.processBeforeResponse ? eventPatienceMs : undefined,
    };
    await hearing.during({ activity: activities[0], facts }, () => channel.turn(delivery));
  };
}

/** Which endpoint `slackSessions` serves, and how it sends outside of requests. */
export interface SlackOptions<Endpoint extends string = string> extends AdapterOptions<Endpoint> {
  /**
   * Sends what belongs to no request, such as closing messages: `app.client` where the app has one token. Of its settings
   * `retryConfig` and `rejectRateLimitedCalls` do not count there: what fails is told at once and never posted twice.
   * @default with `authorize`, the client of the latest request
   */
  readonly client?: SlackClient | undefined;
  /**
   * Finds the token of the workspace or organisation to send to, each time: the app's own `authorize`, or that of its installer,
   * `(source) => installer.authorize(source)`. No token is kept.
   */
  readonly authorize?: SlackInstallations['authorize'] | undefined;
  /** Set where Bolt's `App` has it: events are then acknowledged after the turn, so they do not wait for a minute. @default false */
  readonly processBeforeResponse?: boolean | undefined;
}

/**
 * Sends closing messages and the like from a process that gets no requests: it only runs the worker. Where the app is installed
 * in several workspaces, `client` is a `webApi.WebClient` of `@slack/bolt` without a token, and `authorize` finds theirs.
 * @throws AdjournError `ADJ_CONFIG_INVALID`
 */
export function slackSender<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  options: SlackOptions<Endpoint> & { readonly client: SlackClient },
): void {
  attach(
    sessions,
    slack,
    options,
    senderOf(() => undefined, options, sessions.clock),
  );
}

/** How long an event that is acknowledged already waits for a busy conversation. */
const eventPatienceMs = 60_000;

/** Subtypes of messages that people write; every other subtype tells of something else. */
const writtenSubtypes: readonly unknown[] = [undefined, 'file_share', 'me_message', 'thread_broadcast'];

function isInput(body: unknown, { shape, user, bot }: SlackFacts): boolean {
  if (shape !== 'event') return shape !== 'options' && shape !== 'view_closed';
  const event = part(body, 'event');
  const type = part(event, 'type');
  // An edit that adds a mention comes as `app_mention` once more, and edits are no activity.
  const isPost =
    type === 'message' ? writtenSubtypes.includes(part(event, 'subtype')) : type === 'app_mention' && !part(event, 'edited');
  const isOfBots = user === bot || user === 'USLACKBOT' || part(event, 'bot_id') || part(event, 'bot_profile');
  return isPost && user !== undefined && !isOfBots && part(event, 'hidden') !== true;
}

function placeOf({ installation, user, channel, direct, thread, message }: SlackFacts): Conversation | undefined {
  if (installation === undefined || user === undefined) return undefined;
  if (direct || channel === undefined) return { id: `${installation}:${user}`, kind: 'direct', thread };
  return { id: `${installation}:${channel}`, kind: 'shared', thread, root: thread === undefined ? message : undefined };
}

/** One post can come as `message` and as `app_mention`, each with an event id of its own and sometimes several of them. */
function postOf(body: unknown, { channel, message, delivery }: SlackFacts): { id: string | undefined; post: string | undefined } {
  if (channel === undefined || message === undefined) return { id: delivery, post: undefined };
  const post = `${channel}:${message}`;
  return { id: `${post}:${text(body, 'event', 'type')}`, post };
}

function wordsOf(body: unknown, { direct, bot }: SlackFacts): { text: string | undefined; addressed: boolean } {
  const written = text(body, 'event', 'text') ?? '';
  const mention = `<@${bot}`;
  const files = part(body, 'event', 'files');
  const isCaption = Array.isArray(files) && files.length > 0;
  return {
    text: isCaption ? undefined : withoutLeading(mention, written),
    addressed:
      direct ||
      part(body, 'event', 'type') === 'app_mention' ||
      written.includes(`${mention}>`) ||
      written.includes(`${mention}|`),
  };
}

function withoutLeading(mention: string, written: string): string {
  const trimmed = written.trimStart();
  const end = trimmed.startsWith(`${mention}>`) || trimmed.startsWith(`${mention}|`) ? trimmed.indexOf('>') : -1;
  return end === -1 ? written : trimmed.slice(end + 1).replace(/^[\s,:]+/, '');
}

/** The developer's value, never what a user typed into a field. */
function payloadOf(body: unknown, { shape }: SlackFacts): string | undefined {
  if (shape === 'command') return [text(body, 'command')?.replace(/^\//, ''), text(body, 'text')].filter(Boolean).join(' ');
  if (shape === 'view') return text(body, 'view', 'callback_id');
  const action = firstAction(body);
  if (action === undefined) return text(body, 'callback_id');
  const chosen = part(action, 'selected_options');
  return (
    (part(action, 'type') === 'button' ? text(action, 'value') : undefined) ??
    text(action, 'selected_option', 'value') ??
    text(Array.isArray(chosen) ? chosen[0] : undefined, 'value') ??
    text(action, 'action_id') ??
    text(action, 'name')
  );
}
