import type { Outcome } from './adapter.ts';
import type { ConversationRecord } from './core/conversation.ts';
import type { Policy } from './core/policy.ts';
import { transition } from './core/transition.ts';
import { newDraft } from './draft.ts';
import { closeOf, hostsOf, verdictOf, workOf } from './exclusive.ts';
import { isInFlight } from './in-flight.ts';
import type { Intake } from './intake.ts';
import { type Job, patienceMs } from './job.ts';
import type { Slot } from './mailbox.ts';
import type { Running } from './running.ts';
import { sessionView } from './session-view.ts';
import { busy, realNow, type Shell, whereOf } from './shell.ts';
import { dialogue, transcribed } from './transcript.ts';

/**
 * The turn of a vendor that cannot wait any longer: the bot runs beside the turn that holds the conversation, on what was saved last.
 * Its own changes, and what the activity itself does to the session, are saved when the lease comes: it keeps its place in the queue,
 * so that they follow what came before it and precede what came after it. Gives the slot up itself.
 */
export async function shared(shell: Shell, job: Job, slot: Slot, record: ConversationRecord | null): Promise<Outcome> {
  if (isInFlight(job, slot, record)) {
    shell.tell(job, [{ type: 'duplicate' }]);
    await shell.answer(job, { consumed: [], dropped: job.delivery.activities }, true);
    slot.leave();
    return { verdict: 'drop', saved: Promise.resolve(true) };
  }
  // Nothing expires while a handler of the same conversation runs.
  const taken = shell.decide(job, record, { policy: undying(job.policy) });
  if (taken.deliver.length === 0) {
    await shell.answer(job, taken, true);
    if (taken.record === record) {
      // All of it was handled and saved before: there is nothing to wait for.
      shell.tell(job, taken.events);
      slot.leave();
      return { verdict: verdictOf(taken), saved: Promise.resolve(true) };
    }
    return { verdict: verdictOf(taken), saved: afterwards(shell, job, slot, taken, false, { updates: [], said: [] }) };
  }
  const { saved } = await shell.stage.conduct({
    job,
    hosts: hostsOf(job, taken),
    record: taken.record,
    state: 'shared',
    activities: taken.deliver,
    counts: taken.counts,
    lateBy: taken.lateBy,
    work: workOf(shell, job, taken),
    async settle({ end, updates, said }, failed) {
      end();
      if (taken.to === 'desk' && !failed) await shell.answer(job, taken, true);
      // The host has its answer to give: the save follows when the lease comes.
      void afterwards(shell, job, slot, taken, failed, { updates, said });
      return true;
    },
  });
  return taken.to === 'bot' ? { verdict: 'run', saved } : { verdict: 'consume', saved: Promise.resolve(await saved) };
}

/**
 * Saves what a shared turn brings, once its lease comes.
 * @param ran what was decided when it ran: who has had it
 */
async function afterwards(
  shell: Shell,
  job: Job,
  slot: Slot,
  ran: Intake,
  failed: boolean,
  { updates, said }: Pick<Running, 'updates' | 'said'>,
): Promise<boolean> {
  const { clock } = shell;
  try {
    const held = await shell.book.begin(job, slot, patienceMs);
    if (held === undefined) throw busy(job);
    const decidedAt = realNow();
    const taken = shell.decide(job, held.record);
    const { record } = taken;
    // People may have taken over, or given back, meanwhile.
    const counts = ran.to === 'bot' && (taken.to === 'bot' ? taken.counts : ran.counts);
    const events = taken.events.filter(({ type }) => type !== 'customer_wrote' || ran.to === 'desk');
    const draft = newDraft(job, { record, state: 'open', counts }, shell);
    if (taken.deliver.length > 0 && !failed) {
      for (const update of updates) {
        try {
          update(sessionView(draft, shell.vault));
        } catch (error) {
          shell.report(error, whereOf(job));
        }
      }
    }
    const { record: told, lines } = transcribed(job, failed ? record : draft.record, dialogue(job, taken, said, clock.now()));
    const next = failed
      ? transition(told, { type: 'failed', seen: taken.seenWithoutDelivered }, job.policy, clock.now())
      : transition(told, { type: 'returned', counts, close: closeOf(draft) }, job.policy, clock.now());
    const saved = await shell.save(job, held, next.record, [
      [events, decidedAt],
      [[...draft.told, ...next.events], realNow()],
    ]);
    if (saved) shell.scribe.note(lines);
    return saved;
  } catch (error) {
    shell.report(error, whereOf(job));
    return false;
  } finally {
    slot.leave();
  }
}

function undying(policy: Policy): Policy {
  return {
    ...policy,
    expiration: { levels: [{ level: 'default', ms: 0 }], capMs: 0 },
    agents: { ...policy.agents, closeAfterMs: 0 },
    closing: { ...policy.closing, maxDurationMs: 0 },
    change: undefined,
  };
}
