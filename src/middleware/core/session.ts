import type { CommandName } from './activity.ts';
import type { Meter } from './billing.ts';
import type { Closing } from './closing.ts';
import type { Carried } from './conversation.ts';
import type { Handover } from './desk.ts';

/** One uninterrupted stretch of a conversation, as it is stored. Times are epoch milliseconds. */
export interface SessionState {
  readonly id: string;
  readonly startReason: StartReason;
  /** The session before this one. */
  readonly previous?: EndedSession | undefined;
  readonly startedAt: number;
  readonly lastActivityAt: number;
  /** Committed turns whose handler returned. */
  readonly turns: number;
  /** Activities of the user that reached the bot; absent for none. */
  readonly messagesIn?: number | undefined;
  /** Messages to the user that somebody saw; absent for none. */
  readonly messagesOut?: number | undefined;
  /** Lines of its transcript so far. */
  readonly lines?: number | undefined;
  /** What is billed by turns; absent before the first. */
  readonly meter?: Meter | undefined;
  /** False until the first user message, then true for good. */
  readonly interactive: boolean;
  /** Set at the start, fixed. Never billed. */
  readonly developer: boolean;
  /** The bot's own data. */
  readonly data: unknown;
  /** The dialogs that are open, the outermost first. */
  readonly dialog: readonly DialogFrame[];
  /** How often the user has discarded dialogs; absent for never. */
  readonly discards?: number | undefined;
  readonly tags: Tags;
  readonly sentiment?: number | undefined;
  /** Own expiration in milliseconds, set at run time; 0 = never. */
  readonly expiresAfterMs?: number | undefined;
  /** What came of it, in the bot's words: resolved, escalated, abandoned … */
  readonly outcome?: string | undefined;
  /** The last warning of this idle period: how long before the deadline it stood, milliseconds. */
  readonly warnedMs?: number | undefined;
  /** How much later than by the clock alone this idle period ends, because a closing hook asked for it. Milliseconds. */
  readonly extendedMs?: number | undefined;
  /** A proactive close under way. */
  readonly closing?: Closing | undefined;
  /** People answer; absent: the bot does. */
  readonly handover?: Handover | undefined;
  /** The last agent who had it. */
  readonly agent?: string | undefined;
  /** Counts what happened to it at desks; absent for nothing. */
  readonly deskRevision?: number | undefined;
  /** Replies of agents that were due at a time. */
  readonly replies?: { readonly met: number; readonly missed: number } | undefined;
}

/** Why a session began. */
export type StartReason = 'first' | 'expired' | 'refresh' | 'closed' | 'bot';

/** Why a session ended. */
export type CloseReason =
  | 'inactivity'
  | 'refresh'
  | 'user_command'
  | 'bot'
  | 'agent'
  | 'agent_inactivity'
  | 'admin'
  | 'api'
  | 'max_duration'
  | 'max_turns'
  | 'erased'
  | 'error';

export interface EndedSession {
  readonly id: string;
  readonly reason: CloseReason;
  /** For `inactivity` the deadline, otherwise the moment of the close. */
  readonly endedAt: number;
}

export interface DialogFrame {
  readonly id: string;
  readonly state?: unknown;
}

export interface Tags {
  readonly current: readonly string[];
  /** Earlier sets of tags, the oldest first. */
  readonly historic: readonly (readonly string[])[];
}

/** What a session is born with. */
export interface Birth {
  readonly id: string;
  readonly startReason: StartReason;
  readonly previous: EndedSession | undefined;
  readonly at: number;
  readonly data: unknown;
  readonly developer: boolean;
  readonly carry?: ((before: Carried) => Partial<Carried>) | undefined;
}

export function newSession(birth: Birth): SessionState {
  return {
    id: birth.id,
    startReason: birth.startReason,
    ...(birth.previous === undefined ? {} : { previous: birth.previous }),
    startedAt: birth.at,
    lastActivityAt: birth.at,
    turns: 0,
    interactive: false,
    developer: birth.developer,
    data: birth.data,
    dialog: [],
    tags: { current: [], historic: [] },
  };
}

/** The session after activity at `at`: a new idle period. The clock never moves backwards. */
export function touched(session: SessionState, at: number): SessionState {
  const lastActivityAt = Math.max(session.lastActivityAt, at);
  if (session.warnedMs === undefined && session.extendedMs === undefined) return { ...session, lastActivityAt };
  const { warnedMs: _armed, extendedMs: _again, ...rest } = session;
  return { ...rest, lastActivityAt };
}

/**
 * The session after `discard` (the current dialog goes, the last historic tags come back) or `discard all`
 * (all dialogs, all tags and the sentiment go). Variables and auth stay.
 */
export function discarded(session: SessionState, command: Exclude<CommandName, 'refresh'>): SessionState {
  const discards = (session.discards ?? 0) + 1;
  if (command === 'discard') {
    const current = session.tags.historic.at(-1) ?? [];
    return { ...session, discards, dialog: session.dialog.slice(0, -1), tags: { current, historic: [] } };
  }
  const { sentiment: _reset, ...rest } = session;
  return { ...rest, discards, dialog: [], tags: { current: [], historic: [] } };
}

/** A new set of tags; the present one, unless empty, becomes the last historic entry. */
export function retagged(tags: Tags, current: readonly string[]): Tags {
  return { current, historic: tags.current.length === 0 ? tags.historic : [...tags.historic, tags.current] };
}
