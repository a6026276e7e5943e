import type { Activity, CommandName } from './activity.ts';
import type { Closing } from './closing.ts';
import type { Address, Carried, ConversationRecord, Step } from './conversation.ts';
import type { DeskChange } from './desk.ts';
import type { Effect, SessionEvent } from './effect.ts';
import type { CloseReason } from './session.ts';

/** What can happen to a conversation. Everything a decision needs comes with it; the core reads no clock and makes no ids. */
export type ConversationEvent =
  | Arrived
  | Returned
  | Failed
  | Started
  | Touched
  | Ended
  | ClosingChanged
  | Extended
  | Cleared
  | WarnedOnce
  | Finalised
  | Delivered
  | ContactChanged
  | AtDesk
  | Erased;

/** An activity came in. */
export interface Arrived {
  readonly type: 'arrived';
  readonly activity: Activity;
  /** Taken before the activity waited for a lease, epoch ms. */
  readonly arrivedAt: number;
  /** Fingerprint of the activity's id, and of the post it belongs to. */
  readonly id?: string | undefined;
  readonly post?: string | undefined;
  readonly address?: Address | undefined;
  readonly fresh: Fresh;
  /** What the intent classifier says of a message that finds its session expired. Only `same` continues it. */
  readonly returns?: 'same' | 'new' | 'invalid' | undefined;
}

/** What a session would be born with, should one begin. */
export interface Fresh {
  readonly id: string;
  readonly data: unknown;
  /** What the endpoint's own function says of the contact; undefined where it has none. */
  readonly developer?: boolean | undefined;
  /** The endpoint's own function for what to take over from the session before; undefined where it has none. */
  readonly carry?: ((before: Carried) => Partial<Carried>) | undefined;
}

/** The bot's handler returned; applied to the record as the handler left it. */
export interface Returned {
  readonly type: 'returned';
  /** False for a turn that only joined another one (a post that arrives twice, a proactive turn). */
  readonly counts: boolean;
  readonly close?: { readonly reason: CloseReason; readonly at: number; readonly by?: string | undefined } | undefined;
}

/** The bot's handler threw; applied to the record as it was before the handler, or as the handler left it. */
export interface Failed {
  readonly type: 'failed';
  /** The window before the turn: a failed activity is not marked done. */
  readonly seen: ConversationRecord['seen'];
}

/** The bot begins a conversation itself. On a live session it changes nothing. */
export interface Started {
  readonly type: 'started';
  readonly user: string | undefined;
  /** Why, in the bot's words. */
  readonly reason?: string | undefined;
  readonly address?: Address | undefined;
  readonly fresh: Fresh;
}

/** A later message of the bot; moves the clock only while no user has written. */
export interface Touched {
  readonly type: 'touched';
}

/** Somebody ends the session. */
export interface Ended {
  readonly type: 'ended';
  readonly reason: CloseReason;
  readonly by?: string | undefined;
}

/** A proactive close begins, or has done a step. */
export interface ClosingChanged {
  readonly type: 'closing';
  readonly closing: Closing;
}

/** The closing hook asked for more time; once per idle period. */
export interface Extended {
  readonly type: 'extended';
  readonly byMs: number;
}

/** The last step of a proactive close. */
export interface Cleared {
  readonly type: 'cleared';
}

/** A warning is claimed: it is sent once per idle period, if at all. */
export interface WarnedOnce {
  readonly type: 'warned';
  readonly beforeMs: number;
}

/** Nobody came back to a lazy session. */
export interface Finalised {
  readonly type: 'finalised';
}

/** The contact opted out, blocked the bot or left; or came back. */
export interface ContactChanged {
  readonly type: 'contact';
  /** Why nothing reaches them; undefined: it does again. */
  readonly unreachable: string | undefined;
  /** When that was, epoch ms, where the channel says; a word from before their last activity is out of date. */
  readonly at?: number | undefined;
}

/** Something happened at a desk; on a conversation without a live session it changes nothing. */
export interface AtDesk {
  readonly type: 'desk';
  readonly change: DeskChange;
  /** Fingerprint of the activity that tells of it, if one does. */
  readonly id?: string | undefined;
  /** By a turn's own handler: no session expires meanwhile. */
  readonly inTurn?: true | undefined;
}

/** The contact is to be forgotten: the live session ends, and nothing of it is kept. */
export interface Erased {
  readonly type: 'erased';
  /** When the erasure was asked for, epoch ms; a contact that was erased since stays as they are. */
  readonly at: number;
  readonly by: string;
}

/** Effects that have happened. */
export interface Delivered {
  readonly type: 'delivered';
  readonly ids: readonly string[];
  /** What is left of effects whose hooks have run. */
  readonly left: readonly Effect[];
  /** Auth profiles that a closing script cleared. */
  readonly profiles: readonly string[];
}

export interface Transition {
  readonly record: ConversationRecord;
  /** To be told once the record is saved. */
  readonly events: readonly SessionEvent[];
  readonly verdict: Verdict;
}

/**
 * What the shell does with an activity.
 * - `run`: the bot's handler gets it, in this record's session. `counts` is false where it joins a turn already counted.
 * - `consume`: a command; the handler does not run, the user is told.
 * - `desk`: people answer in this session; the handler does not run, the desk gets the activity.
 * - `drop`: handled before. `quiet`: a second form of a post whose command was taken; not even an event.
 * - `classify`: whether the user comes back with the same intent must be asked first; nothing has changed yet.
 * - `pass`: no business of a session.
 */
export type Verdict =
  | { readonly do: 'run'; readonly counts: boolean; readonly lateBy: number }
  | { readonly do: 'desk'; readonly lateBy: number }
  | { readonly do: 'consume'; readonly command: CommandName }
  | { readonly do: 'drop'; readonly quiet: boolean }
  | { readonly do: 'classify' }
  | { readonly do: 'pass' };

/** A change that is no answer to an activity. */
export function pass(step: Step): Transition {
  return { ...step, verdict: { do: 'pass' } };
}
