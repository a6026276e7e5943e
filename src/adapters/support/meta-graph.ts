import { AdjournError } from '../../middleware/errors.ts';
import { unanswered } from './unanswered.ts';

/** How to reach the Graph API. */
export interface GraphOptions {
  /** Page or system user token, or a function of the account (page id, phone number id) where one app serves several. */
  readonly accessToken: string | ((account: string) => string | Promise<string>);
  /** @default 'https://graph.facebook.com' */
  readonly graphBaseUrl?: string | undefined;
  /** @default 'v25.0' */
  readonly graphVersion?: string | undefined;
}

/** One message, ready to be sent. */
export interface GraphCall {
  readonly channel: string;
  /** Page id or phone number id: whose token it takes. */
  readonly account: string;
  /** The account as the path names it (`me` for whoever the token belongs to). */
  readonly node: string;
  readonly body: object;
}

/** What became of a call: `yes` and `no` are answers; with `nothing` it is open whether the message was taken. */
export type GraphAnswer =
  | { readonly said: 'yes'; readonly answer: unknown }
  | { readonly said: 'no'; readonly refusal: GraphRefusal }
  | { readonly said: 'nothing'; readonly cause: unknown };

/** What the Graph API said to a send it refused; the `cause` of `ADJ_SEND_FAILED`. Branch on `code` and `subcode`, never on words. */
export interface GraphRefusal {
  /** HTTP status. */
  readonly status: number;
  readonly code?: number | undefined;
  readonly subcode?: number | undefined;
  /** Meta's trace id, for their support. */
  readonly trace?: string | undefined;
}

/** Longest wait for an answer, real milliseconds: above the 20 s that Meta names for its own calls. */
const answerWithinMs = 30_000;

/** What the codes bots meet most often ask for. Source: Meta's error tables for Messenger Platform and Cloud API. */
const advice: Readonly<Record<string, string>> = {
  '10/2018278': 'The 24-hour window after the user’s last message is closed.',
  '10/2534022': 'The 24-hour window after the user’s last message is closed.',
  '131047': 'The 24-hour window after the user’s last message is closed; only an approved template may be sent.',
  '2018300': 'Another app controls this thread.',
  '551': 'The person cannot be reached; they may have blocked the bot.',
  '131026': 'The person cannot be reached; they may have blocked the bot or not use WhatsApp.',
  '190': 'The access token has expired or was revoked.',
};

/** The token of an account. Rejects with what the bot's own function threw. */
export async function tokenOf(account: string, { accessToken }: GraphOptions): Promise<string> {
  return typeof accessToken === 'string' ? accessToken : accessToken(account);
}

/** Sends one message, once. Never rejects for what Meta says or fails to say. */
export async function askGraph({ node, body }: GraphCall, token: string, options: GraphOptions): Promise<GraphAnswer> {
  const { graphBaseUrl = 'https://graph.facebook.com', graphVersion = 'v25.0' } = options;
  const text = JSON.stringify(body);
  try {
    const response = await fetch(`${graphBaseUrl.replace(/\/+$/, '')}/${graphVersion}/${encodeURIComponent(node)}/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: text,
      signal: AbortSignal.timeout(answerWithinMs),
    });
    const answer: unknown = await response.json().catch(() => undefined);
    return response.ok ? { said: 'yes', answer } : { said: 'no', refusal: refusalOf(response.status, answer) };
  } catch (cause) {
    return { said: 'nothing', cause };
  }
}

/**
 * Meta's answer to a call.
 * @throws AdjournError `ADJ_SEND_FAILED`, its `cause` a {@link GraphRefusal} where Meta answered
 */
export function answerOf(got: GraphAnswer, call: Pick<GraphCall, 'channel' | 'account'>): unknown {
  const where = `${call.channel} ${call.account}`;
  if (got.said === 'yes') return got.answer;
  if (got.said === 'nothing') {
    throw new AdjournError('ADJ_SEND_FAILED', `The Graph API did not answer (${unanswered(got.cause).reason}).`, {
      where,
      hint: 'The message may have arrived.',
    });
  }
  const { status, code, subcode } = got.refusal;
  const codes = code === undefined ? '' : `, code ${code}${subcode === undefined ? '' : `, subcode ${subcode}`}`;
  const hint = advice[`${code}/${subcode}`] ?? advice[`${code}`] ?? advice[`${subcode}`];
  throw new AdjournError('ADJ_SEND_FAILED', `The Graph API answered ${status}${codes}.`, { where, hint, cause: got.refusal });
}

/** What an answer of a status beyond 299 says. */
export function refusalOf(status: number, answer: unknown): GraphRefusal {
  const {
    code,
    error_subcode: subcode,
    fbtrace_id: trace,
  } = (answer as { error?: Record<string, unknown> } | null | undefined)?.error ?? {};
  return {
    status,
    ...(typeof code === 'number' ? { code } : {}),
    ...(typeof subcode === 'number' ? { subcode } : {}),
    ...(typeof trace === 'string' ? { trace } : {}),
  };
}
