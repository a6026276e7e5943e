import { after } from './clock.ts';
import { type ConversationRecord, newRecord } from './core/conversation.ts';
import { type Draft, unchanged } from './draft.ts';
import { idsOf, type Job } from './job.ts';
import type { Slot } from './mailbox.ts';
import type { Held } from './records.ts';
import type { Shell } from './shell.ts';

/** A turn is noted when this part of its vendor's patience is over: before a redelivery elsewhere can run out of its own. */
const notedAfter = 0.75;

/**
 * Notes in the stored record which messages a turn handles, should it last. A redelivery may reach another process, whose vendor cannot
 * wait until the turn is saved; there it finds that somebody has it in hand. Within one process the queue tells.
 * @returns calls it off
 */
export function noteInFlight({ store, clock, book }: Shell, job: Job, { lease, record }: Held, draft: Draft): () => void {
  const running = idsOf(job);
  if (store.capabilities.scope === 'process' || running.length === 0 || job.waitMs <= 0) return () => {};
  const ms = Math.max(0, job.arrivedAt + job.waitMs * notedAfter - clock.now());
  return after(clock, ms, () => {
    // Not noted, it is at worst handled twice. What the handler has changed so far is saved with its turn only.
    book.save(job, lease, { ...unchanged(record ?? newRecord(), draft), running }).catch(() => {});
  });
}

/** Whether a delivery repeats one that is being handled at this moment, here or in another process. */
export function isInFlight(job: Job, slot: Slot, record: ConversationRecord | null): boolean {
  return slot.repeats || idsOf(job).some((id) => record?.running?.includes(id));
}
