import { afterSend, closeProactively, messageKey, resultOf } from './closer.ts';
import { partsOf } from './core/activity.ts';
import type { MessageResult } from './core/closing.ts';
import { dueOf, mayWrite } from './core/due.ts';
import { endOf } from './core/expiry.ts';
import { pickText } from './core/message.ts';
import { transition } from './core/transition.ts';
import type { Engine } from './engine.ts';
import type { Job } from './job.ts';
import { deliverOutbox } from './outbox.ts';
import { jobOutside } from './outside.ts';
import { probe } from './probe.ts';
import type { Held } from './records.ts';
import { sendTo } from './sending.ts';
import { realNow, type Where, whereOf } from './shell.ts';

/** Looks after one conversation; what goes wrong with it is reported and holds up no other. False where it was busy: its own turn re-arms it. */
export async function attend(shell: Engine, key: string): Promise<boolean> {
  let where: Where = { channel: 'worker', endpoint: 'all', key };
  try {
    const { channel, endpoint } = partsOf(key);
    where = { channel, endpoint, key };
    // Without its adapter we would know neither the channel's limits nor how to send.
    if (!shell.settings.mounted(channel)) return false;
    const after = await underItsLease(shell, key);
    await after?.();
    return after !== undefined;
  } catch (error) {
    shell.report(error, where);
    return false;
  }
}

/** @returns what is to follow once the conversation is free again; undefined where it is busy */
async function underItsLease(shell: Engine, key: string): Promise<(() => Promise<void>) | undefined> {
  const job = jobOutside(shell, key, 'worker', undefined);
  const slot = shell.boxes.enter(key, []);
  let held: Held | undefined;
  try {
    if (slot.ready !== undefined) return undefined;
    held = await shell.book.begin(job, slot, 0);
    return held && (await look(shell, jobOutside(shell, key, 'worker', held.record?.address), held));
  } catch (error) {
    if (held !== undefined) await shell.book.release(held.lease);
    throw error;
  } finally {
    slot.leave();
    probe('ended', job);
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
    case 'close':
      await closeProactively(shell, job, held, due.closing);
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
  const refused = mayWrite(record, session, job.policy, clock.now(), dueAt, true);
  const name = `${session.id} ${session.lastActivityAt} ${due.beforeMs}`;
  let message: MessageResult = refused ?? 'skipped:no_text';
  if (refused === undefined && text !== undefined) {
    const outcome = await sendTo(shell, whereOf(job), record.address, { message: text, idempotencyKey: messageKey(name) });
    message = resultOf(outcome);
    record = afterSend(record, outcome);
  }
  const event = { type: 'warned', at: clock.now(), session: session.id, beforeMs: due.beforeMs, message } as const;
  await shell.save(job, held, record, [[[event], realNow()]]);
}
