import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect } from 'vitest';
import { misfit } from '../../src/admin/form.ts';
import { shapes } from '../../src/admin/shapes.ts';
import { type AdminHandler, type AdminOptions, adminHandler } from '../../src/admin.ts';
import type { EndpointOptions } from '../../src/middleware/hooks.ts';
import { type ClosingBotOptions, closingBot, type Data } from '../middleware/toy.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: unknown;
  /** Sent as it is. */
  readonly raw?: string | Uint8Array;
}

/** What whoever changes something has to send along. */
export const meant = { 'content-type': 'application/json', 'x-adjourn': '1' };

const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

/** A server on this machine that is gone after the test. */
export async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Asks without any of the help of a browser or of `fetch`: the path and the headers go out as they are. */
export function ask(port: number, path: string, { method = 'GET', headers = {}, body, raw }: Asked = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const req = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (res) => {
    const chunks: Buffer[] = [];
    res.on('data', (chunk) => chunks.push(chunk));
    res.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const isJson = text !== '' && /json/.test(res.headers['content-type'] ?? '');
      resolve({ status: res.statusCode ?? 0, headers: res.headers, text, json: isJson ? JSON.parse(text) : {} });
    });
  });
  req.on('error', reject);
  req.end(raw ?? (body === undefined ? undefined : JSON.stringify(body)));
  return promise;
}

/** An answer of the right status whose content is what the description says. */
export function expectShape(answer: Answer, shape: string, status = 200): void {
  expect(answer.status, answer.text).toBe(status);
  expect(misfit({ $ref: `#/components/schemas/${shape}` }, answer.json, shape, shapes)).toBeUndefined();
}

/** A bot with an admin handler on a server of its own. */
export async function adminBot(
  options: AdminOptions = {},
  settings: EndpointOptions<Data> = { transcripts: true },
  more?: ClosingBotOptions,
) {
  const bot = closingBot(settings, more);
  const handler: AdminHandler = adminHandler(bot.sessions, { rate: 10_000, ...options });
  const port = await listening(createServer(handler));
  opened.push(handler.close);
  return {
    ...bot,
    handler,
    port,
    get: (path: string, headers: OutgoingHttpHeaders = {}) => ask(port, path, { headers }),
    change: (method: string, path: string, body?: unknown, headers: OutgoingHttpHeaders = {}) =>
      ask(port, path, { method, body, headers: { ...meant, ...headers } }),
  };
}

/** A stream of events that is being read. */
export function reading(port: number, headers: OutgoingHttpHeaders = {}) {
  let text = '';
  let ended = false;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const req = request({ host: '127.0.0.1', port, path: '/events', headers, agent: false }, (res) => {
    res.on('data', (chunk) => {
      text += chunk;
    });
    res.on('close', () => {
      ended = true;
    });
    res.on('error', () => {});
    resolve(res.statusCode ?? 0);
  });
  req.on('error', reject).end();
  opened.push(() => req.destroy());
  return { status: promise, text: () => text, ended: () => ended, leave: () => req.destroy() };
}

export const inPath = encodeURIComponent;
