import type { Outcome } from './adapter.ts';
import type { Conducted } from './conduct.ts';
import type { ConversationRecord } from './core/conversation.ts';
import { outsideDesk } from './core/desk.ts';
import { transition } from './core/transition.ts';
import { clearSeats } from './desk-room.ts';
import { type Draft, noDesk, unchanged } from './draft.ts';
import { hookLimitMs, limited } from './hooks.ts';
import { noteInFlight } from './in-flight.ts';
import type { Intake } from './intake.ts';
import { type Job, patienceMs } from './job.ts';
import { keepAlive } from './lease.ts';
import type { Held } from './records.ts';
import { realNow, type Shell, whereOf } from './shell.ts';
import { dialogue, transcribed } from './transcript.ts';
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
  const restores = policy.onError === 'drop';
  let atEase = () => {};
  const { record, deliver: activities, counts, lateBy } = taken;
  return shell.stage.conduct(
    {
      job,
      hosts: hostsOf(job, taken),
      record,
      state: 'open',
      activities,
      counts,
      lateBy,
      restores,
      work: withStartHook(shell, job, taken, work),
      async settle({ draft, end, said }, failed) {
        atEase();
        const now = shell.clock.now();
        const isDropped = failed && restores;
        const left = isDropped ? unchanged(record, draft) : draft.record;
        const { record: told, lines } = transcribed(job, left, dialogue(job, taken, said, now));
        const next = failed
          ? transition(told, { type: 'failed', seen: taken.seenWithoutDelivered }, policy, now)
          : transition(told, { type: 'returned', counts, close: closeOf(draft) }, policy, now);
        end();
        const saved = await shell.save(job, held, next.record, [
          [taken.events, decidedAt],
          [[...(isDropped ? [] : draft.told), ...next.events], realNow()],
        ]);
        if (saved) shell.scribe.note(lines);
        if (isDropped || !saved) {
          for (const desk of draft.seats) shell.later(job, () => clearSeats(shell, desk, job.key, patienceMs));
        }
        // What a desk did not get is not answered: the host tells the vendor that it failed.
        const consumed = failed ? taken.consumed.filter(({ command }) => command !== undefined) : taken.consumed;
        if (consumed.length + taken.dropped.length > 0) await shell.answer(job, { ...taken, consumed }, saved);
        return saved;
      },
    },
    (running) => {
      const stopRenewal = keepAlive(shell.store, held.lease, running.abort);
      const leaveUnnoted = noteInFlight(shell, job, held, running.draft);
      atEase = () => {
        stopRenewal();
        leaveUnnoted();
      };
    },
  );
}

/** Whoever answers in this session: the bot's handler, or the desk that owns it. */
export function workOf(shell: Shell, job: Job, { to, record }: Intake): (turn: Turn) => Promise<unknown> {
  if (to === 'bot') return job.delivery.run;
  shell.hosts.explain(job.delivery.hosts, 'People answer in this session: its turn is the desk’s.');
  const name = record.session?.handover?.desk ?? outsideDesk;
  const desk = shell.desks.get(name);
  return async (turn) => {
    // Better delivered again, perhaps to a process that knows the desk, than lost.
    if (desk === undefined && name !== outsideDesk) throw noDesk(name);
    return desk?.onMessage?.(turn);
  };
}

/** What the bot meets in the same request may be another conversation's, so a desk's turn is nobody's to ask for. */
export function hostsOf(job: Job, { to }: Pick<Intake, 'to'>): readonly object[] {
  return to === 'bot' ? job.delivery.hosts : [];
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
  if (taken.record === held.record && job.receivedAs === undefined) {
    await shell.book.release(held.lease);
    shell.tell(job, taken.events, decidedAt);
  } else {
    const { record, lines } = transcribed(job, taken.record, dialogue(job, taken, [], shell.clock.now()));
    saved = await shell.save(job, held, record, [[taken.events, decidedAt]]);
    if (saved) shell.scribe.note(lines);
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
  const { record, lines } = transcribed(job, taken.record, dialogue(job, taken, [], shell.clock.now()));
  await shell.book.saveOrRelease(job, held.lease, record);
  shell.scribe.note(lines);
  await shell.answer(job, taken, true);
  const rest = { ...taken, record, consumed: [], dropped: [], counts: false };
  const { saved } = await exclusive(shell, job, { ...held, record }, rest, async () => {});
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
    to: 'bot',
    consumed: [],
    dropped: [],
    counts: false,
    lateBy: 0,
    seenWithoutDelivered: record.seen,
    asks: false,
  };
}

export function closeOf(draft: Draft) {
  return draft.closing;
}
