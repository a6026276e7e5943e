import type { Activity, Conversation, LifecycleActivity, Origin } from '../../middleware/core/activity.ts';
import type { Item } from './webhook.ts';

/** One event of LINE's webhook, as far as it is read. */
export interface LineEvent {
  readonly type: string;
  readonly mode?: string | undefined;
  /** Epoch milliseconds of the event; the same when it is delivered again. */
  readonly timestamp?: number | undefined;
  readonly webhookEventId?: string | undefined;
  readonly replyToken?: string | undefined;
  readonly source?: LineSource | undefined;
  readonly message?: LineContent | undefined;
  readonly postback?:
    | { readonly data?: string | undefined; readonly params?: Readonly<Record<string, string>> | undefined }
    | undefined;
}

interface LineSource {
  readonly type?: string | undefined;
  readonly userId?: string | undefined;
  readonly groupId?: string | undefined;
  readonly roomId?: string | undefined;
}

interface LineContent {
  readonly id?: string | undefined;
  readonly type?: string | undefined;
  readonly text?: string | undefined;
  readonly mention?: { readonly mentionees?: readonly Mentionee[] | undefined } | undefined;
}

interface Mentionee {
  readonly index?: number | undefined;
  readonly length?: number | undefined;
  /** Whether it is the bot that is mentioned. */
  readonly isSelf?: boolean | undefined;
}

/**
 * Events that a person did not bring about, or not by talking to the bot; with what they say about the way to the person or group, and about
 * who has the chat. Source: Messaging API reference, "Webhook Event Objects"; "Control chat initiative". Some carry reply tokens all the same;
 * a beacon in range even repeats.
 */
const lifecycles: Readonly<Record<string, Pick<LifecycleActivity, 'means' | 'elsewhere'>>> = {
  follow: { means: 'reachable' },
  unfollow: { means: 'unreachable' },
  join: { means: 'reachable' },
  leave: { means: 'unreachable' },
  // Told to module channels only. The primary channel learns of it by `mode` alone.
  activated: { means: 'handed_back' },
  deactivated: { means: 'handed_off', elsewhere: true },
  accountLink: {},
  beacon: {},
  botResumed: {},
  botSuspended: {},
  delivery: {},
  memberJoined: {},
  memberLeft: {},
  membership: {},
  messageEdited: {},
  module: {},
  unsend: {},
  videoPlayComplete: {},
};

/** The activities of a parsed request, each with the event it was made from; a body that is no webhook is one of a kind nobody knows. */
export function itemsOf(request: { readonly body?: unknown } | null | undefined): Item<LineEvent>[] {
  const body = request?.body as { readonly destination?: unknown; readonly events?: unknown } | null | undefined;
  if (!Array.isArray(body?.events)) {
    return [{ activity: unsupported({ channel, type: 'unknown' }, 'The body has no list of events.'), event: body as LineEvent }];
  }
  const account = textOf(body.destination);
  return body.events.map((event: LineEvent) => ({ activity: activityOf(event, account), event }));
}

const channel = 'line';

/** @param event as it came: of what its type promises anything may be missing or of another type. */
function activityOf(event: LineEvent, account: string | undefined): Activity {
  const { type = 'unknown', mode, timestamp, webhookEventId, source, message, postback } = recordOf(event) ?? {};
  const kind = textOf(type) ?? 'unknown';
  const origin: Origin = {
    channel,
    type: kind,
    ...present('account', account),
    ...placeOf(recordOf(source)),
    // Older webhooks carry no id of their own, and the flag for redelivery is not set on every repetition.
    ...present('id', textOf(webhookEventId) ?? textOf(recordOf(message)?.id)),
    ...present('at', typeof timestamp === 'number' && Number.isFinite(timestamp) ? timestamp : undefined),
  };
  if (Object.hasOwn(lifecycles, kind)) return { kind: 'lifecycle', ...origin, ...lifecycles[kind] };
  if (kind !== 'message' && kind !== 'postback') return unsupported(origin, 'The type of the event is not known.');
  if (mode === 'standby') return { kind: 'lifecycle', ...origin, means: 'customer_wrote' };
  if (origin.conversation === undefined) return unsupported(origin, 'The event has no source.');
  if (kind === 'postback') return { kind, ...origin, ...present('payload', textOf(recordOf(postback)?.data)) };
  return { kind, ...origin, ...saidIn(recordOf(message) ?? {}, origin.conversation) };
}

/** Groups and rooms name a user only where that person agreed to it. */
function placeOf(source: LineSource = {}): { conversation?: Conversation; user?: string } {
  const user = textOf(source.userId);
  const shared = textOf(source.type === 'group' ? source.groupId : source.type === 'room' ? source.roomId : undefined);
  if (shared !== undefined) return { conversation: { id: shared, kind: 'shared' }, ...present('user', user) };
  return source.type === 'user' && user !== undefined ? { conversation: { id: user, kind: 'direct' }, user } : {};
}

/** What was written, without the bot's name at its beginning, and whether it was said to the bot. */
function saidIn({ type, text, mention }: LineContent, { kind }: Conversation): { text?: string; addressed: boolean } {
  const listed = recordOf(mention)?.mentionees;
  const own = (Array.isArray(listed) ? listed : []).filter((one: Mentionee) => recordOf(one)?.isSelf === true);
  const addressed = kind === 'direct' || own.length > 0;
  if (type !== 'text' || typeof text !== 'string') return { addressed };
  const start = text.length - text.trimStart().length;
  const leading = own.find(({ index, length }) => index === start && Number.isSafeInteger(length) && (length ?? 0) > 0);
  return { addressed, text: leading === undefined ? text : text.slice(start + (leading.length ?? 0)).trimStart() };
}

function unsupported(origin: Origin, reason: string): Activity {
  return { kind: 'unsupported', ...origin, reason };
}

function recordOf<T extends object>(value: T | null | undefined): T | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
}

/** A text that says something; anything else names nothing. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A member that is left out where it has no value. */
function present<Name extends string, Value>(name: Name, value: Value | undefined): { [N in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [N in Name]?: Value };
}
