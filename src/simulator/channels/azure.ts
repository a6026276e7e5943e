import { hash } from 'node:crypto';
import { connectorAnswer, conversationOf, connectorError as failure, isSend, jsonIn } from '../support/azure-connector.ts';
import { bearerToken, keySet, tokenIssuer } from '../support/azure-token.ts';
import { isRecord } from '../support/form-fields.ts';
import { secretOf } from '../support/secret.ts';
import type { Act, ApiCall, Identity, Outbound, Vendor, Webhook } from '../vendor.ts';

/**
 * The Bot Connector with Direct Line behind it: one person and the bot, and any activity the page cares to post. Tokens are signed
 * anew for each delivery and can be checked against the OpenID metadata below `/bot/v1/.well-known/`; bots answer at
 * `serviceUrl`, which is `/bot` here.
 */
export const azureVendor: Vendor = {
  channel: 'azure',

  identity(endpoint) {
    const digest = (what: string) => hash('sha256', `${what} of ${endpoint}`, 'hex');
    const appId = uuid(digest('app'));
    const extra = { appId, tenantId: uuid(digest('tenant')), issuer: tokenIssuer };
    return {
      endpoint,
      account: `${endpoint}@${digest('site').slice(0, 11)}`,
      secret: secretOf(digest('app password')),
      token: secretOf(digest('token')),
      extra,
    };
  },

  /** Direct Line's user ids begin so. */
  person: (name) => `dl_${encodeURIComponent(name)}`,

  /** A conversation reference, as a bot keeps it of whoever has opened its page. */
  address(person, identity, vendorUrl) {
    const conversation = conversationOf(person, identity);
    const bot = { id: identity.account };
    return {
      conversation: { id: `directline:${conversation}`, kind: 'direct' },
      to: {
        channelId: 'directline',
        serviceUrl: `${vendorUrl}/bot`,
        conversation: { id: conversation },
        user: { id: person },
        bot,
        agent: bot,
      },
    };
  },

  webhook(act, context) {
    const conversation = conversationOf(context.person, context.identity);
    const id = `${conversation}|${String(context.sequence).padStart(7, '0')}`;
    const about = context.about ?? id;
    const { activity, of = id } = activityOf(act, about);
    const body = {
      id: of,
      timestamp: new Date(context.at).toISOString(),
      channelId: 'directline',
      serviceUrl: `${context.vendorUrl}/bot`,
      from: { id: context.person, name: context.user, role: 'user' },
      conversation: { id: conversation, isGroup: false },
      recipient: { id: context.identity.account, name: context.identity.endpoint, role: 'bot' },
      ...activity,
      channelData: { clientActivityID: of === id ? `page-${id}` : undefined, ...activity.channelData },
    };
    return { id, method: 'POST', body, encoding: 'json', headers: {} };
  },

  redelivery: (webhook) => webhook,

  /** An activity that does not say where to answer is answered here. */
  raw(body, headers, _identity, vendorUrl) {
    const activity = isRecord(body) && 'type' in body ? body : undefined;
    const here = activity && vendorUrl !== undefined ? { serviceUrl: `${vendorUrl}/bot`, ...activity } : body;
    return { id: String(activity?.['id'] ?? ''), method: 'POST', body: here as Webhook['body'], encoding: 'json', headers };
  },

  sign(webhook, identity, _url, realNow, signature) {
    const bytes = typeof webhook.body === 'string' ? webhook.body : JSON.stringify(webhook.body);
    const headers = { 'content-type': 'application/json; charset=utf-8', ...webhook.headers };
    if (signature === 'none') return { headers, bytes };
    const serviceUrl = isRecord(webhook.body) ? webhook.body['serviceUrl'] : undefined;
    const token = bearerToken(
      {
        audience: appIdOf(identity),
        serviceUrl: typeof serviceUrl === 'string' ? serviceUrl : undefined,
        issuedAt: signature === 'stale' ? realNow - staleByMs : realNow,
      },
      signature === 'wrong' ? 'wrong' : 'right',
    );
    return { headers: { ...headers, authorization: `Bearer ${token}` }, bytes };
  },

  /** Where the activity asked for it (`expectReplies`), the answers come with the webhook's own. */
  answered: (response, { body }) => (isRecord(body) && body['deliveryMode'] === 'expectReplies' ? repliesIn(response.text) : []),

  api(call, world) {
    const path = pathOf(call);
    if (call.method === 'GET') {
      const base = `http://${call.headers['host']}${prefix}`;
      if (path === '/v1/.well-known/openidconfiguration')
        return { status: 200, body: { issuer: tokenIssuer, jwks_uri: `${base}/v1/.well-known/keys` } };
      if (path === '/v1/.well-known/keys' || path === '/discovery/v2.0/keys') return { status: 200, body: keySet() };
    }
    return connectorAnswer(path, call, world);
  },

  owns: (call) => pathOf(call) !== call.path.split('?', 1)[0],
  unknownRoute: () => failure(501, 'NotImplemented', 'The simulator has no such operation.'),
  sends: (call) => call.method === 'POST' && isSend(pathOf(call)),

  fault(kind) {
    switch (kind) {
      case '429':
        return { ...failure(429, 'TooManyRequests', 'Slow down.'), headers: { 'retry-after': '1' } };
      case '500':
        return failure(500, 'ServiceError', 'An internal error.');
      case 'window':
        return failure(400, 'BadArgument', 'The channel no longer takes messages to this person.');
      case 'blocked':
        return failure(403, 'ConversationBlockedByUser', 'The person has blocked this bot.');
    }
  },
};

const prefix = '/bot';

/** Two hours ago: an hour past the token's end, where the SDKs forgive five minutes. */
const staleByMs = 2 * 3_600_000;

interface Posted {
  readonly activity: { readonly type: string; readonly channelData?: object; readonly [member: string]: unknown };
  /** The id of what it is about, where that is the activity's own. */
  readonly of?: string;
}

/** What a page posts for an act. @param about the message an edit, a deletion or a reaction is about */
function activityOf(act: Act, about: string): Posted {
  switch (act.does) {
    case 'says':
      return { activity: { type: 'message', text: act.text, textFormat: 'plain' } };
    case 'taps':
      return { activity: { type: 'message', text: act.payload, channelData: { postBack: true } } };
    case 'refreshes':
      return { activity: { type: 'message', channelData: { refresh: true } } };
    case 'types':
      return { activity: { type: 'typing' } };
    case 'reads':
      return { activity: { type: 'event', name: 'application/vnd.microsoft.readReceipt', value: { lastReadMessageId: about } } };
    case 'reacts':
      return { activity: { type: 'messageReaction', reactionsAdded: [{ type: 'like' }], replyToId: about }, of: about };
    case 'edits':
      return { activity: { type: 'messageUpdate', text: 'something else', textFormat: 'plain' }, of: about };
    case 'unsends':
      return { activity: { type: 'messageDelete' }, of: about };
    case 'joins':
      return { activity: { type: 'conversationUpdate', membersAdded: [{ id: 'dl_guest', name: 'Guest' }] } };
  }
}

function repliesIn(answer: string): Outbound[] {
  const { activities } = jsonIn(answer) as { activities?: unknown };
  const messages = Array.isArray(activities) ? activities.filter((one) => isRecord(one) && one['type'] === 'message') : [];
  return messages.map((one) => ({ text: String(one['text'] ?? '') }));
}

/** The path below `/bot`; unchanged for any other. Clients join it to the service URL with one slash or two. */
function pathOf(call: ApiCall): string {
  const [path = ''] = call.path.split('?', 1);
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length).replace(/^\/+/, '/') : path;
}

function appIdOf(identity: Identity): string {
  return identity.extra['appId'] ?? '';
}

function uuid(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
