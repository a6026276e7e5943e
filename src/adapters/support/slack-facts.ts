import { part, text } from './wire.ts';

/**
 * Reads what Bolt hands its middleware: the one place that knows Slack's envelopes. Works on anything, since nothing here trusts a
 * payload to have the parts its type promises.
 */

/** Which of Slack's envelopes a body is, in the order Bolt itself decides it. */
export type SlackShape = 'event' | 'command' | 'options' | 'action' | 'shortcut' | 'view' | 'view_closed' | 'unknown';

/** The parts of a request that parsing and answering need, by the same names for every envelope. */
export interface SlackFacts {
  readonly shape: SlackShape;
  /** Slack's word for it: the event's type, or its subtype where it has one; `block_actions`, `/order`, `view_submission` … */
  readonly type: string;
  /** What was installed: the organisation for an org-wide install, else the workspace. Never the workspace a guest writes from. */
  readonly installation: string | undefined;
  /** The bot's own user in this installation. */
  readonly bot: string | undefined;
  readonly user: string | undefined;
  /** Where it happened, as Slack names it; none for views and global shortcuts. */
  readonly channel: string | undefined;
  readonly direct: boolean;
  /** The thread it happened in. A thread's first message is not in the thread. */
  readonly thread: string | undefined;
  /** The message it is, or is about: a thread would begin there. */
  readonly message: string | undefined;
  /** The id that stays the same when Slack delivers it again, for whatever is not a message. */
  readonly delivery: string | undefined;
  /** When it happened: seconds, a point, microseconds. */
  readonly stamp: string | undefined;
}

/** @param request Bolt's middleware arguments, or anything else */
export function factsOf(request: unknown): SlackFacts {
  const body = part(request, 'body');
  const shape = shapeOf(body);
  const source = sources[shape](body);
  const channel = source.channel;
  const enterprise = text(request, 'context', 'enterpriseId');
  const organization = part(request, 'context', 'isEnterpriseInstall') === true ? enterprise : undefined;
  return {
    shape,
    type: source.type ?? 'unknown',
    installation: organization ?? text(request, 'context', 'teamId') ?? enterprise,
    bot: text(request, 'context', 'botUserId') ?? authorizedBot(body),
    user: source.user,
    channel,
    direct: channel === undefined || channel.startsWith('D') || part(body, 'event', 'channel_type') === 'im',
    thread: source.thread === source.message ? undefined : source.thread,
    message: source.message,
    delivery: source.delivery,
    stamp: source.stamp,
  };
}

/** Slack's `1606810819.000800` as epoch milliseconds, without the rounding of a floating-point number. */
export function msOf(stamp: string | undefined): number | undefined {
  const [, seconds, fraction = ''] = /^(\d{1,11})(?:\.(\d{1,9}))?$/.exec(stamp ?? '') ?? [];
  return seconds === undefined ? undefined : Number(seconds) * 1000 + Number(fraction.padEnd(3, '0').slice(0, 3));
}

function shapeOf(body: unknown): SlackShape {
  if (part(body, 'event') !== undefined) return 'event';
  if (part(body, 'command') !== undefined) return 'command';
  const type = part(body, 'type');
  if (part(body, 'name') !== undefined || type === 'block_suggestion') return 'options';
  if (part(body, 'actions') !== undefined || type === 'dialog_submission') return 'action';
  if (type === 'shortcut' || type === 'message_action') return 'shortcut';
  if (type === 'view_submission') return 'view';
  return type === 'view_closed' ? 'view_closed' : 'unknown';
}

type Source = {
  readonly [Name in 'type' | 'user' | 'channel' | 'thread' | 'message' | 'delivery' | 'stamp']?: string | undefined;
};

const sources: Readonly<Record<SlackShape, (body: unknown) => Source>> = {
  event: fromEvent,
  command: (body) => ({
    type: text(body, 'command'),
    user: text(body, 'user_id'),
    channel: text(body, 'channel_id'),
    delivery: text(body, 'trigger_id'),
  }),
  options: fromInteraction,
  action: fromInteraction,
  shortcut: fromInteraction,
  view: fromInteraction,
  view_closed: fromInteraction,
  unknown: (body) => ({ type: text(body, 'type') }),
};

function fromEvent(body: unknown): Source {
  const event = part(body, 'event');
  return {
    type: text(event, 'subtype') ?? text(event, 'type'),
    user: text(event, 'user') ?? text(event, 'user', 'id') ?? text(event, 'assistant_thread', 'user_id'),
    channel:
      text(event, 'channel') ??
      text(event, 'channel', 'id') ??
      text(event, 'channel_id') ??
      text(event, 'item', 'channel') ??
      text(event, 'assistant_thread', 'channel_id'),
    thread: text(event, 'thread_ts') ?? text(event, 'assistant_thread', 'thread_ts'),
    message: text(event, 'ts'),
    delivery: text(body, 'event_id'),
    stamp: text(event, 'event_ts') ?? text(event, 'ts'),
  };
}

function fromInteraction(body: unknown): Source {
  const action = firstAction(body);
  return {
    type: text(body, 'type'),
    user: text(body, 'user', 'id'),
    channel: text(body, 'channel', 'id') ?? text(body, 'container', 'channel_id'),
    thread: text(body, 'container', 'thread_ts') ?? text(body, 'message', 'thread_ts'),
    message: text(body, 'container', 'message_ts') ?? text(body, 'message', 'ts') ?? text(body, 'message_ts'),
    delivery: text(body, 'trigger_id') ?? text(action, 'action_ts') ?? text(body, 'action_ts'),
    stamp: text(action, 'action_ts') ?? text(body, 'action_ts'),
  };
}

/** Slack sends one action at a time, in a list. */
export function firstAction(body: unknown): unknown {
  const actions = part(body, 'actions');
  return Array.isArray(actions) ? actions[0] : undefined;
}

function authorizedBot(body: unknown): string | undefined {
  const authorizations = part(body, 'authorizations');
  const first: unknown = Array.isArray(authorizations) ? authorizations[0] : undefined;
  return part(first, 'is_bot') === true ? text(first, 'user_id') : undefined;
}
