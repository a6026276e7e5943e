import type { Adapter, AdapterOptions } from '../middleware/adapter.ts';
import { attach } from '../middleware/attach.ts';
import type { Activity } from '../middleware/core/activity.ts';
import { AdjournError } from '../middleware/errors.ts';
import type { Sessions } from '../middleware/sessions.ts';
import {
  type ExpressSessions,
  eventSessions,
  type Next,
  requestSessions,
  type WebRequest,
  type WebResponse,
} from './support/express.ts';
import { type LineClient, lineCourier } from './support/line-courier.ts';
import { itemsOf, type LineEvent } from './support/line-events.ts';
import { hearLine, lineTokens } from './support/line-said.ts';
import type { EventHandler, Item, SessionlessHandler } from './support/webhook.ts';

/** The request behind `middleware()` of `@line/bot-sdk`, which has verified and parsed it. */
export interface LineRequest {
  readonly body?: unknown;
}

/**
 * One activity per event of the request. What a person writes, sends or taps is input; everything else, and everything that happens while
 * another module owns the chat (`mode: 'standby'`), is lifecycle; of that, messages and buttons wait for an answer there. Groups and rooms
 * are shared conversations.
 */
export function parseLine(request: LineRequest): Activity[] {
  return itemsOf(request).map((item) => item.activity);
}

export const lineAdapter: Adapter<LineRequest> = {
  name: 'line',
  parse: parseLine,
  capabilities: {
    // LINE does not tell for how long it redelivers; nobody has seen it later than within minutes.
    redeliversFor: 24 * 3_600_000,
    ackWithinMs: 2_000,
    batches: true,
    replyWindow: 0,
    // Messaging API, rate limits: 2,000 push requests a second.
    sendsPerSecond: 2000,
    idempotentSend: true,
    reservedWords: [],
  },
};

/**
 * Sessions for a LINE bot on Express. Goes after `middleware(config)` of `@line/bot-sdk`, which checks the signature:
 *
 * ```ts
 * app.post('/line', middleware(config), lineSessions(sessions, { client }, async (event, turn) => { … }));
 * app.use(lineErrors);
 * ```
 * With a handler: one turn per event; the webhook is answered in time and slow turns go on.
 * Without: middleware before the bot's own handler, or around it by `.wrap(handler)`. Consumed commands and duplicates then leave
 * `req.body.events`; a request of which nothing is left is answered with 200.
 *
 * `turn.reply()` uses the event's reply token once, while it is fresh, and pushes after that, which counts towards the monthly quota.
 * @throws AdjournError `ADJ_CONFIG_INVALID`
 */
export function lineSessions<Data, Endpoint extends string, Event extends object = LineEvent>(
  sessions: Sessions<Data, Endpoint>,
  options: LineOptions<Endpoint, NoInfer<Event>>,
  handler: EventHandler<Event, Data>,
): (req: WebRequest, res: WebResponse, next: Next) => void;
export function lineSessions<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  options: LineOptions<Endpoint>,
): ExpressSessions;
export function lineSessions<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  { client, sessionless, ...options }: LineOptions<Endpoint>,
  handler?: EventHandler<LineEvent, Data>,
) {
  const courier = lineCourier(client, sessions.clock);
  const channel = attach(sessions, lineAdapter, options, courier.send);
  const tokens = lineTokens();
  hearLine(client, channel, [sessions, options.endpoint], tokens);
  const webhook = {
    channel,
    ackWithinMs: lineAdapter.capabilities.ackWithinMs,
    items(req: WebRequest) {
      if (req.body === undefined) throw misplaced();
      const items = itemsOf(req);
      for (const { event, activity } of items) {
        courier.received(event);
        tokens.received(event?.replyToken, activity, sessions.clock.now());
      }
      return items;
    },
    remove(req: WebRequest, events: ReadonlySet<unknown>) {
      const body = req.body as { events: readonly unknown[] };
      req.body = { ...body, events: body.events.filter((event) => !events.has(event)) };
    },
    empty: (res: WebResponse) => void res.writeHead(200).end(),
    reply: (message: unknown, { activity, event }: Item<LineEvent>) => courier.reply(event, activity.conversation?.id, message),
    consumed: async (text: string | undefined, { activity, event }: Item<LineEvent>) =>
      text === undefined ? undefined : courier.reply(event, activity.conversation?.id, text),
  };
  return handler === undefined ? requestSessions(webhook) : eventSessions(webhook, handler, sessionless);
}

/** @typeParam Event what the handler's events are typed as: {@link LineEvent}, or `webhook.Event` of `@line/bot-sdk` */
export interface LineOptions<Endpoint extends string = string, Event extends object = LineEvent>
  extends AdapterOptions<Endpoint> {
  /**
   * A `MessagingApiClient` or `LineBotClient` of `@line/bot-sdk`, for `turn.reply()`, the answers to commands and closing messages.
   * These are pushed, which counts towards the monthly quota. What the bot sends by it itself is heard, for transcripts.
   */
  readonly client: LineClient;
  /**
   * With a handler only: gets the events that belong to no session (`follow`, `join`, `unsend`, unknown types …), untouched.
   * @default they are ignored
   */
  readonly sessionless?: SessionlessHandler<Event> | undefined;
}

/**
 * Sends closing messages and the like from a process that gets no requests: it only runs the worker.
 * @throws AdjournError `ADJ_CONFIG_INVALID`
 */
export function lineSender<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  { client, ...options }: Omit<LineOptions<Endpoint>, 'sessionless'>,
): void {
  attach(sessions, lineAdapter, options, lineCourier(client, sessions.clock).send);
}

/**
 * Error middleware that answers a wrong or missing signature with 401 and a body that is no JSON with 400.
 * `middleware()` of `@line/bot-sdk` leaves both without a status, which Express turns into 500.
 */
export function lineErrors(error: unknown, _req: WebRequest, res: WebResponse, next: Next): void {
  const name = error instanceof Error ? error.name : '';
  const status = name === 'SignatureValidationFailed' ? 401 : name === 'JSONParseError' ? 400 : undefined;
  if (status === undefined || res.headersSent) next(error);
  else res.writeHead(status).end();
}

function misplaced(): AdjournError {
  return new AdjournError('ADJ_CONFIG_INVALID', 'The request has no parsed body.', {
    where: 'line',
    hint: 'Put lineSessions behind middleware(config) of @line/bot-sdk, on the POST route of the webhook.',
  });
}
