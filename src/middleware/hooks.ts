import { type Clock, within } from './clock.ts';
import type { Carried } from './core/conversation.ts';
import type { Duration } from './core/duration.ts';
import type { EndpointSettings, OrganizationSettings } from './core/policy.ts';
import type { CloseReason, StartReason } from './core/session.ts';
import { AdjournError } from './errors.ts';
import type { Session, Turn } from './turn.ts';

/** An endpoint's own functions. A hook that throws or takes too long is recorded, and never holds anything up. */
export interface Hooks<Data = unknown> {
  /** Runs in the turn that begins a session, before the bot's handler; may greet. Also for sessions the bot begins itself. */
  readonly onSessionStart?: ((turn: Turn<Data>, reason: StartReason) => unknown) | undefined;
  /** Runs first when a session closes; a proactive close may be put off once, by `close.extend(minutes)`. Limit: 5 seconds. */
  readonly onClosing?: ((session: Session<Data>, close: ClosingContext) => unknown) | undefined;
  /** The custom script, after the closing message. Sees a read-only session, may clear auth profiles. Limit: 5 seconds. */
  readonly onClose?: ((session: Session<Data>, close: CloseContext) => unknown) | undefined;
  /**
   * Whether a message that finds its lazy session expired goes on with it. `same` continues it; anything else, an error or no answer
   * in 2 seconds begins a new one. `turn.session` is the expired one, read-only.
   */
  readonly classifyReturn?: ((turn: Turn<Data>) => ReturnKind | Promise<ReturnKind>) | undefined;
}

export type ReturnKind = 'same' | 'new' | 'invalid';

/** What a closing script is told. */
export interface CloseContext {
  /** The same whenever this close's hooks run: they run again only if their process died in their middle. */
  readonly id: string;
  readonly reason: CloseReason;
  /** Epoch ms. */
  readonly endedAt: number;
}

export interface ClosingContext extends CloseContext {
  /**
   * Gives the session more time instead of closing it: at most once per idle period, and only in a proactive close.
   * @throws AdjournError `ADJ_CONFIG_INVALID`
   */
  extend(by: Duration): void;
}

/** Functions among the settings that are no hooks. */
export interface SettingFunctions<Data = unknown> {
  readonly closingMessage?: ((session: Session<Data>) => string | undefined | Promise<string | undefined>) | undefined;
  readonly carryOver?: ((before: Carried) => Partial<Carried>) | undefined;
  readonly developer?: ((contact: string | undefined) => boolean) | undefined;
}

/** All functions of one endpoint, as the shell calls them. */
export type EndpointFunctions = Hooks<never> & SettingFunctions<never>;

/** An endpoint's settings and functions, as `createSessions` takes them. */
export type EndpointOptions<Data> = Omit<EndpointSettings, keyof SettingFunctions> &
  Hooks<Data> &
  WithFunctions<EndpointSettings, Data>;

/** The organisation's, which count where an endpoint has none of its own. */
export type OrganizationOptions<Data> = Omit<OrganizationSettings, keyof SettingFunctions> &
  Hooks<Data> &
  WithFunctions<OrganizationSettings, Data>;

/** Settings that are plain or a function. */
type WithFunctions<Settings, Data> = {
  readonly [Name in keyof SettingFunctions & keyof Settings]?: Settings[Name] | SettingFunctions<Data>[Name];
};

export const hookLimitMs = 5_000;
export const classifyLimitMs = 2_000;

/**
 * What a hook answers, within its time on session time.
 * @throws what it throws, or AdjournError `ADJ_HOOK_FAILED` when its time is over
 */
export function limited<T>(clock: Clock, name: string, limitMs: number, hook: () => T | Promise<T>): Promise<T> {
  const answer = (async () => hook())();
  return within(clock, limitMs, answer, () => {
    throw new AdjournError('ADJ_HOOK_FAILED', `${name} took longer than ${limitMs / 1_000} s.`, {
      hint: 'Do slow work elsewhere.',
    });
  });
}
