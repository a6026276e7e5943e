import type { ConversationRecord } from './core/conversation.ts';
import { closedDraft } from './draft.ts';
import { classifyLimitMs, limited, type ReturnKind } from './hooks.ts';
import type { Job } from './job.ts';
import { startTurn } from './running.ts';
import { type Shell, whereOf } from './shell.ts';

/**
 * Asks the endpoint's classifier whether a message that finds its session expired goes on with it.
 * An error, or no answer in time, is `new`: whoever is not sure begins afresh.
 */
export async function classifyReturn(shell: Shell, job: Job, record: ConversationRecord): Promise<ReturnKind> {
  const classify = shell.settings.functions(job.channel, job.endpoint).classifyReturn;
  if (classify === undefined) return 'new';
  const { activities, host, reply } = job.delivery;
  const parts = {
    activities,
    activity: job.about,
    channel: job.channel,
    endpoint: job.endpoint,
    host,
    degraded: false,
    lateBy: 0,
    reply,
  };
  const answer = { kind: 'new' as ReturnKind };
  const { returned, running } = startTurn(
    parts,
    // A copy: what the classifier's turn leaves is frozen, and the session may go on.
    closedDraft(job, structuredClone(record), shell),
    (_running, work) => work(),
    async (turn) => {
      answer.kind = await limited(shell.clock, 'classifyReturn', classifyLimitMs, () => classify(turn as never));
    },
    shell.vault,
  );
  try {
    await returned;
    return answer.kind === 'same' ? 'same' : 'new';
  } catch (error) {
    shell.report(error, whereOf(job));
    return 'new';
  } finally {
    running.end();
  }
}
