import { createHmac } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import session, { MemoryStore } from 'express-session';
import { type Body, newBody } from '../harness/body.ts';
import { nameOf } from '../harness/bot.ts';
import type { Peer } from '../harness/peer.ts';

type Request = IncomingMessage & { session?: { body?: Body } };
type Handler = (request: Request, response: ServerResponse) => void;
type Middleware = (request: Request, response: ServerResponse, next: (error?: unknown) => void) => void;

const socket = new Socket();
const secret = 'a secret of the bench, thirty-two bytes';

/** Somebody who comes with the cookie of their session, as the middleware signs it. */
function cookieOf(user: number): string {
  const signature = createHmac('sha256', secret).update(nameOf(user)).digest('base64').replace(/=+$/, '');
  return `connect.sid=${encodeURIComponent(`s:${nameOf(user)}.${signature}`)}`;
}

/** A request without a network; resolves when the response has ended. */
function hear(cookie: string, middleware: Middleware, handler: Handler): Promise<void> {
  const request: Request = new IncomingMessage(socket);
  Object.assign(request, { method: 'POST', url: '/', originalUrl: '/', headers: { cookie } });
  return new Promise((resolve, reject) => {
    const response = new ServerResponse(request);
    Object.assign(response, { end: () => resolve() });
    middleware(request, response, (error) => {
      if (error) reject(error);
      else handler(request, response);
    });
  });
}

function sumOf(all: object): number {
  return Object.values(all).reduce((sum, { body }: { body: Body }) => sum + body.count, 0);
}

function memoryStore(): Peer {
  let handled = 0;
  const counts = new Map<string, number>();
  const cookies = new Map<number, string>();
  const cookie = (user: number) => {
    const known = cookies.get(user) ?? cookieOf(user);
    cookies.set(user, known);
    return known;
  };
  const store = new MemoryStore();
  const withSession = session({
    store,
    secret,
    resave: false,
    saveUninitialized: true,
    cookie: { maxAge: 30 * 60_000 },
  }) as unknown as Middleware;
  const without: Middleware = (_request, _response, next) => next();
  const known = new Set<number>();
  /** Its ids are its own unless the store knows them: everybody is there before they first come. */
  const introduce = (user: number) => {
    if (known.has(user)) return undefined;
    known.add(user);
    const data = { cookie: { originalMaxAge: 30 * 60_000, expires: new Date(Date.now() + 30 * 60_000) } };
    return new Promise((resolve) => store.set(nameOf(user), data as never, resolve));
  };
  return {
    name: 'express-session, MemoryStore',
    bare: (user) =>
      hear(cookie(user), without, ({ headers: { cookie: from = '' } }, response) => {
        counts.set(from, (counts.get(from) ?? 0) + 1);
        handled += 1;
        response.end();
      }),
    async turn(user) {
      await introduce(user);
      await hear(cookie(user), withSession, (request, response) => {
        const kept = request.session ?? {};
        kept.body ??= newBody();
        kept.body.count += 1;
        handled += 1;
        response.end();
      });
    },
    handled: () => handled,
    stored: () =>
      new Promise((resolve, reject) =>
        store.all((error, all) => {
          if (error) reject(error);
          else resolve(sumOf(all ?? {}));
        }),
      ),
  };
}

export const peers: readonly (() => Peer)[] = [memoryStore];
