import { type Duration, describeMs, toMs } from './duration.ts';
import { type Text, type TextRules, textRules } from './message.ts';
import type { Problem } from './policy.ts';
import type { CloseReason } from './session.ts';

/** What became of the closing message. The part after the colon says why, in one word. */
export type MessageResult = 'sent' | 'off' | 'excluded' | 'unknown' | `skipped:${string}` | `failed:${string}`;

/** One step of a close: `due` is still to do, `off` was not asked for. */
export type StepState = 'due' | 'off' | 'done' | 'failed';

/**
 * A proactive close under way. It is saved before and between its steps, so that a crash loses nothing,
 * and a message is claimed by a save before it is sent, so that none is sent twice.
 */
export interface Closing {
  readonly reason: CloseReason;
  readonly endedAt: number;
  readonly hook: StepState;
  readonly message: MessageResult | 'due' | 'claimed';
  /** The vendor's id of the message, where it gave one. */
  readonly messageId?: string | undefined;
  readonly script: StepState;
  /** The message has a place in its endpoint's queue, and leaves when `retryAt` comes. */
  readonly paced?: true | undefined;
  /** How often the message was tried in vain. */
  readonly attempts?: number | undefined;
  /** When it may be tried again, epoch ms. */
  readonly retryAt?: number | undefined;
}

/** What a close does next. */
export type ClosingStep = 'hook' | 'message' | 'script' | 'clear';

export function nextStep(closing: Closing): ClosingStep {
  if (closing.hook === 'due') return 'hook';
  if (closing.message === 'due' || closing.message === 'claimed') return 'message';
  return closing.script === 'due' ? 'script' : 'clear';
}

/**
 * A close found half done, after a crash or when the vendor had put the message off. Whether a claimed message left is not known;
 * only a channel with a key for it may send again.
 * @param refusal why no message may be sent by now; undefined: it may
 */
export function resumed({ retryAt: _over, ...closing }: Closing, idempotentSend: boolean, refusal?: MessageResult): Closing {
  if (closing.message === 'due') return { ...closing, message: refusal ?? 'due' };
  if (closing.message !== 'claimed') return closing;
  return { ...closing, message: idempotentSend && refusal === undefined ? 'due' : 'unknown' };
}

/** How sessions of an endpoint close, as settings. Hooks stand beside them: these are plain data. */
export interface ClosingSettings {
  /** `lazy`: the next message finds the session expired. `proactive`: it is closed at its deadline. @default 'lazy' */
  readonly closing?: 'lazy' | 'proactive' | undefined;
  /** Sent when a session is closed proactively; several texts rotate. Can cost money on WhatsApp, LINE and SMS. @default none */
  readonly closingMessage?: Text | false | undefined;
  /** Who gets it: only people who wrote in the session, or everybody. @default 'interactive' */
  readonly closingMessageTo?: 'interactive' | 'all' | undefined;
  /** How many closing messages a second leave this endpoint, beyond a burst of ten; the rest follow later. 0: all at once. @default the channel's */
  readonly sendRate?: number | undefined;
  /** Up to three messages before the deadline, each once per idle period. @default none */
  readonly warnings?: readonly { readonly before: Duration; readonly message: Text }[] | undefined;
  /** How long after its deadline an intent classifier may continue a session; null: however late. @default 24 hours */
  readonly continueWithin?: Duration | null | undefined;
  /** Ends a session that has lasted this long, however lively. @default never */
  readonly maxDuration?: Duration | undefined;
  /** Ends a session after this many turns. @default 0, no limit */
  readonly maxTurns?: number | undefined;
  /** Clears all auth profiles at a close. @default false */
  readonly clearAuthProfiles?: boolean | undefined;
  /** What a new session takes from the one before: nothing, everything, or the named members of its data. @default 'none' */
  readonly carryOver?: 'none' | 'all' | readonly string[] | undefined;
  /** Expirations that this endpoint accepts; for presets. */
  readonly expirationRange?: { readonly min: Duration; readonly max: Duration } | undefined;
}

/** The same, effective. Durations in milliseconds. */
export interface ClosingRules {
  readonly mode: 'lazy' | 'proactive';
  /** `function`: the shell asks the endpoint's function. */
  readonly message: TextRules | 'function' | undefined;
  readonly messageTo: 'interactive' | 'all';
  /** Messages a second; undefined: as the channel takes them. */
  readonly sendRate: number | undefined;
  /** The earliest first. */
  readonly warnings: readonly { readonly beforeMs: number; readonly message: TextRules }[];
  /** Infinity is written as null. */
  readonly continueWithinMs: number | null;
  readonly maxDurationMs: number;
  readonly maxTurns: number;
  readonly clearAuthProfiles: boolean;
  readonly carryOver: 'none' | 'all' | 'function' | readonly string[];
}

/** What the policy adds: which channels the message is kept from. */
export interface Excludable {
  /** The organisation keeps its message from this channel. */
  readonly excluded: boolean;
  /** On a channel that relays others: the organisation's list, since each network counts for itself. */
  readonly channels?: ChannelList | undefined;
}

export type ChannelList = { readonly include: readonly string[] } | { readonly exclude: readonly string[] };

/** Whether a list leaves a channel out, by any of its names. */
export function leavesOut(list: ChannelList | undefined, ...names: readonly (string | undefined)[]): boolean {
  if (list === undefined) return false;
  const known = names.filter((name) => name !== undefined);
  return 'include' in list
    ? !known.some((name) => list.include.includes(name))
    : known.some((name) => list.exclude.includes(name));
}

export const closingDefaults = Object.freeze({
  closing: 'lazy',
  closingMessageTo: 'interactive',
  continueWithinMs: 24 * 3_600_000,
  carryOver: 'none',
} as const);

const mostWarnings = 3;

/** Settings that the endpoint gives as functions; the shell calls them. */
export interface ClosingFunctions {
  readonly closingMessage: boolean;
  readonly carryOver: boolean;
}

/** Settings turned into rules, with every problem found. `expirationMs` is the effective expiration, 0 = never. */
export function closingRules(
  settings: ClosingSettings,
  expirationMs: number,
  functions: ClosingFunctions,
): { rules: ClosingRules; problems: Problem[] } {
  const problems: Problem[] = [];
  const say = (setting: string, message: string) => void problems.push({ setting, message });
  const mode = settings.closing ?? closingDefaults.closing;
  const { closingMessage = false, warnings = [], continueWithin } = settings;
  const text = closingMessage === false ? undefined : textRules(closingMessage);
  const message = functions.closingMessage ? 'function' : text;
  if (closingMessage !== false && message === undefined) say('closingMessage', 'It holds an empty text.');
  if (message !== undefined && mode === 'lazy') {
    say('closingMessage', "A lazy close happens when the user is back already; a closing message needs closing: 'proactive'.");
  }
  const { sendRate = 0 } = settings;
  if (!Number.isFinite(sendRate) || sendRate < 0) say('sendRate', `${sendRate} is not a number of messages a second.`);
  if (warnings.length > mostWarnings) say('warnings', `${warnings.length} steps are more than ${mostWarnings}.`);
  const steps = warnings.map(({ before, message: text }, index) => {
    const beforeMs = toMs(before);
    const texts = textRules(text);
    const setting = `warnings[${index}]`;
    if (beforeMs === undefined || beforeMs === 0)
      say(setting, `${JSON.stringify(before) ?? String(before)} is not a time before the deadline.`);
    else if (expirationMs === 0) say(setting, 'A session that never expires has no deadline to warn of.');
    else if (beforeMs >= expirationMs)
      say(setting, `${describeMs(beforeMs)} before is not before a deadline of ${describeMs(expirationMs)}.`);
    if (texts === undefined) say(setting, 'It holds an empty text.');
    return { beforeMs: beforeMs ?? 0, message: texts ?? {} };
  });
  const range = settings.expirationRange;
  const [min = 0, max = Number.POSITIVE_INFINITY] = range === undefined ? [] : [toMs(range.min), toMs(range.max)];
  if (expirationMs !== 0 ? expirationMs < min || expirationMs > max : range !== undefined) {
    say(
      'expiration',
      `${describeMs(expirationMs)} is outside the range of its preset, ${describeMs(min)} to ${describeMs(max)}.`,
    );
  }
  const duration = (setting: 'maxDuration' | 'continueWithin', value: Duration, otherwise: number): number => {
    const ms = toMs(value);
    if (ms === undefined) say(setting, `${JSON.stringify(value) ?? String(value)} is not a duration.`);
    return ms ?? otherwise;
  };
  const { maxTurns = 0, carryOver = closingDefaults.carryOver } = settings;
  if (!Number.isInteger(maxTurns) || maxTurns < 0) say('maxTurns', `${maxTurns} is not a number of turns.`);
  return {
    rules: {
      mode,
      message,
      sendRate: settings.sendRate,
      messageTo: settings.closingMessageTo ?? closingDefaults.closingMessageTo,
      warnings: steps.sort((a, b) => b.beforeMs - a.beforeMs),
      continueWithinMs:
        continueWithin === null ? null : duration('continueWithin', continueWithin ?? '24h', closingDefaults.continueWithinMs),
      maxDurationMs: duration('maxDuration', settings.maxDuration ?? 0, 0),
      maxTurns,
      clearAuthProfiles: settings.clearAuthProfiles ?? false,
      carryOver: functions.carryOver ? 'function' : carryOver,
    },
    problems,
  };
}
