import type { Conversation } from '../../middleware/core/activity.ts';
import { list, part, text } from './wire.ts';

/**
 * The channel an activity was relayed from, without what the Agents SDK adds to it (`msteams:COPILOT`): a session must not depend on
 * which SDK reads it. It is an accessor there, no member of its own.
 */
export function channelIdOf(activity: unknown): string {
  const whole: unknown = typeof activity === 'object' && activity !== null ? Reflect.get(activity, 'channelId') : undefined;
  return typeof whole === 'string' ? (whole.split(':', 1)[0] ?? '') : '';
}

/**
 * Where an activity was said. The id begins with the channel id, since every channel counts its conversations for itself.
 * A Teams reply chain (`…;messageid=<root>`) and a Slack thread (`bot:team:channel:<thread>`) are threads of their channel.
 */
export function placeOf(activity: unknown): Conversation | undefined {
  const id = text(activity, 'conversation', 'id');
  if (id === undefined) return undefined;
  const channelId = channelIdOf(activity);
  const [base, thread] = channelId === 'slack' ? slackThread(id) : replyChain(id);
  const place: Conversation = { id: `${channelId}:${base}`, kind: isShared(activity, channelId, base) ? 'shared' : 'direct' };
  return thread === undefined ? place : { ...place, thread };
}

/** Only Teams names the type; a Slack channel that is no direct one begins with C or G. */
function isShared(activity: unknown, channelId: string, id: string): boolean {
  const type = text(activity, 'conversation', 'conversationType');
  if (type !== undefined) return type.toLowerCase() !== 'personal';
  if (part(activity, 'conversation', 'isGroup') === true) return true;
  return channelId === 'slack' && /^[CG]/.test(id.split(':', 3)[2] ?? '');
}

function slackThread(id: string): [base: string, thread?: string] {
  const [bot, team, channel, thread] = id.split(':', 4);
  return thread ? [`${bot}:${team}:${channel}`, thread] : [id];
}

const chainMark = ';messageid=';

function replyChain(id: string): [base: string, thread?: string] {
  const at = id.indexOf(chainMark);
  return at < 1 ? [id] : [id.slice(0, at), id.slice(at + chainMark.length)];
}

/** What the user wrote, without mentions of the bot in front of it, and whether the bot was mentioned at all. */
export function spokenIn(activity: unknown): { readonly text: string | undefined; readonly mentioned: boolean } {
  const bot = text(activity, 'recipient', 'id');
  const mentions = list(activity, 'entities').filter(
    (one) => text(one, 'type') === 'mention' && text(one, 'mentioned', 'id') === bot,
  );
  const marks = mentions.map((one) => text(one, 'text')).filter((mark) => mark !== undefined);
  return { text: withoutMarks(text(activity, 'text'), marks), mentioned: bot !== undefined && mentions.length > 0 };
}

/** Teams writes the space after a mention as a space, a no-break space or the entity for one. */
const gap = /^(?:\s|&nbsp;)+/;

function withoutMarks(said: string | undefined, marks: readonly string[]): string | undefined {
  let rest = said;
  for (const mark of marks) {
    const begun: string | undefined = rest?.replace(gap, '');
    if (begun?.startsWith(mark)) rest = begun.slice(mark.length).replace(gap, '');
  }
  return rest === '' ? undefined : rest;
}
