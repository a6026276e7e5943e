import type { CommandName } from './activity.ts';
import type { MessageResult } from './closing.ts';
import type { CloseReason, SessionState, StartReason } from './session.ts';
import type { Variables } from './variables.ts';

/** What a transition decided, to be told once it is saved. Times are session time, epoch ms. */
export type SessionEvent = Opened | Resumed | Closed | Commanded | Duplicate | Late | Warned | SendFailed;

/**
 * What still has to happen after a close is saved. It stands in the record's outbox until it has, so a crash loses nothing:
 * whoever finds it does it again, under the same id.
 */
export interface Effect {
  /** The close's id: the session's. */
  readonly id: string;
  /** For the archive, and told again by whoever delivers it in another's place. */
  readonly closed: Closed;
  /** The session as it was, for the hooks of a close that happened inside a turn. Absent where they have run. */
  readonly hooks?:
    | { readonly onClosing: boolean; readonly onClose: boolean; readonly session: SessionState; readonly variables: Variables }
    | undefined;
}

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
  readonly message: MessageResult;
  /** The vendor's id of the closing message, where it gave one. */
  readonly messageId?: string;
  /** What became of the hook and the script, where there are any. */
  readonly hook?: 'done' | 'failed';
  readonly script?: 'done' | 'failed';
  /** Set where nobody came back and the worker closed a lazy session. */
  readonly finalisedBy?: 'worker';
  readonly interactive: boolean;
  readonly developer: boolean;
  /** Interactive and not a developer's. */
  readonly billable: boolean;
  /** Turns that reached the bot's handler and returned. */
  readonly turns: number;
  readonly outcome?: string;
}

/** A session went on past its time, because the user came back with the same intent. */
export interface Resumed {
  readonly type: 'resumed';
  readonly at: number;
  readonly session: string;
  /** When it would have ended. */
  readonly deadline: number;
}

/** A warning before the deadline was sent, or could not be. */
export interface Warned {
  readonly type: 'warned';
  readonly at: number;
  readonly session: string;
  /** How long before the deadline it stands, milliseconds. */
  readonly beforeMs: number;
  readonly message: MessageResult;
}

/** A closing message that seemed sent was not delivered after all. */
export interface SendFailed {
  readonly type: 'send_failed';
  readonly at: number;
  readonly session: string;
  readonly message: MessageResult;
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
