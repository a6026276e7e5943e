import { aliasKeyOf } from './core/activity.ts';
import { newRecord } from './core/conversation.ts';
import type { Job } from './job.ts';
import type { Held } from './records.ts';
import type { Shell } from './shell.ts';

/**
 * Where a conversation is new and its person is known by another name too: takes over the record kept under that name, session and all,
 * and leaves a signpost there, for activities that only know the other name.
 * Only a new record pays for it. The record is saved under its new key before the signpost is set, so that a crash in between loses nothing.
 */
export async function adopt(shell: Shell, job: Job, held: Held): Promise<Held> {
  const other = aliasKeyOf(job.about, job.endpoint, job.policy.scope);
  if (held.record !== null || other === undefined || other === job.key) return held;
  const place = { ...job, key: other };
  const ready = { ready: undefined, repeats: false, leave() {} };
  const old = await shell.book.begin(place, ready);
  // Somebody is talking under the other name right now: their turn comes first, and a later activity moves the record.
  if (old === undefined) return held;
  const kept = old.record?.movedTo === undefined ? old.record : null;
  if (kept !== null) await shell.book.save(job, held.lease, kept);
  await shell.book.commit(place, old.lease, { ...newRecord(), movedTo: job.key });
  return { lease: held.lease, record: kept };
}
