import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messagingApi, middleware, type webhook } from '@line/bot-sdk';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import { type LineOptions, lineErrors } from '../../src/adapters/line.ts';
import { type AdjournEvent, createSessions, type EndpointSettings, type SessionsOptions } from '../../src/index.ts';
import { lineVendor } from '../../src/simulator/channels/line.ts';
import { createSimulator } from '../../src/simulator/simulator.ts';
import type { Act, Signature, Webhook } from '../../src/simulator/vendor.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';

export interface Notes {
  seen: string[];
}

export type LineWebhookEvent = webhook.Event;

/** A LINE bot to be: the real SDK and Express, LINE's side simulated, sessions in memory, time virtual. */
export async function lineBot(settings: EndpointSettings = {}, more: Pick<SessionsOptions, 'worker' | 'archive'> = {}) {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const sessions = createSessions<Notes, 'chat'>({
    initial: () => ({ seen: [] }),
    endpoints: { chat: settings },
    clock,
    logger,
    ...more,
  });
  const events: AdjournEvent[] = [];
  sessions.on('*', (event) => events.push(event));
  const received: string[] = [];
  const simulator = await createSimulator({
    clock,
    vendors: [lineVendor],
    onReceived: ({ user, text }) => void received.push(`${user}: ${text}`),
  });
  const identity = simulator.identity('line', 'chat');
  const client = new messagingApi.MessagingApiClient({ channelAccessToken: identity.token, baseURL: simulator.url });
  const options: LineOptions<'chat'> = { endpoint: 'chat', client };

  const web = express();
  const server = web.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/line`;
  const to = { channel: 'line', endpoint: 'chat', url };
  const webhookOf = (user: string, act: Act | string): Webhook => {
    const made = simulator.webhook('line', 'chat', user, typeof act === 'string' ? { does: 'says', text: act } : act);
    if (made === undefined) throw new Error('LINE has no such thing.');
    return made;
  };
  const eventsIn = ({ body }: Webhook) => body['events'] as readonly object[];

  return {
    sessions,
    clock,
    events,
    received,
    simulator,
    identity,
    client,
    options,
    names: () => events.map(({ type }) => type),
    /** Mounts the bot behind the SDK's middleware; what nobody knows how to answer gets 500 and its message. */
    mount(...handlers: RequestHandler[]) {
      const last: ErrorRequestHandler = (error, _req, res, _next) => void res.status(500).send(String(error.message ?? error));
      web.post('/line', middleware({ channelSecret: identity.secret }), ...handlers);
      web.use(lineErrors, last);
    },
    /** Mounts the bot without the SDK. */
    mountBare(...handlers: RequestHandler[]) {
      const last: ErrorRequestHandler = (error, _req, res, _next) => void res.status(500).send(String(error.message ?? error));
      web.post('/line', ...handlers, last);
    },
    webhookOf,
    /** One request with the events of several webhooks. */
    together: (...webhooks: Webhook[]) =>
      simulator.raw('line', 'chat', { destination: identity.account, events: webhooks.flatMap(eventsIn) }),
    send: (made: Webhook, signature: Signature = 'right') => simulator.send(made, { ...to, signature }),
    does: (user: string, act: Act | string) => simulator.send(webhookOf(user, act), to),
    raw: (body: unknown) => simulator.send(simulator.raw('line', 'chat', body), to),
    /** Starts a delivery that the caller can break off. */
    open(made: Webhook) {
      const { headers, bytes } = lineVendor.sign(made, identity, url, 0, 'right');
      const call = httpRequest(url, { method: 'POST', headers, agent: false });
      call.on('error', () => {});
      call.end(bytes);
      return call;
    },
    /** A signed request with any bytes as its body. */
    bytes: (bytes: string) => {
      const { headers } = lineVendor.sign({ ...webhookOf('ada', 'x'), body: {} }, identity, url, 0, 'right');
      return { url, headers, bytes };
    },
    /** How many messages were paid for. */
    pushes: async () => (await client.getMessageQuotaConsumption()).totalUsage,
    async close() {
      server.closeAllConnections();
      server.close();
      await simulator.close();
      await sessions.close();
    },
  };
}
