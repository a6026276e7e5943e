import type { Calendar, CalendarSettings } from './calendar.ts';
import { type Duration, describeMs, toMs } from './duration.ts';
import { type Text, type TextRules, textRules } from './message.ts';
import type { Problem } from './policy.ts';

/**
 * Timers for conversations that a person has taken over. Each is off until it is set. While one of them is on, a hand-over suspends
 * the expiration by the user's silence; only a cap of the organisation goes on running.
 */
export interface AgentSettings {
  /** Closes a session this long after the agent's last message. @default off */
  readonly closeAfter?: Duration | undefined;
  /** Sent when it does. @default none */
  readonly closingMessage?: Text | false | undefined;
  /** A reply of the customer calls that close off; `false`: it comes however often they write. @default true */
  readonly cancelOnReply?: boolean | undefined;
  /** Hands a conversation to another agent when its own has not answered for this long. @default off */
  readonly reassignAfter?: Duration | undefined;
  /** Within what time a customer is to be answered, counted from their oldest unanswered message. @default off */
  readonly replyWithin?: Duration | undefined;
  /** How long before that the agent is warned. @default off */
  readonly warnBefore?: Duration | undefined;
  /** When people work; `reassignAfter`, `replyWithin` and `warnBefore` count working time. @default around the clock */
  readonly calendar?: CalendarSettings | undefined;
}

/** The same, effective. Durations in milliseconds, 0 = off. */
export interface AgentRules {
  /** Whether any of the timers is on. */
  readonly on: boolean;
  readonly closeAfterMs: number;
  readonly message: TextRules | undefined;
  readonly cancelOnReply: boolean;
  readonly reassignAfterMs: number;
  readonly replyWithinMs: number;
  readonly warnBeforeMs: number;
  readonly calendar: Calendar | undefined;
}

/** Makes working time of settings; a text says what is wrong with them. */
export type CalendarOf = (settings: CalendarSettings) => Calendar | string;

/** A wait is handed on at most this often; then it is everybody's. */
export const mostReassignments = 3;

/** Settings turned into rules, with every problem found. */
export function agentRules(
  settings: AgentSettings,
  calendarOf: CalendarOf | undefined,
): { readonly rules: AgentRules; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const say = (name: string, message: string) => void problems.push({ setting: `agents.${name}`, message });
  const read = (name: 'closeAfter' | 'reassignAfter' | 'replyWithin' | 'warnBefore'): number => {
    const value = settings[name];
    const ms = value === undefined ? 0 : toMs(value);
    if (ms === undefined) say(name, `${JSON.stringify(value) ?? String(value)} is not a duration.`);
    return ms ?? 0;
  };
  const closeAfterMs = read('closeAfter');
  const reassignAfterMs = read('reassignAfter');
  const replyWithinMs = read('replyWithin');
  const warnBeforeMs = read('warnBefore');
  const { closingMessage = false, cancelOnReply = true, calendar: hours } = settings;
  const message = closingMessage === false ? undefined : textRules(closingMessage);
  if (closingMessage !== false && message === undefined) say('closingMessage', 'It holds an empty text.');
  if (message !== undefined && closeAfterMs === 0) say('closingMessage', 'It is sent by closeAfter, which is off.');
  if (warnBeforeMs > 0 && warnBeforeMs >= replyWithinMs)
    say(
      'warnBefore',
      `${describeMs(warnBeforeMs)} before is not before a reply that is due within ${describeMs(replyWithinMs)}.`,
    );
  const calendar = hours === undefined ? undefined : calendarOf?.(hours);
  if (typeof calendar === 'string') say('calendar', calendar);
  return {
    rules: {
      on: closeAfterMs > 0 || reassignAfterMs > 0 || replyWithinMs > 0,
      closeAfterMs,
      message,
      cancelOnReply,
      reassignAfterMs,
      replyWithinMs,
      warnBeforeMs,
      calendar: typeof calendar === 'object' ? calendar : undefined,
    },
    problems,
  };
}
