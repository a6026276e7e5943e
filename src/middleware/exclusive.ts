import type { Outcome } from './adapter.ts';
import type { Conducted } from './conduct.ts';
import type { ConversationRecord } from './core/conversation.ts';
import { transition } from './core/transition.ts';
import { hookLimitMs, limited } from './hooks.ts';
import type { Intake } from './intake.ts';
import type { Job } from './job.ts';
import { keepAlive } from './lease.ts';
import type { Held } from './records.ts';
import type { Draft } from './session-view.ts';
import { realNow, type Shell, whereOf } from './shell.ts';
import type { Turn } from './turn.ts';

/** The ordinary turn: the start hook if a session begins, the handler, under the lease, then the save. */
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
      work: withStartHook(shell, job, taken, work),
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

/** Runs the endpoint's start hook before the handler where a session begins. Its failure is reported, and holds nothing up. */
function withStartHook<T>(shell: Shell, job: Job, taken: Intake, work: (turn: Turn) => Promise<T>): (turn: Turn) => Promise<T> {
  const hook = shell.settings.functions(job.channel, job.endpoint).onSessionStart;
  const opened = taken.events.findLast((event) => event.type === 'opened');
  if (hook === undefined || opened === undefined) return work;
  return async (turn) => {
    try {
      await limited(shell.clock, 'onSessionStart', hookLimitMs, () => hook(turn as never, opened.startReason));
    } catch (error) {
      shell.report(error, whereOf(job));
    }
    return work(turn);
  };
}

/** Nothing is left for the bot: only commands, or only duplicates. */
export async function answerOnly(shell: Shell, job: Job, held: Held, taken: Intake): Promise<Outcome> {
  const decidedAt = realNow();
  let saved = true;
  if (greets(shell, job, taken)) return greeted(shell, job, held, taken);
  if (taken.record === held.record) {
    await shell.book.release(held.lease);
    shell.tell(job, taken.events, decidedAt);
  } else {
    saved = await shell.save(job, held, taken.record, [[taken.events, decidedAt]]);
  }
  await shell.answer(job, taken, saved);
  return { verdict: verdictOf(taken), saved: Promise.resolve(saved) };
}

/** Whether a command began a session whose start hook may greet. */
function greets(shell: Shell, job: Job, taken: Intake): boolean {
  const hook = shell.settings.functions(job.channel, job.endpoint).onSessionStart;
  return hook !== undefined && taken.events.some((event) => event.type === 'opened');
}

/** A refresh is saved and acknowledged first; then the start hook has the new session. */
async function greeted(shell: Shell, job: Job, held: Held, taken: Intake): Promise<Outcome> {
  await shell.book.save(job, held.lease, taken.record);
  await shell.answer(job, taken, true);
  const rest = { ...taken, consumed: [], dropped: [], counts: false };
  const { saved } = await exclusive(shell, job, { ...held, record: taken.record }, rest, async () => {});
  return { verdict: verdictOf(taken), saved };
}

export function verdictOf(taken: Intake): 'consume' | 'drop' {
  return taken.consumed.length > 0 ? 'consume' : 'drop';
}

/** What a turn without an activity of the user starts from: the record as it is. */
export function untouched(record: ConversationRecord, job: Job): Intake {
  const { activities: deliver } = job.delivery;
  return {
    record,
    events: [],
    deliver,
    consumed: [],
    dropped: [],
    counts: false,
    lateBy: 0,
    seenWithoutDelivered: record.seen,
    asks: false,
  };
}

export function closeOf(draft: Draft) {
  return draft.closing === undefined ? undefined : ({ reason: 'bot', at: draft.closing.at } as const);
}
