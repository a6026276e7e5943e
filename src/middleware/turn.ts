import type { Activity } from './core/activity.ts';
import type { Owner } from './core/desk.ts';
import type { Duration } from './core/duration.ts';
import type { Explanation } from './core/explain.ts';
import type { DialogFrame, EndedSession, StartReason, Tags } from './core/session.ts';

/** The handling of one activity in one session. In the plain middleware form: of one request's activities of one conversation. */
export interface Turn<Data = unknown> {
  readonly session: Session<Data>;
  /** What came in, without duplicates and consumed commands. */
  readonly activities: readonly Activity[];
  /** The last of `activities`. */
  readonly activity: Activity;
  readonly channel: string;
  readonly endpoint: string;
  /** Names the conversation in the store. */
  readonly key: string;
  /** The host's own object: Bolt's arguments, `TurnContext`, `{ req, res }`, one event of a batch. */
  readonly host: unknown;
  /** False where the turn runs beside another one of the conversation because its answer could not wait: change the session by `update`. */
  readonly exclusive: boolean;
  /** True while the store is out: the session is a throw-away one. */
  readonly degraded: boolean;
  /** By how many milliseconds the activity is late; 0: it is not. */
  readonly lateBy: number;
  /** Aborts when the lease is lost or the turn has taken longer than `turnTimeout`. */
  readonly signal: AbortSignal;
  /** Sends text, or the channel's own kind of message, to where the activity came from. */
  reply(message: unknown): Promise<unknown>;
  /** Keeps the turn open until `promise` settles. @throws AdjournError `ADJ_TURN_ENDED` */
  waitUntil(promise: Promise<unknown>): void;
  /** Changes the session of a turn that runs beside another one, once the lease comes. In an exclusive turn it runs at once. */
  update(change: (session: Session<Data>) => void): void;
  /** Marks the turn as failed without throwing; for the plain middleware form, where an error middleware may answer 200. */
  fail(error: unknown): void;
}

/** The session as the bot sees it. Changes are saved with the turn; writing after its end throws `ADJ_TURN_ENDED`. */
export interface Session<Data = unknown> {
  readonly id: string;
  /** Until the first turn of the session is saved. */
  readonly isNew: boolean;
  readonly startReason: StartReason;
  /** The session before this one. */
  readonly previous: EndedSession | undefined;
  /** Epoch ms, as all times. */
  readonly startedAt: number;
  readonly lastActivityAt: number;
  /** Turns of this session that reached the bot, the present one included. */
  readonly turnCount: number;
  readonly interactive: boolean;
  readonly developer: boolean;
  /** The bot's own data; change it in place or assign it. */
  data: Data;
  readonly dialog: Dialog;
  readonly tags: SessionTags;
  sentiment: number | undefined;
  /** What came of the session, in the bot's words: `resolved`, `escalated`, `abandoned` … */
  outcome: string | undefined;
  readonly variables: SessionVariables;
  readonly auth: SessionAuth;
  /** Own expiration for this session, still capped; null goes back to the endpoint's. @throws AdjournError `ADJ_CONFIG_INVALID` */
  expireAfter(expiration: Duration | null): void;
  /** Moves the clock of a session in which no user has written yet. */
  touch(): void;
  /** Ends the session when the turn ends, with reason `bot`. */
  close(options?: { readonly outcome?: string }): void;
  /** Who answers: while it is `queue` or `agent`, the user's messages go to the desk, not to the bot's handler. */
  readonly owner: Owner;
  /** Whose conversation it is, while an agent owns it. */
  readonly agent: string | undefined;
  /**
   * Gives the session to people when the turn ends; while an agent has it, nothing changes.
   * @param desk a desk's name, see `sessions.desk`
   * @param to to whomever the desk's rule chooses, to the queue until somebody takes it, or to one agent. @default 'rule'
   */
  handoff(desk: string, to?: HandoffTo): void;
  /** The effective expiration and every input to it. */
  explain(): Explanation;
}

export type HandoffTo = 'rule' | 'queue' | { readonly agent: string };

/** The stack of open dialogs. */
export interface Dialog {
  readonly stack: readonly DialogFrame[];
  /** The innermost one. */
  readonly current: DialogFrame | undefined;
  /** How often the user has discarded dialogs in this session: what is kept elsewhere by `session.id` and this goes with them. */
  readonly discards: number;
  push(id: string, state?: unknown): void;
  /** Replaces the innermost dialog's state. */
  set(state: unknown): void;
  pop(): DialogFrame | undefined;
  clear(): void;
}

export interface SessionTags extends Tags {
  /** Sets new current tags; the present ones become the last historic entry. */
  set(current: readonly string[]): void;
}

export interface SessionVariables {
  get(name: string): unknown;
  /**
   * @param options `ttl`: how long it can be read, counted from now (minutes, or text such as `'2h'`); it then survives a close.
   * `scope: 'contact'`: it survives closes and refreshes of this conversation. `profile`: it goes with that auth profile.
   */
  set(
    name: string,
    value: unknown,
    options?: { readonly ttl?: Duration; readonly scope?: 'session' | 'contact'; readonly profile?: string },
  ): void;
  delete(name: string): void;
  /** Those that can be read now. */
  names(): string[];
}

/** Tokens by auth profile. They outlive a close, not a refresh; never logged, exported or shown. */
export interface SessionAuth {
  set(profile: string, tokens: unknown): void;
  get(profile: string): unknown;
  profiles(): string[];
  /** Also removes the variables set with the profile. */
  clearAuthProfile(profile: string): void;
  clearAllAuthProfiles(): void;
}
