import type { Activity } from './core/activity.ts';
import type { Address } from './core/conversation.ts';
import type { EndpointSettings } from './core/policy.ts';
import type { Said } from './transcript.ts';
import type { Turn } from './turn.ts';

/**
 * A channel, as the engine sees it. Every file in `src/adapters` exports one, beside its request type, its parser,
 * its middleware and its options.
 */
export interface Adapter<Request = never> {
  /** The channel's name; the first part of every key. */
  readonly name: string;
  /** Turns a request into activities. Pure; never throws, whatever the payload. */
  readonly parse: (request: Request) => Activity[];
  readonly capabilities: Capabilities;
}

/** What a channel can do and what it demands. Durations in milliseconds. */
export interface Capabilities {
  /** For how long the vendor may deliver the same activity again. */
  readonly redeliversFor: number;
  /** Within what time the vendor wants its webhook answered. */
  readonly ackWithinMs: number;
  /** Whether one request may hold activities of several conversations. */
  readonly batches: boolean;
  /** How long after the user's last act the bot may still write freely; 0: always. */
  readonly replyWindow: number;
  /** Whether a send can be repeated with a key and arrives once. */
  readonly idempotentSend: boolean;
  /** How many messages a second of our own accord the vendor takes well from one endpoint; absent: as many as there are. */
  readonly sendsPerSecond?: number | undefined;
  /** Whether it relays other networks, which activities name by `via`. */
  readonly relays?: boolean | undefined;
  /** Words the carrier takes for itself; no command may use them. Folded. */
  readonly reservedWords: readonly string[];
  /** What becomes of a handler's changes when it throws, unless the endpoint says. @default 'drop' */
  readonly onError?: 'drop' | 'keep' | undefined;
}

/**
 * Which endpoint an adapter serves, and with which settings. Every adapter's options extend it.
 * @typeParam Endpoint the names of the endpoints in `createSessions`
 */
export interface AdapterOptions<Endpoint extends string = string> extends EndpointSettings {
  /**
   * The endpoint's name, or a function of the activity (one app in many workspaces, one bot on many channel ids);
   * undefined from it means "not ours": the activity passes through.
   * @default the channel's name
   */
  readonly endpoint?: NoInfer<Endpoint> | ((activity: Activity) => NoInfer<Endpoint> | undefined) | undefined;
  /** The vendor's own ids of the bot's side; activities for other ones pass through. @default any */
  readonly accounts?: readonly string[] | undefined;
}

/** How `turn.reply` sends; the adapter's own form of a message, or plain text. */
export type Reply = (message: unknown) => Promise<unknown>;

/**
 * What an adapter hands the engine: activities of one conversation, and how to go on with them.
 * Event handlers and host middlewares deliver one activity at a time, the plain middleware form all of a request's.
 */
export interface Delivery {
  /** In order of arrival; never empty. All of one conversation. */
  readonly activities: readonly Activity[];
  /** The objects `sessions.of()` may be asked with while the turn runs. */
  readonly hosts: readonly object[];
  /** What `turn.host` shows. */
  readonly host: unknown;
  /** The adapter's own part of the address: what it needs to send later, from another process. JSON, without live tokens. */
  readonly to?: Readonly<Record<string, unknown>> | undefined;
  readonly reply: Reply;
  /** Runs the bot's logic; the turn ends when its promise settles and everything given to `turn.waitUntil` has. */
  readonly run: (turn: Turn) => Promise<unknown>;
  /**
   * For `inbox: 'durable'`: what to keep until the turn is saved, as JSON; `Channel.replays` makes the delivery of it again.
   * Absent where the host answers its webhook itself.
   */
  readonly keep?: unknown;
  /** The message is saved: it may be acknowledged now, whatever becomes of its turn. */
  readonly accepted?: (() => void) | undefined;
  /** Runs the bot's logic where there is no session to give: a receipt, an unknown shape, an endpoint that is not ours. */
  readonly pass: () => Promise<unknown>;
  /**
   * A command was taken and saved: give the channel its proper answer and the user `text`, if any.
   * Called once per command, before the next turn of this conversation starts.
   */
  readonly consumed: (text: string | undefined, activity: Activity) => Promise<unknown>;
  /** Handled before: give the channel its empty success. */
  readonly duplicate: (activity: Activity) => Promise<unknown>;
  /**
   * How long to wait for a busy conversation before the turn runs beside the other one (`turn.exclusive` false).
   * @default `ackWithinMs` − 500
   */
  readonly waitMs?: number | undefined;
}

/** What became of a delivery. */
export interface Outcome {
  /** `run`: the handler got it. `consume`: only commands. `drop`: only duplicates. `pass`: no session. */
  readonly verdict: 'run' | 'consume' | 'drop' | 'pass';
  /**
   * Settles when the turn is saved, at the latest after every `waitUntil`; false if the save failed.
   * Hosts that may hold their acknowledgement wait for it.
   */
  readonly saved: Promise<boolean>;
}

/** The engine's side of an adapter; what `attach` returns. */
export interface Channel {
  /**
   * Runs the turn of one conversation. Resolves when the handler has returned and, unless something was given to `turn.waitUntil`, the turn is saved.
   * Rejects with what the handler threw, so that the host deals with it in its own way.
   */
  turn(delivery: Delivery): Promise<Outcome>;
  /**
   * The plain middleware form of one request with several conversations: takes all their leases, in key order, then runs `run` once
   * inside all of them. `activities` of each turn hold what is left for the bot. `run` is not called if nothing is left.
   */
  batch(deliveries: readonly Delivery[], run: (turns: readonly Turn[]) => Promise<unknown>): Promise<Outcome>;
  /**
   * Groups a request's activities by conversation, in order of first appearance, each group in order of arrival.
   * Activities that have no session come as groups of their own.
   */
  group<Item extends { readonly activity: Activity }>(items: readonly Item[]): Item[][];
  /** The desk for a hand-over that names none: the only one of this process, else `outside`. */
  desk(): string;
  /** For `inbox: 'durable'`: how messages that a crash left behind are delivered again. */
  replays(replay: Replay): void;
  /**
   * The bot has said something to the user, by whatever way of the host's or the vendor's: for transcripts and counters. What adapters
   * send for us (`consumed`, a `Send`) is known already, and not counted again. Never throws.
   * @param to where it went, or the activity it answers; of a shared conversation without a user: to all of it, which belongs to the turn
   * there this code runs in. Default: to the conversation of that turn
   */
  said(said: Said, to?: Pick<Activity, 'conversation' | 'user' | 'via' | 'account'>): void;
  /** Whether an activity must be saved before it may be acknowledged (`inbox: 'durable'`). */
  keeps(activity: Activity): boolean;
  /** Waits on session time; for the vendor's acknowledgement budget. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Tells of a failure that has no host to go to. */
  report(error: unknown, activity?: Activity): void;
}

/**
 * Sends a message to a stored address, outside any request and perhaps from another process. Optional at `attach`.
 * Never throws for what the vendor says or fails to say: that is the outcome.
 */
export type Send = (address: Address, message: unknown, context: SendContext) => Promise<SendOutcome>;

export interface SendContext {
  /** A UUID that is the same whenever this very message is sent, for vendors that take an idempotency key. */
  readonly idempotencyKey: string;
  /** The close it announces, to travel with the message where the vendor has a place for it. */
  readonly closeId?: string | undefined;
}

/** Makes a delivery again of what `Delivery.keep` held. */
export type Replay = (kept: unknown) => Delivery;

/**
 * What is known after a send.
 * - `sent`: the vendor took it. `id`: the vendor's id, to recognise later status reports.
 * - `refused`: it will not be delivered, and asking again will not help. `unreachable`: nothing will reach this contact for now.
 * - `retry`: it was certainly not sent; it may be later.
 * - `unknown`: it may have been sent (a time-out, a 500). Never repeated, unless the channel has idempotency keys.
 */
export type SendOutcome =
  | { readonly outcome: 'sent'; readonly id?: string | undefined }
  | { readonly outcome: 'refused'; readonly reason: string; readonly unreachable?: boolean | undefined }
  | { readonly outcome: 'retry'; readonly reason: string; readonly afterMs?: number | undefined }
  | { readonly outcome: 'unknown'; readonly reason: string };
