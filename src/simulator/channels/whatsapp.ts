import { at, digest, digits, graphCall, noSuchRoute, rawMeta, refusal, signMeta } from '../support/meta.ts';
import { secretOf } from '../support/secret.ts';
import { businessNumberId, isWhatsappSend, phoneOf, whatsappApi } from '../support/whatsapp-api.ts';
import type { Vendor, Webhook, WebhookContext } from '../vendor.ts';

/**
 * WhatsApp Cloud API: phone numbers of businesses, people with a business-scoped id and a phone number, stamps in seconds as text, webhooks
 * signed in Meta's escaped JSON. A tap is a reply button, a refresh one with the id `refresh`, a join an opened chat (`request_welcome`).
 * Nobody is told about typing. An edit says `discard`, so that whoever reads it as a message is found out.
 */
export const whatsappVendor: Vendor = {
  channel: 'whatsapp',

  identity(endpoint) {
    const secret = secretOf(digest(`app secret of number ${endpoint}`).slice(0, 32));
    const token = `EAAJ${secretOf(digest(`system user token of ${endpoint}`))}`;
    const account = digits('3', 15, `number id of ${endpoint}`);
    const extra = {
      verifyToken: secretOf(digest(`verify token of number ${endpoint}`).slice(0, 20)),
      businessAccount: digits('5', 15, `business account of ${endpoint}`),
      number: digits('4930', 12, `number of ${endpoint}`),
    };
    return { endpoint, account, secret, token, extra };
  },

  person: (name) => `DE.1${digits('4915', 13, `person ${name}`)}`,

  webhook(act, context) {
    const about = { original_message_id: context.about ?? wamid(context) };
    switch (act.does) {
      case 'says':
        return message(context, 'text', { text: { body: act.text } });
      case 'taps':
        return message(context, 'interactive', button(act.payload, act.payload));
      case 'refreshes':
        return message(context, 'interactive', button('refresh', 'Start again'));
      case 'reads':
        return read(context);
      case 'reacts':
        return message(context, 'reaction', { reaction: { message_id: about.original_message_id, emoji: '\u{1f44d}' } });
      case 'edits':
        return message(context, 'edit', { edit: { ...about, message: { type: 'text', text: { body: 'discard' } } } });
      case 'unsends':
        return message(context, 'revoke', { revoke: about });
      case 'joins':
        return message(context, 'request_welcome', {});
      case 'types':
        return undefined;
    }
  },

  /** Meta sends the very same bytes again. */
  redelivery: (webhook) => webhook,

  raw: (body, headers) => rawMeta(body, headers, (data) => at(data, 'entry', 0, 'changes', 0, 'value', 'messages', 0, 'id')),

  sign: (webhook, identity, _url, _realNow, signature) => signMeta(webhook, identity, signature),

  /** Meta reads nothing of a webhook's answer but its status. */
  answered: () => [],

  api: whatsappApi,
  owns(call) {
    const asked = graphCall(call);
    return asked !== undefined && businessNumberId.test(asked.node);
  },
  unknownRoute: () => refusal(noSuchRoute),
  sends: isWhatsappSend,

  fault(kind) {
    switch (kind) {
      case '429':
        return refusal({ status: 429, code: 130429, message: 'Rate limit hit' });
      case '500':
        return refusal({ status: 500, code: 131000, message: 'Something went wrong' });
      case 'window':
        return refusal({ status: 400, code: 131047, message: 'Re-engagement message' });
      case 'blocked':
        return refusal({ status: 400, code: 131026, message: 'Message undeliverable' });
    }
  },
};

function message(context: WebhookContext, type: string, content: Readonly<Record<string, unknown>>): Webhook {
  const id = wamid(context);
  const { person } = context;
  const contact = { profile: { name: context.user }, wa_id: phoneOf(person), user_id: person };
  const one = { from: phoneOf(person), from_user_id: person, id, timestamp: seconds(context), type, ...content };
  return delivered(id, context, { contacts: [contact], messages: [one] });
}

/** A read receipt is a status of the bot's message. */
function read(context: WebhookContext): Webhook {
  const { person, about } = context;
  const id = about ?? wamid(context);
  const status = { id, status: 'read', timestamp: seconds(context), recipient_id: phoneOf(person), recipient_user_id: person };
  return delivered(`${id}:read`, context, { statuses: [status] });
}

function delivered(id: string, { identity }: WebhookContext, content: Readonly<Record<string, unknown>>): Webhook {
  const metadata = { display_phone_number: identity.extra['number'], phone_number_id: identity.account };
  const changes = [{ field: 'messages', value: { messaging_product: 'whatsapp', metadata, ...content } }];
  const body = { object: 'whatsapp_business_account', entry: [{ id: identity.extra['businessAccount'], changes }] };
  return { id, method: 'POST', body, encoding: 'json', headers: {} };
}

function button(id: string, title: string): Readonly<Record<string, unknown>> {
  return { interactive: { type: 'button_reply', button_reply: { id, title } } };
}

function wamid({ identity, person, sequence }: WebhookContext): string {
  return `wamid.${Buffer.from(digest(`message ${sequence} of ${person} to ${identity.account}`), 'hex').toString('base64')}`;
}

function seconds({ at: ms }: WebhookContext): string {
  return String(Math.floor(ms / 1_000));
}
