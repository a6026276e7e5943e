import { messagingApi, validateSignature } from '@line/bot-sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lineVendor as vendor } from '../../src/simulator/channels/line.ts';
import { createSimulator, type Received, type Simulator } from '../../src/simulator/simulator.ts';
import type { Act, Identity, Webhook } from '../../src/simulator/vendor.ts';

let simulator: Simulator;
let identity: Identity;
let client: messagingApi.MessagingApiClient;
let received: Received[];
let unknown: string[];

beforeEach(async () => {
  [received, unknown] = [[], []];
  simulator = await createSimulator({
    vendors: [vendor],
    onReceived: (message) => void received.push(message),
    onUnknownRoute: ({ path }) => void unknown.push(path),
  });
  identity = simulator.identity('line', 'support');
  client = new messagingApi.MessagingApiClient({ channelAccessToken: identity.token, baseURL: simulator.url });
});
afterEach(() => simulator.close());

const does = (act: Act): Webhook | undefined => simulator.webhook('line', 'support', 'ada', act, 1_000);
function eventOf(webhook: Webhook | undefined): Record<string, unknown> {
  const [event] = (webhook?.body['events'] ?? []) as Record<string, unknown>[];
  return event ?? {};
}

const says = (text: string) => does({ does: 'says', text });
const texts = () => received.map(({ user, text }) => `${user}: ${text}`);
const text = (of: string) => ({ type: 'text' as const, text: of });
/** What a refused call throws. */
const refused = (status: number, message: string) => expect.objectContaining({ status, body: expect.stringContaining(message) });

describe('identities', () => {
  it('are the same in every process, and of the right form', () => {
    expect(vendor.identity('support')).toEqual(identity);
    expect([identity.account, vendor.person('ada')]).toEqual(Array(2).fill(expect.stringMatching(/^U[0-9a-f]{32}$/)));
    expect(identity.secret).toMatch(/^[0-9a-f]{32}$/);
    expect(vendor.identity('sales').account).not.toBe(identity.account);
    expect(vendor.person('ben')).not.toBe(vendor.person('ada'));
  });
});

describe('webhooks', () => {
  it('carry a text with time, source and ids', () => {
    const webhook = says('hi');
    expect(webhook?.body['destination']).toBe(identity.account);
    expect(eventOf(webhook)).toMatchObject({
      type: 'message',
      mode: 'active',
      timestamp: 1_000,
      source: { type: 'user', userId: vendor.person('ada') },
      webhookEventId: expect.stringMatching(/^01[0-9A-F]{24}$/),
      deliveryContext: { isRedelivery: false },
      message: { type: 'text', text: 'hi', id: webhook?.id },
    });
    expect(eventOf(says('hi'))['webhookEventId']).not.toBe(eventOf(webhook)['webhookEventId']);
  });

  it('carry taps and refreshes as postbacks, joins as follows, and what was taken back by its id', () => {
    expect(eventOf(does({ does: 'taps', payload: 'PAY' }))).toMatchObject({ type: 'postback', postback: { data: 'PAY' } });
    expect(eventOf(does({ does: 'refreshes' }))).toMatchObject({ type: 'postback', postback: { data: 'refresh' } });
    expect(eventOf(does({ does: 'joins' }))).toMatchObject({ type: 'follow', follow: { isUnblocked: false } });
    const said = says('oops');
    const unsent = eventOf(does({ does: 'unsends' }));
    expect(unsent).toMatchObject({ type: 'unsend', unsend: { messageId: said?.id } });
    expect(unsent).not.toHaveProperty('replyToken');
  });

  it('do not exist for what LINE tells nobody about a one-to-one chat', () => {
    expect((['reads', 'types', 'reacts', 'edits'] as const).map((verb) => does({ does: verb }))).toEqual(
      Array(4).fill(undefined),
    );
  });

  it('come again with a flag, and are otherwise the same', () => {
    const webhook = says('hi') as Webhook;
    const again = simulator.redelivery('line', webhook, 1);
    expect(eventOf(again)).toEqual({ ...eventOf(webhook), deliveryContext: { isRedelivery: true } });
    expect({ ...again, body: {} }).toEqual({ ...webhook, body: {} });
    const empty = simulator.raw('line', 'support', { events: [] });
    expect(simulator.redelivery('line', empty, 1).body).toEqual({ events: [] });
  });

  it('can be anything, named by their first event', () => {
    expect(simulator.raw('line', 'support', { events: [{ webhookEventId: '01X' }] }).id).toBe('01X');
    expect(simulator.raw('line', 'support', 'text').body).toEqual({});
  });

  it('are signed as the SDK checks it, unless told otherwise', () => {
    const check = (signature: 'right' | 'wrong' | 'stale' | 'none') => {
      const { headers, bytes } = vendor.sign(says('ärger 🍰') as Webhook, identity, 'http://127.0.0.1/', 0, signature);
      const sent = headers['x-line-signature'];
      return sent === undefined ? undefined : validateSignature(bytes, identity.secret, sent);
    };
    expect((['right', 'wrong', 'stale', 'none'] as const).map(check)).toEqual([true, false, false, undefined]);
  });
});

describe('the API', () => {
  const tokenOf = (webhook: Webhook | undefined) => String(eventOf(webhook)['replyToken']);

  it('takes replies by token, once', async () => {
    const replyToken = tokenOf(says('hi'));
    const sent = await client.replyMessage({
      replyToken,
      messages: [text('a'), { type: 'sticker', packageId: '1', stickerId: '2' }],
    });
    expect(sent.sentMessages).toHaveLength(2);
    await expect(client.replyMessage({ replyToken, messages: [text('b')] })).rejects.toEqual(refused(400, 'Invalid reply token'));
    expect(texts()).toEqual(['ada: a', 'ada: [sticker]']);
  });

  it('takes pushes, counts them, and executes a retry key once', async () => {
    const [to, retryKey] = [vendor.person('ada'), '0b5f6f0e-7f2c-4a0e-9a55-2f7b4f1c9d10'];
    await client.pushMessage({ to, messages: [text('a')] });
    await client.pushMessage({ to, messages: [text('b')] }, retryKey);
    await expect(client.pushMessage({ to, messages: [text('b')] }, retryKey)).rejects.toMatchObject({ status: 409 });
    expect(texts()).toEqual([`${to}: a`, `${to}: b`]);
    expect(await client.getMessageQuotaConsumption()).toEqual({ totalUsage: 2 });
    expect(await client.getMessageQuota()).toEqual({ type: 'none' });
  });

  it('knows profiles', async () => {
    expect(await client.getProfile(vendor.person('ada'))).toMatchObject({
      userId: vendor.person('ada'),
      displayName: expect.any(String),
    });
  });

  it.each([
    ['nobody', { to: 'ada', messages: [text('hi')] }],
    ['no messages', { to: vendor.person('ada'), messages: [] }],
    ['six messages', { to: vendor.person('ada'), messages: Array(6).fill(text('hi')) }],
    ['an empty text', { to: vendor.person('ada'), messages: [text('')] }],
  ])('refuses %s', async (_what, request) => {
    await expect(client.pushMessage(request)).rejects.toEqual(refused(400, 'The request body has 1 error(s)'));
    expect(received).toEqual([]);
  });

  it('refuses a token it does not know', async () => {
    const other = new messagingApi.MessagingApiClient({ channelAccessToken: 'somebody', baseURL: simulator.url });
    await expect(other.pushMessage({ to: vendor.person('ada'), messages: [text('hi')] })).rejects.toMatchObject({ status: 401 });
  });

  it('answers 501 for the rest of the Messaging API', async () => {
    await expect(client.getRichMenuList()).rejects.toEqual(refused(501, 'no such resource'));
    expect(unknown).toEqual(['/v2/bot/richmenu/list']);
  });

  it('fails the way LINE does', async () => {
    const push = () => client.pushMessage({ to: vendor.person('ada'), messages: [text('hi')] });
    simulator.fail('line', '429', 1);
    await expect(push()).rejects.toEqual(refused(429, 'rate limit'));
    simulator.fail('line', '500', 1);
    await expect(push()).rejects.toMatchObject({ status: 500 });
    simulator.fail('line', 'window', 2);
    await expect(push()).rejects.toEqual(refused(400, 'Failed to send messages'));
    await expect(client.replyMessage({ replyToken: tokenOf(says('hi')), messages: [text('hi')] })).rejects.toEqual(
      refused(400, 'Invalid reply token'),
    );
    simulator.fail('line', 'blocked', 1);
    expect(await push()).toEqual({ sentMessages: [] });
    expect(received).toEqual([]);
  });
});
