import type { Activity, LifecycleActivity, Origin } from '../../middleware/core/activity.ts';
import type { MessengerEntry, MessengerEvent, MessengerMessage, MessengerWebhook } from '../messenger.ts';
import { controlIn, replyIn, standbyIn } from './meta-control.ts';
import { closeIn } from './meta-mark.ts';
import { isWritten, listOf, textOf, timeOf } from './meta-values.ts';
import type { Item } from './webhook.ts';

type Postback = NonNullable<MessengerEvent['postback']>;

/** The parts of events that are no act of the user's. Source: Meta's "Webhook events" reference, Messenger Platform and Instagram. */
const lifecycles = [
  'message_edit',
  'reaction',
  'read',
  'delivery',
  'referral',
  'optin',
  'account_linking',
  'messaging_customer_information',
  'messaging_feedback',
  'response_feedback',
  'pass_thread_control',
  'take_thread_control',
  'request_thread_control',
  'app_roles',
  'policy_enforcement',
  'policy-enforcement',
  'game_play',
  'calls',
  'call',
] as const;

/**
 * Every event of a webhook beside its activity, in order; one unsupported activity where there is none.
 * @param appIds of the bots whose messages are their own
 */
export function itemsOf(webhook: MessengerWebhook | undefined, appIds: readonly string[] = []): Item<MessengerEvent>[] {
  const how = { isPage: webhook?.object === 'page', appIds };
  const items = listOf(webhook?.entry).flatMap((entry) => {
    // The app dashboard's "Test" button names page 0.
    const test = entry.id === '0' ? unsupported('test', 'a test of the app dashboard', originOf({}, entry)) : undefined;
    return [
      ...listOf(entry.messaging).map((event) => ({ activity: test ?? activityOf(event, entry, how), event })),
      ...listOf(entry.standby).map((event) => ({ activity: watched(event, entry, how), event })),
      ...listOf(entry.changes).map((event) => ({ activity: test ?? change(event, entry), event })),
    ];
  });
  if (items.length > 0) return items;
  return [
    {
      activity: unsupported('unknown', 'no event in it', { channel: 'messenger', type: 'unknown' }),
      event: (webhook ?? {}) as MessengerEvent,
    },
  ];
}

/** The webhook without some of its events, and without what is empty then. */
export function withoutEvents(webhook: MessengerWebhook, gone: ReadonlySet<unknown>): MessengerWebhook {
  const entryLeft = (entry: MessengerEntry): MessengerEntry | undefined => {
    const { messaging, ...rest } = entry;
    if (listOf(messaging).length === 0) return entry;
    const kept = listOf(messaging).filter((event) => !gone.has(event));
    if (kept.length > 0) return { ...rest, messaging: kept };
    return listOf(rest.standby).length + listOf(rest.changes).length > 0 ? rest : undefined;
  };
  return { ...webhook, entry: listOf(webhook.entry).flatMap((entry) => entryLeft(entry) ?? []) };
}

/** What tells the page's own messages apart. */
interface How {
  readonly isPage: boolean;
  readonly appIds: readonly string[];
}

function activityOf(event: MessengerEvent, entry: MessengerEntry, how: How): Activity {
  const { message, postback } = event;
  const origin = originOf(event, entry);
  if (isEcho(event)) return echoOf('echo', message, origin, how);
  if (message !== undefined && message !== null) return messageOf(message, origin);
  if (postback !== undefined && postback !== null) return postbackOf(postback, origin);
  const part = lifecycles.find((name) => Object.hasOwn(event, name));
  if (part === undefined) return unsupported('unknown', 'an event of no known kind', origin);
  return { ...lifecycle(part, origin), ...controlIn(event, origin, how.appIds) };
}

/** While another app has the thread. */
function watched(event: MessengerEvent, entry: MessengerEntry, how: How): Activity {
  const origin = originOf(event, entry);
  if (isEcho(event)) return echoOf('standby', event.message, origin, how);
  return { ...lifecycle('standby', origin), ...standbyIn(event) };
}

/** Older postbacks have no id of their own: the stamp and the payload, which a redelivery repeats, stand in for it. */
function postbackOf({ mid, payload: given }: Postback, origin: Origin): Activity {
  const payload = textOf(given);
  const id = textOf(mid) ?? (origin.at === undefined ? undefined : `postback:${origin.at}:${payload ?? ''}`);
  if (origin.user === undefined) return unsupported('postback', 'no sender', origin);
  if (id === undefined) return unsupported('postback', 'neither an id nor a time', origin);
  if (payload !== undefined && !isWritten(payload)) return unsupported('postback', 'a payload that no button has', origin);
  return { ...origin, kind: 'postback', type: 'postback', id, ...(payload === undefined ? {} : { payload }) };
}

/**
 * A quick reply is a message whose text is the title the user saw: commands are matched against that, as if it had been typed,
 * never against the payload behind it.
 */
function messageOf(message: MessengerMessage, origin: Origin): Activity {
  if (message.is_deleted === true) return lifecycle('message_deleted', origin);
  const id = textOf(message.mid);
  const text = textOf(message.text);
  const attached = listOf(message.attachments).length > 0;
  if (origin.user === undefined) return unsupported('message', 'no sender', origin);
  if (id === undefined) return unsupported('message', 'no message id', origin);
  if (text === undefined && !attached && message['is_unsupported'] !== true) return unsupported('message', 'no content', origin);
  if (text !== undefined && !isWritten(text)) return unsupported('message', 'a text that nobody can have written', origin);
  const type = message.quick_reply ? 'quick_reply' : 'message';
  return { ...origin, kind: 'message', type, id, addressed: true, ...(text === undefined || attached ? {} : { text }) };
}

/** The echo of a message that announced a close settles that it was sent. */
function echoOf(type: string, message: MessengerMessage | undefined, origin: Origin, { isPage, appIds }: How): Activity {
  const closeId = closeIn(message?.['metadata']);
  const said = closeId === undefined ? replyIn(message, isPage, appIds) : { report: { closeId, message: 'sent' as const } };
  return { ...lifecycle(type, origin), ...said };
}

/** What the page itself sent comes back as an echo: then the receiver is the person. */
function isEcho({ message }: MessengerEvent): boolean {
  return message?.is_echo === true;
}

function originOf(event: MessengerEvent, entry: MessengerEntry): Origin {
  const person = isEcho(event) ? event.recipient : event.sender;
  const account = textOf(entry.id);
  const user = textOf(person?.id);
  return {
    channel: 'messenger',
    type: 'unknown',
    ...(account === undefined ? {} : { account }),
    ...(user === undefined ? {} : { user, conversation: { id: user, kind: 'direct' as const } }),
    ...timeOf(event.timestamp),
  };
}

function change(event: MessengerEvent, entry: MessengerEntry): Activity {
  return unsupported(textOf(event['field']) ?? 'change', 'a change of the page, not a message to it', originOf({}, entry));
}

function lifecycle(type: string, origin: Origin): LifecycleActivity {
  return { ...origin, kind: 'lifecycle', type };
}

function unsupported(type: string, reason: string, origin: Origin): Activity {
  return { ...origin, kind: 'unsupported', type, reason };
}
