import type { ApiAnswer, ApiCall, Identity, VendorWorld } from '../vendor.ts';
import { isRecord } from './form-fields.ts';
import { appOf, directChannel, receiverOf, slackId, stampOf, unescaped } from './slack-ids.ts';

type Fields = Readonly<Record<string, unknown>>;
type Method = (asked: Fields, identity: Identity, world: VendorWorld) => Fields;

/** The methods of the Web API that bots of this library call. Each answers with what follows `"ok": true`, or with an error. */
const methods: Readonly<Record<string, Method>> = {
  'auth.test': (_asked, identity) => {
    const { bot, botUser } = appOf(identity);
    return {
      url: 'https://simulated.slack.test/',
      team: identity.endpoint,
      user: 'bot',
      team_id: identity.account,
      user_id: botUser,
      bot_id: bot,
      is_enterprise_install: false,
    };
  },
  'chat.postMessage': (asked, identity, world) => {
    const channel = textOf(asked, 'channel');
    if (channel === '') return { error: 'channel_not_found' };
    const place = channel.startsWith('U') ? directChannel(channel) : channel;
    const posted = post(asked, receiverOf(place), identity, world);
    if (posted === undefined) return { error: 'no_text' };
    const { app, bot, botUser } = appOf(identity);
    const thread = textOf(asked, 'thread_ts');
    const message = {
      type: 'message',
      user: botUser,
      bot_id: bot,
      app_id: app,
      team: identity.account,
      ...posted,
      ...(thread === '' ? {} : { thread_ts: thread }),
    };
    return { channel: place, ts: posted.ts, message };
  },
  'chat.postEphemeral': (asked, identity, world) => {
    const user = textOf(asked, 'user');
    if (textOf(asked, 'channel') === '') return { error: 'channel_not_found' };
    if (user === '') return { error: 'user_not_in_channel' };
    const posted = post(asked, user, identity, world);
    return posted === undefined ? { error: 'no_text' } : { message_ts: posted.ts };
  },
  'chat.update': (asked) => {
    const [channel, ts] = [textOf(asked, 'channel'), textOf(asked, 'ts')];
    return ts === '' ? { error: 'message_not_found' } : { channel, ts, text: textOf(asked, 'text') };
  },
  'conversations.open': (asked) => {
    const users = textOf(asked, 'users');
    if (users === '') return { error: 'users_list_not_supplied' };
    return { channel: { id: directChannel(users), is_im: true, user: users } };
  },
  'users.info': (asked, identity) => {
    const id = textOf(asked, 'user');
    if (id === '') return { error: 'user_not_found' };
    return {
      user: {
        id,
        team_id: identity.account,
        name: id.toLowerCase(),
        real_name: id,
        is_bot: false,
        deleted: false,
        tz: 'Etc/UTC',
        tz_offset: 0,
      },
    };
  },
  'views.open': (asked, identity) => {
    const view = objectOf(asked, 'view');
    if (textOf(asked, 'trigger_id') === '') return { error: 'invalid_trigger_id' };
    if (view === undefined) return { error: 'invalid_arguments' };
    const { app, bot } = appOf(identity);
    return {
      view: {
        ...view,
        id: slackId('V', textOf(asked, 'trigger_id')),
        team_id: identity.account,
        app_id: app,
        bot_id: bot,
        state: { values: {} },
      },
    };
  },
};

/** Answers a call of `/slack/api/<method>`; undefined for a method this simulator does not have. */
export function callMethod(call: ApiCall, world: VendorWorld): ApiAnswer | undefined {
  const method = methods[methodOf(call) ?? ''];
  if (method === undefined) return undefined;
  const asked = fieldsOf(call);
  const token = call.headers['authorization']?.replace(/^Bearer /i, '') ?? textOf(asked, 'token');
  if (token === '') return refused('not_authed');
  const identity = world.identities().find((one) => one.token === token);
  if (identity === undefined) return refused('invalid_auth');
  const answer = method(asked, identity, world);
  return { status: 200, body: { ok: !('error' in answer), ...answer } };
}

/** The method a call names; undefined outside of the Web API. */
export function methodOf(call: ApiCall): string | undefined {
  return /^\/slack\/api\/([a-zA-Z.]+)(?:\?|$)/.exec(call.path)?.[1];
}

/** Answers a post to the `response_url` of a command or an interaction, which takes no token. */
export function respond(call: ApiCall, world: VendorWorld): ApiAnswer | undefined {
  const [, account, person] = /^\/slack\/response\/([^/]+)\/([^/]+)\/\d+$/.exec(call.path) ?? [];
  if (account === undefined || person === undefined) return undefined;
  const identity = world.identities().find((one) => one.account === account);
  if (identity === undefined) return { status: 404, body: 'expired_url' };
  const asked = fieldsOf(call);
  if (asked['delete_original'] !== true) post(asked, person, identity, world);
  return { status: 200, body: 'ok' };
}

/** Slack's error shape. */
export function refused(error: string, status = 200): ApiAnswer {
  return { status, body: { ok: false, error } };
}

/** Delivers a message with text, blocks or attachments; undefined where it has none of them. */
function post(asked: Fields, to: string, identity: Identity, world: VendorWorld): { ts: string; text: string } | undefined {
  const text = unescaped(textOf(asked, 'text'));
  if (text === '' && asked['blocks'] === undefined && asked['attachments'] === undefined) return undefined;
  const ts = stampOf(world.now(), world.next());
  world.receive({ to, text, id: ts, identity });
  return { ts, text };
}

/** A call's arguments: JSON, or form fields whose compound values are JSON. */
function fieldsOf(call: ApiCall): Fields {
  if (!call.headers['content-type']?.includes('json')) return Object.fromEntries(new URLSearchParams(call.text));
  return parsed(call.text) ?? {};
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === 'string' ? value : '';
}

function objectOf(fields: Fields, name: string): Fields | undefined {
  const value = fields[name];
  return typeof value === 'string' ? parsed(value) : isRecord(value) ? value : undefined;
}

function parsed(json: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
