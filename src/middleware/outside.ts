import { randomUUID } from 'node:crypto';
import { type Activity, partsOf } from './core/activity.ts';
import type { Address } from './core/conversation.ts';
import { AdjournError } from './errors.ts';
import { type Job, newJob } from './job.ts';
import { sendTo } from './sending.ts';
import { patienceMs } from './shared.ts';
import type { Shell } from './shell.ts';

/**
 * A job without a request behind it: of the worker, of `sessions.run`. Its replies go to the stored address.
 * @param type what it is called where an activity would say what it is
 */
export function jobOutside(shell: Shell, key: string, type: string, address: Address | undefined): Job {
  const { channel, endpoint, conversation, user } = partsOf(key);
  const kind = user === undefined ? 'direct' : 'shared';
  const about: Activity = {
    kind: 'lifecycle',
    type,
    channel,
    conversation: address?.conversation ?? { id: conversation, kind },
    user: address?.user ?? user,
  };
  const reply = async (message: unknown) => {
    const where = { channel, endpoint, key, user: about.user };
    const sent = await sendTo(shell, where, address, { message, idempotencyKey: randomUUID() });
    if (sent.outcome === 'sent') return sent.id;
    if (sent.reason !== 'no_sender' && sent.reason !== 'no_address') {
      throw new AdjournError('ADJ_SEND_FAILED', `${sent.outcome}: ${sent.reason}.`, { where: key });
    }
    throw new AdjournError('ADJ_NO_SENDER', address ? 'No adapter that can send later is mounted.' : 'No address is known yet.', {
      where: key,
      hint: 'Mount the channel’s adapter in this process, and open the session with its address.',
    });
  };
  const nothing = async () => {};
  const answers = { run: nothing, pass: nothing, consumed: nothing, duplicate: nothing };
  const job = newJob({ activities: [about], hosts: [], host: undefined, reply, ...answers }, about, {
    channel,
    endpoint,
    key,
    policy: shell.settings.policy(channel, endpoint),
    arrivedAt: shell.clock.now(),
    waitMs: patienceMs,
  });
  return address === undefined ? job : { ...job, address };
}
