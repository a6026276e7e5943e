import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { type MessengerOptions, messengerSessions } from '../../src/adapters/messenger.ts';
import type { EventHandler } from '../../src/adapters/support/webhook.ts';
import { type WhatsAppOptions, whatsappSessions } from '../../src/adapters/whatsapp.ts';
import { type AdjournEvent, createSessions, type SessionsOptions, type Turn } from '../../src/index.ts';
import { messengerVendor } from '../../src/simulator/channels/messenger.ts';
import { whatsappVendor } from '../../src/simulator/channels/whatsapp.ts';
import { countCalls } from '../../src/simulator/scenario/calls.ts';
import { type Act, createSimulator, type Signature, type Webhook } from '../../src/simulator/simulator.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';

export interface Notes {
  seen: string[];
}

export type MetaChannelName = 'messenger' | 'whatsapp';

/** Settings of both channels that the tests change. */
export type MetaOptions = Partial<MessengerOptions & WhatsAppOptions>;

export interface MetaBotOptions extends Partial<SessionsOptions<Notes, string>> {
  /** Takes what the bot sends in the simulator's place. */
  readonly graph?: { readonly url: string; busy(): boolean } | undefined;
}

/** A bot on real Express behind one of Meta's channels, its sessions in memory, on a virtual clock; the simulator is Meta. */
export async function metaBot(channel: MetaChannelName, { graph, ...settings }: MetaBotOptions = {}) {
  const busy = () => simulator.openCalls() + calls.open() > 0 || graph?.busy() === true;
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z', settle: () => rest(busy) });
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const sessions = createSessions<Notes, string>({ initial: () => ({ seen: [] }), clock, logger, ...settings });
  const events: AdjournEvent[] = [];
  sessions.on('*', (event) => events.push(event));
  const received: string[] = [];
  const vendor = channel === 'messenger' ? messengerVendor : whatsappVendor;
  const simulator = await createSimulator({ clock, onReceived: ({ user, text }) => void received.push(`${user}: ${text}`) });
  const calls = countCalls(simulator.url, () => {});
  const identity = simulator.identity(channel, 'main');
  const options = (more: MetaOptions = {}): MessengerOptions & WhatsAppOptions => ({
    endpoint: 'main',
    appSecret: identity.secret,
    verifyToken: 'tide-table',
    accessToken: identity.token,
    graphBaseUrl: graph?.url ?? simulator.url,
    ...(more as object),
  });

  /** What reached Express' error middleware. */
  const failures: unknown[] = [];
  const last: ErrorRequestHandler = (error, _req, res, _next) => {
    failures.push(error);
    res.status(500).send('failed');
  };
  const web = express();
  const server = web.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;

  const signed = (webhook: Webhook, signature: Signature = 'right') => vendor.sign(webhook, identity, url, 0, signature);

  return {
    clock,
    sessions,
    events,
    received,
    simulator,
    identity,
    failures,
    url,
    options,
    signed,
    /** The event handler form. */
    events$: (handler: EventHandler<object, Notes>, more?: MetaOptions) =>
      channel === 'messenger'
        ? messengerSessions(sessions, options(more), handler)
        : whatsappSessions(sessions, options(more), handler),
    /** The plain form, with `.wrap`. */
    plain: (more?: MetaOptions) =>
      channel === 'messenger' ? messengerSessions(sessions, options(more)) : whatsappSessions(sessions, options(more)),
    mount(setUp: (web: Express) => unknown) {
      setUp(web);
      web.use(last);
    },
    /** The webhook for what a person does. */
    does(user: string, act: Act | string): Webhook {
      const made = simulator.webhook(channel, 'main', user, typeof act === 'string' ? { does: 'says', text: act } : act);
      if (made === undefined) throw new Error('There is no such webhook.');
      return made;
    },
    /** A webhook with a body of one's own. */
    raw: (body: unknown): Webhook => simulator.raw(channel, 'main', body),
    async post(webhook: Webhook, signature?: Signature): Promise<number> {
      const { headers, bytes } = signed(webhook, signature);
      const answer = await fetch(url, { method: 'POST', headers, body: bytes });
      await answer.arrayBuffer();
      return answer.status;
    },
    /** A request for the web-standard form. */
    request(webhook: Webhook, signature?: Signature): Request {
      const { headers, bytes } = signed(webhook, signature);
      return new Request(url, { method: 'POST', headers, body: bytes });
    },
    opened: () => events.filter(({ type }) => type === 'opened').length,
    async close() {
      server.closeAllConnections();
      server.close();
      await sessions.close();
      await simulator.close();
      calls.close();
    },
  };
}

export type MetaBot = Awaited<ReturnType<typeof metaBot>>;

/** Time stands still while calls are open, and for some turns of the event loop after. */
async function rest(busy: () => boolean): Promise<void> {
  for (let still = 0; still < 10; still = busy() ? 0 : still + 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Several webhooks as one request: Meta batches by adding entries. */
export function batch(...webhooks: readonly Webhook[]): Webhook {
  const [first] = webhooks;
  if (first === undefined) throw new Error('A batch holds something.');
  return { ...first, body: { ...first.body, entry: webhooks.flatMap(({ body }) => body['entry'] as object[]) } };
}

/** What every bot here does: notes the text and answers with the number of the turn. */
export async function answer(turn: Turn<Notes>): Promise<void> {
  for (const activity of turn.activities) {
    const text = activity.kind === 'message' ? activity.text : activity.kind === 'postback' ? activity.payload : undefined;
    turn.session.data.seen.push(text ?? '-');
    await turn.reply(`#${turn.session.turnCount} ${text ?? '-'}`);
  }
}

/** Lets requests come and go until something has happened. */
export async function until(happened: () => boolean): Promise<void> {
  for (let turn = 0; turn < 20_000 && !happened(); turn++) await new Promise((resolve) => setImmediate(resolve));
  if (!happened()) throw new Error('It did not happen.');
}
