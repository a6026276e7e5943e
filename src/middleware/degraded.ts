import { randomUUID } from 'node:crypto';
import type { Outcome } from './adapter.ts';
import { newRecord } from './core/conversation.ts';
import { newSession } from './core/session.ts';
import { isAdjournError } from './errors.ts';
import type { Job } from './job.ts';
import { degradedPrefix } from './session-view.ts';
import type { Shell } from './shell.ts';

/**
 * The turn while the store is out: the bot runs with a session that is thrown away, commands reach it, duplicates are not noticed,
 * and nothing looks like a new user.
 * @throws the store's error where the endpoint's `onStoreError` is `throw`
 */
export async function degraded(shell: Shell, job: Job, error: unknown): Promise<Outcome> {
  if (job.policy.onStoreError === 'throw') throw error;
  const code = isAdjournError(error) ? error.code : 'STORE_UNAVAILABLE';
  shell.warn(`adjourn: ${job.channel} endpoint ${job.endpoint}: ${code}; the bot runs without its session`);
  shell.tell(job, [{ type: 'degraded', code }]);
  const id = degradedPrefix + randomUUID();
  const session = newSession({
    id,
    startReason: 'first',
    previous: undefined,
    at: shell.clock.now(),
    data: shell.initial(),
    developer: false,
  });
  const { saved } = await shell.stage.conduct({
    job,
    hosts: job.delivery.hosts,
    record: { ...newRecord(), session },
    state: 'open',
    activities: job.delivery.activities,
    counts: false,
    lateBy: 0,
    work: job.delivery.run,
    async settle({ end }) {
      end();
      return false;
    },
  });
  return { verdict: 'run', saved };
}
