import { randomUUID } from 'node:crypto';
import type { TranscriptLine } from './archive.ts';
import { type Activity, isInput } from './core/activity.ts';
import { acknowledgementOf } from './core/commands.ts';
import type { ConversationRecord } from './core/conversation.ts';
import { activityTime } from './core/expiry.ts';
import type { Intake, Item } from './intake.ts';
import type { Job } from './job.ts';

/** Something that was said in a session: a line of its transcript before it has its place. */
export type Utterance = Pick<TranscriptLine, 'id' | 'at' | 'from' | 'agent' | 'type' | 'text' | 'delivery'>;

/** What left for the user, as an adapter or the shell saw it. */
export interface Said {
  /** `message` unless the vendor has a better word. @default 'message' */
  readonly type?: string | undefined;
  /** Absent for what is no text: a picture, a card. */
  readonly text?: string | undefined;
  /** @default 'sent' */
  readonly delivery?: TranscriptLine['delivery'];
}

/** A message to the user. */
export function spoken(said: Said, from: 'bot' | 'agent' | 'system', at: number, agent?: string): Utterance {
  const { type = 'message', text, delivery = 'sent' } = said;
  return { id: randomUUID(), at, from, type, text, delivery, ...(agent === undefined ? {} : { agent }) };
}

function heard(job: Job, counted: readonly Activity[]): Utterance[] {
  return job.items
    .filter(({ activity }) => isInput(activity) && counted.includes(activity))
    .map((item) => ({
      id: `in:${nameOf(item)}`,
      at: activityTime(item.activity, job.arrivedAt, job.policy),
      from: 'user',
      type: item.activity.type,
      text: textOf(item.activity),
    }));
}

/** What the user said, of a job's activities, with the answers that its commands get; then what was said to them. */
export function dialogue(
  job: Job,
  taken: Pick<Intake, 'consumed' | 'deliver'>,
  said: readonly Utterance[],
  now: number,
): Utterance[] {
  const commands = taken.consumed.filter(({ command }) => command !== undefined);
  const answers = commands.flatMap(({ activity, command }) => {
    const text = command && acknowledgementOf(command, activity.locale, job.policy.commands);
    return text === undefined ? [] : [spoken({ text }, 'system', now)];
  });
  // What came in is written down only where somebody asks for it; what went out is counted everywhere.
  if (!job.policy.history.transcripts) return [...answers, ...said];
  const activities = commands.map(({ activity }) => activity);
  return [...heard(job, activities), ...answers, ...heard(job, taken.deliver), ...said];
}

/** The record with the lines counted in its live session, and the lines in their places. Lines are made only where transcripts are on. */
export function transcribed(
  job: Job,
  record: ConversationRecord,
  utterances: readonly Utterance[],
): { readonly record: ConversationRecord; readonly lines: readonly TranscriptLine[] } {
  const { session } = record;
  if (session === undefined || utterances.length === 0) return { record, lines: [] };
  const out = utterances.filter(({ from }) => from !== 'user').length;
  const { lines: before = 0, messagesOut = 0 } = session;
  const isOn = job.policy.history.transcripts;
  if (!isOn && out === 0) return { record, lines: [] };
  const counted = { ...session, messagesOut: messagesOut + out, ...(isOn ? { lines: before + utterances.length } : {}) };
  const { channel, endpoint, key } = job;
  const place = { session: session.id, startedAt: session.startedAt, key, channel, endpoint };
  const lines = isOn ? utterances.map((one, index) => ({ ...one, ...place, order: before + index })) : [];
  return { record: { ...record, session: counted }, lines };
}

function nameOf({ id, post }: Item): string {
  return id ?? post ?? randomUUID();
}

function textOf(activity: Activity): string | undefined {
  switch (activity.kind) {
    case 'message':
      return activity.text;
    case 'postback':
      return activity.payload;
    case 'command':
      return activity.command;
    default:
      return undefined;
  }
}
