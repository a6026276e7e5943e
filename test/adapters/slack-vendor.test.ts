import { webApi } from '@slack/bolt';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseSlack } from '../../src/adapters/slack.ts';
import { slackVendor as vendor } from '../../src/simulator/channels/slack.ts';
import { createSimulator, type Received, type Simulator } from '../../src/simulator/simulator.ts';
import type { Act, Webhook } from '../../src/simulator/vendor.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';

const identity = vendor.identity('desk');
const ada = vendor.person('ada');
const dm = `D${ada.slice(1)}`;
const at = Date.parse('2026-11-02T10:00:00.042Z');

function made(act: Act, sequence = 7, about?: string): Webhook | undefined {
  return vendor.webhook(act, { identity, user: 'ada', person: ada, at, sequence, about, vendorUrl: 'http://127.0.0.1:1' });
}

/** What the adapter makes of a webhook, as Bolt would hand it over. */
function parsed(webhook: Webhook | undefined) {
  const body = webhook?.body['payload'] ?? webhook?.body;
  return parseSlack({
    body,
    context: { teamId: identity.account, isEnterpriseInstall: false, botUserId: identity.extra['botUser'] },
  });
}

describe('identities', () => {
  it('are the same in every process, of the right form, and different for different names', () => {
    expect(vendor.identity('desk')).toEqual(identity);
    expect(identity).toMatchObject({
      account: expect.stringMatching(/^T[0-9A-Z]{10}$/),
      token: expect.stringMatching(/^xoxb-/),
      secret: expect.stringMatching(/^[0-9a-f]{32}$/),
      extra: { app: expect.stringMatching(/^A/), bot: expect.stringMatching(/^B/), botUser: expect.stringMatching(/^U/) },
    });
    const others = [vendor.identity('shop').account, vendor.identity('shop').token, vendor.person('bo')];
    expect(others).not.toContain(identity.account);
    expect(others).not.toContain(identity.token);
    expect(others).not.toContain(ada);
  });
});

describe('webhooks', () => {
  const conversation = { id: `${identity.account}:${ada}`, kind: 'direct' };

  it.each<[Act, Record<string, unknown>]>([
    [
      { does: 'says', text: 'hi' },
      { kind: 'message', text: 'hi', at },
    ],
    [
      { does: 'taps', payload: 'PAY' },
      { kind: 'postback', payload: 'PAY', at },
    ],
    [{ does: 'refreshes' }, { kind: 'postback', payload: 'refresh' }],
    [{ does: 'joins' }, { kind: 'lifecycle', type: 'app_home_opened' }],
    [{ does: 'reacts' }, { kind: 'lifecycle', type: 'reaction_added' }],
  ])('%o is what the adapter expects', (act, expected) => {
    expect(parsed(made(act))).toMatchObject([{ ...expected, user: ada, conversation, account: identity.account }]);
  });

  it.each(['edits', 'unsends'] as const)('%s names the message it is about', (does) => {
    const webhook = made({ does }, 7, '1793600000.000001');
    expect(parsed(webhook)).toMatchObject([{ kind: 'lifecycle' }]);
    expect(JSON.stringify(webhook?.body)).toContain('1793600000.000001');
  });

  it('are none for reading and typing, which Slack keeps to itself', () => {
    expect([made({ does: 'reads' }), made({ does: 'types' })]).toEqual([undefined, undefined]);
  });

  it('of one millisecond differ in their ids', () => {
    const ids = [1, 2, 999].flatMap((sequence) => [
      made({ does: 'says', text: 'hi' }, sequence),
      made({ does: 'refreshes' }, sequence),
    ]);
    expect(new Set(ids.map((one) => one?.id)).size).toBe(6);
    expect(new Set(ids.map((one) => parsed(one)[0]?.id)).size).toBe(6);
  });

  it('escape what Slack escapes', () => {
    expect(made({ does: 'says', text: '1 < 2 & 3 > 2' })?.body['event']).toMatchObject({ text: '1 &lt; 2 &amp; 3 &gt; 2' });
  });

  it('are delivered again with the number of the retry, events alone', () => {
    const [event, command] = [made({ does: 'says', text: 'hi' }), made({ does: 'refreshes' })];
    if (event === undefined || command === undefined) throw new Error('Slack has both.');
    expect(vendor.redelivery(event, 2)).toEqual({
      ...event,
      headers: { 'x-slack-retry-num': '2', 'x-slack-retry-reason': 'http_timeout' },
    });
    expect(vendor.redelivery(command, 2)).toEqual(command);
  });

  it('show the answer to a slash command alone, as text or as a message', () => {
    const [command, event] = [made({ does: 'refreshes' }), made({ does: 'says', text: 'hi' })];
    if (event === undefined || command === undefined) throw new Error('Slack has both.');
    const json = { 'content-type': 'application/json' };
    expect(vendor.answered({ status: 200, headers: {}, text: 'Done.' }, command)).toEqual([{ text: 'Done.' }]);
    expect(vendor.answered({ status: 200, headers: json, text: '{"text":"a &amp; b"}' }, command)).toEqual([{ text: 'a & b' }]);
    expect(vendor.answered({ status: 200, headers: {}, text: '' }, command)).toEqual([]);
    expect(vendor.answered({ status: 404, headers: {}, text: 'Not found' }, command)).toEqual([]);
    expect(vendor.answered({ status: 200, headers: {}, text: 'ok' }, event)).toEqual([]);
  });

  it('carry bodies of one’s own: interactions and commands as forms, anything else as JSON', () => {
    const signed = (body: unknown) => vendor.sign(vendor.raw(body, { 'x-own': '1' }, identity), identity, '', at, 'right');
    expect(signed({ payload: { type: 'shortcut' } })).toMatchObject({
      bytes: 'payload=%7B%22type%22%3A%22shortcut%22%7D',
      headers: { 'x-own': '1', 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(signed({ command: '/a', text: 'b c' }).bytes).toBe('command=%2Fa&text=b+c');
    expect(signed({ type: 'event_callback' })).toMatchObject({
      bytes: '{"type":"event_callback"}',
      headers: { 'content-type': 'application/json' },
    });
    expect(signed('no object').bytes).toBe('{}');
  });
});

describe('the Web API', () => {
  let simulator: Simulator;
  let client: webApi.WebClient;
  let received: Received[];
  let unknown: string[];

  beforeAll(async () => {
    simulator = await createSimulator({
      clock: virtualClock(),
      onReceived: (message) => void received.push(message),
      onUnknownRoute: ({ path }) => void unknown.push(path),
    });
    simulator.identity('slack', 'desk');
    simulator.person('slack', 'ada');
    client = clientWith(identity.token);
  });
  beforeEach(() => {
    received = [];
    unknown = [];
  });
  afterAll(() => simulator.close());

  function clientWith(token: string) {
    const logger = {
      debug() {},
      info() {},
      warn() {},
      error() {},
      setLevel() {},
      setName() {},
      getLevel: () => webApi.LogLevel.ERROR,
    };
    const options = {
      slackApiUrl: `${simulator.url}/slack/api/`,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
      logger,
    };
    return new webApi.WebClient(token, options);
  }

  it('knows the bot by its token', async () => {
    expect(await client.auth.test()).toMatchObject({
      ok: true,
      team_id: identity.account,
      user_id: identity.extra['botUser'],
      bot_id: identity.extra['bot'],
    });
    await expect(clientWith('xoxb-other').auth.test()).rejects.toMatchObject({ data: { ok: false, error: 'invalid_auth' } });
    expect(await (await fetch(`${simulator.url}/slack/api/auth.test`, { method: 'POST' })).json()).toEqual({
      ok: false,
      error: 'not_authed',
    });
  });

  it('delivers messages to a person by channel or by user id, and to channels', async () => {
    const posted = await client.chat.postMessage({ channel: dm, text: 'a &amp; b' });
    expect(await client.chat.postMessage({ channel: ada, text: 'again', thread_ts: posted.ts ?? '' })).toMatchObject({
      channel: dm,
      message: { thread_ts: posted.ts },
    });
    await client.chat.postEphemeral({ channel: 'C1', user: ada, text: 'only you' });
    await client.chat.postMessage({ channel: 'C1', blocks: [{ type: 'divider' }] });
    expect(received.map(({ user, text }) => [user, text])).toEqual([
      ['ada', 'a & b'],
      ['ada', 'again'],
      ['ada', 'only you'],
      ['C1', ''],
    ]);
    expect(posted.ts).toMatch(/^\d{10}\.\d{6}$/);
  });

  it('opens conversations and views, tells who somebody is, and takes an update without delivering it', async () => {
    expect(await client.conversations.open({ users: ada })).toMatchObject({ channel: { id: dm } });
    expect(await client.users.info({ user: ada })).toMatchObject({ user: { id: ada, is_bot: false } });
    const view = { type: 'modal' as const, title: { type: 'plain_text' as const, text: 'Order' }, blocks: [] };
    expect(await client.views.open({ trigger_id: '1.2', view })).toMatchObject({
      view: { type: 'modal', id: expect.stringMatching(/^V/) },
    });
    expect(await client.chat.update({ channel: dm, ts: '1793600000.000001', text: 'New' })).toMatchObject({ text: 'New' });
    expect(received).toEqual([]);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['chat.postMessage', { text: 'hi' }, 'channel_not_found'],
    ['chat.postMessage', { channel: dm }, 'no_text'],
    ['chat.postEphemeral', { channel: 'C1', text: 'hi' }, 'user_not_in_channel'],
    ['chat.postEphemeral', { user: ada, text: 'hi' }, 'channel_not_found'],
    ['chat.update', { channel: dm, text: 'hi' }, 'message_not_found'],
    ['conversations.open', {}, 'users_list_not_supplied'],
    ['users.info', {}, 'user_not_found'],
    ['views.open', { view: '{}' }, 'invalid_trigger_id'],
    ['views.open', { trigger_id: '1.2', view: 'no JSON' }, 'invalid_arguments'],
  ])('%s refuses %o with %s', async (method, args, error) => {
    await expect(client.apiCall(method, args)).rejects.toMatchObject({ data: { ok: false, error } });
    expect(received).toEqual([]);
  });

  it('takes JSON as well as forms', async () => {
    const headers = { 'content-type': 'application/json; charset=utf-8', authorization: `Bearer ${identity.token}` };
    const answer = await fetch(`${simulator.url}/slack/api/chat.postMessage`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ channel: dm, text: 'hi' }),
    });
    expect(await answer.json()).toMatchObject({ ok: true, channel: dm });
    expect(received).toHaveLength(1);
  });

  it('answers what it does not know with 501 in its own shape', async () => {
    const answer = await fetch(`${simulator.url}/slack/api/files.delete`, { method: 'POST' });
    expect([answer.status, await answer.json()]).toEqual([501, { ok: false, error: 'unknown_method' }]);
    expect(unknown).toEqual(['/slack/api/files.delete']);
  });

  it('delivers what is posted to a response_url, without a token', async () => {
    const tap = simulator.webhook('slack', 'desk', 'ada', { does: 'taps', payload: 'PAY' });
    const { response_url } = (tap?.body['payload'] ?? {}) as { response_url: string };
    const answer = (body: object) =>
      fetch(response_url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    expect((await answer({ text: 'Paid.' })).status).toBe(200);
    await answer({ delete_original: true, text: 'gone' });
    expect((await fetch(response_url.replace(identity.account, 'T0ELSEWHERE'), { method: 'POST' })).status).toBe(404);
    expect(received).toMatchObject([{ user: 'ada', text: 'Paid.' }]);
  });

  it('words its faults as Slack does', async () => {
    simulator.fail('slack', '429', 1);
    await expect(client.chat.postMessage({ channel: dm, text: 'hi' })).rejects.toBeInstanceOf(webApi.WebAPIRateLimitedError);
    simulator.fail('slack', '500', 1);
    await expect(client.chat.postMessage({ channel: dm, text: 'hi' })).rejects.toMatchObject({ statusCode: 500 });
    for (const [fault, error] of [
      ['window', 'is_archived'],
      ['blocked', 'channel_not_found'],
    ] as const) {
      simulator.fail('slack', fault, 1);
      expect(await client.auth.test()).toMatchObject({ ok: true });
      await expect(client.chat.postMessage({ channel: dm, text: 'hi' })).rejects.toMatchObject({ data: { error } });
    }
    expect(received).toEqual([]);
  });
});
