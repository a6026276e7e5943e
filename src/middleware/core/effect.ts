import type { CommandName } from './activity.ts';
import type { CloseReason, StartReason } from './session.ts';

/** What a transition decided, to be told once it is saved. Times are session time, epoch ms. */
export type SessionEvent = Opened | Closed | Commanded | Duplicate | Late;

export interface Opened {
  readonly type: 'opened';
  readonly at: number;
  readonly session: string;
  readonly startReason: StartReason;
  /** Id of the session before. */
  readonly previous?: string;
  /** Why the bot began it, in the bot's words. */
  readonly reason?: string;
}

export interface Closed {
  readonly type: 'closed';
  readonly at: number;
  readonly session: string;
  readonly reason: CloseReason;
  readonly startedAt: number;
  /** The deadline for `inactivity`, the moment of the close otherwise. */
  readonly endedAt: number;
  /** When the close was saved; `closedAt − endedAt` is the close lag. */
  readonly closedAt: number;
  readonly deadline?: number;
  /** What became of the closing message. */
  readonly message: 'off';
  readonly interactive: boolean;
  readonly developer: boolean;
  /** Interactive and not a developer's. */
  readonly billable: boolean;
  /** Turns that reached the bot's handler and returned. */
  readonly turns: number;
  readonly outcome?: string;
}

/** A session command was taken. */
export interface Commanded {
  readonly type: 'command';
  readonly at: number;
  readonly command: CommandName;
  /** The session it was given in, where one was live. */
  readonly session?: string;
}

/** The vendor delivered an activity again. */
export interface Duplicate {
  readonly type: 'duplicate';
  readonly at: number;
  readonly session?: string;
}

export interface Late {
  readonly type: 'late';
  readonly at: number;
  readonly session: string;
  /** Milliseconds between channel time and arrival. */
  readonly lateBy: number;
}
