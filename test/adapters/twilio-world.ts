import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import twilio from 'twilio';
import { type TwilioOptions, twilioSessions } from '../../src/adapters/twilio.ts';
import { createSessions, type Sessions, type SessionsOptions } from '../../src/index.ts';
import type { AdjournEvent } from '../../src/middleware/events.ts';
import { twilioVendor as vendor } from '../../src/simulator/channels/twilio.ts';
import type { Act, Signature, Webhook } from '../../src/simulator/vendor.ts';
import { type VirtualClock, virtualClock } from '../../src/testing/virtual-clock.ts';

export interface Data {
  notes: string[];
}

/** The two ways of mounting: around the handler, or before it. */
export type Form = 'wrapped' | 'plain';
export const forms: readonly Form[] = ['wrapped', 'plain'];

export type Handler = (req: express.Request, res: express.Response, next: express.NextFunction) => unknown;

/** The bot's endpoint, as Twilio knows it. */
export const identity = vendor.identity('sms');

/** What Twilio gets where nothing is to be said. */
export const empty = { status: 200, type: 'text/xml; charset=utf-8', text: '<Response/>' };

/** A bot on the real SDK and Express, people who text it by signed webhooks, and virtual time. */
export interface World {
  readonly clock: VirtualClock;
  readonly sessions: Sessions<Data, 'sms'>;
  /** Every event so far. */
  readonly events: readonly AdjournEvent[];
  told(type: AdjournEvent['type']): AdjournEvent[];
  /** Mounts a bot. @returns the address of its webhook */
  listen(form: Form, handler: Handler, options?: TwilioOptions<'sms'>, onError?: express.ErrorRequestHandler): Promise<string>;
  stop(): void;
}

export function twilioWorld(settings: SessionsOptions<Data, 'sms'> = {}): World {
  const clock = virtualClock();
  const events: AdjournEvent[] = [];
  const stops: (() => void)[] = [];
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const sessions = createSessions<Data, 'sms'>({ clock, logger, initial: () => ({ notes: [] }), worker: false, ...settings });
  sessions.on('*', (event) => void events.push(event));

  return {
    clock,
    sessions,
    events,
    told: (type) => events.filter((event) => event.type === type),
    async listen(form, handler, options = {}, onError = (_error, _req, res, _next) => void res.status(500).end()) {
      const sms = twilioSessions(sessions, { endpoint: 'sms', ...options });
      const web = express();
      web.use(express.urlencoded({ extended: false }));
      web.all('/sms', twilio.webhook(identity.secret), ...(form === 'wrapped' ? [sms.wrap(handler)] : [sms, handler]));
      web.use(onError);
      const server = web.listen(0, '127.0.0.1');
      stops.push(() => {
        server.closeAllConnections();
        server.close();
      });
      await once(server, 'listening');
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/sms`;
    },
    stop() {
      for (const stop of stops) stop();
    },
  };
}

/** Says how often the session was spoken to, in TwiML. */
export function counting(world: World): Handler {
  return (req, res) => {
    const turn = world.sessions.turn(req);
    twiml(res, turn === undefined ? undefined : `#${turn.session.turnCount} ${req.body.Body}`);
  };
}

export function twiml(res: express.Response, text?: string): void {
  const response = new twilio.twiml.MessagingResponse();
  if (text !== undefined) response.message(text);
  res.type('text/xml').send(response.toString());
}

let sequence = 0;

/** What Twilio sends when somebody does something, or says a text. */
export function webhook(act: Act | string, user = 'ada'): Webhook {
  const done: Act = typeof act === 'string' ? { does: 'says', text: act } : act;
  const person = vendor.person(user);
  const context = { identity, user, person, at: 0, sequence: ++sequence, about: undefined, vendorUrl: 'http://127.0.0.1:1' };
  const made = vendor.webhook(done, context);
  if (made === undefined) throw new Error(`Nobody ${done.does} on Twilio.`);
  return made;
}

/** Delivers a webhook. @returns the bot's answer */
export async function deliver(url: string, what: Webhook | Act | string, signature: Signature = 'right') {
  const { headers, bytes } = vendor.sign(sent(what), identity, url, 0, signature);
  const response = await fetch(url, { method: 'POST', headers, body: bytes });
  return { status: response.status, type: response.headers.get('content-type') ?? '', text: await response.text() };
}

/** Delivers a webhook. @returns what the user reads in the bot's answer */
export async function say(url: string, what: Webhook | Act | string): Promise<string[]> {
  const made = sent(what);
  const { status, type, text } = await deliver(url, made);
  return vendor.answered({ status, headers: { 'content-type': type }, text }, made).map((one) => one.text);
}

function sent(what: Webhook | Act | string): Webhook {
  return typeof what === 'object' && 'body' in what ? what : webhook(what);
}

/** Lets requests come in until something has happened. */
export async function until(happened: () => boolean): Promise<void> {
  const patience = performance.now() + 10_000;
  while (!happened() && performance.now() < patience) await new Promise((resolve) => setImmediate(resolve));
  if (!happened()) throw new Error('It did not happen.');
}
