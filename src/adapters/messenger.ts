import type { Adapter, AdapterOptions } from '../middleware/adapter.ts';
import { attach } from '../middleware/attach.ts';
import type { Activity } from '../middleware/core/activity.ts';
import { AdjournError } from '../middleware/errors.ts';
import type { Sessions } from '../middleware/sessions.ts';
import type { ExpressSessions } from './support/express.ts';
import type { GraphOptions } from './support/meta-graph.ts';
import { markOf } from './support/meta-mark.ts';
import { itemsOf, withoutEvents } from './support/meta-messenger.ts';
import { messengerVerdicts } from './support/meta-outcome.ts';
import { type Later, sendLater } from './support/meta-send.ts';
import { type MetaCalls, type MetaChannel, type MetaEvents, metaEvents, metaRequests } from './support/meta-sessions.ts';
import type { MetaWebhookOptions } from './support/meta-webhook.ts';
import type { EventHandler, SessionlessHandler } from './support/webhook.ts';
import { part, text } from './support/wire.ts';

/** A webhook of Messenger Platform or of Instagram messaging, as far as we read it. Every member may be missing, more may be there. */
export interface MessengerWebhook {
  /** `page` or `instagram`. */
  readonly object?: string | undefined;
  readonly entry?: readonly MessengerEntry[] | undefined;
}

/** What happened on one page. */
export interface MessengerEntry {
  /** The page, or the Instagram account. */
  readonly id?: string | undefined;
  readonly messaging?: readonly MessengerEvent[] | undefined;
  /** Threads that another app owns. */
  readonly standby?: readonly MessengerEvent[] | undefined;
  /** Feed events and the app dashboard's tests. */
  readonly changes?: readonly MessengerEvent[] | undefined;
}

/** One event: one of its parts says which. */
export interface MessengerEvent {
  readonly sender?: { readonly id?: string | undefined } | undefined;
  readonly recipient?: { readonly id?: string | undefined } | undefined;
  readonly timestamp?: number | undefined;
  readonly message?: MessengerMessage | undefined;
  readonly postback?: { readonly mid?: string; readonly title?: string; readonly payload?: string } | undefined;
  readonly [more: string]: unknown;
}

export interface MessengerMessage {
  readonly mid?: string | undefined;
  readonly text?: string | undefined;
  readonly attachments?: readonly { readonly type?: string; readonly [more: string]: unknown }[] | undefined;
  readonly quick_reply?: { readonly payload?: string } | undefined;
  readonly is_echo?: boolean | undefined;
  readonly is_deleted?: boolean | undefined;
  readonly [more: string]: unknown;
}

/**
 * The activities of a webhook, in its order. Pure; a webhook without any event is one unsupported activity.
 * What a person writes, sends or taps on a thread of ours is input. Everything else is lifecycle: echoes, receipts, reactions, edits,
 * thread control, and all that happens while another app owns the thread (`standby`). Of these some tell that people answer.
 * @param appIds ids of the page's own bots, see `MessengerOptions.appId`
 */
export function parseMessenger(webhook: MessengerWebhook, appIds: readonly string[] = []): Activity[] {
  return itemsOf(webhook, appIds).map(({ activity }) => activity);
}

export const messengerAdapter: Adapter<MessengerWebhook> = {
  name: 'messenger',
  parse: (webhook) => parseMessenger(webhook),
  capabilities: {
    // Graph webhooks are retried for 36 hours; WhatsApp's for 7 days. Eight days cover both.
    redeliversFor: 8 * 24 * 3_600_000,
    // Messenger Platform, "Webhooks": 200 within five seconds.
    ackWithinMs: 5_000,
    batches: true,
    // "Standard messaging": 24 hours after the person's last act.
    replyWindow: 24 * 3_600_000,
    // Messenger Platform, rate limits: 300 calls a second for a page.
    sendsPerSecond: 300,
    idempotentSend: false,
    reservedWords: [],
  },
};

/**
 * Sessions for a Messenger or Instagram bot on raw webhooks. Goes before any body parser, since signatures are made over raw bytes:
 *
 * ```ts
 * app.use('/messenger', messengerSessions(sessions, { appSecret, verifyToken, accessToken }, async (event, turn) => { … }));
 * ```
 * It answers the dashboard's verification, refuses wrong signatures with 401, and lets everything else pass with 200.
 * With a handler: one turn per event; the webhook is answered in time and slow turns go on. The same handler is a web-standard `.fetch`.
 * Without: middleware before the bot's own handler, or around it by `.wrap(handler)`. The bot finds the webhook in `req.body`, without
 * consumed commands and duplicates; a request of which nothing is left is answered with 200.
 *
 * `turn.reply()` takes text, a message (`{ attachment: … }`) or a whole request body (`{ sender_action: … }`, `{ message, tag }`).
 * @throws AdjournError `ADJ_CONFIG_INVALID`
 */
export function messengerSessions<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  options: MessengerOptions<Endpoint>,
  handler: EventHandler<MessengerEvent, Data>,
): MetaEvents;
export function messengerSessions<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  options: MessengerOptions<Endpoint>,
): ExpressSessions & MetaCalls;
export function messengerSessions<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  options: MessengerOptions<Endpoint>,
  handler?: EventHandler<MessengerEvent, Data>,
) {
  const channel = attach(sessions, messengerAdapter, options, sendLater(messenger, options));
  const appIds = ownApps(options);
  const own = { ...messenger, itemsOf: (webhook: MessengerWebhook | undefined) => itemsOf(webhook, appIds) };
  return handler === undefined
    ? metaRequests(own, channel, options)
    : metaEvents(own, channel, options, handler, options.sessionless);
}

/** Whoever is not known by a right id would take the bot's own messages for an agent's, and be silent ever after. */
function ownApps({ appId = [] }: Pick<MessengerOptions, 'appId'>): readonly string[] {
  const appIds = [appId].flat();
  const wrong = appIds.find((one) => !/^\d{1,32}$/.test(one));
  if (wrong === undefined) return appIds;
  throw new AdjournError('ADJ_CONFIG_INVALID', `${JSON.stringify(wrong)} is no app id.`, {
    where: 'messenger, appId',
    hint: 'It is a number, given as text: App Dashboard, Settings, Basic.',
  });
}

/** `accessToken` belongs to the page: `me` in the path is then the page, or the Instagram account linked to it. */
export interface MessengerOptions<Endpoint extends string = string> extends MessengerSenderOptions<Endpoint>, MetaWebhookOptions {
  /**
   * The app's id (App Dashboard, Settings, Basic), with those of other bots that write on the page. It tells their messages from those of
   * people: whatever else the page sends is then a reply of an agent, and a thread that another app gets is handed over.
   * @default none: of replies and of thread control only what Meta's own inboxes have a part in counts
   */
  readonly appId?: string | readonly string[] | undefined;
  /**
   * With a handler only: gets the events that belong to no session (receipts, echoes, standby, unknown shapes …), untouched.
   * @default they are ignored
   */
  readonly sessionless?: SessionlessHandler<MessengerEvent> | undefined;
}

/**
 * For a process that takes no webhooks and only looks after what is due: it closes, warns and sends with the same settings as the process
 * that runs the bot.
 *
 * ```ts
 * messengerSender(sessions, { accessToken });
 * ```
 * @throws AdjournError `ADJ_CONFIG_INVALID`, `ADJ_NO_ENDPOINT`
 */
export function messengerSender<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  options: MessengerSenderOptions<Endpoint>,
): void {
  attach(sessions, messengerAdapter, options, sendLater(messenger, options));
}

/** What sending takes; `accessToken` as in {@link MessengerOptions}. */
export interface MessengerSenderOptions<Endpoint extends string = string> extends AdapterOptions<Endpoint>, GraphOptions {}

const messenger: MetaChannel<MessengerWebhook, MessengerEvent> = {
  name: messengerAdapter.name,
  ackWithinMs: messengerAdapter.capabilities.ackWithinMs,
  itemsOf,
  partOf: (event) => event,
  without: withoutEvents,
  to: ({ account, user }) => ({ account, user }),
  callFor: ({ account, user }, message, later) => ({
    account: String(account),
    node: 'me',
    body: bodyFor(String(user), message, later),
  }),
  idIn: (answer) => (answer as { message_id?: unknown } | null | undefined)?.message_id,
  verdicts: messengerVerdicts,
  saidIn(body) {
    const message = part(body, 'message');
    const user = text(body, 'recipient', 'id');
    if (message === undefined) return undefined;
    const words = text(message, 'text') ?? text(message, 'attachment', 'payload', 'text');
    return { text: words, to: user === undefined ? {} : { user, conversation: { id: user, kind: 'direct' } } };
  },
};

/**
 * A request body of the Send API. Both types stand for the 24-hour window: `RESPONSE` for answers, `UPDATE` for what the bot says by itself.
 * A close that the text announces comes back in its echo.
 */
function bodyFor(user: string, message: unknown, later: Later | undefined): object {
  const recipient = { id: user };
  const messaging_type = later === undefined ? 'RESPONSE' : 'UPDATE';
  if (typeof message !== 'object' || message === null) {
    const mark = later?.closeId === undefined ? {} : { metadata: markOf(later.closeId) };
    return { recipient, messaging_type, message: { text: String(message), ...mark } };
  }
  if ('sender_action' in message) return { recipient, ...message };
  return 'message' in message ? { recipient, messaging_type, ...message } : { recipient, messaging_type, message };
}
