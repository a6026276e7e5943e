import { createHash, createHmac } from 'node:crypto';
import { isRecord } from '../support/form-fields.ts';
import { isSend, lineApi, refusal, replyTokenFor } from '../support/line-api.ts';
import { secretMark, secretOf } from '../support/secret.ts';
import type { Vendor, Webhook, WebhookContext } from '../vendor.ts';

/**
 * LINE's Messaging API: one-to-one chats, JSON webhooks signed over their bytes, answers by reply token or push.
 * A tap is a postback and a refresh a postback of `refresh`. People edit messages in groups only, and LINE tells nobody about reading,
 * typing and reactions, so these acts have no webhook.
 */
export const lineVendor: Vendor = {
  channel: 'line',

  identity(endpoint) {
    const secret = secretOf(digest(`channel secret of ${endpoint}`));
    const token = secretMark + createHmac('sha256', secret).update('channel access token').digest('base64');
    return { endpoint, account: `U${digest(`destination of ${endpoint}`)}`, secret, token, extra: {} };
  },

  person: (name) => `U${digest(`person ${name}`)}`,

  webhook(act, context) {
    switch (act.does) {
      case 'says': {
        const id = digits(context, 'message');
        const message = { id, type: 'text', quoteToken: digest(`quote ${key(context)}`), text: act.text };
        return answerable(context, { type: 'message', message }, id);
      }
      case 'taps':
        return answerable(context, { type: 'postback', postback: { data: act.payload } });
      case 'refreshes':
        return answerable(context, { type: 'postback', postback: { data: 'refresh' } });
      case 'unsends':
        return delivered(context, { type: 'unsend', unsend: { messageId: context.about ?? digits(context, 'unsent') } });
      case 'joins':
        return answerable(context, { type: 'follow', follow: { isUnblocked: false } });
      default:
        return undefined;
    }
  },

  /** Same ids, same reply tokens; only the flag tells. */
  redelivery(webhook) {
    const { events } = webhook.body;
    if (!Array.isArray(events)) return webhook;
    const again = (event: unknown) => (isRecord(event) ? { ...event, deliveryContext: { isRedelivery: true } } : event);
    return { ...webhook, body: { ...webhook.body, events: events.map(again) } };
  },

  raw(body, headers) {
    const data = isRecord(body) ? body : {};
    const first: unknown = Array.isArray(data['events']) ? data['events'][0] : undefined;
    const id = isRecord(first) ? first['webhookEventId'] : undefined;
    return {
      id: typeof id === 'string' ? id : digest(JSON.stringify(data)),
      method: 'POST',
      body: data,
      encoding: 'json',
      headers,
    };
  },

  /** Signatures carry no time. A stale one is right for bytes that came before these. */
  sign(webhook, identity, _url, _realNow, signature) {
    const bytes = JSON.stringify(webhook.body);
    const headers = { ...webhook.headers, 'content-type': 'application/json; charset=utf-8', 'user-agent': 'LineBotWebhook/2.0' };
    if (signature === 'none') return { headers, bytes };
    const secret = signature === 'wrong' ? digest('somebody else') : identity.secret;
    const signed = signature === 'stale' ? `${bytes} before` : bytes;
    return { headers: { ...headers, 'x-line-signature': lineSignature(secret, signed) }, bytes };
  },

  /** LINE reads nothing of a webhook's answer but its status. */
  answered: () => [],

  api: lineApi,
  owns: (call) => call.path.startsWith('/v2/bot/'),
  unknownRoute: () => refusal(501, 'The simulator has no such resource.'),
  sends: isSend,

  fault(kind, call) {
    switch (kind) {
      case '429':
        return refusal(429, 'The API rate limit has been exceeded. Try again later.');
      case '500':
        return refusal(500, 'Internal Server Error');
      case 'window':
        return call.path.startsWith('/v2/bot/message/reply')
          ? refusal(400, 'Invalid reply token')
          : refusal(400, 'Failed to send messages');
      case 'blocked':
        // LINE takes messages to a person who has blocked the bot, and drops them.
        return { status: 200, body: { sentMessages: [] } };
    }
  },
};

/** `x-line-signature`: HMAC-SHA256 over the body's bytes with the channel secret, base64. */
function lineSignature(channelSecret: string, bytes: string): string {
  return createHmac('sha256', channelSecret).update(bytes, 'utf8').digest('base64');
}

/** An event that can be replied to. */
function answerable(context: WebhookContext, event: Readonly<Record<string, unknown>>, messageId?: string): Webhook {
  return delivered(
    context,
    { ...event, replyToken: replyTokenFor(context.person, secretOf(digest(`reply ${key(context)}`))) },
    messageId,
  );
}

/** People take back messages by their ids; whatever is no message goes by the id of its event. */
function delivered(context: WebhookContext, event: Readonly<Record<string, unknown>>, messageId?: string): Webhook {
  const webhookEventId = `01${digest(`event ${key(context)}`)
    .toUpperCase()
    .slice(0, 24)}`;
  const common = {
    mode: 'active',
    timestamp: context.at,
    source: { type: 'user', userId: context.person },
    webhookEventId,
    deliveryContext: { isRedelivery: false },
  };
  const body = { destination: context.identity.account, events: [{ ...event, ...common }] };
  return { id: messageId ?? webhookEventId, method: 'POST', body, encoding: 'json', headers: {} };
}

/** What makes one webhook of a run different from all others. */
function key({ identity, person, sequence }: WebhookContext): string {
  return `${sequence} of ${person} to ${identity.account}`;
}

/** 32 hexadecimal digits, the same for the same text. */
function digest(text: string): string {
  return createHash('sha256').update(`line ${text}`).digest('hex').slice(0, 32);
}

/** The id of a message: 18 decimal digits. */
function digits(context: WebhookContext, what: string): string {
  return String(10n ** 17n + (BigInt(`0x${digest(`${what} ${key(context)}`)}`) % (9n * 10n ** 17n)));
}
