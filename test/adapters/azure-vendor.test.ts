import { describe, expect, it } from 'vitest';
import { azureVendor as vendor } from '../../src/simulator/channels/azure.ts';
import type { Act, Identity, Outbound, VendorWorld, Webhook } from '../../src/simulator/vendor.ts';

const identity = vendor.identity('support');
const sales = vendor.identity('sales');
const ada = vendor.person('ada');
const at = Date.parse('2026-11-02T10:00:00Z');

function webhook(act: Act, sequence = 1, about?: string): Webhook {
  const made = vendor.webhook(act, { identity, user: 'ada', person: ada, at, sequence, about, vendorUrl: 'http://127.0.0.1:1' });
  if (made === undefined) throw new Error(`The Bot Connector has ${act.does}.`);
  return made;
}

const hi = webhook({ does: 'says', text: 'hi' });
const { id: conversation } = hi.body['conversation'] as { id: string };
const inConversation = `/bot/v3/conversations/${encodeURIComponent(conversation)}`;

/** A bot's call, and who got what by it. */
function call(method: string, path: string, body: unknown = {}, token = identity.token) {
  const received: (Outbound & { to: string; identity: Identity })[] = [];
  const world: VendorWorld = {
    now: () => at,
    next: () => 7,
    identities: () => [sales, identity],
    receive: (message) => void received.push(message),
  };
  const headers = { host: '127.0.0.1:1', authorization: `Bearer ${token}` };
  return { answer: vendor.api({ method, path, headers, text: JSON.stringify(body) }, world), received };
}

describe('identities', () => {
  it('are the same in every process, and differ between endpoints', () => {
    expect(vendor.identity('support')).toEqual(identity);
    const { account, token, extra } = sales;
    expect([account, token, extra['appId']]).not.toEqual(
      expect.arrayContaining([identity.account, identity.token, identity.extra['appId']]),
    );
    expect(identity.extra['appId']).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });
});

describe('webhooks', () => {
  it('are activities between a person and the bot', () => {
    expect(hi.body).toMatchObject({
      type: 'message',
      text: 'hi',
      id: hi.id,
      timestamp: '2026-11-02T10:00:00.000Z',
      serviceUrl: 'http://127.0.0.1:1/bot',
      from: { id: ada },
      recipient: { id: identity.account },
    });
  });

  it('are about another message where the act is', () => {
    for (const does of ['edits', 'unsends', 'reacts'] as const) {
      const { id, body } = webhook({ does }, 2, hi.id);
      expect([id === hi.id, body['id']]).toEqual([false, hi.id]);
    }
  });

  it('are repeated as they were', () => expect(vendor.redelivery(hi, 1)).toEqual(hi));

  it('can be anything', () => {
    const { body, headers } = vendor.raw(['x'], { 'x-y': 'z' }, identity);
    expect([body, headers]).toEqual([['x'], { 'x-y': 'z' }]);
    expect(vendor.sign(vendor.raw('{', {}, identity), identity, '', 0, 'none').bytes).toBe('{');
    const here = (activity: object) => vendor.raw(activity, {}, identity, 'http://127.0.0.1:1').body;
    expect(here({ type: 'message' })).toEqual({ type: 'message', serviceUrl: 'http://127.0.0.1:1/bot' });
    expect(here({ type: 'message', serviceUrl: 'x' })).toEqual({ type: 'message', serviceUrl: 'x' });
    expect(here({ events: [] })).toEqual({ events: [] });
  });
});

describe('tokens', () => {
  const claimsOf = (signature: 'right' | 'wrong' | 'stale') => {
    const [, token = ''] = (vendor.sign(hi, identity, '', at, signature).headers['authorization'] ?? '').split(' ');
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  };

  it('are for this bot and this service, and end', () => {
    const { aud, serviceurl, exp } = claimsOf('right');
    expect([aud, serviceurl, exp]).toEqual([identity.extra['appId'], 'http://127.0.0.1:1/bot', at / 1000 + 3600]);
    expect(claimsOf('stale').exp).toBeLessThan(at / 1000);
    expect(vendor.sign(hi, identity, '', at, 'none').headers).not.toHaveProperty('authorization');
  });

  it('are checked by keys the metadata points to', () => {
    const { answer: metadata } = call('GET', '/bot/v1/.well-known/openidconfiguration');
    const { jwks_uri, issuer } = (metadata?.body ?? {}) as { jwks_uri: string; issuer: string };
    expect(issuer).toBe(identity.extra['issuer']);
    expect(call('GET', new URL(jwks_uri).pathname).answer?.body).toEqual({
      keys: [expect.objectContaining({ kty: 'RSA', alg: 'RS256' })],
    });
  });
});

describe('the Bot Connector', () => {
  it('carries messages to the person of a conversation, as answers or not', () => {
    for (const path of [`${inConversation}/activities`, `${inConversation}/activities/${encodeURIComponent(hi.id)}`]) {
      const { answer, received } = call('POST', path, { type: 'message', text: 'hello' });
      expect(answer).toMatchObject({ status: 200, body: { id: expect.any(String) } });
      expect(received).toEqual([expect.objectContaining({ to: ada, text: 'hello', identity })]);
    }
  });

  it('carries them to the person they name, in conversations a scenario makes up', () => {
    const message = { type: 'message', text: 'hello', recipient: { id: ada } };
    const { received } = call('POST', '/bot/v3/conversations/of%20its%20own/activities/1', message);
    expect(received).toEqual([expect.objectContaining({ to: ada, text: 'hello' })]);
    expect(call('POST', '/bot/v3/conversations/of%20its%20own/activities/1', {}).answer?.status).toBe(404);
  });

  it('takes two slashes for one', () => {
    expect(call('POST', `/bot/${inConversation.slice('/bot'.length)}/activities`, {}).answer?.status).toBe(200);
  });

  it('carries no typing, and no edits', () => {
    const calls = [
      call('POST', `${inConversation}/activities`, { type: 'typing' }),
      call('PUT', `${inConversation}/activities/1`, { type: 'message', text: 'edited' }),
      call('DELETE', `${inConversation}/activities/1`),
    ];
    expect(calls.map(({ answer, received }) => [answer?.status, received.length])).toEqual([
      [200, 0],
      [200, 0],
      [200, 0],
    ]);
  });

  it('begins a conversation, with a first message if there is one', () => {
    const first = { type: 'message', text: 'welcome' };
    const { answer, received } = call('POST', '/bot/v3/conversations', { members: [{ id: ada }], activity: first });
    expect(answer).toMatchObject({ status: 201, body: { id: conversation, activityId: expect.any(String) } });
    expect(received.map(({ text }) => text)).toEqual(['welcome']);
    expect(call('POST', '/bot/v3/conversations', { members: [] }).answer?.status).toBe(400);
  });

  it('knows who is there', () => {
    expect(call('GET', `${inConversation}/members`).answer?.body).toEqual([expect.objectContaining({ id: ada })]);
    expect(call('GET', `${inConversation}/pagedmembers?pageSize=1`).answer?.body).toMatchObject({ members: [{ id: ada }] });
    expect(call('GET', `${inConversation}/members/${ada}`).answer?.body).toMatchObject({ id: ada });
    expect(call('GET', `${inConversation}/members/dl_bo`).answer?.status).toBe(404);
  });

  it('lets a bot do nothing without its token, and nothing in the conversations of another', () => {
    const { token } = sales;
    expect(call('POST', `${inConversation}/activities`, {}, 'forged').answer).toMatchObject({
      status: 401,
      body: { error: { code: 'Unauthorized' } },
    });
    expect(call('POST', `${inConversation}/activities`, { type: 'message', recipient: { id: ada } }, token)).toMatchObject({
      answer: { status: 404 },
      received: [],
    });
  });

  it('says in its own words what it does not have, and what goes wrong', () => {
    const unknown = { method: 'GET', path: `${inConversation}/history`, headers: {}, text: '' };
    expect(call('GET', unknown.path).answer).toBeUndefined();
    expect([vendor.owns(unknown), vendor.owns({ ...unknown, path: '/v2/bot/message/push' })]).toEqual([true, false]);
    expect(vendor.unknownRoute(unknown)).toMatchObject({ status: 501, body: { error: { code: 'NotImplemented' } } });
    const faults = (['429', '500', 'window', 'blocked'] as const).map((kind) => vendor.fault(kind, unknown));
    expect(faults.map(({ status }) => status)).toEqual([429, 500, 400, 403]);
    expect(faults[0]?.headers).toEqual({ 'retry-after': '1' });
    const sends = (method: string, end: string) => vendor.sends({ ...unknown, method, path: `${inConversation}${end}` });
    expect([sends('POST', '/activities'), sends('POST', '/activities/1'), sends('PUT', '/activities/1')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('reads answers from the response where the activity asked for them there', () => {
    const text = JSON.stringify({ activities: [{ type: 'typing' }, { type: 'message', text: 'hello' }] });
    const response = { status: 200, headers: {}, text };
    expect(vendor.answered(response, hi)).toEqual([]);
    const expecting = { ...hi, body: { ...hi.body, deliveryMode: 'expectReplies' } };
    expect(vendor.answered(response, expecting)).toEqual([{ text: 'hello' }]);
    expect(vendor.answered({ ...response, text: '' }, expecting)).toEqual([]);
  });
});
