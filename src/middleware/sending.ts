import type { SendOutcome } from './adapter.ts';
import { within } from './clock.ts';
import type { Address } from './core/conversation.ts';
import { unsent } from './errors.ts';
import type { Shell, Where } from './shell.ts';

/** How long a vendor may take to answer a send, on session time; after that its outcome is unknown. */
const sendLimitMs = 15_000;

/** A message of our own accord. */
export interface Outgoing {
  readonly message: unknown;
  readonly idempotencyKey: string;
  /** The close it announces. */
  readonly closeId?: string | undefined;
}

/** Sends to a stored address through whichever adapter of this process can; the answer is always an outcome. */
export async function sendTo(shell: Shell, where: Where, address: Address | undefined, outgoing: Outgoing): Promise<SendOutcome> {
  const { channel, endpoint } = where;
  const send = shell.senders.get(senderKey(channel, endpoint)) ?? shell.senders.get(senderKey(channel, undefined));
  if (send === undefined || address === undefined) return { outcome: 'refused', reason: send ? 'no_address' : 'no_sender' };
  const { message, ...context } = outgoing;
  const late = (): SendOutcome => ({ outcome: 'unknown', reason: 'timeout' });
  try {
    const sent = shell.stage.quietly(() => send(address, message, context));
    return await within(shell.clock, sendLimitMs, sent, late);
  } catch (error) {
    shell.report(unsent(error, where.key), where);
    return { outcome: 'unknown', reason: 'error' };
  }
}

/** Names the sender of an endpoint; without one, the sender of all endpoints of a channel. */
export function senderKey(channel: string, endpoint: string | undefined): string {
  return endpoint === undefined ? channel : `${channel}/${endpoint}`;
}
