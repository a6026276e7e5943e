import { once } from 'node:events';
import { type ClientRequest, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import {
  type ExpressSessions,
  type ExpressWebhook,
  eventSessions,
  requestSessions,
  type WebRequest,
} from '../../src/adapters/support/express.ts';
import type { EventHandler, SessionlessHandler } from '../../src/adapters/support/webhook.ts';
import { type AdjournEvent, createSessions } from '../../src/index.ts';
import type { Adapter } from '../../src/middleware/adapter.ts';
import { attach } from '../../src/middleware/attach.ts';
import type { Activity } from '../../src/middleware/core/activity.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';

/** One event of a webhook without a vendor. */
export interface ToyEvent {
  readonly id: string;
  readonly user: string;
  /** Absent: a receipt. */
  readonly text?: string;
}

export interface Notes {
  seen: string[];
}

const adapter: Adapter<{ body?: unknown }> = {
  name: 'toy',
  parse: (request) => eventsOf(request).map(activityOf),
  capabilities: {
    redeliversFor: 3_600_000,
    ackWithinMs: 2_000,
    batches: true,
    replyWindow: 0,
    idempotentSend: false,
    reservedWords: [],
  },
};

/** A bot on real Express behind a webhook without a vendor, its sessions in memory, on a virtual clock. */
export async function expressBot() {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const sessions = createSessions<Notes>({ initial: () => ({ seen: [] }), clock, logger });
  const told: string[] = [];
  const failures: unknown[] = [];
  sessions.on('error', (event) => failures.push(event.error));
  const events: AdjournEvent[] = [];
  sessions.on('*', (event) => events.push(event));

  const webhook: ExpressWebhook<ToyEvent> = {
    channel: attach(sessions, adapter, { endpoint: 'main' }),
    ackWithinMs: adapter.capabilities.ackWithinMs,
    items: (req) => eventsOf(req).map((event) => ({ activity: activityOf(event), event })),
    remove(req, gone) {
      req.body = { events: eventsOf(req).filter((event) => !gone.has(event)) };
    },
    empty: (res) => void res.writeHead(200, { 'content-type': 'text/plain' }).end('empty'),
    reply: async (message, { event }) => told.push(`${event.user}: ${String(message)}`),
    consumed: async (text, { event }) => text !== undefined && told.push(`${event.user}: ${text}`),
  };

  const web = express();
  web.use(express.json());
  const server = web.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const body = (list: readonly ToyEvent[]) => JSON.stringify({ events: list });
  const headers = { 'content-type': 'application/json' };

  return {
    sessions,
    clock,
    told,
    failures,
    events,
    webhook,
    /** Mounts the bot; what reaches Express' error middleware is answered with 500 and its message. */
    mount(...handlers: RequestHandler[]) {
      const last: ErrorRequestHandler = (error, _req, res, _next) =>
        void (res.headersSent || res.status(500).send(String(error.message ?? error)));
      web.post('/', ...handlers);
      web.use(last);
    },
    events$: (handler: EventHandler<ToyEvent, Notes>, sessionless?: SessionlessHandler<ToyEvent>) =>
      eventSessions(webhook, handler, sessionless),
    request: (): ExpressSessions => requestSessions(webhook),
    async post(...list: ToyEvent[]): Promise<{ status: number; text: string }> {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: body(list), headers });
      return { status: answer.status, text: await answer.text() };
    },
    /** Sends a request that the caller can break off. */
    open(...list: ToyEvent[]): ClientRequest {
      const call = httpRequest(`http://127.0.0.1:${port}/`, { method: 'POST', headers, agent: false });
      call.on('error', () => {});
      call.end(body(list));
      return call;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await sessions.close();
    },
  };
}

export function eventsOf(req: { body?: unknown } | WebRequest): readonly ToyEvent[] {
  return (req.body as { events: readonly ToyEvent[] }).events;
}

function activityOf({ id, user, text }: ToyEvent): Activity {
  const origin = { channel: 'toy', type: 'toy', conversation: { id: user, kind: 'direct' as const }, user, id };
  return text === undefined ? { kind: 'lifecycle', ...origin } : { kind: 'message', ...origin, text, addressed: true };
}
