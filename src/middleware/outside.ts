import { randomUUID } from 'node:crypto';
import { resultOf } from './closer.ts';
import { type Activity, isSystemKey, partsOf } from './core/activity.ts';
import type { Address, ConversationRecord } from './core/conversation.ts';
import type { Policy } from './core/policy.ts';
import { AdjournError } from './errors.ts';
import { type Job, newJob, patienceMs } from './job.ts';
import { sendTo } from './sending.ts';
import type { Shell } from './shell.ts';
import { spoken, transcribed, type Utterance } from './transcript.ts';

/**
 * A job without a request behind it: of the worker, of `sessions.run`. Its replies go to the stored address.
 * @param type what it is called where an activity would say what it is
 */
export function jobOutside(shell: Shell, key: string, type: string, address: Address | undefined): Job {
  const { channel, endpoint, conversation, user } = partsOf(key);
  const kind = user === undefined ? 'direct' : 'shared';
  const about: Activity = {
    kind: 'lifecycle',
    type,
    channel,
    conversation: address?.conversation ?? { id: conversation, kind },
    user: address?.user ?? user,
  };
  const reply = async (message: unknown) => {
    const where = { channel, endpoint, key, user: about.user };
    const sent = await sendTo(shell, where, address, { message, idempotencyKey: randomUUID() });
    const text = typeof message === 'string' ? message : undefined;
    shell.stage.current(key)?.said.push(spoken({ text, delivery: resultOf(sent) }, 'bot', shell.clock.now()));
    if (sent.outcome === 'sent') return sent.id;
    if (sent.reason !== 'no_sender' && sent.reason !== 'no_address') {
      throw new AdjournError('ADJ_SEND_FAILED', `${sent.outcome}: ${sent.reason}.`, { where: key });
    }
    throw new AdjournError('ADJ_NO_SENDER', address ? 'No adapter that can send later is mounted.' : 'No address is known yet.', {
      where: key,
      hint: 'Mount the channel’s adapter in this process, and open the session with its address.',
    });
  };
  const nothing = async () => {};
  const answers = { run: nothing, pass: nothing, consumed: nothing, duplicate: nothing };
  const job = newJob({ activities: [about], hosts: [], host: undefined, reply, ...answers }, about, {
    channel,
    endpoint,
    key,
    policy: shell.settings.policy(channel, endpoint),
    arrivedAt: shell.clock.now(),
    waitMs: patienceMs,
  });
  return address === undefined ? job : { ...job, address };
}

/** A conversation's policy, and its record as it was saved last. @throws AdjournError `ADJ_NO_SESSION` for a key that is none, `STORE_UNAVAILABLE` */
export async function lookUp(
  shell: Shell,
  key: string,
): Promise<{ readonly policy: Policy; readonly record: ConversationRecord | undefined }> {
  if (isSystemKey(key)) throw new AdjournError('ADJ_NO_SESSION', 'The key names no conversation.', { where: key });
  await shell.settled();
  const { channel, endpoint } = partsOf(key);
  const page = await shell.store.find({ keys: [key], limit: 1 });
  const record = (page.records[0]?.record ?? undefined) as ConversationRecord | undefined;
  if (record?.movedTo !== undefined) return lookUp(shell, record.movedTo);
  return { policy: shell.settings.policy(channel, endpoint), record };
}

/** A job in a conversation whose address is the stored one. @throws AdjournError `STORE_UNAVAILABLE` */
export async function storedJob(shell: Shell, key: string, type: string): Promise<Job> {
  const { record } = await lookUp(shell, key);
  return jobOutside(shell, key, type, record?.address);
}

/** Writes down what the bot said outside any turn, in the session that is live there; where none is, it belongs to none. */
export async function overhear(shell: Shell, key: string, line: Utterance): Promise<void> {
  const job = await storedJob(shell, key, 'said');
  await shell.underLease(job, async ({ lease, record }) => {
    const { record: told, lines } = record ? transcribed(job, record, [line]) : { record, lines: [] };
    if (told === null || lines.length === 0) return shell.book.release(lease);
    await shell.book.commit(job, lease, told);
    shell.scribe.note(lines);
  });
}
