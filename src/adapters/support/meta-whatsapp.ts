import type { Activity, LifecycleActivity, Origin } from '../../middleware/core/activity.ts';
import type {
  WhatsAppChange,
  WhatsAppContact,
  WhatsAppEntry,
  WhatsAppEvent,
  WhatsAppMessage,
  WhatsAppStatus,
  WhatsAppValue,
  WhatsAppWebhook,
} from '../whatsapp.ts';
import { closeIn } from './meta-mark.ts';
import { whatsappVerdicts } from './meta-outcome.ts';
import { personOf, type WhatsAppPerson } from './meta-person.ts';
import { has, isWritten, listOf, textOf, timeOf } from './meta-values.ts';
import type { Item } from './webhook.ts';

/** Message types that carry content of the user's own under their own name. */
const contents = ['image', 'video', 'audio', 'document', 'sticker', 'location', 'contacts', 'order'];

/** Message types that are no act in the conversation: a reaction, a change of an older message, news about the person, an opened chat. */
const lifecycles = ['reaction', 'edit', 'revoke', 'system', 'request_welcome'];

/** Types under which Meta reports that the user did something it cannot show (error 131051), such as a poll. */
const unshown = ['unsupported', 'unknown'];

/** Every event of a webhook beside its activity, in order; one unsupported activity where there is none. */
export function itemsOf(webhook: WhatsAppWebhook | undefined): Item<WhatsAppEvent>[] {
  const items = listOf(webhook?.entry).flatMap((entry) => listOf(entry.changes).flatMap((change) => changeOf(change, entry)));
  if (items.length > 0) return items;
  const activity = unsupported('unknown', 'no change in it', { channel: 'whatsapp', type: 'unknown' });
  return [{ activity, event: { field: 'unknown', value: (webhook ?? {}) as WhatsAppValue } }];
}

/** The webhook without some of its messages, and without what is empty then. */
export function withoutMessages(webhook: WhatsAppWebhook, gone: ReadonlySet<unknown>): WhatsAppWebhook {
  const changeLeft = (change: WhatsAppChange): WhatsAppChange | undefined => {
    const { messages, ...value } = change.value ?? {};
    if (listOf(messages).length === 0) return change;
    const kept = listOf(messages).filter((message) => !gone.has(message));
    if (kept.length > 0) return { ...change, value: { ...value, messages: kept } };
    return listOf(value.statuses).length > 0 ? { ...change, value } : undefined;
  };
  const entryLeft = (entry: WhatsAppEntry): WhatsAppEntry | undefined => {
    const changes = listOf(entry.changes).flatMap((change) => changeLeft(change) ?? []);
    return changes.length > 0 ? { ...entry, changes } : undefined;
  };
  return { ...webhook, entry: listOf(webhook.entry).flatMap((entry) => entryLeft(entry) ?? []) };
}

function changeOf(change: WhatsAppChange, entry: WhatsAppEntry): Item<WhatsAppEvent>[] {
  const field = textOf(change.field) ?? 'unknown';
  const value = change.value ?? {};
  const account = textOf(value.metadata?.phone_number_id);
  const origin: Origin = { channel: 'whatsapp', type: field, ...(account === undefined ? {} : { account }) };
  const alone = (activity: Activity) => [{ activity, event: { field, value } }];
  // The app dashboard's "Test" button names business account 0 and always the same number.
  if (entry.id === '0' || account === '123456123') return alone(unsupported('test', 'a test of the app dashboard', origin));
  if (field === 'unknown') return alone(unsupported(field, 'a change without a field', origin));
  if (field === 'user_id_update') {
    const updates = listOf(value[field] as readonly IdUpdate[] | undefined);
    if (updates.length > 0) return updates.flatMap((update) => alone(rotationOf(update, origin)));
  }
  const contacts = listOf(value.contacts);
  const echoes = field === 'smb_message_echoes' ? listOf(value.message_echoes) : [];
  if (echoes.length > 0) {
    return echoes.map((echo) => {
      const named = [echo.to, echo.to_user_id];
      const contact = named.some(textOf) ? contactOf(named, contacts) : undefined;
      return {
        activity: echoOf(echo, contact, origin),
        event: { field, value, echo, ...(contact === undefined ? {} : { contact }) },
      };
    });
  }
  if (field !== 'messages') return alone({ ...origin, kind: 'lifecycle' });

  const items = [
    ...listOf(value.messages).map((message) => {
      const contact = contactOf([message.from, message.from_user_id], contacts);
      const activity = messageOf(message, contact, origin);
      return { activity, event: { field, value, message, ...(contact === undefined ? {} : { contact }) } };
    }),
    ...listOf(value.statuses).map((status) => ({ activity: statusOf(status, origin), event: { field, value, status } })),
  ];
  if (items.length > 0) return items;
  // Neither names a user.
  const other = ['errors', 'user_actions'].find((name) => has(value, name));
  return alone(
    other === undefined
      ? unsupported(field, 'a change with nothing known in it', origin)
      : { ...origin, kind: 'lifecycle', type: other },
  );
}

interface IdUpdate {
  readonly user_id?: { readonly previous?: unknown; readonly current?: unknown };
  readonly timestamp?: unknown;
}

/** A rotated business-scoped id: the old one beside the new one. */
function rotationOf({ user_id: ids, timestamp }: IdUpdate, at: Origin): Activity {
  return { ...at, ...renamed(personOf(ids?.current), textOf(ids?.previous)), ...timeOf(timestamp), kind: 'lifecycle' };
}

function messageOf(message: WhatsAppMessage, contact: WhatsAppContact | undefined, at: Origin): Activity {
  const type = textOf(message.type) ?? 'untyped';
  const person = personOf(message.from_user_id, contact?.user_id, message.from, contact?.wa_id);
  const group = textOf(message.group_id);
  const conversation = group === undefined ? person.user : group;
  const origin: Origin = {
    ...at,
    type,
    ...person,
    ...(conversation === undefined
      ? {}
      : { conversation: { id: conversation, kind: group === undefined ? ('direct' as const) : ('shared' as const) } }),
    ...timeOf(message.timestamp),
  };
  if (type === 'system') return { ...origin, ...changed(message, origin), kind: 'lifecycle' };
  if (lifecycles.includes(type)) return { ...origin, kind: 'lifecycle' };
  const id = textOf(message.id);
  if (person.user === undefined) return unsupported(type, 'no sender', origin);
  if (id === undefined) return unsupported(type, 'no message id', origin);
  return inputOf(message, { ...origin, id }, group === undefined);
}

/** What the user did. A business never learns whether it was spoken to in a group, so commands are read in direct conversations only. */
function inputOf(message: WhatsAppMessage, origin: Origin, addressed: boolean): Activity {
  const { type } = origin;
  const said = (text?: string): Activity => ({ ...origin, kind: 'message', addressed, ...(text === undefined ? {} : { text }) });
  const tapped = (payload: string | undefined): Activity => {
    if (payload !== undefined && !isWritten(payload)) return unsupported(type, 'a payload that no button has', origin);
    return { ...origin, kind: 'postback', ...(payload === undefined ? {} : { payload }) };
  };
  if (type === 'text') {
    const body = textOf(message.text?.body);
    if (body === undefined) return unsupported(type, 'no text', origin);
    return isWritten(body) ? said(body) : unsupported(type, 'a text that nobody can have written', origin);
  }
  if (type === 'button')
    return has(message, type)
      ? tapped(textOf(message.button?.payload) ?? textOf(message.button?.text))
      : unsupported(type, 'no button', origin);
  if (type === 'interactive') {
    const { interactive } = message;
    const reply = interactive?.button_reply ?? interactive?.list_reply;
    if (reply) return tapped(textOf(reply.id));
    const answer = interactive?.['call_permission_reply'] as { response_source?: unknown } | undefined;
    return answer?.response_source === 'automatic' ? { ...origin, kind: 'lifecycle', type: 'call_permission_reply' } : said();
  }
  if (unshown.includes(type) || (contents.includes(type) && has(message, type))) return said();
  return unsupported(type, 'a message of no known type', origin);
}

/** Somebody wrote to a customer on the phone of the business ("smb_message_echoes"): an answer, unless it is about an older message. */
function echoOf(echo: WhatsAppMessage, contact: WhatsAppContact | undefined, at: Origin): Activity {
  const person = personOf(echo.to_user_id, contact?.user_id, echo.to, contact?.wa_id);
  const { user } = person;
  const origin: Origin = {
    ...at,
    ...person,
    ...(user === undefined ? {} : { conversation: { id: user, kind: 'direct' } }),
    ...timeOf(echo.timestamp),
  };
  if (lifecycles.includes(textOf(echo.type) ?? 'untyped')) return { ...origin, kind: 'lifecycle' };
  const id = textOf(echo.id);
  return { ...origin, kind: 'lifecycle', means: 'agent_replied', agent: businessPhone, ...(id === undefined ? {} : { id }) };
}

/** Meta does not say who held it. */
const businessPhone = 'business phone';

function statusOf(status: WhatsAppStatus, at: Origin): Activity {
  const person = personOf(status.recipient_user_id, status.recipient_id);
  const { user } = person;
  return {
    ...at,
    ...person,
    kind: 'lifecycle',
    type: textOf(status.status) ?? 'status',
    ...(user === undefined ? {} : { conversation: { id: user, kind: 'direct' } }),
    ...timeOf(status.timestamp),
    ...fateOf(status),
  };
}

/** Statuses after which nothing can fail any more. After `sent` it still can, and statuses come in any order. */
const arrived: readonly unknown[] = ['delivered', 'read', 'played'];

/** What a status says of a message that announced a close. Whether other messages arrive is the bot's own business. */
function fateOf({ status, biz_opaque_callback_data, errors }: WhatsAppStatus): Partial<LifecycleActivity> {
  const closeId = closeIn(biz_opaque_callback_data);
  if (closeId === undefined) return {};
  if (arrived.includes(status)) return { report: { closeId, message: 'sent' } };
  if (status !== 'failed') return {};
  const code = codeIn(listOf(errors)[0]?.code);
  const unreachable = whatsappVerdicts[code] === 'unreachable';
  return { report: { closeId, message: `failed:${code}` }, ...(unreachable ? { means: 'unreachable' } : {}) };
}

function codeIn(code: unknown): string {
  return Number.isInteger(code) ? String(code) : 'no_code';
}

/** A changed number or id: the new one is the user, the old one the alias. */
function changed({ system }: WhatsAppMessage, origin: Origin): Partial<LifecycleActivity> & Pick<Origin, 'type'> {
  const type = textOf(system?.type) ?? 'system';
  const now = personOf(system?.user_id, system?.wa_id);
  if (now.user === undefined) return { type };
  return { ...renamed(now, textOf(system?.['previous_user_id']) ?? origin.user), type };
}

function renamed({ user }: WhatsAppPerson, before: string | undefined): Partial<LifecycleActivity> {
  if (user === undefined) return {};
  const person = { user, conversation: { id: user, kind: 'direct' as const } };
  return before === undefined || before === user ? person : { ...person, alias: before, means: 'renamed' };
}

/**
 * The contact a message is from, or to. One value may carry messages of several people; only a matching contact may name the person.
 * @param named the ids the message has for them
 */
function contactOf(named: readonly unknown[], contacts: readonly WhatsAppContact[]): WhatsAppContact | undefined {
  const ids = named.map(textOf).filter((id) => id !== undefined);
  if (ids.length === 0) return contacts.length === 1 ? contacts[0] : undefined;
  return contacts.find(({ wa_id, user_id }) => [wa_id, user_id].some((id) => id !== undefined && ids.includes(id)));
}

function unsupported(type: string, reason: string, origin: Origin): Activity {
  return { ...origin, kind: 'unsupported', type, reason };
}
