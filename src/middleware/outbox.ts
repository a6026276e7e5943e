import type { ClosedSession } from './archive.ts';
import type { ConversationRecord } from './core/conversation.ts';
import type { Closed, CloseEffect, DeskEffect, Effect, ReportEffect } from './core/effect.ts';
import type { Delivered } from './core/happening.ts';
import { transition } from './core/transition.ts';
import { seeConversation } from './desk-room.ts';
import { closedDraft } from './draft.ts';
import { hookLimitMs, limited } from './hooks.ts';
import { type Job, patienceMs } from './job.ts';
import { sessionView } from './session-view.ts';
import { type Shell, whereOf } from './shell.ts';

/** What this process has in hand of outboxes, by effect: nothing runs twice while it lives. */
export interface InHand {
  readonly running: Set<string>;
  /** Their events were told, by this process. */
  readonly told: Set<string>;
  /** Their hooks have run, in this process, but the record does not say so yet. */
  readonly ran: Map<string, Ran>;
}

interface Ran {
  readonly closed: Closed;
  /** Auth profiles that the script cleared. */
  readonly cleared: readonly string[];
}

export function nothingInHand(): InHand {
  return { running: new Set(), told: new Set(), ran: new Map() };
}

/**
 * Lets happen what must follow closes that are saved: hooks of a close inside a turn, the archive entry, and, where another process
 * saved the close and died, its event. Removes from the record what has happened; what fails stays, and is tried again.
 */
export async function deliverOutbox(shell: Shell, job: Job, record: ConversationRecord): Promise<void> {
  const { running, told, ran } = shell.inHand;
  const effects = (record.outbox ?? []).filter(({ id }) => !running.has(id));
  for (const { id } of effects) running.add(id);
  const done: string[] = [];
  const left: Effect[] = [];
  const profiles: string[] = [];
  try {
    for (const effect of effects) {
      if (!('closed' in effect)) {
        if (await carriedOut(shell, job, effect)) done.push(effect.id);
        continue;
      }
      const { id, hooks } = effect;
      const { closed, cleared } = ran.get(id) ?? (await runHooks(shell, job, record, effect));
      if (hooks) ran.set(id, { closed, cleared });
      profiles.push(...cleared);
      try {
        if (effect.desk !== undefined) await seeConversation(shell, effect.desk, job.key);
        await shell.archive?.put(archived(job, closed));
        if (!told.has(id)) shell.tell(job, [closed]);
        told.add(id);
        done.push(id);
      } catch (error) {
        shell.report(error, whereOf(job));
        if (hooks) left.push({ id, closed, ...(effect.desk === undefined ? {} : { desk: effect.desk }) });
      }
    }
    if (done.length === 0 && left.length === 0) return;
    await cross(shell, { ...job, waitMs: patienceMs }, { type: 'delivered', ids: done, left, profiles });
    for (const id of done) told.delete(id);
    for (const { id } of effects) ran.delete(id);
  } finally {
    for (const { id } of effects) running.delete(id);
  }
}

/** Whether the desk has seen how the conversation stands, or the archive what a vendor reported; if not, it is tried again. */
async function carriedOut(shell: Shell, job: Job, effect: DeskEffect | ReportEffect): Promise<boolean> {
  try {
    if ('report' in effect) await shell.archive?.amend(effect.report.closeId, effect.report.message);
    else await seeConversation(shell, effect.desk, job.key, effect.from);
    return true;
  } catch (error) {
    shell.report(error, whereOf(job));
    return false;
  }
}

/** Takes from the record what has happened. */
function cross(shell: Shell, job: Job, delivered: Delivered): Promise<void> {
  return shell.underLease(job, async ({ lease, record }) => {
    if (record === null) return shell.book.release(lease);
    return shell.book.commit(job, lease, transition(record, delivered, job.policy, shell.clock.now()).record);
  });
}

/** The close as the archive keeps it. */
function archived(job: Job, { type: _type, at: _at, ...closed }: Closed): ClosedSession {
  return { ...closed, channel: job.channel, endpoint: job.endpoint, key: job.key, user: job.address.user };
}

/** Hook and script of a close that happened inside a turn, on the session as it was. A failure is recorded and holds up nothing. */
async function runHooks(shell: Shell, job: Job, record: ConversationRecord, { closed, hooks }: CloseEffect): Promise<Ran> {
  if (hooks === undefined) return { closed, cleared: [] };
  const functions = shell.settings.functions(job.channel, job.endpoint);
  const draft = closedDraft(job, { ...record, session: hooks.session, variables: hooks.variables }, shell);
  const session = sessionView<never>(draft, shell.vault);
  const close = { id: closed.session, reason: closed.reason, endedAt: closed.endedAt, extend() {} };
  const run = async (name: 'onClosing' | 'onClose') => {
    const hook = functions[name];
    if (!hooks[name] || hook === undefined) return undefined;
    try {
      await limited(shell.clock, name, hookLimitMs, () => hook(session, close));
      return 'done' as const;
    } catch (error) {
      shell.report(error, whereOf(job));
      return 'failed' as const;
    }
  };
  const hook = await run('onClosing');
  const script = await run('onClose');
  const cleared = Object.keys(record.auth).filter((profile) => !Object.hasOwn(draft.record.auth, profile));
  return { closed: { ...closed, ...(hook && { hook }), ...(script && { script }) }, cleared };
}
