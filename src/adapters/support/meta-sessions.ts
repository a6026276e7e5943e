import type { Channel } from '../../middleware/adapter.ts';
import type { Activity } from '../../middleware/core/activity.ts';
import {
  type ExpressSessions,
  eventSessions,
  type Next,
  requestSessions,
  type WebHandler,
  type WebRequest,
  type WebResponse,
} from './express.ts';
import type { GraphOptions } from './meta-graph.ts';
import { type MetaSending, sendNow, tellingFetch } from './meta-send.ts';
import { signatureOf } from './meta-signature.ts';
import {
  type Admission,
  admitFetch,
  admitNode,
  checkWebhookOptions,
  type MetaWebhookOptions,
  type RawRequest,
  secretsOf,
} from './meta-webhook.ts';
import { answerInTime, type EventHandler, type Item, runEvents, type SessionlessHandler } from './webhook.ts';

/** What one of Meta's channels adds to what they have in common. */
export interface MetaChannel<Payload extends object, Event> extends MetaSending {
  readonly ackWithinMs: number;
  itemsOf(payload: Payload | undefined): readonly Item<Event>[];
  /** The object in the payload that an event stands for: what a bot that reads `req.body` asks for its session with. */
  partOf(event: Event): object;
  /** The payload without some of those. */
  without(payload: Payload, parts: ReadonlySet<unknown>): Payload;
  /** Where to send to whoever did this; JSON, the adapter's own part of an address. */
  to(activity: Activity): Readonly<Record<string, unknown>>;
}

/** For bots that call the Graph API by themselves. */
export interface MetaCalls {
  /**
   * `fetch` for messages that the bot sends by itself, so that they stand in transcripts: a JSON text, posted to `…/messages`.
   * What `turn.reply` sends stands there anyway.
   */
  readonly graphFetch: typeof fetch;
}

/** The event handler form, for Express and bare Node, and as a web-standard fetch handler. */
export interface MetaEvents extends MetaCalls {
  (req: WebRequest, res: WebResponse, next: Next): void;
  /**
   * The same handler for Hono, Next.js, workers …: answers the dashboard's verification, refuses forgeries, runs one turn per event.
   * @param platform `waitUntil` keeps the process alive for turns that outlast the answer; where the platform has one, pass it on.
   * @returns 500 if a handler threw in time (the error is reported), so that Meta delivers again. Never rejects.
   */
  fetch(
    request: Request,
    platform?: { readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined },
  ): Promise<Response>;
}

/** What a request came with: the payload in its present form, and the bytes it was read from. */
interface Taken<Payload> {
  readonly payload: Payload;
  /** Whether the bot found bytes or text in `req.body`, which it then parses itself. */
  readonly raw: 'bytes' | 'text' | undefined;
}

/** The plain and the wrapped form. The bot finds the webhook in `req.body`, parsed unless something before us left bytes or text there. */
export function metaRequests<Payload extends object, Event>(
  meta: MetaChannel<Payload, Event>,
  channel: Channel,
  options: MetaWebhookOptions & GraphOptions,
): ExpressSessions & MetaCalls {
  const { webhook, gate } = expressOf(meta, channel, options);
  const items = (req: WebRequest) => webhook.items(req).map(({ activity, event }) => ({ activity, event: meta.partOf(event) }));
  const forms = requestSessions<object>({ ...webhook, items });
  // The types of the bot's own handler are its host's; here it is any of Node's.
  const wrap: ExpressSessions['wrap'] = (handler) =>
    gate(forms.wrap(handler) as unknown as WebHandler, handler as unknown as WebHandler) as unknown as typeof handler;
  return Object.assign(gate(forms), { wrap, graphFetch: tellingFetch(meta, channel) });
}

/** The event handler form. */
export function metaEvents<Payload extends object, Event, Data>(
  meta: MetaChannel<Payload, Event>,
  channel: Channel,
  options: MetaWebhookOptions & GraphOptions,
  handler: EventHandler<Event, Data>,
  sessionless: SessionlessHandler<Event> | undefined,
): MetaEvents {
  const { webhook, gate } = expressOf(meta, channel, options);
  const fetch: MetaEvents['fetch'] = async (request, platform) => {
    try {
      const admission = await admitFetch(meta.name, request, options);
      if (admission.do === 'pass') return new Response('Not found', { status: 404 });
      if (admission.do === 'answer') return new Response(admission.text, { status: admission.status, headers: plainText });
      const run = runEvents(webhook, meta.itemsOf(admission.payload as Payload), handler, sessionless);
      platform?.waitUntil?.(run.failures);
      await answerInTime(webhook, run);
      return new Response(null, { status: 200 });
    } catch (error) {
      channel.report(error);
      return new Response(null, { status: 500 });
    }
  };
  const graphFetch = tellingFetch(meta, channel);
  return Object.assign(gate(eventSessions(webhook, handler, sessionless)), { fetch, graphFetch });
}

const plainText = Object.freeze({ 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' });

function expressOf<Payload extends object, Event>(
  meta: MetaChannel<Payload, Event>,
  channel: Channel,
  options: MetaWebhookOptions & GraphOptions,
) {
  checkWebhookOptions(meta.name, options);
  const taken = new WeakMap<object, Taken<Payload>>();
  const answer = (activity: Activity, message: unknown) =>
    sendNow(meta, channel, { activity, to: meta.to(activity) }, message, options);
  const webhook = {
    channel,
    ackWithinMs: meta.ackWithinMs,
    items: (req: WebRequest) => meta.itemsOf(taken.get(req)?.payload),
    remove(req: WebRequest, parts: ReadonlySet<unknown>) {
      const found = taken.get(req);
      if (found === undefined) return;
      const payload = meta.without(found.payload, parts);
      rewrite(req, { ...found, payload }, secretsOf(options)[0]);
    },
    empty: (res: WebResponse) => void res.writeHead(200).end(),
    to: ({ activity }: Item) => meta.to(activity),
    reply: (message: unknown, { activity }: Item) => answer(activity, message),
    /** The command is done and saved: that the user could not be told must not make Meta deliver it again. */
    consumed: async (text: string | undefined, { activity }: Item) =>
      text === undefined ? undefined : answer(activity, text).catch((error) => channel.report(error, activity)),
  };
  /** `go` gets webhooks that are let in, `other` what is no webhook at all. */
  const gate =
    (go: WebHandler, other: WebHandler = (_req, _res, next) => next()) =>
    (req: WebRequest, res: WebResponse, next: Next): void => {
      const admitted = (admission: Admission) => {
        if (admission.do === 'pass') return other(req, res, next);
        if (admission.do === 'answer') return res.writeHead(admission.status, plainText).end(admission.text);
        const payload = admission.payload as Payload;
        const raw = typeof req.body === 'string' ? 'text' : req.body instanceof Uint8Array ? 'bytes' : undefined;
        taken.set(req, { payload, raw });
        if (admission.bytes !== undefined) leave(req, payload, admission.bytes, raw);
        return go(req, res, next);
      };
      admitNode(meta.name, req, options).then(admitted).catch(next);
    };
  return { webhook, gate };
}

/** Leaves the body as the bot expects it. `_body` tells the body parsers of Express 4 that it has been read. */
function leave(req: RawRequest & { _body?: boolean }, payload: object, bytes: Uint8Array, raw: Taken<object>['raw']): void {
  req.rawBody = bytes;
  if (raw !== undefined) return;
  req.body = payload;
  req._body = true;
}

/**
 * Puts a shortened payload in the place of the one that came. It is signed anew, so that an SDK behind us that checks the signature itself
 * does not refuse it.
 */
function rewrite(req: RawRequest, { payload, raw }: Taken<object>, secret: string | undefined): void {
  const bytes = Buffer.from(JSON.stringify(payload));
  if (req.rawBody !== undefined) req.rawBody = bytes;
  req.body = raw === 'text' ? bytes.toString() : raw === 'bytes' ? bytes : payload;
  if (secret !== undefined) req.headers['x-hub-signature-256'] = signatureOf(bytes, secret);
}
