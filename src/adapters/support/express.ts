import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Delivery } from '../../middleware/adapter.ts';
import type { Activity } from '../../middleware/core/activity.ts';
import type { Turn } from '../../middleware/turn.ts';
import { failTurns, responseEnd } from './response.ts';
import {
  answerInTime,
  delivery,
  type EventHandler,
  eventDelivery,
  type Item,
  runEvents,
  type SessionlessHandler,
  type Webhook,
} from './webhook.ts';

/** Express's request, or any Node request with a parsed body. */
export type WebRequest = IncomingMessage & { body?: unknown };
export type WebResponse = ServerResponse;
export type Next = (error?: unknown) => void;
/** The bot’s own handler, or middleware. */
export type WebHandler<Req = WebRequest, Res = WebResponse> = (req: Req, res: Res, next: Next) => unknown;

/** What a request came with; `turn.host` of the two forms that hand the bot the request as it is. */
export interface Exchange {
  readonly req: WebRequest;
  readonly res: WebResponse;
}

/** What an adapter knows about its webhook on Express. */
export interface ExpressWebhook<Event = unknown> extends Webhook<Event, Exchange> {
  /**
   * The activities of a request in order, each with its event; a shape it does not know is one `unsupported` activity.
   * Throws for nothing in the payload, only for a host that is set up wrongly.
   */
  items(req: WebRequest): readonly Item<Event>[];
  /** Takes events out of the request, so that the bot does not meet them. */
  remove(req: WebRequest, events: ReadonlySet<unknown>): void;
  /** The channel's empty success. Called for nothing left to handle, and by the event handler form as its answer. */
  empty(res: WebResponse): void;
  /** Where the response itself says something to the user: told of it before anything answers. */
  answers?(res: WebResponse, activity: Activity): void;
}

/** The middleware an adapter returns: plain, and as a wrapper around the bot's handler. */
export interface ExpressSessions {
  (req: WebRequest, res: WebResponse, next: Next): void;
  /**
   * Wraps the bot's handler: the turn is the handler's promise. One turn per conversation and request.
   * What the handler throws goes to Express' error middleware. The handler's own type is kept, so that its parameters need none.
   */
  wrap<Handler extends (req: never, res: never, next: never) => unknown>(handler: Handler): Handler;
}

/**
 * The event handler form: one turn per event, several conversations side by side. The request is answered with the channel's empty success
 * when all turns are saved, or shortly before the vendor's limit, and the turns go on.
 * What a handler throws in time goes to Express' error middleware, so that the vendor delivers again; later it is reported.
 */
export function eventSessions<Event, Data>(
  webhook: ExpressWebhook<Event>,
  handler: EventHandler<Event, Data>,
  sessionless?: SessionlessHandler<Event>,
): (req: WebRequest, res: WebResponse, next: Next) => void {
  webhook.channel.replays((kept) => eventDelivery(webhook, kept as Item<Event>, handler, sessionless));
  return (req, res, next) => {
    answerInTime(webhook, runEvents(webhook, webhook.items(req), handler, sessionless)).then(() => empty(webhook, res), next);
  };
}

/**
 * The two forms in which the bot gets the request as it is, less consumed commands and duplicates; if nothing is left,
 * the channel's empty success is answered and the bot's logic does not run.
 *
 * As plain middleware the turn ends when the response has closed (see {@link responseEnd}) and every `turn.waitUntil` has settled.
 * It is the weaker form: what the bot writes after its response, outside `waitUntil`, throws `ADJ_TURN_ENDED`.
 *
 * In both, the bot owes the vendor its answer in time: where the conversation stays busy for longer, the turn runs beside the other one
 * (`turn.exclusive` is false) and changes the session by `turn.update()`.
 */
export function requestSessions<Event>(webhook: ExpressWebhook<Event>): ExpressSessions {
  const plain = (req: WebRequest, res: WebResponse, next: Next): void => {
    let passedOn = false;
    const goOn = async (turns: readonly Turn[]) => {
      const end = responseEnd(res, turns);
      passedOn = true;
      next();
      await end;
    };
    handle(webhook, { req, res }, goOn).catch((error) => (passedOn ? webhook.channel.report(error) : next(error)));
  };

  const wrapped =
    (handler: WebHandler): WebHandler =>
    (req, res, next) => {
      let threw = false;
      const run = async (turns: readonly Turn[]) => {
        let returned = false;
        const tell: Next = (error) => {
          if (error && error !== 'route' && error !== 'router' && !returned) failTurns(turns, error);
          next(error);
        };
        try {
          await handler(req, res, tell);
        } catch (error) {
          threw = true;
          throw error;
        } finally {
          returned = true;
        }
      };
      // What the handler threw is the host's; an error of ours must not break a response that the bot has already sent.
      handle(webhook, { req, res }, run).catch((error) =>
        threw || !res.headersSent ? next(error) : webhook.channel.report(error),
      );
    };

  const wrap: ExpressSessions['wrap'] = (handler) => wrapped(handler as unknown as WebHandler) as unknown as typeof handler;
  return Object.assign(plain, { wrap });
}

/** One turn per conversation of a request, `bot` running once inside all of them, or with no turn where nothing has a session. */
async function handle<Event>(
  webhook: ExpressWebhook<Event>,
  exchange: Exchange,
  bot: (turns: readonly Turn[]) => Promise<unknown>,
): Promise<void> {
  const { req, res } = exchange;
  const groups = webhook.channel.group(webhook.items(req));
  for (const { activity } of groups.flat()) webhook.answers?.(res, activity);
  const taken = new Set<Activity>();
  let ran = false;
  const run = (turns: readonly Turn[]) => {
    ran = true;
    const left = new Set(turns.flatMap((turn) => turn.activities));
    // A turn's own commands and duplicates are answered only after it; until then they are what is missing from its activities.
    const missing = groups.filter((group) => group.some((item) => left.has(item.activity))).flat();
    const gone = [
      ...missing.filter((item) => !left.has(item.activity)),
      ...groups.flat().filter((item) => taken.has(item.activity)),
    ];
    if (gone.length > 0) webhook.remove(req, new Set(gone.map((item) => item.event)));
    return bot(turns);
  };
  const deliveries = groups.map((group): Delivery => {
    const base = delivery(webhook, group, exchange);
    return {
      ...base,
      hosts: [req, ...base.hosts],
      host: exchange,
      run: (turn) => run([turn]),
      pass: () => run([]),
      consumed: (text, activity) => {
        taken.add(activity);
        return base.consumed(text, activity);
      },
      duplicate: async (activity) => taken.add(activity),
    };
  });
  const [only, ...others] = deliveries;
  if (only !== undefined && others.length === 0) await webhook.channel.turn(only);
  else if (only !== undefined) await webhook.channel.batch(deliveries, run);
  if (!ran) empty(webhook, res);
}

function empty(webhook: ExpressWebhook, res: WebResponse): void {
  if (!res.headersSent && !res.writableEnded) webhook.empty(res);
}
