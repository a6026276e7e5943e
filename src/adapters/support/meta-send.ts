import type { AdapterOptions, Send, SendContext } from '../../middleware/adapter.ts';
import { AdjournError } from '../../middleware/errors.ts';
import { askGraph, type GraphCall, type GraphOptions, postMessage, tokenOf } from './meta-graph.ts';
import { outcomeOf, type Verdicts } from './meta-outcome.ts';

/** What a message that the bot sends by itself brings along. */
export type Later = Pick<SendContext, 'closeId'>;

/** What one of Meta's channels adds to sending. */
export interface MetaSending {
  readonly name: string;
  /**
   * The call that sends a message to where an address leads; undefined where it names no account to send from.
   * @param later given where the bot speaks by itself, not in answer to a request
   */
  callFor(to: Readonly<Record<string, unknown>>, message: unknown, later?: Later): Omit<GraphCall, 'channel'> | undefined;
  /** The message's id in Meta's answer. */
  idIn(answer: unknown): unknown;
  readonly verdicts: Verdicts;
}

/** Sends in answer to a request. @throws AdjournError `ADJ_SEND_FAILED` */
export async function sendNow(
  meta: MetaSending,
  to: Readonly<Record<string, unknown>>,
  message: unknown,
  options: GraphOptions,
): Promise<unknown> {
  const call = meta.callFor(to, message);
  if (call === undefined) {
    throw new AdjournError('ADJ_SEND_FAILED', 'No account to send from is known.', {
      where: meta.name,
      hint: "Name it in the address (`to: { account: '…' }`) or in `accounts`.",
    });
  }
  return postMessage({ channel: meta.name, ...call }, options);
}

/** Sends outside any request, to an address stored earlier or to one that names no more than a person. */
export function sendLater(meta: MetaSending, options: AdapterOptions & GraphOptions): Send {
  return async ({ user, to }, message, { closeId }) => {
    const call = meta.callFor({ account: options.accounts?.[0], user, ...to }, message, { closeId });
    if (call === undefined) return { outcome: 'refused', reason: 'no_account' };
    let token: string;
    try {
      token = await tokenOf(call.account, options);
    } catch {
      return { outcome: 'retry', reason: 'no_token' };
    }
    const got = await askGraph({ channel: meta.name, ...call }, token, options);
    if (got.said !== 'yes') return outcomeOf(got, meta.verdicts);
    const id = meta.idIn(got.answer);
    return { outcome: 'sent', ...(typeof id === 'string' ? { id } : {}) };
  };
}
