import { aliasKeyOf } from './core/activity.ts';
import { type ConversationRecord, newRecord } from './core/conversation.ts';
import type { Job } from './job.ts';
import { probe } from './probe.ts';
import type { Held } from './records.ts';
import type { Shell } from './shell.ts';
import { sealingContext } from './vault.ts';

/**
 * Where a conversation is new and its person is known by another name too: takes over the record kept under that name, session and all,
 * and leaves a signpost there, for activities that only know the other name.
 * Only a new record pays for it. The record is saved under its new key before the signpost is set, so that a crash in between loses nothing.
 */
export async function adopt(shell: Shell, job: Job, held: Held, other = otherKeyOf(job)): Promise<Held> {
  if (held.record !== null || other === undefined || other === job.key) return held;
  const place = { ...job, key: other };
  const slot = shell.boxes.aside();
  try {
    const old = await shell.book.begin(place, slot);
    // Somebody is talking under the other name right now, and goes on there.
    if (old === undefined) return held;
    const moved = old.record?.movedTo;
    if (moved !== undefined && moved !== job.key && job.about.kind === 'lifecycle') {
      // The vendor says it is the same person: their record is where the signpost leads. A message alone does not say so,
      // since numbers are given to other people.
      await shell.book.release(old.lease);
      return await adopt(shell, job, held, moved);
    }
    const known = moved === undefined && old.record !== null ? resealed(shell, old.record, other, job.key) : null;
    // A changed number is where to write from now on.
    const named = known && { ...known, names: [...(known.names ?? []).filter((name) => name !== other), other] };
    const addressed = named && job.about.kind === 'lifecycle' ? { ...named, address: job.address } : named;
    const kept = addressed && movedAtDesk(addressed, other, shell.clock.now());
    if (kept !== null) await shell.book.save(job, held.lease, kept);
    await shell.book.commit(place, old.lease, { ...newRecord(), movedTo: job.key });
    return { lease: held.lease, record: kept };
  } finally {
    slot.leave();
    probe('ended', place);
  }
}

/** The desk that owns a session is to see it under its new key. */
function movedAtDesk(record: ConversationRecord, from: string, now: number): ConversationRecord {
  const { session, outbox = [] } = record;
  if (session?.handover === undefined) return record;
  return { ...record, outbox: [...outbox, { id: `${session.id}:${from}`, at: now, desk: session.handover.desk, from }] };
}

/** Tokens are sealed for their place, so they are sealed again for the new one. What cannot be read now stays as unreadable as it is. */
function resealed({ vault }: Shell, record: ConversationRecord, from: string, to: string): ConversationRecord {
  const auth = Object.entries(record.auth).map(([profile, sealed]) => {
    try {
      return [profile, vault.seal(vault.open(sealed, sealingContext(from, profile)), sealingContext(to, profile))];
    } catch {
      return [profile, sealed];
    }
  });
  return { ...record, auth: Object.fromEntries(auth) };
}

function otherKeyOf(job: Job): string | undefined {
  return aliasKeyOf(job.about, job.endpoint, job.policy.scope);
}
