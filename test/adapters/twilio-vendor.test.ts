import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import twilio from 'twilio';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { twilioSignature, twilioVendor as vendor } from '../../src/simulator/channels/twilio.ts';
import type { Act, ApiAnswer, ApiCall, Identity, Outbound, VendorWorld, Webhook } from '../../src/simulator/vendor.ts';

const identity = vendor.identity('support');
const ada = vendor.person('ada');
const url = 'http://127.0.0.1:4000/sms';

function webhook(act: Act, sequence = 1, about?: string): Webhook | undefined {
  return vendor.webhook(act, { identity, user: 'ada', person: ada, at: 0, sequence, about, vendorUrl: 'http://127.0.0.1:1' });
}

function said(text: string): Webhook {
  const made = webhook({ does: 'says', text });
  if (made === undefined) throw new Error('Twilio has texts.');
  return made;
}

describe('identities', () => {
  it('are the same in every process, and of the right form', () => {
    expect(vendor.identity('support')).toEqual(identity);
    expect(identity.account).toMatch(/^\+1999\d{7}$/);
    expect(identity.extra['accountSid']).toMatch(/^AC[0-9a-f]{32}$/);
    expect(ada).toMatch(/^\+1555\d{7}$/);
    expect(vendor.person('bob')).not.toBe(ada);
    expect(vendor.identity('sales').account).not.toBe(identity.account);
  });
});

describe('webhooks', () => {
  it('carry a text from the person to the number', () => {
    const { body, encoding, id } = said('hi');
    expect(body).toMatchObject({
      From: ada,
      To: identity.account,
      Body: 'hi',
      SmsStatus: 'received',
      NumMedia: '0',
      MessageSid: id,
    });
    expect([encoding, id]).toEqual(['form', expect.stringMatching(/^SM[0-9a-f]{32}$/)]);
  });

  it('carry a tap with its payload, from the same number', () => {
    expect(webhook({ does: 'taps', payload: 'PAY' })?.body).toMatchObject({
      From: ada,
      ButtonPayload: 'PAY',
      ButtonText: 'PAY',
      Body: 'PAY',
    });
  });

  it('ask for a refresh in words', () => {
    expect(webhook({ does: 'refreshes' })?.body).toMatchObject({ From: ada, Body: 'refresh' });
  });

  it('tell that a message was read with both sides changed over', () => {
    const read = webhook({ does: 'reads' }, 7, 'SM00');
    expect(read?.body).toMatchObject({ From: identity.account, To: ada, MessageStatus: 'read', MessageSid: 'SM00' });
  });

  it.each(['types', 'reacts', 'edits', 'unsends', 'joins'] as const)('have nothing for somebody who %s', (does) => {
    expect(webhook({ does })).toBeUndefined();
  });

  it('are the same when they come again, the idempotency token included', () => {
    expect(vendor.redelivery(said('hi'), 1)).toEqual(said('hi'));
    expect(said('hi').headers['i-twilio-idempotency-token']).toMatch(/^[0-9a-f-]{36}$/);
    expect(webhook({ does: 'says', text: 'hi' }, 2)?.headers).not.toEqual(said('hi').headers);
  });

  it('can be anything', () => {
    expect(vendor.raw({ MessageSid: 'SM1', Body: 7 }, { a: 'b' }, identity)).toMatchObject({
      id: 'SM1',
      body: { Body: 7 },
      headers: { a: 'b' },
    });
    expect(vendor.raw('A=1&A=2&B=3', {}, identity).body).toEqual({ A: ['1', '2'], B: '3' });
    expect(vendor.raw(null, {}, identity).body).toEqual({});
  });
});

describe('signatures', () => {
  it('are what the SDK computes', () => {
    const fields = {
      CallSid: 'CA1234567890ABCDE',
      Caller: '+14158675309',
      Digits: '1234',
      From: '+14158675309',
      To: '+18005551212',
    };
    const address = 'https://mycompany.com/myapp.php?foo=1&bar=2';
    expect(twilioSignature('12345', address, Object.entries(fields))).toBe(
      twilio.getExpectedTwilioSignature('12345', address, fields),
    );
  });

  it.each<[string, unknown]>([
    ['a plain text', { Body: 'hi', From: '+1' }],
    ['names in no order', { b: '1', B: '2', a: '3', À: '4', aa: '5' }],
    ['repeated parameters', { A: ['z', 'a', 'a'], B: 'x' }],
    ['names that mean something to JavaScript', JSON.parse('{ "__proto__": "x", "constructor": "y", "toString": "z" }')],
    ['anything but ASCII', { Body: 'Grüße 👋🏽 \u{1F469}\u200D\u{1F4BB}', Empty: '', Spaces: ' + % & = ' }],
    ['half an emoji', { Body: '\ud83d' }],
    ['nested members', { Filter: { Name: 'x' }, n: null, t: true }],
  ])("of %s hold on the bot's side", (_what, body) => {
    const signed = vendor.sign(vendor.raw(body, {}, identity), identity, url, 0, 'right');
    expect(accepted(signed)).toBe(true);
  });

  it('are wrong, missing or for another address when asked to be', () => {
    expect(accepted(vendor.sign(said('hi'), identity, url, 0, 'right'))).toBe(true);
    expect(accepted(vendor.sign(said('hi'), identity, url, 0, 'wrong'))).toBe(false);
    expect(accepted(vendor.sign(said('hi'), identity, url, 0, 'stale'))).toBe(false);
    expect(vendor.sign(said('hi'), identity, url, 0, 'none').headers).not.toHaveProperty('x-twilio-signature');
  });

  /** As `express.urlencoded({ extended: false })` and `twilio.webhook()` would take it. */
  function accepted({ headers, bytes }: { headers: Readonly<Record<string, string>>; bytes: string }): boolean {
    const parsed: Record<string, unknown> = Object.create(null);
    const search = new URLSearchParams(bytes);
    for (const name of search.keys()) parsed[name] = search.getAll(name).length > 1 ? search.getAll(name) : search.get(name);
    return twilio.validateRequest(identity.secret, headers['x-twilio-signature'] ?? '', url, parsed);
  }
});

describe('answers of a webhook', () => {
  const answered = (text: string, type = 'text/xml; charset=utf-8', status = 200) =>
    vendor.answered({ status, headers: { 'content-type': type }, text }, said('hi')).map(({ id: _id, ...message }) => message);

  it('hold what the SDK writes', () => {
    const response = new twilio.twiml.MessagingResponse();
    response.message('1 < 2 & "so" on\nGrüße 👋');
    response.message('').body('with a body');
    response.message({ to: '+14155550199' }, 'to somebody else');
    expect(answered(response.toString())).toEqual<Outbound[]>([
      { text: '1 < 2 & "so" on\nGrüße 👋' },
      { text: 'with a body' },
      { text: 'to somebody else', to: '+14155550199' },
    ]);
  });

  it('have ids of their own, as every message', () => {
    const xml = '<Response><Message>a</Message><Message>b</Message></Response>';
    const ids = vendor.answered({ status: 200, headers: {}, text: xml }, said('hi')).map(({ id }) => id);
    expect(ids).toEqual([expect.stringMatching(/^SM[0-9a-f]{32}$/), expect.stringMatching(/^SM[0-9a-f]{32}$/)]);
    expect(new Set([...ids, said('hi').id]).size).toBe(3);
  });

  it('hold what others write by hand', () => {
    const xml = `<?xml version="1.0"?><!-- <Message>no</Message> -->
      <Response ><Message ><![CDATA[a <b> & c]]></Message><Message><Body>&#x41;&#66;&amp;lt;</Body><Media>https://x</Media></Message></Response>`;
    expect(answered(xml).map(({ text }) => text)).toEqual(['a <b> & c', 'AB&lt;']);
  });

  it.each(['<Response/>', '<Response></Response>', '', 'OK', '<Message>no response</Message>', '{"a":1}'])(
    'say nothing with %j',
    (text) => {
      expect(answered(text)).toEqual([]);
    },
  );

  it('are read aloud when they are plain text, which surprises people', () => {
    expect(answered('OK', 'text/plain')).toEqual([{ text: 'OK' }]);
  });

  it('count for nothing when the webhook failed', () => {
    expect(answered('<Response><Message>x</Message></Response>', 'text/xml', 500)).toEqual([]);
    expect(answered('Twilio Request Validation Failed.', 'text/plain', 403)).toEqual([]);
  });
});

describe('the REST API, called by the SDK', () => {
  let server: Server;
  let client: twilio.Twilio;
  let received: (Outbound & { identity: Identity })[] = [];
  let fault: ApiAnswer | undefined;
  const calls: ApiCall[] = [];
  const world: VendorWorld = {
    now: () => Date.parse('2026-11-02T10:00:00Z'),
    next: () => received.length + 1,
    identities: () => [vendor.identity('sales'), identity],
    receive: (message) => received.push(message),
  };

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const text = (await request.toArray()).join('');
      const headers = request.headers as Record<string, string>;
      const call = { method: request.method ?? '', path: request.url ?? '', headers, text };
      calls.push(call);
      const answer = fault ?? vendor.api(call, world) ?? vendor.unknownRoute(call);
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    client = clientOf(identity.token);
  });
  afterAll(() => void server.close());
  beforeEach(() => {
    received = [];
    fault = undefined;
  });

  function clientOf(token: string): twilio.Twilio {
    const made = twilio(identity.extra['accountSid'], token);
    made.api.baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return made;
  }

  it('takes a message', async () => {
    const message = await client.messages.create({ to: ada, from: identity.account, body: 'Grüße & <so>' });
    expect(message).toMatchObject({
      to: ada,
      from: identity.account,
      body: 'Grüße & <so>',
      status: 'queued',
      accountSid: identity.extra['accountSid'],
    });
    expect(message.dateCreated).toEqual(new Date('2026-11-02T10:00:00Z'));
    expect(received).toEqual([{ to: ada, text: 'Grüße & <so>', id: message.sid, identity }]);
  });

  it('takes one from a Messaging Service', async () => {
    const message = await client.messages.create({ to: ada, messagingServiceSid: 'MG00', body: 'hi' });
    expect(message.from).toBe(identity.account);
    expect(received).toHaveLength(1);
  });

  it.each<[string, Record<string, string>, number]>([
    ['no To', { to: '', body: 'hi' }, 21604],
    ['no Body', { body: '' }, 21602],
    ['too long a Body', { body: 'x'.repeat(1601) }, 21617],
    ["somebody else's From", { body: 'hi', from: '+10000000000' }, 21606],
  ])('refuses a message with %s', async (_what, fields, code) => {
    const sent = client.messages.create({ to: ada, from: identity.account, ...fields });
    await expect(sent).rejects.toMatchObject({ status: 400, code });
    expect(received).toEqual([]);
  });

  it('refuses a wrong token', async () => {
    const sent = clientOf('0'.repeat(32)).messages.create({ to: ada, from: identity.account, body: 'hi' });
    await expect(sent).rejects.toMatchObject({ status: 401, code: 20003 });
    expect(received).toEqual([]);
  });

  it.each([
    ['429', 429, 20429],
    ['500', 500, 20500],
    ['window', 400, 63016],
    ['blocked', 400, 21610],
  ] as const)("fails with %s in Twilio's words", async (kind, status, code) => {
    await client.messages.create({ to: ada, from: identity.account, body: 'hi' });
    const call = calls.at(-1) as ApiCall;
    expect([vendor.sends(call), vendor.owns(call)]).toEqual([true, true]);
    fault = vendor.fault(kind, call);
    const sent = client.messages.create({ to: ada, from: identity.account, body: 'hi' });
    await expect(sent).rejects.toBeInstanceOf(twilio.RestException);
    await expect(sent).rejects.toMatchObject({ status, code });
  });

  it('says of any other route that the simulator has none', async () => {
    const listed = client.messages.list({ limit: 1 });
    await expect(listed).rejects.toMatchObject({ status: 501, message: 'The simulator has no such resource.' });
    const call = calls.at(-1) as ApiCall;
    expect([vendor.sends(call), vendor.owns(call)]).toEqual([false, true]);
    expect(vendor.owns({ ...call, path: '/v2/bot/message/push' })).toBe(false);
  });
});
