import type { TranscriptLine } from './archive.ts';
import { attendDesk } from './attend-desk.ts';
import { afterSend, closeProactively, messageKey, resultOf } from './closer.ts';
import { isSystemKey, partsOf, systemPartsOf } from './core/activity.ts';
import type { MessageResult } from './core/closing.ts';
import { dueOf, mayWrite } from './core/due.ts';
import { endOf } from './core/expiry.ts';
import { pickText } from './core/message.ts';
import { transition } from './core/transition.ts';
import type { Engine } from './engine.ts';
import type { Job } from './job.ts';
import { deliverOutbox } from './outbox.ts';
import { jobOutside } from './outside.ts';
import type { Held } from './records.ts';
import { sendTo } from './sending.ts';
import { enter, realNow, type Where, whereOf } from './shell.ts';
import { spoken, transcribed } from './transcript.ts';

/**
 * - `done`: it was looked after.
 * - `busy`: somebody in this process has it; it is to be looked after when they have left.
 * - `elsewhere`: another process has it, or knows how to look after it.
 */
export type Attended = 'done' | 'busy' | 'elsewhere';

/** Looks after one conversation; what goes wrong with it is reported and holds up no other. */
export async function attend(shell: Engine, key: string): Promise<Attended> {
  let where: Where = { channel: 'worker', endpoint: 'all', key };
  try {
    if (isSystemKey(key)) {
      const { kind, name } = systemPartsOf(key);
      return (await shell.chores.get(kind)?.(name)) ? 'done' : 'elsewhere';
    }
    const { channel, endpoint } = partsOf(key);
    where = { channel, endpoint, key };
    // Without its adapter we would know neither the channel's limits nor how to send.
    if (!shell.settings.mounted(channel)) return 'elsewhere';
    const after = await underItsLease(shell, key);
    if (typeof after === 'string') return after;
    await after();
    return 'done';
  } catch (error) {
    shell.report(error, where);
    return 'elsewhere';
  }
}

/** @returns what is to follow once the conversation is free again, or who has it */
async function underItsLease(shell: Engine, key: string): Promise<(() => Promise<void>) | 'busy' | 'elsewhere'> {
  const job = jobOutside(shell, key, 'worker', undefined);
  const slot = enter(shell.boxes, job, []);
  let held: Held | undefined;
  try {
    held = await shell.book.begin(job, slot, 0);
    if (held === undefined) return slot.ready === undefined ? 'elsewhere' : 'busy';
    return await look(shell, jobOutside(shell, key, 'worker', held.record?.address), held);
  } catch (error) {
    if (held !== undefined) await shell.book.release(held.lease);
    throw error;
  } finally {
    slot.leave();
  }
}

const nothingMore = async () => {};

/** @returns what is to follow once the conversation is free again */
async function look(shell: Engine, job: Job, held: Held): Promise<() => Promise<void>> {
  const { record } = held;
  const { clock, book } = shell;
  if (record === null) {
    await book.release(held.lease);
    return nothingMore;
  }
  const due = dueOf(record, job.policy, clock.now());
  switch (due.do) {
    case 'nothing':
      await book.commit(job, held.lease, record);
      return nothingMore;
    case 'forget':
      await book.commit(job, held.lease, null);
      return nothingMore;
    case 'replay':
      await book.commit(job, held.lease, record);
      return () => shell.replay(job);
    case 'deliver':
      await book.commit(job, held.lease, record);
      return () => deliverOutbox(shell, job, record);
    case 'finalise': {
      const next = transition(record, { type: 'finalised' }, job.policy, clock.now());
      await shell.save(job, held, next.record, [[next.events, realNow()]]);
      return nothingMore;
    }
    case 'assign':
    case 'escalate':
    case 'warn_agent':
    case 'miss':
      await attendDesk(shell, job, held);
      return nothingMore;
    case 'close':
      await shell.observer.around('close', { ...whereOf(job), session: record.session?.id }, () =>
        closeProactively(shell, job, held, due.closing),
      );
      return nothingMore;
    case 'warn':
      await warn(shell, job, held, due);
      return nothingMore;
  }
}

/** A warning is claimed by a save before it is sent: better none than two. */
async function warn(
  shell: Engine,
  job: Job,
  held: Held,
  due: { readonly beforeMs: number; readonly step: number },
): Promise<void> {
  const { clock } = shell;
  let record = transition(held.record, { type: 'warned', beforeMs: due.beforeMs }, job.policy, clock.now()).record;
  const { session } = record;
  if (session === undefined) return;
  await shell.book.save(job, held.lease, record);
  const dueAt = endOf(session, job.policy).at - due.beforeMs;
  const rules = job.policy.closing.warnings[due.step]?.message ?? {};
  const text = pickText(rules, record.locale, record.said ?? 0);
  const refused = mayWrite(record, session, job.policy, clock.now(), dueAt, 'warning');
  const name = `${session.id} ${session.lastActivityAt} ${due.beforeMs}`;
  let message: MessageResult = refused ?? 'skipped:no_text';
  let lines: readonly TranscriptLine[] = [];
  if (refused === undefined && text !== undefined) {
    const outcome = await sendTo(shell, whereOf(job), record.address, { message: text, idempotencyKey: messageKey(name) });
    message = resultOf(outcome);
    record = afterSend(record, outcome);
    const told = transcribed(job, record, [spoken({ text, delivery: resultOf(outcome) }, 'system', clock.now())]);
    record = told.record;
    lines = told.lines;
  }
  const event = { type: 'warned', at: clock.now(), session: session.id, to: 'user', beforeMs: due.beforeMs, message } as const;
  if (await shell.save(job, held, record, [[[event], realNow()]])) shell.scribe.note(lines);
}
