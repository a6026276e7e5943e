import { hash, randomUUID } from 'node:crypto';
import { type Activity, type CommandName, isInput } from './core/activity.ts';
import { commandIn } from './core/arrival.ts';
import { type Address, type ConversationRecord, newRecord } from './core/conversation.ts';
import type { SessionEvent } from './core/effect.ts';
import type { Fresh } from './core/happening.ts';
import type { Policy } from './core/policy.ts';
import { type Seen, withSeen } from './core/seen.ts';
import { transition } from './core/transition.ts';
import type { EndpointFunctions, ReturnKind } from './hooks.ts';

/** An activity with the fingerprints it is remembered by. */
export interface Item {
  readonly activity: Activity;
  readonly id: string | undefined;
  readonly post: string | undefined;
}

/** What the core decided about a delivery: one decision per activity, folded into one record. */
export interface Intake {
  readonly record: ConversationRecord;
  readonly events: readonly SessionEvent[];
  /** What is left for the bot. */
  readonly deliver: readonly Activity[];
  /** Who gets that: the bot's handler, or the desk that owns the session. */
  readonly to: 'bot' | 'desk';
  /** What the host's own logic is not to see: commands that were taken, and what goes to a desk. In order. */
  readonly consumed: readonly Consumed[];
  /** Handled before. */
  readonly dropped: readonly Activity[];
  readonly counts: boolean;
  readonly lateBy: number;
  /** The window with the commands in it, but not what is left for the bot: what a failed turn keeps. */
  readonly seenWithoutDelivered: Seen;
  /** Whether the intent classifier must be asked before anything can be decided. */
  readonly asks: boolean;
}

export interface Consumed {
  readonly activity: Activity;
  /** The command it was; the user is told. */
  readonly command: CommandName | undefined;
}

const unasked = { events: [], deliver: [], to: 'bot', consumed: [], dropped: [], counts: false, lateBy: 0 } as const;

/** 66 bits of a digest: enough to tell the ids of one conversation apart, small enough to keep a thousand. */
const fingerprintLength = 11;

export function item(activity: Activity): Item {
  return { activity, id: fingerprint(activity.id), post: fingerprint(activity.post, 'post:') };
}

/** Runs the core over a delivery's activities: commands first, otherwise in order of arrival. */
export function intake(
  before: ConversationRecord | null,
  items: readonly Item[],
  context: {
    readonly arrivedAt: number;
    readonly now: number;
    readonly policy: Policy;
    readonly address: Address;
    readonly fresh: () => Fresh;
    readonly returns?: ReturnKind | undefined;
  },
): Intake {
  const { policy, now, arrivedAt, address } = context;
  const isCommand = (one: Item) => commandIn(before, one.activity, policy, arrivedAt) !== undefined;
  const ordered = items.length === 1 ? items : [...items.filter(isCommand), ...items.filter((one) => !isCommand(one))];
  let record = before;
  let seenWithoutDelivered = (before ?? newRecord()).seen;
  const events: SessionEvent[] = [];
  const deliver: Activity[] = [];
  let to: Intake['to'] = 'bot';
  const consumed: Consumed[] = [];
  const dropped: Activity[] = [];
  let counts = false;
  let lateBy = 0;
  for (const { activity, id, post } of ordered) {
    const step = transition(
      record,
      { type: 'arrived', activity, id, post, arrivedAt, address, fresh: context.fresh(), returns: context.returns },
      policy,
      now,
    );
    record = step.record;
    events.push(...step.events);
    if (step.verdict.do === 'classify') return { ...unasked, record: before ?? newRecord(), seenWithoutDelivered, asks: true };
    if (step.verdict.do === 'run') {
      deliver.push(activity);
      counts ||= step.verdict.counts;
      lateBy = Math.max(lateBy, step.verdict.lateBy);
    } else if (step.verdict.do === 'desk') {
      deliver.push(activity);
      consumed.push({ activity, command: undefined });
      to = 'desk';
      lateBy = Math.max(lateBy, step.verdict.lateBy);
    } else if (step.verdict.do === 'consume') {
      consumed.push({ activity, command: step.verdict.command });
      for (const mark of [id, post]) {
        if (mark !== undefined)
          seenWithoutDelivered = withSeen(seenWithoutDelivered, mark, arrivedAt, policy.channel.redeliversForMs);
      }
    } else if (step.verdict.do === 'drop') dropped.push(activity);
  }
  return {
    record: record ?? newRecord(),
    events,
    deliver,
    to,
    consumed,
    dropped,
    counts,
    lateBy,
    seenWithoutDelivered,
    asks: false,
  };
}

/** What a session would be born with; made only if one is. */
class Unborn implements Fresh {
  readonly #initial: () => unknown;
  readonly #functions: EndpointFunctions;
  readonly #user: string | undefined;
  readonly carry: Fresh['carry'];
  constructor(initial: () => unknown, functions: EndpointFunctions, user: string | undefined) {
    this.#initial = initial;
    this.#functions = functions;
    this.#user = user;
    this.carry = functions.carryOver;
  }
  get developer() {
    return this.#functions.developer?.(this.#user);
  }
  get id() {
    return randomUUID();
  }
  get data() {
    return this.#initial();
  }
}

export function freshSession(initial: () => unknown, functions: EndpointFunctions = {}, user?: string): Fresh {
  return new Unborn(initial, functions, user);
}

/** Whether an activity can have a turn of its own. */
export function hasTurn(activity: Activity): boolean {
  return isInput(activity) || (activity.kind === 'lifecycle' && activity.means === 'proactive');
}

/** Why an activity has no session, for `ADJ_NO_SESSION`. */
export function reasonWithout(activity: Activity, endpoint: string | undefined): string {
  if (endpoint === undefined) return `This ${activity.type} belongs to no endpoint of ours.`;
  if (activity.kind === 'unsupported') return `Not a known shape: ${activity.reason}.`;
  if (activity.kind === 'lifecycle') return `A ${activity.type} is no activity of the user.`;
  return `This ${activity.type} names neither a conversation nor a user.`;
}

function fingerprint(id: string | undefined, prefix = ''): string | undefined {
  return id === undefined ? undefined : hash('sha256', prefix + id, 'base64url').slice(0, fingerprintLength);
}
