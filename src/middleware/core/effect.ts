import type { CommandName, DeliveryReport } from './activity.ts';
import type { Billing } from './billing.ts';
import type { MessageResult } from './closing.ts';
import type { Why } from './explain.ts';
import type { CloseReason, SessionState, StartReason } from './session.ts';
import type { Variables } from './variables.ts';

/** What a transition decided, to be told once it is saved. Times are session time, epoch ms. */
export type SessionEvent =
  | Opened
  | Resumed
  | Closed
  | Commanded
  | Duplicate
  | Late
  | Warned
  | SendFailed
  | HandedOff
  | Assigned
  | Reassigned
  | NobodyFree
  | Escalated
  | Overdue
  | CustomerWrote
  | Answered
  | HandedBack;

/**
 * What still has to happen after a change is saved. It stands in the record's outbox until it has, so a crash loses nothing:
 * whoever finds it does it again, under the same id.
 */
export type Effect = CloseEffect | DeskEffect | ReportEffect;

/** What must follow a close. */
export interface CloseEffect {
  /** The close's id: the session's. */
  readonly id: string;
  /** For the archive, and told again by whoever delivers it in another's place. */
  readonly closed: Closed;
  /** The session as it was, for the hooks of a close that happened inside a turn. Absent where they have run. */
  readonly hooks?:
    | { readonly onClosing: boolean; readonly onClose: boolean; readonly session: SessionState; readonly variables: Variables }
    | undefined;
  /** The desk that had the session, and is to see that it is over. */
  readonly desk?: string | undefined;
}

/** A hand-over began, changed hands or ended: the desk is to see how the conversation stands. */
export interface DeskEffect {
  readonly id: string;
  readonly at: number;
  readonly desk: string;
  /** The key the conversation had before: the desk is to see that it has moved. */
  readonly from?: string | undefined;
}

/** A vendor's later word on a closing message that the archive could not be told. */
export interface ReportEffect {
  readonly id: string;
  readonly at: number;
  readonly report: DeliveryReport;
}

/** When an effect was decided, epoch ms. */
export function decidedAt(effect: Effect): number {
  return 'closed' in effect ? effect.closed.closedAt : effect.at;
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
  /** Who ended it, where whoever called said so. */
  readonly by?: string;
  readonly interactive: boolean;
  readonly developer: boolean;
  /** Interactive and not a developer's. */
  readonly billable: boolean;
  /** Turns that reached the bot's handler and returned. */
  readonly turns: number;
  readonly outcome?: string;
  /** The last agent who had it. */
  readonly agent?: string;
  /** Activities of the user that reached the bot. Absent, as what follows, in closes of before this was counted. */
  readonly messagesIn?: number;
  /** Messages to the user, where somebody counts them. */
  readonly messagesOut?: number;
  /** Reply deadlines of agents, where there were any. */
  readonly deadlines?: { readonly met: number; readonly missed: number };
  /** What the session would be billed as; whether it is billed says `billable`. */
  readonly billing?: Billing;
  /** Why it ended when it did, where its time was over. */
  readonly why?: Why;
}

/** A session went on past its time, because the user came back with the same intent. */
export interface Resumed {
  readonly type: 'resumed';
  readonly at: number;
  readonly session: string;
  /** When it would have ended. */
  readonly deadline: number;
}

/** A warning: of the user before their session expires, or of an agent (absent: the queue) before a reply is overdue. */
export interface Warned {
  readonly type: 'warned';
  readonly at: number;
  readonly session: string;
  readonly to: 'user' | 'agent';
  readonly agent?: string;
  /** How long before the deadline it stands, milliseconds. */
  readonly beforeMs: number;
  /** What became of the message to the user. */
  readonly message?: MessageResult;
}

/** The bot gave the session to people. */
export interface HandedOff {
  readonly type: 'handed_off';
  readonly at: number;
  readonly session: string;
  readonly desk: string;
  /** Whom it was meant for. */
  readonly agent?: string;
  /** Who did it, as in what follows: where it came from outside the conversation, and whoever called said so. */
  readonly by?: string;
}

/** An agent has the session now, from the bot or the queue. */
export interface Assigned {
  readonly type: 'assigned';
  readonly at: number;
  readonly session: string;
  readonly agent: string;
  readonly by?: string;
}

/** The session went from one agent to another. */
export interface Reassigned {
  readonly type: 'reassigned';
  readonly at: number;
  readonly session: string;
  readonly from: string;
  readonly agent: string;
  readonly by?: string;
}

/** Somebody was to be found and nobody was free; `agent` keeps it, or the queue does. Tried again when presence changes. */
export interface NobodyFree {
  readonly type: 'nobody_free';
  readonly at: number;
  readonly session: string;
  readonly agent?: string;
}

/** Handed on too often in one wait: it is in the queue, and stays there until somebody takes it. `agent` had it last. */
export interface Escalated {
  readonly type: 'escalated';
  readonly at: number;
  readonly session: string;
  readonly agent?: string;
}

/** A reply is late; told once per wait. */
export interface Overdue {
  readonly type: 'overdue';
  readonly at: number;
  readonly session: string;
  readonly agent?: string;
  readonly dueAt: number;
}

/** The customer wrote while people own the session; what they wrote went to the desk. */
export interface CustomerWrote {
  readonly type: 'customer_wrote';
  readonly at: number;
  readonly session: string;
  readonly agent?: string;
}

/** A person answered the customer. */
export interface Answered {
  readonly type: 'answered';
  readonly at: number;
  readonly session: string;
  readonly agent: string;
  /** By how many milliseconds after it was due; 0: in time, or due at no time. */
  readonly lateBy: number;
}

/** The bot answers again. */
export interface HandedBack {
  readonly type: 'handed_back';
  readonly at: number;
  readonly session: string;
  readonly agent?: string;
  readonly by?: string;
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
