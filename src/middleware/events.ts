import type { SessionEvent } from './core/effect.ts';
import type { ErrorCode } from './errors.ts';

/** What every event says about where it happened. */
export interface EventOrigin {
  /** Session time the decision was made at, epoch ms. */
  readonly at: number;
  /** Real time of the decision, high resolution (ms): puts events that share a session time in order, across processes of one machine. */
  readonly decidedAt: number;
  readonly channel: string;
  readonly endpoint: string;
  /** Names the conversation; absent where there is none. */
  readonly key?: string | undefined;
  /** The person, as the channel names them. */
  readonly user?: string | undefined;
}

/** Every event of {@link Sessions.on}. */
export type AdjournEvent = EventOrigin & (SessionEvent | Degraded | SaveFailed | Presence | Erased | SettingsChanged | Failure);
export type EventName = AdjournEvent['type'];

/** A turn ran while the store was out. */
export interface Degraded {
  readonly type: 'degraded';
  readonly code: ErrorCode;
}

/** A turn ran, but what it changed could not be saved. */
export interface SaveFailed {
  readonly type: 'save_failed';
  readonly session: string;
  readonly code: ErrorCode;
}

/** An agent came to a desk, or left it. */
export interface Presence {
  readonly type: 'presence';
  readonly desk: string;
  readonly agent: string;
  readonly state: 'online' | 'offline';
  /** Who said so, where that is told. */
  readonly by?: string;
}

/** A contact was erased, with everything that was kept of them. `key` is one of the conversations. */
export interface Erased {
  readonly type: 'erased';
  readonly by: string;
  readonly conversations: number;
  readonly sessions: number;
  readonly lines: number;
  readonly settings: number;
}

/** Settings were changed while running, here or in another process; from now on they count in this one. `at` is when they were changed. */
export interface SettingsChanged {
  readonly type: 'settings_changed';
  readonly version: number;
  /** Who changed them. */
  readonly by: string;
}

/** Something went wrong that has no other place to go. */
export interface Failure {
  readonly type: 'error';
  readonly code: ErrorCode | 'HANDLER_FAILED';
  /** An error of ours holds no text and no token. What the bot's own code threw is passed on as it is: with `HANDLER_FAILED`, or as the cause of `ADJ_HOOK_FAILED`. */
  readonly error: unknown;
}
