import { isMessengerSend, messengerApi } from '../support/messenger-api.ts';
import { at, digest, digits, graphCall, noSuchRoute, rawMeta, refusal, signMeta } from '../support/meta.ts';
import { secretOf } from '../support/secret.ts';
import { businessNumberId } from '../support/whatsapp-api.ts';
import type { Vendor, Webhook, WebhookContext } from '../vendor.ts';

/**
 * Messenger Platform: pages, signed webhooks in Meta's escaped JSON, the Send API. A tap is a postback, a refresh a postback of `refresh`,
 * a join an opt-in. Nobody is told about typing. An edit says `discard`, so that whoever reads it as a message is found out.
 */
export const messengerVendor: Vendor = {
  channel: 'messenger',

  identity(endpoint) {
    const secret = secretOf(digest(`app secret of ${endpoint}`).slice(0, 32));
    const token = `EAAG${secretOf(digest(`page token of ${endpoint}`))}`;
    const account = digits('4', 15, `page of ${endpoint}`);
    return {
      endpoint,
      account,
      secret,
      token,
      extra: { verifyToken: secretOf(digest(`verify token of ${endpoint}`).slice(0, 20)) },
    };
  },

  person: (name) => digits('7', 16, `person ${name}`),

  webhook(act, context) {
    const mid = `m_${digest(`message ${context.sequence} of ${context.person} to ${context.identity.account}`).slice(0, 40)}`;
    const about = context.about ?? mid;
    switch (act.does) {
      case 'says':
        return delivered(mid, context, { message: { mid, text: act.text } });
      case 'taps':
        return delivered(mid, context, { postback: { mid, title: act.payload, payload: act.payload } });
      case 'refreshes':
        return delivered(mid, context, { postback: { mid, title: 'Start again', payload: 'refresh' } });
      case 'reads':
        return delivered(mid, context, { read: { watermark: context.at } });
      case 'reacts':
        return delivered(mid, context, { reaction: { mid: about, action: 'react', reaction: 'love', emoji: '\u2764' } });
      case 'edits':
        return delivered(mid, context, { message_edit: { mid: about, text: 'discard', num_edit: 1 } });
      case 'unsends':
        return delivered(mid, context, { message: { mid: about, is_deleted: true } });
      case 'joins':
        return delivered(mid, context, { optin: { ref: 'website' } });
      case 'types':
        return undefined;
    }
  },

  /** Meta sends the very same bytes again. */
  redelivery: (webhook) => webhook,

  raw: (body, headers) => rawMeta(body, headers, idIn),

  sign: (webhook, identity, _url, _realNow, signature) => signMeta(webhook, identity, signature),

  /** Meta reads nothing of a webhook's answer but its status. */
  answered: () => [],

  api: messengerApi,
  /** Whatever of the Graph API is not WhatsApp's. */
  owns(call) {
    const asked = graphCall(call);
    return asked !== undefined && !businessNumberId.test(asked.node);
  },
  unknownRoute: () => refusal(noSuchRoute),
  sends: isMessengerSend,

  fault(kind) {
    switch (kind) {
      case '429':
        return refusal({ status: 429, code: 613, message: 'Calls to this api have exceeded the rate limit.' });
      case '500':
        return refusal({ status: 500, code: 2, message: 'An unexpected error has occurred. Please retry your request later.' });
      case 'window':
        return refusal({ status: 400, code: 10, subcode: 2018278, message: 'This message is sent outside of allowed window.' });
      case 'blocked':
        return refusal({ status: 400, code: 551, subcode: 1545041, message: 'This person isn’t available right now.' });
    }
  },
};

/** One event of one person on one page. */
function delivered(
  id: string,
  { identity, person, at: timestamp }: WebhookContext,
  event: Readonly<Record<string, unknown>>,
): Webhook {
  const messaging = [{ sender: { id: person }, recipient: { id: identity.account }, timestamp, ...event }];
  const body = { object: 'page', entry: [{ id: identity.account, time: timestamp, messaging }] };
  return { id, method: 'POST', body, encoding: 'json', headers: {} };
}

function idIn(body: unknown): unknown {
  const event = at(body, 'entry', 0, 'messaging', 0);
  return at(event, 'message', 'mid') ?? at(event, 'postback', 'mid');
}
