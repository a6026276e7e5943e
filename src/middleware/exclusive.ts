import type { Outcome } from './adapter.ts';
import type { Conducted } from './conduct.ts';
import type { ConversationRecord } from './core/conversation.ts';
import { transition } from './core/transition.ts';
import type { Intake } from './intake.ts';
import type { Job } from './job.ts';
import { keepAlive } from './lease.ts';
import type { Held } from './records.ts';
import type { Draft } from './session-view.ts';
import { realNow, type Shell } from './shell.ts';
import type { Turn } from './turn.ts';

/** The ordinary turn: the handler under the lease, then the save. */
export function exclusive<T>(
  shell: Shell,
  job: Job,
  held: Held,
  taken: Intake,
  work: (turn: Turn) => Promise<T>,
): Promise<Conducted<T>> {
  const { policy } = job;
  const decidedAt = realNow();
  const before = policy.onError === 'drop' ? JSON.stringify(taken.record) : undefined;
  let stopRenewal = () => {};
  const { record, deliver: activities, counts, lateBy } = taken;
  return shell.stage.conduct(
    {
      job,
      record,
      state: 'open',
      activities,
      counts,
      lateBy,
      work,
      async settle({ draft, end }, failed) {
        stopRenewal();
        const now = shell.clock.now();
        const next = failed
          ? transition(
              before === undefined ? draft.record : JSON.parse(before),
              { type: 'failed', seen: taken.seenWithoutDelivered },
              policy,
              now,
            )
          : transition(draft.record, { type: 'returned', counts, close: closeOf(draft) }, policy, now);
        end();
        const saved = await shell.save(job, held, next.record, [
          [taken.events, decidedAt],
          [next.events, realNow()],
        ]);
        await shell.answer(job, taken, saved);
        return saved;
      },
    },
    (running) => {
      stopRenewal = keepAlive(shell.store, held.lease, running.abort);
    },
  );
}

/** Nothing is left for the bot: only commands, or only duplicates. */
export async function answerOnly(shell: Shell, job: Job, held: Held, taken: Intake): Promise<Outcome> {
  const decidedAt = realNow();
  let saved = true;
  if (taken.record === held.record) {
    await shell.book.release(held.lease);
    shell.tell(job, taken.events, decidedAt);
  } else {
    saved = await shell.save(job, held, taken.record, [[taken.events, decidedAt]]);
  }
  await shell.answer(job, taken, saved);
  return { verdict: verdictOf(taken), saved: Promise.resolve(saved) };
}

export function verdictOf(taken: Intake): 'consume' | 'drop' {
  return taken.consumed.length > 0 ? 'consume' : 'drop';
}

/** What a turn without an activity of the user starts from: the record as it is. */
export function untouched(record: ConversationRecord, job: Job): Intake {
  const { activities: deliver } = job.delivery;
  return { record, events: [], deliver, consumed: [], dropped: [], counts: false, lateBy: 0, seenWithoutDelivered: record.seen };
}

export function closeOf(draft: Draft) {
  return draft.closing === undefined ? undefined : ({ reason: 'bot', at: draft.closing.at } as const);
}
