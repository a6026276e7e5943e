import twilio from 'twilio';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { twilioSessions } from '../../src/adapters/twilio.ts';
import { twilioVendor as vendor } from '../../src/simulator/channels/twilio.ts';
import type { Signature } from '../../src/simulator/vendor.ts';
import { counting, deliver, empty, forms, identity, say, twilioWorld, twiml, type World, webhook } from './twilio-world.ts';

const minute = 60_000;

let world: World;
beforeEach(() => {
  world = twilioWorld();
});
afterEach(() => world.stop());

describe.each(forms)('%s', (form) => {
  it('gives every message its session, which ends after half an hour of silence', async () => {
    const url = await world.listen(form, counting(world));
    expect(await say(url, 'hi')).toEqual(['#1 hi']);
    await world.clock.advance(30 * minute - 1);
    expect(await say(url, 'there')).toEqual(['#2 there']);
    await world.clock.advance(30 * minute);
    expect(await say(url, 'again')).toEqual(['#1 again']);
    expect(await deliver(url, webhook('hello', 'bob'))).toMatchObject({ status: 200, text: expect.stringContaining('#1 hello') });
    expect(world.events).toMatchObject([
      { type: 'opened', startReason: 'first' },
      { type: 'closed', reason: 'inactivity' },
      { type: 'opened', startReason: 'expired' },
      { type: 'opened', startReason: 'first', user: vendor.person('bob') },
    ]);
  });

  it.each<[Signature, number]>([
    ['wrong', 403],
    ['stale', 403],
    ['none', 400],
  ])('opens nothing for a %s signature (%i)', async (signature, status) => {
    let ran = 0;
    const url = await world.listen(form, (_req, res) => {
      ran++;
      twiml(res);
    });
    expect(await deliver(url, 'hi', signature)).toMatchObject({ status });
    expect(await deliver(url, 'discard all', signature)).toMatchObject({ status });
    expect([ran, world.events]).toEqual([0, []]);
  });

  it('runs no duplicate, at once or later', async () => {
    const url = await world.listen(form, counting(world));
    const message = webhook('hi');
    expect(await say(url, message)).toEqual(['#1 hi']);
    expect(await deliver(url, vendor.redelivery(message, 1))).toEqual(empty);
    await world.clock.advance(31 * minute);
    expect(await deliver(url, vendor.redelivery(message, 2))).toEqual(empty);
    expect(world.told('duplicate')).toHaveLength(2);
    expect(world.told('opened')).toHaveLength(1);
  });

  it('consumes commands and answers them with TwiML', async () => {
    const url = await world.listen(form, counting(world));
    await say(url, 'hi');
    const answer = (text: string) => ({ ...empty, text: `<Response><Message>${text}</Message></Response>` });
    expect(await deliver(url, ' Discard ')).toEqual(answer('Discarded.'));
    expect(await deliver(url, 'discard all')).toEqual(answer('All discarded.'));
    expect(await deliver(url, { does: 'taps', payload: 'DISCARD_ALL' })).toEqual(answer('All discarded.'));
    expect(await say(url, 'still here')).toEqual(['#2 still here']);
    expect(await deliver(url, { does: 'refreshes' })).toEqual(answer('Refreshed.'));
    expect(await say(url, 'afresh')).toEqual(['#1 afresh']);
    expect(world.told('closed')).toMatchObject([{ reason: 'refresh' }]);
  });

  it('answers a repeated command with nothing', async () => {
    const url = await world.listen(form, counting(world));
    const refresh = webhook('refresh');
    await deliver(url, refresh);
    expect(await deliver(url, vendor.redelivery(refresh, 1))).toEqual(empty);
    expect(world.told('opened')).toHaveLength(1);
  });

  it('acknowledges in the words of the settings, escaped, or not at all', async () => {
    world = twilioWorld({
      endpoints: { sms: { commands: { acknowledge: { discard: 'Gone: <all> & "more"', refresh: false } } } },
    });
    const url = await world.listen(form, counting(world));
    expect(await say(url, 'discard')).toEqual(['Gone: <all> & "more"']);
    expect(await deliver(url, 'refresh')).toEqual(empty);
  });

  it('passes on what is no activity, without a session', async () => {
    const seen: unknown[] = [];
    const url = await world.listen(form, (req, res) => {
      if (world.sessions.turn(req) === undefined) {
        seen.push(req.body.MessageStatus ?? req.body.Body);
        expect(() => world.sessions.of(req)).toThrow(expect.objectContaining({ code: 'ADJ_NO_SESSION' }));
      }
      counting(world)(req, res, () => {});
    });
    await say(url, 'hi');
    await world.clock.advance(29 * minute);
    expect(await say(url, { does: 'reads' })).toEqual([]);
    expect(await say(url, 'STOP')).toEqual([]);
    expect(await say(url, 'help')).toEqual([]);
    await world.clock.advance(minute);
    expect(await say(url, 'back')).toEqual(['#1 back']);
    expect(seen).toEqual(['read', 'STOP', 'help']);
  });

  it('passes on what is for another number', async () => {
    const url = await world.listen(form, counting(world), { accounts: ['+10000000000'] });
    expect(await deliver(url, 'hi')).toMatchObject({ status: 200, text: expect.not.stringContaining('Message') });
    expect(world.events).toEqual([]);
  });

  it('never touches the body, so that the signature can be checked again', async () => {
    const again = twilio.webhook(identity.secret);
    const url = await world.listen(form, (req, res, next) => again(req, res, () => counting(world)(req, res, next)));
    expect(await say(url, 'hi')).toEqual(['#1 hi']);
  });

  it('reads GET webhooks from their query', async () => {
    const url = await world.listen(form, (req, res) => twiml(res, `#${world.sessions.of(req).turnCount} ${req.query['Body']}`));
    const address = `${url}?${new URLSearchParams(webhook('hi').body as Record<string, string>)}`;
    const headers = { 'x-twilio-signature': twilio.getExpectedTwilioSignature(identity.secret, address, {}) };
    expect(await (await fetch(address, { headers })).text()).toContain('<Message>#1 hi</Message>');
    expect(await (await fetch(address, { headers })).text()).toBe('<Response/>');
  });

  it('takes 1600 characters and hostile fields for what they are', async () => {
    const url = await world.listen(form, counting(world));
    const long = 'ü'.repeat(1600);
    expect(await say(url, long)).toEqual([`#1 ${long}`]);
    const raw = (fields: object) => vendor.raw({ ...webhook('x').body, ...fields }, {}, identity);
    expect(await say(url, raw({ Body: ['a', 'b'], constructor: 'c', length: '-1' }))).toEqual(['#2 a,b']);
    expect(await say(url, raw({ From: ['+1', '+2'] }))).toEqual([]);
    expect(await say(url, vendor.raw({ surprise: 'yes' }, {}, identity))).toEqual([]);
    expect(await say(url, raw({ Body: 'nested', 'From[x][y]': 'z' }))).toEqual(['#3 nested']);
    // Express drops this name, so that the SDK misses it in the signature.
    expect(await deliver(url, raw(JSON.parse('{ "__proto__": "x" }')))).toMatchObject({ status: 403 });
    expect(world.told('opened')).toHaveLength(1);
  });

  it('replies by REST, to where the message came from', async () => {
    const sent: unknown[] = [];
    const client = { messages: { create: async (message: object) => sent.push(message) } };
    const url = await world.listen(
      form,
      async (req, res) => {
        const turn = world.sessions.turn(req);
        await turn?.reply('by REST');
        await turn?.reply({ body: 'with a picture', mediaUrl: ['https://example.com/a.png'] });
        twiml(res);
      },
      { client },
    );
    await say(url, 'hi');
    const way = { to: vendor.person('ada'), from: identity.account };
    const expected = [
      { ...way, body: 'by REST' },
      { ...way, body: 'with a picture', mediaUrl: ['https://example.com/a.png'] },
    ];
    expect(sent).toEqual(expected);

    const key = world.events.find((event) => event.type === 'opened')?.key ?? '';
    await world.sessions.run(key, (turn) => turn.reply('later'));
    expect(sent.at(-1)).toEqual({ ...way, body: 'later', validityPeriod: 600 });
  });

  it('says what is missing when it shall reply without a client', async () => {
    const failures: unknown[] = [];
    const url = await world.listen(form, async (req, res) => {
      await world.sessions
        .turn(req)
        ?.reply('hi')
        .catch((error: unknown) => failures.push(error));
      twiml(res);
    });
    await say(url, 'hi');
    expect(failures).toMatchObject([{ code: 'ADJ_NO_SENDER', where: 'twilio', hint: expect.stringContaining('client') }]);
  });
});

describe('settings', () => {
  it.each(['stop', 'Cancel', 'END', 'quit', 'help', 'info', 'start', 'yes'])(
    'refuse %j as a command: the carrier takes it',
    (word) => {
      world = twilioWorld({ endpoints: { sms: { commands: { discard: word } } } });
      expect(() => twilioSessions(world.sessions, { endpoint: 'sms' })).toThrow(
        expect.objectContaining({ code: 'ADJ_CONFIG_INVALID' }),
      );
    },
  );
});
