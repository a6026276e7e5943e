import type { LifecycleActivity, Origin } from '../../middleware/core/activity.ts';
import type { MessengerEvent, MessengerMessage } from '../messenger.ts';
import { textOf } from './meta-values.ts';

/** What a lifecycle activity says of people, and the id it is known by when it comes again. */
type Said = Pick<LifecycleActivity, 'means' | 'agent' | 'elsewhere' | 'id'>;

/** The inboxes of a page and of an Instagram account, in Business Suite too, as Meta numbers them: "Conversation Routing", target apps. */
const inboxes: readonly string[] = ['263902037430900', '1217981644879628'];

/**
 * Who wrote what the page sent, where that was none of our apps: an app by its id, `page` for somebody who used none.
 * An echo names the app that sent it ("message_echoes"). Without ids of our own to compare it with, only Meta's inboxes are certainly others.
 * Instagram's echoes do not always name an app, so that one without may be our own.
 * @param appIds of the bots whose messages are their own
 */
export function replyIn(message: MessengerMessage | undefined, isPage: boolean, appIds: readonly string[]): Said {
  const app = message?.['app_id'];
  const person = app === undefined && isPage && appIds.length > 0 ? 'page' : undefined;
  const agent = otherOf(app, appIds) ?? person;
  return agent === undefined ? {} : { means: 'agent_replied', agent, ...known(textOf(message?.mid)) };
}

/**
 * Who has the thread from now on ("messaging_handovers"). Ids that are not known to be ours say so only as far as the inboxes are concerned:
 * what leaves an inbox goes to a bot.
 */
export function controlIn(event: MessengerEvent, { at }: Origin, appIds: readonly string[]): Said {
  const control = (event['pass_thread_control'] ?? event['take_thread_control']) as Control | null | undefined;
  const owner = control?.new_owner_app_id;
  const name = nameOf(owner);
  if (name === undefined) return {};
  const id = known(at === undefined ? undefined : `thread:${at}:${name}`);
  const agent = otherOf(owner, appIds);
  if (agent !== undefined) return { means: 'handed_off', agent, elsewhere: true, ...id };
  const isOurs = isOf(appIds, owner) || isOf(inboxes, control?.previous_owner_app_id);
  return isOurs ? { means: 'handed_back', ...id } : {};
}

/** What somebody writes while another app has the thread waits for an answer there; receipts, reactions and edits do not. */
export function standbyIn({ message, postback }: MessengerEvent): Said {
  const isWritten = postback || (message && message.is_deleted !== true);
  return isWritten ? { means: 'customer_wrote', ...known(textOf(message?.mid) ?? textOf(postback?.mid)) } : {};
}

interface Control {
  readonly new_owner_app_id?: unknown;
  readonly previous_owner_app_id?: unknown;
}

/** An app's id where it is certainly somebody else's. */
function otherOf(app: unknown, appIds: readonly string[]): string | undefined {
  return isOf(inboxes, app) || (appIds.length > 0 && !isOf(appIds, app)) ? nameOf(app) : undefined;
}

function known(id: string | undefined): { readonly id?: string } {
  return id === undefined ? {} : { id };
}

/** Ids come as numbers or as text; no longer text is one. */
function nameOf(app: unknown): string | undefined {
  const name = typeof app === 'number' && Number.isFinite(app) ? String(app) : textOf(app);
  return name !== undefined && name.length <= longestId ? name : undefined;
}

const longestId = 64;

/** A number may have lost its last digits on the way. */
function isOf(apps: readonly string[], app: unknown): boolean {
  return apps.some((one) => one === app || Number(one) === app);
}
