import type { SendOutcome } from '../../middleware/adapter.ts';
import type { GraphAnswer, GraphRefusal } from './meta-graph.ts';
import { unanswered } from './unanswered.ts';

/**
 * What a code of Meta's means for a message that was to be sent.
 * - `unreachable`: nothing reaches this person for now.
 * - `throttled`: not taken now; later perhaps.
 * - `uncertain`: it may have been taken all the same.
 * - `refused`: it was not taken and will not be: a closed window, somebody else's turn, credentials, a wrong request.
 */
export type Verdict = 'unreachable' | 'throttled' | 'uncertain' | 'refused';

/** Verdicts by `code/subcode` or by `code`. What no table names is judged by its HTTP status. */
export type Verdicts = Readonly<Record<string, Verdict>>;

/** Messenger and Instagram. Source: Messenger Platform, "Error codes"; Graph API, "Rate limits". */
export const messengerVerdicts: Verdicts = {
  '551': 'unreachable',
  '200/1545041': 'unreachable',
  '10/2018108': 'unreachable',
  '100/2018001': 'unreachable',
  '100/2534014': 'unreachable',
  '4': 'throttled',
  '17': 'throttled',
  '32': 'throttled',
  '613': 'throttled',
  // Too many messages to this very person: one more is the last thing they want.
  '613/2018338': 'refused',
  '1': 'uncertain',
  '2': 'uncertain',
  '1200': 'uncertain',
};

/** Source: WhatsApp Cloud API, "Error codes". */
export const whatsappVerdicts: Verdicts = {
  '130472': 'unreachable',
  '131021': 'unreachable',
  '131026': 'unreachable',
  '131030': 'unreachable',
  '131062': 'unreachable',
  '137000': 'unreachable',
  '4': 'throttled',
  '80007': 'throttled',
  '130429': 'throttled',
  '131048': 'throttled',
  '131056': 'throttled',
  '1': 'uncertain',
  '2': 'uncertain',
  '131000': 'uncertain',
  '131016': 'uncertain',
  '131057': 'uncertain',
  '133004': 'uncertain',
};

/** What is known after a call that brought no message through. Neither channel has an idempotency key: what is uncertain stays so. */
export function outcomeOf(got: Exclude<GraphAnswer, { said: 'yes' }>, verdicts: Verdicts): SendOutcome {
  if (got.said === 'nothing') return unanswered(got.cause);
  const reason = reasonOf(got.refusal);
  switch (verdictOn(got.refusal, verdicts)) {
    case 'unreachable':
      return { outcome: 'refused', reason, unreachable: true };
    case 'throttled':
      return { outcome: 'retry', reason };
    case 'uncertain':
      return { outcome: 'unknown', reason };
    case 'refused':
      return { outcome: 'refused', reason };
  }
}

function verdictOn({ status, code, subcode }: GraphRefusal, verdicts: Verdicts): Verdict {
  const known = verdicts[`${code}/${subcode}`] ?? verdicts[`${code}`];
  // A server that failed may have done so after the message went out, whatever it says of limits.
  if (status >= 500 && (known ?? 'throttled') === 'throttled') return 'uncertain';
  if (known !== undefined) return known;
  if (status === 429) return 'throttled';
  return status === 408 ? 'uncertain' : 'refused';
}

/** Meta's code, with its subcode where there is one (`131047`, `10/2018278`); the HTTP status where there is none. */
function reasonOf({ status, code, subcode }: GraphRefusal): string {
  if (code === undefined) return String(status);
  return subcode === undefined ? `${code}` : `${code}/${subcode}`;
}
