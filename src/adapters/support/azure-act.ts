import type { Activity, Conversation } from '../../middleware/core/activity.ts';
import { spokenIn } from './azure-place.ts';
import { list, part, text } from './wire.ts';

/** An act of the user's, before it is said whose and where it was. */
type Act = Bare<Extract<Activity, { kind: 'message' | 'postback' | 'command' }>>;
type Bare<Kind> = Kind extends Activity ? Omit<Kind, 'channel' | 'type'> : never;

/**
 * What the user did, or undefined where an activity is none of their doing.
 * @param clicks names of the invokes and events that are
 */
export function actOf(activity: unknown, type: string, place: Conversation, clicks: readonly string[]): Act | undefined {
  if (isFromBot(activity)) return undefined;
  switch (type) {
    case 'message':
      return refreshIn(activity) ?? tapIn(activity) ?? messageIn(activity, place);
    case 'event':
      return refreshIn(activity) ?? clickIn(activity, clicks);
    case 'invoke':
      return clickIn(activity, clicks);
    default:
      return undefined;
  }
}

function isFromBot(activity: unknown): boolean {
  return (
    text(activity, 'from', 'role')?.toLowerCase() === 'bot' || text(activity, 'from', 'id') === text(activity, 'recipient', 'id')
  );
}

/** `refresh: true` in `channelData` or `value`, or an event of that name. */
function refreshIn(activity: unknown): Act | undefined {
  const marked = [part(activity, 'channelData', 'refresh'), part(activity, 'value', 'refresh')].includes(true);
  if (!marked && !(text(activity, 'type') === 'event' && text(activity, 'name') === 'refresh')) return undefined;
  const content =
    spokenIn(activity).text !== undefined || saysMore(part(activity, 'value')) || list(activity, 'attachments').length > 0;
  return { kind: 'command', command: 'refresh', content };
}

function saysMore(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).some((name) => name !== 'refresh');
  return value !== undefined && value !== null && value !== '' && value !== true;
}

/** What the channels themselves send for a tapped button, in their own part of the activity. */
const tapMarks = ['postBack', 'postback', 'messageBack', 'callback_query', 'Payload'];

/** A submitted card carries a `value`; a relayed button comes as its text, marked by the channel's own event. */
function tapIn(activity: unknown): Act | undefined {
  const value = part(activity, 'value');
  const marked = tapMarks.some((mark) => part(activity, 'channelData', mark));
  if (!marked && (value === undefined || value === null)) return undefined;
  return { kind: 'postback', payload: spokenIn(activity).text ?? text(activity, 'value') };
}

function messageIn(activity: unknown, place: Conversation): Act | undefined {
  const said = spokenIn(activity);
  const attachments = list(activity, 'attachments');
  const isEmpty = text(activity, 'text') === undefined && attachments.length === 0 && part(activity, 'channelData') === undefined;
  if (isEmpty) return undefined;
  const addressed = place.kind === 'direct' || said.mentioned;
  return { kind: 'message', addressed, text: attachments.every(isCopyOfText) ? said.text : undefined };
}

/** Teams repeats what was written as an attachment; anything else makes the text a caption. */
function isCopyOfText(attachment: unknown): boolean {
  return text(attachment, 'contentType')?.startsWith('text/') ?? false;
}

/** A click is the developer's `verb`; a card that refreshes itself says so (Microsoft: "Universal Actions", `trigger`). */
function clickIn(activity: unknown, clicks: readonly string[]): Act | undefined {
  if (!clicks.includes(text(activity, 'name') ?? '') || part(activity, 'value', 'trigger') === 'automatic') return undefined;
  return { kind: 'postback', payload: text(activity, 'value', 'action', 'verb') ?? text(activity, 'value') };
}

/** What both SDKs name the turns a bot begins itself. On the Agents SDK their id is that of the user's last message. */
const proactiveNames: readonly unknown[] = ['ContinueConversation', 'CreateConversation'];

/** Whether the bot began this turn itself. */
export function isProactive(activity: unknown, type: string): boolean {
  return type === 'event' && proactiveNames.includes(text(activity, 'name'));
}

/** Whether the bot can write to the user from now on. A bot that is removed cannot; an upgrade removes and adds it under other names. */
export function meansOf(activity: unknown, type: string): 'reachable' | 'unreachable' | undefined {
  if (type !== 'installationUpdate' && type !== 'contactRelationUpdate') return undefined;
  const action = text(activity, 'action');
  if (action === 'add') return 'reachable';
  return action === 'remove' ? 'unreachable' : undefined;
}
