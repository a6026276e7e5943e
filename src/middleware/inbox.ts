import { randomUUID } from 'node:crypto';
import { newRecord } from './core/conversation.ts';
import type { Job } from './job.ts';
import { newJob } from './job.ts';
import type { Held } from './records.ts';
import { senderKey } from './sending.ts';
import type { Shell } from './shell.ts';

/**
 * Saves a message with its conversation before it is acknowledged (`inbox: 'durable'`), keeping the lease, where its host can do so.
 * @returns the job and what is held, as they go on
 */
export async function receive(shell: Shell, job: Job, held: Held): Promise<{ readonly job: Job; readonly held: Held }> {
  const { keep, accepted } = job.delivery;
  if (keep === undefined || job.receivedAs !== undefined) return { job, held };
  const id = randomUUID();
  const record = held.record ?? newRecord();
  const kept = { ...record, inbox: [...(record.inbox ?? []), { id, kept: keep, arrivedAt: job.arrivedAt }] };
  await shell.book.saveOrRelease(job, held.lease, kept);
  accepted?.();
  return { job: { ...job, receivedAs: id }, held: { ...held, record: kept } };
}

/**
 * The oldest message that was acknowledged by a process which died before its turn was saved. Whoever holds the lease now knows that:
 * a living process would still hold it.
 */
export function leftBehind(shell: Shell, job: Job, held: Held): Job | undefined {
  const [oldest] = held.record?.inbox ?? [];
  if (oldest === undefined) return undefined;
  const { channel, endpoint } = job;
  const replay = shell.replays.get(senderKey(channel, endpoint)) ?? shell.replays.get(senderKey(channel, undefined));
  const delivery = replay?.(oldest.kept);
  const about = delivery?.activities[0];
  if (delivery === undefined || about === undefined) return undefined;
  return { ...newJob(delivery, about, { ...job, arrivedAt: oldest.arrivedAt }), receivedAs: oldest.id };
}
