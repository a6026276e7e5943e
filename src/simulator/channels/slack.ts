import { createHash, createHmac } from 'node:crypto';
import { isRecord } from '../support/form-fields.ts';
import { secretMark, secretOf } from '../support/secret.ts';
import { appOf, directChannel, escaped, responsePath, slackId, stampOf, unescaped } from '../support/slack-ids.ts';
import { callMethod, methodOf, refused, respond } from '../support/slack-web-api.ts';
import type { ApiCall, Vendor, Webhook, WebhookContext } from '../vendor.ts';

/**
 * A Slack workspace with one app in it: events, interactions and slash commands go to one URL, what the bot says comes back through
 * the Web API, the answer to a slash command or its `response_url`. People talk to the bot in their direct channels.
 */
export const slackVendor: Vendor = {
  channel: 'slack',

  identity(endpoint) {
    return {
      endpoint,
      account: slackId('T', endpoint),
      secret: secretOf(createHash('sha256').update(`slack signing secret of ${endpoint}`).digest('hex').slice(0, 32)),
      token: `xoxb-${secretMark}-${slackId('K', endpoint)}`,
      extra: { app: slackId('A', endpoint), bot: slackId('B', endpoint), botUser: slackId('U', `bot of ${endpoint}`) },
    };
  },

  person: (name) => slackId('U', `person ${name}`),

  address: (person, { account }) => ({
    conversation: { id: `${account}:${person}`, kind: 'direct' },
    to: { teamId: account, isEnterpriseInstall: false, channel: directChannel(person), user: person },
  }),

  webhook(act, context) {
    const { person, identity, about } = context;
    const ts = stampOf(context.at, context.sequence);
    const channel = directChannel(person);
    const target = /^\d+\.\d+$/.test(about ?? '') ? about : ts;
    const message = { type: 'message', channel, ts, event_ts: ts, channel_type: 'im' };
    const written = { type: 'message', user: person, team: identity.account };
    switch (act.does) {
      case 'says':
        return event(context, ts, {
          ...message,
          user: person,
          team: identity.account,
          client_msg_id: clientId(ts),
          text: escaped(act.text),
        });
      case 'edits': {
        const edited = { ...written, text: 'What I meant.', ts: target, edited: { user: person, ts } };
        return event(context, ts, {
          ...message,
          subtype: 'message_changed',
          hidden: true,
          message: edited,
          previous_message: { ...written, text: 'What I wrote.', ts: target },
        });
      }
      case 'unsends':
        return event(context, ts, {
          ...message,
          subtype: 'message_deleted',
          hidden: true,
          deleted_ts: target,
          previous_message: { ...written, text: 'What I wrote.', ts: target },
        });
      case 'reacts':
        return event(context, ts, {
          type: 'reaction_added',
          user: person,
          reaction: 'thumbsup',
          item: { type: 'message', channel, ts: target },
          item_user: appOf(identity).botUser,
          event_ts: ts,
        });
      case 'joins':
        return event(context, ts, { type: 'app_home_opened', user: person, channel, tab: 'messages', event_ts: ts });
      case 'taps':
        return tap(context, ts, act.payload, target);
      case 'refreshes':
        return slashCommand(context, '/refresh');
      case 'reads':
      case 'types':
        return undefined;
    }
  },

  /** Only events are delivered again: at once, after a minute, after five. */
  redelivery(webhook, attempt) {
    if (webhook.encoding === 'form') return webhook;
    const headers = { ...webhook.headers, 'x-slack-retry-num': String(attempt), 'x-slack-retry-reason': 'http_timeout' };
    return { ...webhook, headers };
  },

  /** A slash command (`command`) or an interaction (`payload`) goes out as a form, anything else as JSON. */
  raw(body, headers) {
    const fields = isRecord(body) ? body : {};
    const encoding = 'command' in fields || 'payload' in fields ? 'form' : 'json';
    const id = createHash('sha256').update(JSON.stringify(fields)).digest('hex').slice(0, 16);
    return { id: String(fields['event_id'] ?? fields['trigger_id'] ?? id), method: 'POST', body: fields, encoding, headers };
  },

  /** Rule: docs.slack.dev/authentication/verifying-requests-from-slack. Requests older than five minutes are stale. */
  sign(webhook, identity, _url, realNow, signature) {
    const bytes = webhook.encoding === 'json' ? JSON.stringify(webhook.body) : formOf(webhook);
    const timestamp = String(Math.floor(realNow / 1000) - (signature === 'stale' ? 600 : 0));
    const secret = signature === 'wrong' ? `not ${identity.secret}` : identity.secret;
    const signed = createHmac('sha256', secret).update(`v0:${timestamp}:${bytes}`).digest('hex');
    const headers = {
      ...webhook.headers,
      'content-type': webhook.encoding === 'json' ? 'application/json' : 'application/x-www-form-urlencoded',
      'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
    };
    if (signature === 'none') return { bytes, headers };
    return { bytes, headers: { ...headers, 'x-slack-request-timestamp': timestamp, 'x-slack-signature': `v0=${signed}` } };
  },

  /** The answer to a slash command is shown to the one who gave it: text as it is, or the `text` of a JSON message. */
  answered(response, webhook) {
    if (response.status !== 200 || response.text === '' || webhook.body['command'] === undefined) return [];
    const isJson = response.headers['content-type']?.includes('json') === true;
    const message: unknown = isJson ? JSON.parse(response.text) : { text: response.text };
    return isRecord(message) && typeof message['text'] === 'string' ? [{ text: unescaped(message['text']) }] : [];
  },

  api: (call, world) => callMethod(call, world) ?? respond(call, world),
  owns: (call) => call.path.startsWith('/slack/'),
  unknownRoute: () => refused('unknown_method', 501),
  sends: isSend,

  fault(kind) {
    switch (kind) {
      case '429':
        return { ...refused('ratelimited', 429), headers: { 'retry-after': '1' } };
      case '500':
        return refused('internal_error', 500);
      case 'window':
        return refused('is_archived');
      case 'blocked':
        return refused('channel_not_found');
    }
  },
};

function event(context: WebhookContext, id: string, event: Readonly<Record<string, unknown>>): Webhook {
  const { identity, sequence, at } = context;
  const { app, botUser } = appOf(identity);
  const body = {
    token: secretMark,
    team_id: identity.account,
    context_team_id: identity.account,
    context_enterprise_id: null,
    api_app_id: app,
    event,
    type: 'event_callback',
    event_id: slackId('Ev', `${identity.account} ${at} ${sequence}`),
    event_time: Math.floor(at / 1000),
    authorizations: [
      { enterprise_id: null, team_id: identity.account, user_id: botUser, is_bot: true, is_enterprise_install: false },
    ],
    is_ext_shared_channel: false,
  };
  return { id, method: 'POST', body, encoding: 'json', headers: {} };
}

/** A button of a message the bot sent: its value is the payload. */
function tap(context: WebhookContext, ts: string, value: string, message: string | undefined): Webhook {
  const { identity, person } = context;
  const { app, bot, botUser } = appOf(identity);
  const channel = { id: directChannel(person), name: 'directmessage' };
  const trigger = triggerOf(context);
  const payload = {
    type: 'block_actions',
    user: { id: person, username: person.toLowerCase(), team_id: identity.account },
    api_app_id: app,
    token: secretMark,
    container: { type: 'message', message_ts: message, channel_id: channel.id, is_ephemeral: false },
    trigger_id: trigger,
    team: { id: identity.account, domain: 'simulated' },
    enterprise: null,
    is_enterprise_install: false,
    channel,
    message: { type: 'message', user: botUser, bot_id: bot, ts: message, text: 'Choose.' },
    state: { values: {} },
    response_url: responseUrl(context),
    actions: [
      {
        type: 'button',
        action_id: 'choice',
        block_id: 'choices',
        text: { type: 'plain_text', text: value },
        value,
        action_ts: ts,
      },
    ],
  };
  return { id: trigger, method: 'POST', body: { payload }, encoding: 'form', headers: {} };
}

function slashCommand(context: WebhookContext, command: string): Webhook {
  const { identity, person } = context;
  const trigger = triggerOf(context);
  const body = {
    token: secretMark,
    team_id: identity.account,
    team_domain: 'simulated',
    channel_id: directChannel(person),
    channel_name: 'directmessage',
    user_id: person,
    user_name: person.toLowerCase(),
    command,
    text: '',
    api_app_id: appOf(identity).app,
    is_enterprise_install: 'false',
    response_url: responseUrl(context),
    trigger_id: trigger,
  };
  return { id: trigger, method: 'POST', body, encoding: 'form', headers: {} };
}

/** Whether a call says something to a person. */
function isSend(call: ApiCall): boolean {
  return /^chat\.post(Message|Ephemeral)$/.test(methodOf(call) ?? '') || call.path.startsWith('/slack/response/');
}

/** Compound values travel as JSON. */
function formOf(webhook: Webhook): string {
  const fields = Object.entries(webhook.body).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return new URLSearchParams(fields as [string, string][]).toString();
}

function responseUrl(context: WebhookContext): string {
  return `${context.vendorUrl}${responsePath(context.identity, context.person, context.sequence)}`;
}

function triggerOf({ identity, sequence, at }: WebhookContext): string {
  return `${at}.${sequence}.${slackId('K', `${identity.account} ${at} ${sequence}`).toLowerCase()}`;
}

/** The id a client gives a message its user typed. */
function clientId(ts: string): string {
  const hex = createHash('sha256').update(ts).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
