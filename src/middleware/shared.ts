import type { Outcome } from './adapter.ts';
import type { ConversationRecord } from './core/conversation.ts';
import type { Policy } from './core/policy.ts';
import { transition } from './core/transition.ts';
import { closeOf, verdictOf } from './exclusive.ts';
import type { Job } from './job.ts';
import type { Slot } from './mailbox.ts';
import type { Running } from './running.ts';
import { type Draft, sessionView } from './session-view.ts';
import { busy, realNow, type Shell, whereOf } from './shell.ts';

/** Work that has no vendor waiting for it may wait this long for a busy conversation, ms. */
export const patienceMs = 60_000;

/**
 * The turn of a vendor that cannot wait any longer: the bot runs beside the turn that holds the conversation, on what was saved last.
 * Its own changes, and what the activity itself does to the session, are saved when the lease comes.
 * Gives the slot up itself.
 */
export async function shared(shell: Shell, job: Job, slot: Slot, record: ConversationRecord | null): Promise<Outcome> {
  if (slot.repeats) {
    shell.tell(job, [{ type: 'duplicate' }]);
    await shell.answer(job, { consumed: [], dropped: job.delivery.activities }, true);
    slot.leave();
    return { verdict: 'drop', saved: Promise.resolve(true) };
  }
  // Nothing expires while a handler of the same conversation runs.
  const taken = shell.decide(job, record, { policy: undying(job.policy) });
  if (taken.deliver.length === 0) {
    await shell.answer(job, taken, true);
    return { verdict: verdictOf(taken), saved: afterwards(shell, job, slot, false, []) };
  }
  const { saved } = await shell.stage.conduct({
    job,
    record: taken.record,
    state: 'shared',
    activities: taken.deliver,
    counts: taken.counts,
    lateBy: taken.lateBy,
    work: job.delivery.run,
    async settle({ end, updates }, failed) {
      end();
      // The host has its answer to give: the save follows when the lease comes.
      void afterwards(shell, job, slot, failed, updates);
      return true;
    },
  });
  return { verdict: 'run', saved };
}

/** Saves what a shared turn brings, once its lease comes. */
async function afterwards(shell: Shell, job: Job, slot: Slot, failed: boolean, updates: Running['updates']): Promise<boolean> {
  const { clock } = shell;
  try {
    const held = await shell.book.begin(job, slot, patienceMs);
    if (held === undefined) throw busy(job);
    const decidedAt = realNow();
    const taken = shell.decide(job, held.record);
    const { record, counts } = taken;
    const draft: Draft = { record, policy: job.policy, key: job.key, counts, now: clock.now, state: 'open', closing: undefined };
    if (taken.deliver.length > 0 && !failed) {
      for (const update of updates) {
        try {
          update(sessionView(draft, shell.vault));
        } catch (error) {
          shell.report(error, whereOf(job));
        }
      }
    }
    const next = failed
      ? transition(record, { type: 'failed', seen: taken.seenWithoutDelivered }, job.policy, clock.now())
      : transition(draft.record, { type: 'returned', counts, close: closeOf(draft) }, job.policy, clock.now());
    return await shell.save(job, held, next.record, [
      [taken.events, decidedAt],
      [next.events, realNow()],
    ]);
  } catch (error) {
    shell.report(error, whereOf(job));
    return false;
  } finally {
    slot.leave();
  }
}

function undying(policy: Policy): Policy {
  return { ...policy, expiration: { levels: [{ level: 'default', ms: 0 }], capMs: 0 } };
}
