import { styleText } from 'node:util';
import { describeMs } from '../middleware/core/duration.ts';
import type { Explanation } from '../middleware/core/explain.ts';
import type { Line } from '../simulator/scenario/lines.ts';
import type { Played } from '../simulator/scenario/play.ts';

/** A run for people, one line per happening: when, where, and what people wrote, bots answered and sessions did, with the reason. */
export function story({ story: lines, why }: Pick<Played, 'story' | 'why'>): string[] {
  return lines.flatMap((one) => {
    const text = told(one, why);
    if (text === undefined) return [];
    return [
      `${styleText('dim', clockTime(String(one.at)))}  ${styleText('dim', String(one['endpoint'] ?? '').padEnd(16))} ${text}`,
    ];
  });
}

/** What one line says; undefined where it says nothing that people need. */
function told(one: Line, why: Played['why']): string | undefined {
  const user = String(one['user'] ?? 'somebody');
  switch (one.event) {
    case 'scene':
      return styleText('dim', `(${one['text']})`);
    case 'does':
      return `${styleText('bold', user)}: ${one['text']}`;
    case 'received':
      return `  ${styleText('cyan', 'bot')} → ${user}: ${one['text']}`;
    case 'delivered':
      return Number(one['status']) < 300 ? undefined : `  ${styleText('red', `the bot answered ${one['status']}`)}`;
    case 'opened':
      return `  ${styleText('green', 'session opened')} (${one['startReason']}) · ${reason(why.get(String(one['session'])))}`;
    case 'closed':
      return `  ${styleText('yellow', `session closed (${one['reason']})`)} ended ${clockTime(String(one['endedAt']))} after ${counted(one['turns'])}${because(one, why)}${announced(one['message'])}`;
    case 'warned':
      if (one['to'] === 'agent') return `  ${styleText('yellow', 'warning')} to ${whoOf(one)}: a reply is due soon`;
      return `  ${styleText('yellow', 'warning')} before the deadline: ${one['message']}`;
    case 'overdue':
      return `  ${styleText('yellow', 'overdue')}: a reply of ${whoOf(one)} was due at ${clockTime(String(one['dueAt']))}`;
    case 'reassigned':
      return `  ${styleText('yellow', 'reassigned')} from ${one['from']} to ${one['agent']}`;
    case 'escalated':
      return `  ${styleText('yellow', 'escalated')}: ${whoOf(one)} had it last; it is in the queue now`;
    case 'resumed':
      return `  ${styleText('green', 'session goes on')} past its deadline`;
    case 'command':
      return `  ${styleText('magenta', `command taken: ${one['command']}`)}`;
    case 'duplicate':
      return `  ${styleText('yellow', 'duplicate')}: handled before, dropped`;
    case 'late':
      return `  ${styleText('yellow', `late by ${describeMs(Number(one['lateBy']))}`)}`;
    default:
      return `  ${styleText('red', one.event)} ${one['code'] ?? ''}`;
  }
}

/** Whose conversation it is. */
function whoOf(one: Line): unknown {
  return one['agent'] ?? 'the queue';
}

function because(one: Line, why: Played['why']): string {
  if (one['reason'] !== 'inactivity') return '';
  return ` · ${reason(why.get(String(one['session'])))}`;
}

/** What became of the closing message, where there was to be one. */
function announced(message: unknown): string {
  return message === 'off' ? '' : ` · closing message: ${message}`;
}

/** The effective expiration and the level it came from. */
function reason(why: Explanation | undefined): string {
  if (why === undefined) return 'expiration unknown';
  const cap = why.cap?.applied ? `, capped by ${why.cap.from}` : '';
  return why.effectiveMs === 0
    ? `never expires (${why.level})`
    : `expires after ${describeMs(why.effectiveMs)} (${why.level}${cap})`;
}

function counted(turns: unknown): string {
  return turns === 1 ? '1 turn' : `${turns} turns`;
}

/** `10:29:59.999`; milliseconds only where there are any. */
function clockTime(instant: string): string {
  return instant.slice(11, 23).replace(/\.000$/, '');
}
