import type { Adapter, AdapterOptions } from '../middleware/adapter.ts';
import { attach } from '../middleware/attach.ts';
import type { Activity, LifecycleActivity } from '../middleware/core/activity.ts';
import { AdjournError } from '../middleware/errors.ts';
import type { Sessions } from '../middleware/sessions.ts';
import { type ExpressSessions, requestSessions, type WebResponse } from './support/express.ts';
import { carrierWordOf, carrierWords, meaningOf } from './support/opt-out.ts';
import { hearAnswer, hearClient } from './support/twilio-said.ts';
import { closeParameter, create, isGone, senderOf, type TwilioClient } from './support/twilio-send.ts';

/** What the parser reads of an Express request: the form fields of a POST, the query of a GET webhook. */
export interface TwilioRequest {
  readonly method?: string | undefined;
  readonly body?: unknown;
  readonly query?: unknown;
}

/**
 * Turns one webhook into one activity. Only `SmsStatus=received` is something a user did; every other status tells of a message of the
 * bot's, with `From` and `To` the other way round. Numbers stay as they come: `+1…`, `whatsapp:…`, `rcs:…`, short codes.
 */
export function parseTwilio(request: TwilioRequest): Activity[] {
  const read = reader(request?.method === 'GET' ? request.query : request?.body);
  const [sid, from, to] = [read('MessageSid'), read('From'), read('To')];
  const statuses = [read('MessageStatus'), read('SmsStatus')].filter((one) => one !== undefined);
  const [status] = statuses;
  if (sid === undefined || from === undefined || to === undefined || status === undefined) {
    const type = read('EventType') ?? 'unknown';
    return [{ kind: 'unsupported', channel, type, reason: 'MessageSid, From, To or SmsStatus is missing.' }];
  }
  if (statuses.some((one) => one !== 'received')) {
    const callback = { ...between(to, from), id: `${sid}:${status}`, type: status };
    return [{ kind: 'lifecycle', ...callback, ...fateOf(status, read('ErrorCode'), reader(request?.query)(closeParameter)) }];
  }
  const user = read('ExternalUserId') ?? from;
  const origin = { ...between(user, to), id: sid, ...(user === from ? {} : { alias: from }) };
  const word = carrierWordOf(read);
  if (word !== undefined) return [{ kind: 'lifecycle', ...origin, type: word, ...meaningOf(word) }];

  const payload = read('ButtonPayload') ?? read('ButtonText') ?? read('ListId') ?? read('ListTitle');
  if (payload !== undefined) return [{ kind: 'postback', ...origin, type: read('MessageType') ?? 'button', payload }];
  const media = Number(read('NumMedia') ?? 0) > 0;
  const text = media || read('Latitude') !== undefined ? {} : { text: read('Body') ?? '' };
  return [{ kind: 'message', ...origin, type: read('MessageType') ?? (media ? 'mms' : 'sms'), addressed: true, ...text }];
}

/** SMS, MMS, RCS and WhatsApp through Twilio Programmable Messaging. */
export const twilio: Adapter<TwilioRequest> = {
  name: 'twilio',
  parse: parseTwilio,
  capabilities: {
    // Retries come within seconds; the fallback address, and people who replay requests from the debugger, within a day.
    redeliversFor: 24 * 3_600_000,
    ackWithinMs: 15_000,
    batches: false,
    // None on SMS. On WhatsApp Twilio refuses what comes after 24 hours with error 63016.
    replyWindow: 0,
    // A long code sends one message segment a second; what comes faster queues at Twilio.
    sendsPerSecond: 1,
    idempotentSend: false,
    reservedWords: [...Object.values(carrierWords).flat(), 'yes'],
  },
};

/**
 * Express middleware that gives every message its session. Mount it after `twilio.webhook()`, which checks the signature over the
 * body; the body is never written to.
 *
 * - `web.post('/sms', twilio.webhook(), sms.wrap(handler))`: the turn is the handler's promise.
 * - `web.post('/sms', twilio.webhook(), sms, handler)`: the turn ends with the response; the weaker form.
 *
 * The handler answers as always, by TwiML or REST. A consumed command is answered with TwiML, a duplicate with an empty one. A message
 * waits 14.5 of Twilio's 15 seconds for a busy conversation, then runs beside the other turn (`turn.exclusive` is false).
 * Status callbacks may come to the same route: they open nothing, and reach the handler without a session.
 * Numbers that share an endpoint share a person's session; to keep them apart, let `endpoint` be a function of `activity.account`.
 */
export function twilioSessions<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  options: TwilioOptions<Endpoint> = {},
): ExpressSessions {
  const { client, statusCallback, validityPeriod, ...endpoint } = options;
  const send = client && senderOf({ client, accounts: options.accounts, statusCallback, validityPeriod });
  const reply = async (message: unknown, activity: Activity) => {
    if (client === undefined) {
      const hint = 'Give twilioSessions a client: twilio(accountSid, authToken).';
      throw new AdjournError('ADJ_NO_SENDER', 'There is no REST client to send with.', { where: 'twilio', hint });
    }
    return create(client, addressOf(activity), message);
  };
  const heard = attach(sessions, twilio, endpoint, send);
  if (client) hearClient(client, heard, [sessions, options.endpoint]);
  return requestSessions<TwilioRequest>({
    channel: heard,
    ackWithinMs: twilio.capabilities.ackWithinMs,
    items: (req) => parseTwilio(req).map((activity) => ({ activity, event: req })),
    // A request holds one activity: if that is gone, the bot does not run.
    remove: () => undefined,
    to: ({ activity }) => addressOf(activity),
    reply: (message, { activity }) => reply(message, activity),
    consumed: async (text, _item, host) => host && answer(host.res, text),
    empty: (res) => answer(res, undefined),
    answers: (res, activity) => hearAnswer(res, heard, activity),
  });
}

/** How `twilioSessions` serves an endpoint and sends. */
export interface TwilioOptions<Endpoint extends string = string> extends AdapterOptions<Endpoint> {
  /**
   * The REST client for `turn.reply` and closing messages: `twilio(accountSid, authToken)`. What the bot sends by it itself is heard, for
   * transcripts.
   * @default none: `turn.reply` throws `ADJ_NO_SENDER`, and nothing is sent at a close
   */
  readonly client?: TwilioClient | undefined;
  /**
   * Where Twilio tells what came of a closing message: the full address of the webhook, behind `twilio.webhook()` like messages.
   * The close goes along in its query. What could not be delivered lands on the close's archive entry and is a `send_failed` event.
   * @default none: a message that Twilio took counts as sent
   */
  readonly statusCallback?: string | undefined;
  /** For how long a message sent later may wait in Twilio's queue, seconds, 1 to 36000. @default 600 */
  readonly validityPeriod?: number | undefined;
}

/**
 * Sends closing messages and the like from a process that gets no requests: it only runs the worker.
 * @throws AdjournError `ADJ_CONFIG_INVALID`
 */
export function twilioSender<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  { client, statusCallback, validityPeriod, ...endpoint }: TwilioOptions<Endpoint> & { readonly client: TwilioClient },
): void {
  attach(sessions, twilio, endpoint, senderOf({ client, accounts: endpoint.accounts, statusCallback, validityPeriod }));
}

const channel = 'twilio';

/** Twilio's error code for a message to somebody who has opted out. */
const optedOut = '21610';

/**
 * What a status callback says about the person, and about the message that announced a close. `sent` says nothing new of it, and may
 * overtake a failure. Only opting out ends a session that is live; a number that cannot be reached is told by the close's own message.
 */
function fateOf(
  status: string,
  code: string | undefined,
  closeId: string | undefined,
): Pick<LifecycleActivity, 'means' | 'report'> {
  const means = code === optedOut || (closeId !== undefined && isGone(code)) ? { means: 'unreachable' as const } : {};
  if (closeId === undefined) return means;
  if (['failed', 'undelivered', 'canceled'].includes(status)) {
    return { ...means, report: { closeId, message: `failed:${code ?? status}` } };
  }
  return ['delivered', 'read'].includes(status) ? { ...means, report: { closeId, message: 'sent' } } : means;
}

function between(user: string, account: string): Pick<Activity, 'channel' | 'account' | 'user' | 'conversation'> {
  return { channel, account, user, conversation: { id: user, kind: 'direct' } };
}

/** Where answers to an activity go; the person's number as it came. */
function addressOf({ user, alias, account }: Activity): Readonly<Record<string, unknown>> {
  return { to: alias ?? user, from: account };
}

/** TwiML, which Twilio takes for granted here: plain text would be sent to the user as it is. */
function answer(res: WebResponse, text: string | undefined): void {
  if (res.headersSent || res.writableEnded) return;
  res.statusCode = 200;
  res.setHeader('Content-Type', 'text/xml; charset=utf-8');
  res.end(text === undefined ? '<Response/>' : `<Response><Message>${escaped(text)}</Message></Response>`);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Reads single, filled fields only: a repeated parameter arrives as an array, and none of ours repeats. */
function reader(fields: unknown): (name: string) => string | undefined {
  return (name) => {
    if (typeof fields !== 'object' || fields === null || !Object.hasOwn(fields, name)) return undefined;
    const value: unknown = Reflect.get(fields, name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
}
