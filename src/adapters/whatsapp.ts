import type { Adapter, AdapterOptions } from '../middleware/adapter.ts';
import { attach } from '../middleware/attach.ts';
import type { Activity } from '../middleware/core/activity.ts';
import { AdjournError } from '../middleware/errors.ts';
import type { Sessions } from '../middleware/sessions.ts';
import type { ExpressSessions } from './support/express.ts';
import { type GraphOptions, postMessage } from './support/meta-graph.ts';
import { receiverOf } from './support/meta-person.ts';
import { type MetaChannel, type MetaEvents, metaEvents, metaRequests, sendTo } from './support/meta-sessions.ts';
import type { MetaWebhookOptions } from './support/meta-webhook.ts';
import { itemsOf, withoutMessages } from './support/meta-whatsapp.ts';
import type { EventHandler, SessionlessHandler } from './support/webhook.ts';

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
  readonly [more: string]: unknown;
}

/** One thing out of a webhook, with what the webhook said around it. */
export interface WhatsAppEvent {
  /** The field of the change; `messages` for what users do. */
  readonly field: string;
  readonly value: WhatsAppValue;
  /** Who did it, as the webhook describes them. */
  readonly contact?: WhatsAppContact | undefined;
  readonly message?: WhatsAppMessage | undefined;
  readonly status?: WhatsAppStatus | undefined;
}

/**
 * The activities of a webhook, in its order. Pure; a webhook without any change is one unsupported activity.
 * What a person writes, sends or taps is input. Everything else is lifecycle: statuses, reactions, edits, deletions, system messages,
 * what the business wrote itself, and all other fields.
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
): ExpressSessions;
export function whatsappSessions<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  options: WhatsAppOptions<Endpoint>,
  handler?: EventHandler<WhatsAppEvent, Data>,
) {
  const meta: MetaChannel<WhatsAppWebhook, WhatsAppEvent> = {
    name: whatsappAdapter.name,
    ackWithinMs: whatsappAdapter.capabilities.ackWithinMs,
    itemsOf,
    partOf: (event) => event.message ?? event.status ?? event.value,
    without: withoutMessages,
    to: ({ account, user, alias, conversation }) => ({
      account,
      user,
      alias,
      ...(conversation?.kind === 'shared' ? { group: conversation.id } : {}),
    }),
    send: async ({ account, ...to }, message) => {
      if (typeof account !== 'string') throw numberUnknown();
      return postMessage('whatsapp', account, account, bodyFor(to, message), options);
    },
  };
  const channel = attach(sessions, whatsappAdapter, options, sendTo(meta, options));
  return handler === undefined
    ? metaRequests(meta, channel, options)
    : metaEvents(meta, channel, options, handler, options.sessionless);
}

/** `accessToken`: of a system user, or a function of the phone number id. */
export interface WhatsAppOptions<Endpoint extends string = string>
  extends AdapterOptions<Endpoint>,
    MetaWebhookOptions,
    GraphOptions {
  /**
   * With a handler only: gets the events that belong to no session (statuses, reactions, system messages, unknown shapes …), untouched.
   * @default they are ignored
   */
  readonly sessionless?: SessionlessHandler<WhatsAppEvent> | undefined;
}

/** A request body of the messages endpoint. */
function bodyFor({ user, alias, group }: WhatsAppReceiver, message: unknown): object {
  const receiver =
    group === undefined
      ? { recipient_type: 'individual', ...receiverOf({ user, alias }) }
      : { recipient_type: 'group', to: group };
  const content = typeof message === 'object' && message !== null ? message : { type: 'text', text: { body: String(message) } };
  return { messaging_product: 'whatsapp', ...receiver, ...content };
}

function numberUnknown(): AdjournError {
  return new AdjournError('ADJ_SEND_FAILED', 'No phone number id to send from is known.', {
    where: 'whatsapp',
    hint: "Name it in the address (`to: { account: '…' }`) or in `accounts`.",
  });
}

interface WhatsAppReceiver {
  readonly user?: string;
  readonly alias?: string;
  readonly group?: string;
}
