import type { ServerResponse } from 'node:http';
import { eventStreams } from './admin/event-streams.ts';
import { nameAt, type Place, placeOf } from './admin/find-route.ts';
import { type GuardOptions, guard } from './admin/guard.ts';
import { isPieces, sendPieces } from './admin/pieces.ts';
import { problemFrom, Refused } from './admin/refused.ts';
import { type AdminRequest, bodyOf, queryOf } from './admin/request.ts';
import type { Call } from './admin/route.ts';
import { routes } from './admin/routes.ts';
import { engineOf } from './middleware/attach.ts';
import type { Sessions } from './middleware/sessions.ts';

export type { Authorize, Authorized } from './admin/guard.ts';
export type { AdminRequest } from './admin/request.ts';

export interface AdminOptions extends GuardOptions {
  /** Leaves what was said out of transcripts and exports, and out of exports what the bot keeps of the contact. @default false */
  readonly redact?: boolean | undefined;
}

/** Answers requests: of Node's own server, or under any path of Express or Connect. */
export interface AdminHandler {
  (req: AdminRequest, res: ServerResponse, next?: (error?: unknown) => void): void;
  /** Ends the event streams, and listens to events no more. */
  close(): void;
}

/**
 * What `sessions` offers to people who look after them, as JSON over HTTP: contacts, transcripts, live sessions, desks, counts, settings, events.
 * `GET /openapi.json` describes it. A path that is not one of its own goes to `next`, or is not found.
 * @throws AdjournError `ADJ_ADMIN_UNPROTECTED` with `NODE_ENV=production` and no authoriser, `ADJ_CONFIG_INVALID`
 */
export function adminHandler<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  { redact = false, ...options }: AdminOptions = {},
): AdminHandler {
  const engine = engineOf(sessions);
  const admit = guard(options);
  const streams = eventStreams((listener) => sessions.on('*', listener));

  const answer = async (req: AdminRequest, res: ServerResponse, place: Place | undefined, search: string) => {
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
    if (place === undefined) throw new Refused(404, 'There is nothing here.');
    const route = place.routes.find(({ method }) => method === req.method);
    if (route === undefined) {
      throw new Refused(405, 'Not by this method.', { allow: place.routes.map(({ method }) => method).join(', ') });
    }
    const by = await admit(req);
    const name = nameAt(place);
    const query = queryOf(search, route.query, route.required);
    if (route.answer === 'events') {
      streams.open(res, req.headers['last-event-id']?.toString());
      return;
    }
    const body = req.method === 'GET' ? {} : await bodyOf(req, route.body);
    // The forms of the route have checked both.
    const call = { sessions, name, query, body, by, redact } as unknown as Call;
    const given = await route.run(call);
    if (isPieces(given)) await sendPieces(res, given);
    else send(res, 200, 'application/json', given);
  };

  const failed = (res: ServerResponse, error: unknown) => {
    const { problem, headers: more } = problemFrom(error);
    // Who has half an answer cannot be told any more.
    if (problem.status === 500 || res.headersSent) engine.report(error, { channel: 'admin', endpoint: 'all' });
    if (res.headersSent) {
      res.destroy();
      return;
    }
    for (const [name, value] of Object.entries(more)) res.setHeader(name, value);
    send(res, problem.status, 'application/problem+json', problem);
  };

  const handler = (req: AdminRequest, res: ServerResponse, next?: (error?: unknown) => void) => {
    const [path = '', ...search] = (req.url ?? '').split('?');
    const place = placeOf(routes, path);
    if (place === undefined && next !== undefined) next();
    else answer(req, res, place, search.join('?')).catch((error) => failed(res, error));
  };
  return Object.assign(handler, { close: streams.close });
}

/** Of every answer. Nothing of it is kept, shown in a frame or run as a page. */
const headers = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
};

function send(res: ServerResponse, status: number, type: string, value: unknown): void {
  const text = JSON.stringify(value);
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text);
}
