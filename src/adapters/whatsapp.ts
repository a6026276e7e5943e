import type { Adapter, AdapterOptions } from '../middleware/adapter.ts';
import { attach } from '../middleware/attach.ts';
import type { Activity } from '../middleware/core/activity.ts';
import type { Sessions } from '../middleware/sessions.ts';
import type { ExpressSessions } from './support/express.ts';
import type { GraphOptions } from './support/meta-graph.ts';
import { markOf } from './support/meta-mark.ts';
import { whatsappVerdicts } from './support/meta-outcome.ts';
import { receiverOf } from './support/meta-person.ts';
import { type Later, sendLater } from './support/meta-send.ts';
import { type MetaCalls, type MetaChannel, type MetaEvents, metaEvents, metaRequests } from './support/meta-sessions.ts';
import type { MetaWebhookOptions } from './support/meta-webhook.ts';
import { itemsOf, withoutMessages } from './support/meta-whatsapp.ts';
import type { EventHandler, SessionlessHandler } from './support/webhook.ts';
import { text } from './support/wire.ts';

/** A webhook of the WhatsApp Cloud API, as far as we read it. Every member may be missing, more may be there. */
export interface WhatsAppWebhook {
  readonly object?: string | undefined;
  readonly entry?: readonly WhatsAppEntry[] | undefined;
}

/** What happened on one WhatsApp Business account. */
export interface WhatsAppEntry {
  readonly id?: string | undefined;
  readonly changes?: readonly WhatsAppChange[] | undefined;
}

export interface WhatsAppChange {
  readonly field?: string | undefined;
  readonly value?: WhatsAppValue | undefined;
}

export interface WhatsAppValue {
  readonly metadata?: { readonly phone_number_id?: string; readonly display_phone_number?: string } | undefined;
  readonly contacts?: readonly WhatsAppContact[] | undefined;
  readonly messages?: readonly WhatsAppMessage[] | undefined;
  readonly statuses?: readonly WhatsAppStatus[] | undefined;
  /** What the business wrote on its own phone. */
  readonly message_echoes?: readonly WhatsAppMessage[] | undefined;
  readonly [more: string]: unknown;
}

export interface WhatsAppContact {
  readonly wa_id?: string | undefined;
  /** Business-scoped user id. */
  readonly user_id?: string | undefined;
  readonly profile?: { readonly name?: string; readonly username?: string } | undefined;
  readonly [more: string]: unknown;
}

export interface WhatsAppMessage {
  readonly id?: string | undefined;
  readonly type?: string | undefined;
  readonly from?: string | undefined;
  readonly from_user_id?: string | undefined;
  /** Of what the business wrote: to whom. */
  readonly to?: string | undefined;
  readonly to_user_id?: string | undefined;
  /** Seconds, as text. */
  readonly timestamp?: string | undefined;
  readonly group_id?: string | undefined;
  readonly text?: { readonly body?: string } | undefined;
  readonly button?: { readonly payload?: string; readonly text?: string } | undefined;
  readonly interactive?: WhatsAppInteractive | undefined;
  readonly system?:
    | { readonly wa_id?: string; readonly user_id?: string; readonly type?: string; readonly [more: string]: unknown }
    | undefined;
  readonly [more: string]: unknown;
}

export interface WhatsAppInteractive {
  readonly type?: string | undefined;
  readonly button_reply?: { readonly id?: string; readonly title?: string } | undefined;
  readonly list_reply?: { readonly id?: string; readonly title?: string } | undefined;
  readonly [more: string]: unknown;
}

export interface WhatsAppStatus {
  readonly id?: string | undefined;
  readonly status?: string | undefined;
  readonly timestamp?: string | undefined;
  readonly recipient_id?: string | undefined;
  readonly recipient_user_id?: string | undefined;
  /** What the message it is about was sent with. */
  readonly biz_opaque_callback_data?: string | undefined;
  readonly errors?: readonly { readonly code?: number; readonly [more: string]: unknown }[] | undefined;
  readonly [more: string]: unknown;
}

/** One thing out of a webhook, with what the webhook said around it. */
export interface WhatsAppEvent {
  /** The field of the change; `messages` for what users do. */
  readonly field: string;
  readonly value: WhatsAppValue;
  /** Whom it is about, as the webhook describes them. */
  readonly contact?: WhatsAppContact | undefined;
  readonly message?: WhatsAppMessage | undefined;
  readonly status?: WhatsAppStatus | undefined;
  /** What the business wrote on its own phone, to whom `contact` describes. */
  readonly echo?: WhatsAppMessage | undefined;
}

/**
 * The activities of a webhook, in its order. Pure; a webhook without any change is one unsupported activity.
 * What a person writes, sends or taps is input. Everything else is lifecycle: statuses, reactions, edits, deletions, system messages,
 * what the business wrote itself, and all other fields. What it wrote on its own phone is the reply of an agent.
 */
export function parseWhatsApp(webhook: WhatsAppWebhook): Activity[] {
  return itemsOf(webhook).map(({ activity }) => activity);
}

export const whatsappAdapter: Adapter<WhatsAppWebhook> = {
  name: 'whatsapp',
  parse: parseWhatsApp,
  capabilities: {
    // Cloud API, "Webhooks": failed deliveries are retried for up to 7 days.
    redeliversFor: 8 * 24 * 3_600_000,
    // Meta names no limit for WhatsApp; Messenger's, on the same platform, is five seconds.
    ackWithinMs: 5_000,
    batches: true,
    // Customer service window.
    replyWindow: 24 * 3_600_000,
    // Cloud API: 80 messages a second for a number.
    sendsPerSecond: 80,
    idempotentSend: false,
    reservedWords: [],
  },
};

/**
 * Sessions for a WhatsApp bot on raw Cloud API webhooks. Goes before any body parser, since signatures are made over raw bytes:
 *
 * ```ts
 * app.use('/whatsapp', whatsappSessions(sessions, { appSecret, verifyToken, accessToken }, async (event, turn) => { … }));
 * ```
 * It answers the dashboard's verification, refuses wrong signatures with 401, and lets everything else pass with 200.
 * With a handler: one turn per message; the webhook is answered in time and slow turns go on. The same handler is a web-standard `.fetch`.
 * Without: middleware before the bot's own handler, or around it by `.wrap(handler)`. The bot finds the webhook in `req.body`, without
 * consumed commands and duplicates; a request of which nothing is left is answered with 200.
 *
 * `turn.reply()` takes text or a message (`{ type: 'image', image: { … } }`); receiver and `messaging_product` are filled in.
 * @throws AdjournError `ADJ_CONFIG_INVALID`
 */
export function whatsappSessions<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  options: WhatsAppOptions<Endpoint>,
  handler: EventHandler<WhatsAppEvent, Data>,
): MetaEvents;
export function whatsappSessions<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  options: WhatsAppOptions<Endpoint>,
): ExpressSessions & MetaCalls;
export function whatsappSessions<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  options: WhatsAppOptions<Endpoint>,
  handler?: EventHandler<WhatsAppEvent, Data>,
) {
  const channel = attach(sessions, whatsappAdapter, options, sendLater(whatsapp, options));
  return handler === undefined
    ? metaRequests(whatsapp, channel, options)
    : metaEvents(whatsapp, channel, options, handler, options.sessionless);
}

/** `accessToken`: of a system user, or a function of the phone number id. */
export interface WhatsAppOptions<Endpoint extends string = string> extends WhatsAppSenderOptions<Endpoint>, MetaWebhookOptions {
  /**
   * With a handler only: gets the events that belong to no session (statuses, reactions, system messages, unknown shapes …), untouched.
   * @default they are ignored
   */
  readonly sessionless?: SessionlessHandler<WhatsAppEvent> | undefined;
}

/**
 * For a process that takes no webhooks and only looks after what is due: it closes, warns and sends with the same settings as the process
 * that runs the bot.
 *
 * ```ts
 * whatsappSender(sessions, { accessToken });
 * ```
 * @throws AdjournError `ADJ_CONFIG_INVALID`, `ADJ_NO_ENDPOINT`
 */
export function whatsappSender<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  options: WhatsAppSenderOptions<Endpoint>,
): void {
  attach(sessions, whatsappAdapter, options, sendLater(whatsapp, options));
}

/** What sending takes; `accessToken` as in {@link WhatsAppOptions}. */
export interface WhatsAppSenderOptions<Endpoint extends string = string> extends AdapterOptions<Endpoint>, GraphOptions {}

const whatsapp: MetaChannel<WhatsAppWebhook, WhatsAppEvent> = {
  name: whatsappAdapter.name,
  ackWithinMs: whatsappAdapter.capabilities.ackWithinMs,
  itemsOf,
  partOf: (event) => event.message ?? event.status ?? event.echo ?? event.value,
  without: withoutMessages,
  to: (activity) => {
    const { account, user, alias, conversation } = activity;
    // Of two names that are both good now, each leads to the person; of a changed one only the new does.
    const old = activity.kind === 'lifecycle' && activity.means === 'renamed';
    const group = conversation?.kind === 'shared' ? { group: conversation.id } : {};
    return { account, user, ...(old ? {} : { alias }), ...group };
  },
  callFor: ({ account, ...to }, message, later) =>
    typeof account === 'string' ? { account, node: account, body: bodyFor(to, message, later) } : undefined,
  idIn: (answer) => (answer as { messages?: readonly { id?: unknown }[] } | null | undefined)?.messages?.[0]?.id,
  verdicts: whatsappVerdicts,
  saidIn(body, account) {
    const type = text(body, 'type') ?? (text(body, 'text', 'body') === undefined ? undefined : 'text');
    // Without a type, and without text, it is a read receipt or a typing sign.
    if (type === undefined || type === 'reaction') return undefined;
    const words = text(body, 'text', 'body') ?? text(body, 'interactive', 'body', 'text') ?? text(body, type, 'caption');
    const to = text(body, 'to') ?? text(body, 'recipient');
    if (to === undefined) return { text: words, to: { account } };
    const isGroup = text(body, 'recipient_type') === 'group';
    const user = to.replace(/^\+/, '');
    const place = isGroup ? ({ id: to, kind: 'shared' } as const) : ({ id: user, kind: 'direct' } as const);
    return { text: words, to: { account, conversation: place, ...(isGroup ? {} : { user }) } };
  },
};

/** A request body of the messages endpoint. A close that the text announces comes back in its statuses. */
function bodyFor({ user, alias, group }: WhatsAppReceiver, message: unknown, later: Later | undefined): object {
  const receiver =
    group === undefined
      ? { recipient_type: 'individual', ...receiverOf({ user, alias }) }
      : { recipient_type: 'group', to: group };
  const content = typeof message === 'object' && message !== null ? message : { type: 'text', text: { body: String(message) } };
  const mark = later?.closeId === undefined ? {} : { biz_opaque_callback_data: markOf(later.closeId) };
  return { messaging_product: 'whatsapp', ...receiver, ...mark, ...content };
}

interface WhatsAppReceiver {
  readonly user?: string;
  readonly alias?: string;
  readonly group?: string;
}
