import { once } from 'node:events';
import { request as open } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import twilio from 'twilio';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExpressSessions } from '../../src/adapters/support/express.ts';
import { type TwilioOptions, twilioSessions } from '../../src/adapters/twilio.ts';
import { createSessions, type Sessions } from '../../src/index.ts';
import type { AdjournEvent } from '../../src/middleware/events.ts';
import { twilioVendor as vendor } from '../../src/simulator/channels/twilio.ts';
import type { Act, Signature, Webhook } from '../../src/simulator/vendor.ts';
import { type VirtualClock, virtualClock } from '../../src/testing/virtual-clock.ts';

interface Data {
  notes: string[];
}
type Handler = (req: express.Request, res: express.Response, next: express.NextFunction) => unknown;

const identity = vendor.identity('sms');
const minute = 60_000;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const empty = { status: 200, type: 'text/xml; charset=utf-8', text: '<Response/>' };

let clock: VirtualClock;
let sessions: Sessions<Data, 'sms'>;
let events: AdjournEvent[];
let stops: (() => void)[];
let sequence = 0;

beforeEach(() => {
  clock = virtualClock();
  events = [];
  stops = [];
  start({});
});
afterEach(() => {
  for (const stop of stops) stop();
});

function start(settings: Parameters<typeof createSessions<Data, 'sms'>>[0]): void {
  sessions = createSessions<Data, 'sms'>({ clock, logger: silent, initial: () => ({ notes: [] }), ...settings });
  sessions.on('*', (event) => void events.push(event));
}

/** Mounts a bot in one of the two forms and returns the address of its webhook. */
async function listen(
  form: Form,
  handler: Handler,
  options: TwilioOptions<'sms'> = {},
  onError?: express.ErrorRequestHandler,
): Promise<string> {
  const sms = twilioSessions(sessions, { endpoint: 'sms', ...options });
  const web = express();
  web.use(express.urlencoded({ extended: false }));
  web.all('/sms', twilio.webhook(identity.secret), ...mounted(form, sms, handler));
  web.use(onError ?? ((_error: unknown, _req, res, _next) => void res.status(500).end()));
  const server = web.listen(0, '127.0.0.1');
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/sms`;
}

type Form = 'wrapped' | 'plain';
const forms: Form[] = ['wrapped', 'plain'];

function mounted(form: Form, sms: ExpressSessions, handler: Handler): express.RequestHandler[] {
  return form === 'wrapped' ? [sms.wrap(handler)] : [sms, handler];
}

/** Says how often the session was spoken to, in TwiML. */
const counting: Handler = (req, res) => {
  const turn = sessions.turn(req);
  twiml(res, turn === undefined ? undefined : `#${turn.session.turnCount} ${req.body.Body}`);
};

function twiml(res: express.Response, text?: string): void {
  const response = new twilio.twiml.MessagingResponse();
  if (text !== undefined) response.message(text);
  res.type('text/xml').send(response.toString());
}

function webhook(act: Act | string, user = 'ada'): Webhook {
  const done: Act = typeof act === 'string' ? { does: 'says', text: act } : act;
  const context = {
    identity,
    user,
    person: vendor.person(user),
    at: 0,
    sequence: ++sequence,
    about: undefined,
    vendorUrl: 'http://127.0.0.1:1',
  };
  const made = vendor.webhook(done, context);
  if (made === undefined) throw new Error(`Nobody ${done.does} on Twilio.`);
  return made;
}

async function deliver(url: string, what: Webhook | Act | string, signature: Signature = 'right') {
  const { headers, bytes } = vendor.sign(
    'body' in Object(what) ? (what as Webhook) : webhook(what as Act | string),
    identity,
    url,
    0,
    signature,
  );
  const response = await fetch(url, { method: 'POST', headers, body: bytes });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

/** What the user reads. */
async function say(url: string, what: Webhook | Act | string): Promise<string[]> {
  const { status, type, text } = await deliver(url, what);
  return vendor.answered({ status, headers: { 'content-type': type ?? '' }, text }, webhook('')).map((one) => one.text);
}

function told(type: AdjournEvent['type']): AdjournEvent[] {
  return events.filter((event) => event.type === type);
}

describe.each(forms)('%s', (form) => {
  it('gives every message its session, which ends after half an hour of silence', async () => {
    const url = await listen(form, counting);
    expect(await say(url, 'hi')).toEqual(['#1 hi']);
    await clock.advance(30 * minute - 1);
    expect(await say(url, 'there')).toEqual(['#2 there']);
    await clock.advance(30 * minute);
    expect(await say(url, 'again')).toEqual(['#1 again']);
    expect(await deliver(url, webhook('hello', 'bob'))).toMatchObject({ status: 200, text: expect.stringContaining('#1 hello') });
    expect(events).toMatchObject([
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
    const url = await listen(form, (_req, res) => {
      ran++;
      twiml(res);
    });
    expect(await deliver(url, 'hi', signature)).toMatchObject({ status });
    expect(await deliver(url, 'discard all', signature)).toMatchObject({ status });
    expect([ran, events]).toEqual([0, []]);
  });

  it('runs no duplicate, at once or later', async () => {
    const url = await listen(form, counting);
    const message = webhook('hi');
    expect(await say(url, message)).toEqual(['#1 hi']);
    expect(await deliver(url, vendor.redelivery(message, 1))).toEqual(empty);
    await clock.advance(31 * minute);
    expect(await deliver(url, vendor.redelivery(message, 2))).toEqual(empty);
    expect(told('duplicate')).toHaveLength(2);
    expect(told('opened')).toHaveLength(1);
  });

  it('lets a duplicate wait for the original that is still running', async () => {
    const gate = Promise.withResolvers<void>();
    const url = await listen(form, async (req, res) => {
      await gate.promise;
      counting(req, res, () => {});
    });
    const message = webhook('hi');
    const original = say(url, message);
    await clock.advance(1_000);
    const repeated = deliver(url, vendor.redelivery(message, 1));
    await clock.advance(1_000);
    gate.resolve();
    expect(await original).toEqual(['#1 hi']);
    expect(await repeated).toEqual(empty);
  });

  it('consumes commands and answers them with TwiML', async () => {
    const url = await listen(form, counting);
    await say(url, 'hi');
    const answer = (text: string) => ({ ...empty, text: `<Response><Message>${text}</Message></Response>` });
    expect(await deliver(url, ' Discard ')).toEqual(answer('Discarded.'));
    expect(await deliver(url, 'discard all')).toEqual(answer('All discarded.'));
    expect(await deliver(url, { does: 'taps', payload: 'DISCARD_ALL' })).toEqual(answer('All discarded.'));
    expect(await say(url, 'still here')).toEqual(['#2 still here']);
    expect(await deliver(url, { does: 'refreshes' })).toEqual(answer('Refreshed.'));
    expect(await say(url, 'afresh')).toEqual(['#1 afresh']);
    expect(told('closed')).toMatchObject([{ reason: 'refresh' }]);
  });

  it('answers a repeated command with nothing', async () => {
    const url = await listen(form, counting);
    const refresh = webhook('refresh');
    await deliver(url, refresh);
    expect(await deliver(url, vendor.redelivery(refresh, 1))).toEqual(empty);
    expect(told('opened')).toHaveLength(1);
  });

  it('acknowledges in the words of the settings, escaped, or not at all', async () => {
    start({ endpoints: { sms: { commands: { acknowledge: { discard: 'Gone: <all> & "more"', refresh: false } } } } });
    const url = await listen(form, counting);
    expect(await say(url, 'discard')).toEqual(['Gone: <all> & "more"']);
    expect(await deliver(url, 'refresh')).toEqual(empty);
  });

  it('passes on what is no activity, without a session', async () => {
    const seen: unknown[] = [];
    const url = await listen(form, (req, res) => {
      if (sessions.turn(req) === undefined) {
        seen.push(req.body.MessageStatus ?? req.body.Body);
        expect(() => sessions.of(req)).toThrow(expect.objectContaining({ code: 'ADJ_NO_SESSION' }));
      }
      counting(req, res, () => {});
    });
    await say(url, 'hi');
    await clock.advance(29 * minute);
    expect(await say(url, { does: 'reads' })).toEqual([]);
    expect(await say(url, 'STOP')).toEqual([]);
    expect(await say(url, 'help')).toEqual([]);
    await clock.advance(minute);
    expect(await say(url, 'back')).toEqual(['#1 back']);
    expect(seen).toEqual(['read', 'STOP', 'help']);
  });

  it('passes on what is for another number', async () => {
    const url = await listen(form, counting, { accounts: ['+10000000000'] });
    expect(await deliver(url, 'hi')).toMatchObject({ status: 200, text: expect.not.stringContaining('Message') });
    expect(events).toEqual([]);
  });

  it('answers fifty overlapping messages in turn, once each', async () => {
    const url = await listen(form, async (req, res) => {
      const { session } = sessions.turn(req) ?? {};
      const { notes } = session?.data ?? { notes: [] };
      await new Promise((resolve) => setImmediate(resolve));
      if (session) session.data = { notes: [...notes, req.body.Body] };
      counting(req, res, () => {});
    });
    const texts = Array.from({ length: 50 }, (_, index) => `m${index}`);
    const answers = (await Promise.all(texts.map((text) => say(url, text)))).flat();
    expect(answers.map((one) => one.split(' ')[0]).sort()).toEqual(texts.map((_, index) => `#${index + 1}`).sort());
    expect(answers.map((one) => one.split(' ')[1]).sort()).toEqual([...texts].sort());
    expect(told('opened')).toHaveLength(1);
  });

  it('goes beside a busy conversation before Twilio gives up', async () => {
    const gate = Promise.withResolvers<void>();
    const url = await listen(form, async (req, res) => {
      const turn = sessions.turn(req);
      if (req.body.Body === 'slow') await gate.promise;
      turn?.update(({ data }) => data.notes.push(req.body.Body));
      twiml(res, `${turn?.exclusive} ${turn?.session.data.notes}`);
    });
    const slow = say(url, 'slow');
    await settled(() => clock.nextWake() !== undefined);
    const hasty = say(url, 'hasty');
    await settled(() => clock.nextWake() === clock.now() + 14_500);
    await clock.advance(14_500);
    expect(await hasty).toEqual(['false ']);
    gate.resolve();
    expect(await slow).toEqual(['true slow']);
    expect(await say(url, 'then')).toEqual(['true slow,hasty,then']);
  });

  it('never touches the body, so that the signature can be checked again', async () => {
    const again = twilio.webhook(identity.secret);
    const url = await listen(form, (req, res, next) => again(req, res, () => counting(req, res, next)));
    expect(await say(url, 'hi')).toEqual(['#1 hi']);
  });

  it('reads GET webhooks from their query', async () => {
    const url = await listen(form, (req, res) => twiml(res, `#${sessions.of(req).turnCount} ${req.query['Body']}`));
    const address = `${url}?${new URLSearchParams(webhook('hi').body as Record<string, string>)}`;
    const headers = { 'x-twilio-signature': twilio.getExpectedTwilioSignature(identity.secret, address, {}) };
    expect(await (await fetch(address, { headers })).text()).toContain('<Message>#1 hi</Message>');
    expect(await (await fetch(address, { headers })).text()).toBe('<Response/>');
  });

  it('takes 1600 characters and hostile fields for what they are', async () => {
    const url = await listen(form, counting);
    const long = 'ü'.repeat(1600);
    expect(await say(url, long)).toEqual([`#1 ${long}`]);
    const raw = (fields: object) => vendor.raw({ ...webhook('x').body, ...fields }, {}, identity);
    expect(await say(url, raw({ Body: ['a', 'b'], constructor: 'c', length: '-1' }))).toEqual(['#2 a,b']);
    expect(await say(url, raw({ From: ['+1', '+2'] }))).toEqual([]);
    expect(await say(url, vendor.raw({ surprise: 'yes' }, {}, identity))).toEqual([]);
    expect(await say(url, raw({ Body: 'nested', 'From[x][y]': 'z' }))).toEqual(['#3 nested']);
    // Express drops this name, so that the SDK misses it in the signature.
    expect(await deliver(url, raw(JSON.parse('{ "__proto__": "x" }')))).toMatchObject({ status: 403 });
    expect(told('opened')).toHaveLength(1);
  });

  it('replies by REST, to where the message came from', async () => {
    const sent: unknown[] = [];
    const client = { messages: { create: async (message: object) => sent.push(message) } };
    const url = await listen(
      form,
      async (req, res) => {
        const turn = sessions.turn(req);
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

    const key = events.find((event) => event.type === 'opened')?.key ?? '';
    await sessions.run(key, (turn) => turn.reply('later'));
    expect(sent.at(-1)).toEqual({ ...way, body: 'later' });
  });

  it('says what is missing when it shall reply without a client', async () => {
    const failures: unknown[] = [];
    const url = await listen(form, async (req, res) => {
      await sessions
        .turn(req)
        ?.reply('hi')
        .catch((error: unknown) => failures.push(error));
      twiml(res);
    });
    await say(url, 'hi');
    expect(failures).toMatchObject([{ code: 'ADJ_NO_SENDER', where: 'twilio', hint: expect.stringContaining('client') }]);
  });

  it('leaves what the bot throws to the error middleware, drops its changes and takes the message again', async () => {
    let broken = true;
    const url = await listen(
      form,
      async (req, res) => {
        const { session } = sessions.turn(req) ?? {};
        session?.data.notes.push(req.body.Body);
        if (broken) throw new Error('broken');
        twiml(res, `#${session?.turnCount} ${session?.data.notes}`);
      },
      {},
      (error, _req, res, _next) => void res.status(500).type('text/plain').end(error.message),
    );
    const message = webhook('hi');
    expect(await deliver(url, message)).toMatchObject({ status: 500, text: 'broken' });
    broken = false;
    expect(await say(url, vendor.redelivery(message, 1))).toEqual(['#1 hi']);
    expect(told('duplicate')).toEqual([]);
  });

  it('takes a message for failed whose error middleware apologises with 200, if it says so', async () => {
    let broken = true;
    const apologise: express.ErrorRequestHandler = (error, req, res, _next) => {
      if (form === 'plain') sessions.turn(req)?.fail(error);
      twiml(res, 'Sorry');
    };
    const fragile: Handler = (req, res, next) => (broken ? next(new Error('broken')) : counting(req, res, next));
    const url = await listen(form, fragile, {}, apologise);
    const message = webhook('hi');
    expect(await say(url, message)).toEqual(['Sorry']);
    broken = false;
    expect(await say(url, vendor.redelivery(message, 1))).toEqual(['#1 hi']);
  });

  it('is not ended by a client that hangs up', async () => {
    const gate = Promise.withResolvers<void>();
    const running = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const url = await listen(form, async (req, res) => {
      if (req.body.Body === 'patience') {
        res.once('close', gone.resolve);
        running.resolve();
        await gate.promise;
        sessions.of(req).data.notes.push('kept');
      }
      twiml(res, `#${sessions.of(req).turnCount} ${sessions.of(req).data.notes}`);
    });
    const { headers, bytes } = vendor.sign(webhook('patience'), identity, url, 0, 'right');
    const hasty = open(url, { method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(bytes) } });
    hasty.on('error', () => {});
    hasty.end(bytes);
    await running.promise;
    hasty.destroy();
    await gone.promise;
    const next = say(url, 'next');
    gate.resolve();
    expect(await next).toEqual(['#2 kept']);
  });
});

describe('a bot that answers first and writes later', () => {
  const writes =
    (gate: Promise<void>, outcome: unknown[]): Handler =>
    async (req, res) => {
      const { session } = sessions.turn(req) ?? {};
      twiml(res, `#${session?.turnCount} ${session?.data.notes}`);
      await gate;
      try {
        if (session) session.data = { notes: [...session.data.notes, req.body.Body] };
      } catch (error) {
        outcome.push(error);
      }
    };

  it('keeps its changes when wrapped: the turn is the promise', async () => {
    const gate = Promise.withResolvers<void>();
    const outcome: unknown[] = [];
    const url = await listen('wrapped', writes(gate.promise, outcome));
    expect(await say(url, 'a')).toEqual(['#1 ']);
    const next = say(url, 'b');
    gate.resolve();
    expect(await next).toEqual(['#2 a']);
    expect(outcome).toEqual([]);
  });

  it('is told that the turn is over when plain, unless it asks to wait', async () => {
    const gate = Promise.withResolvers<void>();
    const outcome: unknown[] = [];
    const url = await listen('plain', writes(gate.promise, outcome));
    expect(await say(url, 'a')).toEqual(['#1 ']);
    expect(await say(url, 'b')).toEqual(['#2 ']);
    gate.resolve();
    await settled(() => outcome.length === 2);
    expect(outcome).toMatchObject([{ code: 'ADJ_TURN_ENDED' }, { code: 'ADJ_TURN_ENDED' }]);
  });

  it('keeps its changes when plain, if it asks to wait', async () => {
    const gate = Promise.withResolvers<void>();
    const outcome: unknown[] = [];
    const write = writes(gate.promise, outcome);
    const url = await listen('plain', (req, res, next) => sessions.turn(req)?.waitUntil(Promise.resolve(write(req, res, next))));
    expect(await say(url, 'a')).toEqual(['#1 ']);
    const next = say(url, 'b');
    gate.resolve();
    expect(await next).toEqual(['#2 a']);
    expect(outcome).toEqual([]);
  });
});

describe('settings', () => {
  it.each(['stop', 'Cancel', 'END', 'quit', 'help', 'info', 'start', 'yes'])(
    'refuse %j as a command: the carrier takes it',
    (word) => {
      start({ endpoints: { sms: { commands: { discard: word } } } });
      expect(() => twilioSessions(sessions, { endpoint: 'sms' })).toThrow(
        expect.objectContaining({ code: 'ADJ_CONFIG_INVALID' }),
      );
    },
  );
});

/** Lets requests come in until something has happened. */
async function settled(happened: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !happened(); turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(happened()).toBe(true);
}
