import type { AdapterOptions, Channel, Send, SendContext } from '../../middleware/adapter.ts';
import { resultOf } from '../../middleware/closer.ts';
import type { Activity } from '../../middleware/core/activity.ts';
import { AdjournError } from '../../middleware/errors.ts';
import type { Said } from '../../middleware/transcript.ts';
import { answerOf, askGraph, type GraphAnswer, type GraphCall, type GraphOptions, refusalOf, tokenOf } from './meta-graph.ts';
import { outcomeOf, type Verdicts } from './meta-outcome.ts';
import type { Words } from './saying.ts';

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
  /** What the body of a call says, to whom; undefined for what is no message: a typing sign, a read receipt. */
  saidIn(body: unknown, node: string): Words | undefined;
}

/** Sends in answer to an activity, and tells of it. @throws AdjournError `ADJ_SEND_FAILED` */
export async function sendNow(
  meta: MetaSending,
  channel: Pick<Channel, 'said'>,
  about: { readonly activity: Activity; readonly to: Readonly<Record<string, unknown>> },
  message: unknown,
  options: GraphOptions,
): Promise<unknown> {
  const call = meta.callFor(about.to, message);
  if (call === undefined) {
    throw new AdjournError('ADJ_SEND_FAILED', 'No account to send from is known.', {
      where: meta.name,
      hint: "Name it in the address (`to: { account: '…' }`) or in `accounts`.",
    });
  }
  const got = await askGraph({ channel: meta.name, ...call }, await tokenOf(call.account, options), options);
  const words = meta.saidIn(call.body, call.node);
  if (words !== undefined) channel.said({ text: words.text, delivery: deliveryOf(got, meta.verdicts) }, about.activity);
  return answerOf(got, { channel: meta.name, account: call.account });
}

function deliveryOf(got: GraphAnswer, verdicts: Verdicts): Said['delivery'] {
  return got.said === 'yes' ? 'sent' : resultOf(outcomeOf(got, verdicts));
}

/** `fetch` that tells what a bot sends by itself: a JSON body as text, posted to the messages endpoint. Everything else just passes. */
export function tellingFetch(meta: MetaSending, channel: Pick<Channel, 'said'>): typeof fetch {
  return async (input, init) => {
    const words = callIn(meta, input, init);
    const answered = fetch(input, init);
    if (words === undefined) return answered;
    const got = await answered.then(
      async (response): Promise<GraphAnswer> =>
        response.ok
          ? { said: 'yes', answer: undefined }
          : { said: 'no', refusal: refusalOf(response.status, await jsonOf(response.clone())) },
      (cause): GraphAnswer => ({ said: 'nothing', cause }),
    );
    channel.said({ text: words.text, delivery: deliveryOf(got, meta.verdicts) }, words.to);
    return answered;
  };
}

const jsonOf = (response: Response): Promise<unknown> => response.json().catch(() => undefined);

function callIn(meta: MetaSending, input: Parameters<typeof fetch>[0], init: RequestInit | undefined): Words | undefined {
  const url = input instanceof Request ? input.url : String(input);
  const node = URL.canParse(url) ? /\/([^/]+)\/messages$/.exec(new URL(url).pathname)?.[1] : undefined;
  if (node === undefined || init?.method?.toUpperCase() !== 'POST' || typeof init.body !== 'string') return undefined;
  try {
    return meta.saidIn(JSON.parse(init.body), decodeURIComponent(node));
  } catch {
    return undefined;
  }
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
