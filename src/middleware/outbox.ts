import type { ClosedSession } from './archive.ts';
import type { ConversationRecord } from './core/conversation.ts';
import type { Closed, Effect } from './core/effect.ts';
import { transition } from './core/transition.ts';
import { hookLimitMs, limited } from './hooks.ts';
import type { Job } from './job.ts';
import { closedDraft, sessionView } from './session-view.ts';
import { type Shell, whereOf } from './shell.ts';

/**
 * Lets happen what must follow closes that are saved: hooks of a close inside a turn, the archive entry, and, where another process
 * saved the close and died, its event. Removes from the record what has happened; what fails stays, and is tried again.
 * @param told whether the events were told already, by this process
 */
export async function deliverOutbox(shell: Shell, job: Job, record: ConversationRecord, told: boolean): Promise<void> {
  const done: string[] = [];
  const profiles: string[] = [];
  for (const effect of record.outbox ?? []) {
    try {
      const { closed, cleared } = await runHooks(shell, job, record, effect);
      profiles.push(...cleared);
      await shell.archive?.put(archived(job, closed));
      if (!told) shell.tell(job, [closed]);
      done.push(effect.id);
    } catch (error) {
      shell.report(error, whereOf(job));
    }
  }
  if (done.length === 0) return;
  await shell.underLease(job, async ({ lease, record: latest }) => {
    if (latest === null) return shell.book.release(lease);
    const next = transition(latest, { type: 'delivered', ids: done, profiles }, job.policy, shell.clock.now());
    return shell.book.commit(job, lease, next.record);
  });
}

/** The close as the archive keeps it. */
export function archived(job: Job, { type: _type, at: _at, ...closed }: Closed): ClosedSession {
  return { ...closed, channel: job.channel, endpoint: job.endpoint, key: job.key, user: job.address.user };
}

/** Hook and script of a close that happened inside a turn, on the session as it was. A failure is recorded and holds up nothing. */
async function runHooks(shell: Shell, job: Job, record: ConversationRecord, { closed, hooks }: Effect) {
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
