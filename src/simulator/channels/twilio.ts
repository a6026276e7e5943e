import { createHash, createHmac } from 'node:crypto';
import { fieldsOf, isRecord, pairs } from '../support/form-fields.ts';
import { secretOf } from '../support/secret.ts';
import { messagesOf } from '../support/twiml.ts';
import type { ApiAnswer, ApiCall, Identity, Vendor, VendorWorld, Webhook, WebhookAnswer, WebhookContext } from '../vendor.ts';

/**
 * Twilio Programmable Messaging: form-encoded webhooks signed over the bot's own address, answers as TwiML or by REST.
 *
 * A phone number stands for SMS and for what Twilio relays with buttons (WhatsApp, RCS) alike, so that a tap and a text of one
 * person meet in one conversation: a tap carries `ButtonPayload` and `ButtonText` as on those channels, from the same number.
 */
export const twilioVendor: Vendor = {
  channel: 'twilio',

  identity(endpoint) {
    const accountSid = `AC${digest(`account of ${endpoint}`)}`;
    const token = secretOf(digest(`auth token of ${endpoint}`));
    return { endpoint, account: `+1999${digits(`number of ${endpoint}`)}`, secret: token, token, extra: { accountSid } };
  },

  /** In area codes that nobody has: a message that reaches the real Twilio by mistake reaches no stranger. */
  person: (name) => `+1555${digits(`person ${name}`)}`,

  webhook(act, context) {
    switch (act.does) {
      case 'says':
        return inbound(context, { Body: act.text });
      case 'taps':
        return inbound(context, {
          Body: act.payload,
          ButtonPayload: act.payload,
          ButtonText: act.payload,
          MessageType: 'button',
        });
      case 'refreshes':
        return inbound(context, { Body: 'refresh' });
      case 'reads':
        return readReceipt(context);
      default:
        return undefined;
    }
  },

  /** Twilio repeats a delivery as it was; its idempotency token is the same one too. */
  redelivery: (webhook) => webhook,

  raw(body, headers) {
    const fields = typeof body === 'string' ? fieldsOf(new URLSearchParams(body)) : isRecord(body) ? body : {};
    return { id: String(fields['MessageSid'] ?? ''), method: 'POST', body: fields, encoding: 'form', headers };
  },

  /** Signatures carry no time. A stale one is right for another address: the webhook of before the bot moved. */
  sign(webhook, identity, url, _realNow, signature) {
    const fields = pairs(webhook.body);
    const headers = {
      ...webhook.headers,
      'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
      'user-agent': 'TwilioProxy/1.1',
    };
    const bytes = new URLSearchParams(fields).toString();
    if (signature === 'none') return { headers, bytes };
    const key = signature === 'wrong' ? digest('somebody else') : identity.secret;
    const address = signature === 'stale' ? new URL('/before', url).href : url;
    return { headers: { ...headers, 'x-twilio-signature': twilioSignature(key, address, fields) }, bytes };
  },

  /** Plain text goes to the user as it is, anything else is read as TwiML (Twilio's table of MIME types for webhook answers). */
  answered(response, webhook) {
    if (response.status < 200 || response.status > 299 || response.text === '') return [];
    const messages = contentType(response).startsWith('text/plain') ? [{ text: response.text }] : messagesOf(response.text);
    return messages.map((message, index) => ({ ...message, id: `SM${digest(`answer ${index} to ${webhook.id}`)}` }));
  },

  api: (call, world) => (messagesRoute(call) === undefined ? undefined : createMessage(call, world)),
  owns: (call) => call.path.startsWith('/2010-04-01/'),
  unknownRoute: () => failure(501, 20404, 'The simulator has no such resource.'),
  sends: (call) => messagesRoute(call) !== undefined,

  fault(kind) {
    switch (kind) {
      case '429':
        return failure(429, 20429, 'Too Many Requests');
      case '500':
        return failure(500, 20500, 'Internal Server Error');
      case 'window':
        return failure(400, 63016, 'Failed to send freeform message because you are outside the allowed window.');
      case 'blocked':
        return failure(400, 21610, 'Attempt to send to unsubscribed recipient');
    }
  },
};

/**
 * `X-Twilio-Signature`: HMAC-SHA1 over the address followed by every parameter's name and value, sorted by name;
 * of a repeated parameter each different value once, sorted.
 */
export function twilioSignature(authToken: string, url: string, fields: readonly (readonly [string, string])[]): string {
  const unique = [...new Set(fields.map((field) => JSON.stringify(field)))].map((field) => JSON.parse(field) as [string, string]);
  const sorted = unique.sort(([a, x], [b, y]) => compare(a, b) || compare(x, y));
  return createHmac('sha1', authToken)
    .update(url + sorted.flat().join(''), 'utf8')
    .digest('base64');
}

function inbound(context: WebhookContext, fields: Readonly<Record<string, string>>): Webhook {
  const { identity, person } = context;
  const sid = `SM${digest(`message ${context.sequence} of ${person} to ${identity.account}`)}`;
  return form(sid, {
    ToCountry: 'US',
    FromCountry: 'US',
    MessageSid: sid,
    SmsSid: sid,
    SmsMessageSid: sid,
    AccountSid: accountSid(identity),
    From: person,
    To: identity.account,
    NumMedia: '0',
    NumSegments: '1',
    SmsStatus: 'received',
    ApiVersion: '2010-04-01',
    ...fields,
  });
}

/** A status callback: `From` is the bot here, `To` the person. */
function readReceipt(context: WebhookContext): Webhook {
  const { identity, person } = context;
  const sid = context.about ?? `SM${digest(`message of ${identity.account} read by ${person}, ${context.sequence}`)}`;
  return form(`${sid}:read`, {
    MessageSid: sid,
    SmsSid: sid,
    AccountSid: accountSid(identity),
    From: identity.account,
    To: person,
    MessageStatus: 'read',
    SmsStatus: 'read',
    ApiVersion: '2010-04-01',
  });
}

function form(id: string, body: Readonly<Record<string, string>>): Webhook {
  return { id, method: 'POST', body, encoding: 'form', headers: { 'i-twilio-idempotency-token': uuid(id) } };
}

/** `POST …/Messages.json`, as `client.messages.create` calls it. */
function createMessage(call: ApiCall, world: VendorWorld): ApiAnswer {
  const sid = messagesRoute(call);
  const identity = world.identities().find((one) => accountSid(one) === sid);
  if (identity === undefined || call.headers['authorization'] !== basic(identity)) return failure(401, 20003, 'Authenticate');
  const asked = new URLSearchParams(call.text);
  const to = asked.get('To');
  const from = asked.get('From') ?? identity.account;
  const text = asked.get('Body');
  if (!to) return failure(400, 21604, "A 'To' phone number is required.");
  if (!text) return failure(400, 21602, 'Message body is required.');
  if (text.length > 1600) return failure(400, 21617, 'The concatenated message body exceeds the 1600 character limit');
  if (from !== identity.account) return failure(400, 21606, `The 'From' number is not a valid number of this account.`);
  const id = `SM${digest(`message ${world.next()} from ${from} to ${to}`)}`;
  world.receive({ to, text, id, identity });
  const at = new Date(world.now()).toUTCString().replace('GMT', '+0000');
  return {
    status: 201,
    body: {
      sid: id,
      account_sid: sid,
      to,
      from,
      body: text,
      status: 'queued',
      direction: 'outbound-api',
      num_media: '0',
      num_segments: '1',
      date_created: at,
      date_updated: at,
      error_code: null,
      error_message: null,
    },
  };
}

/** The account whose messages a call creates; undefined for any other call. */
function messagesRoute(call: ApiCall): string | undefined {
  return call.method === 'POST'
    ? /^\/2010-04-01\/Accounts\/(AC[0-9a-f]{32})\/Messages\.json(?:\?|$)/.exec(call.path)?.[1]
    : undefined;
}

/** Twilio's error shape. */
function failure(status: number, code: number, message: string): ApiAnswer {
  return { status, body: { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status } };
}

/** What `curl -u sid:token` sends; the same bytes as the SDK. */
function basic(identity: Identity): string {
  return `Basic ${Buffer.from(`${accountSid(identity)}:${identity.token}`).toString('base64')}`;
}

function accountSid(identity: Identity): string {
  return identity.extra['accountSid'] ?? '';
}

function contentType(response: WebhookAnswer): string {
  const header = Object.entries(response.headers).find(([name]) => name.toLowerCase() === 'content-type');
  return header?.[1].toLowerCase() ?? '';
}

/** Sorted as Twilio sorts: by UTF-16 code units, as JavaScript compares strings. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** 32 hexadecimal digits, the same for the same text: sids and tokens. */
function digest(text: string): string {
  return createHash('sha256').update(`twilio ${text}`).digest('hex').slice(0, 32);
}

/** Seven decimal digits, the same for the same text: the end of a phone number. */
function digits(text: string): string {
  return String(Number.parseInt(digest(text).slice(0, 12), 16) % 10_000_000).padStart(7, '0');
}

function uuid(text: string): string {
  return digest(text).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
