import { AdjournError } from '../../middleware/errors.ts';

/** How to reach the Graph API. */
export interface GraphOptions {
  /** Page or system user token, or a function of the account (page id, phone number id) where one app serves several. */
  readonly accessToken: string | ((account: string) => string | Promise<string>);
  /** @default 'https://graph.facebook.com' */
  readonly graphBaseUrl?: string | undefined;
  /** @default 'v25.0' */
  readonly graphVersion?: string | undefined;
}

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

/**
 * Sends one message.
 * @param id the account as the path names it (`me` for whoever the token belongs to)
 * @returns Meta's answer
 * @throws AdjournError `ADJ_SEND_FAILED`, its `cause` a {@link GraphRefusal}, or what `fetch` threw where nothing answered
 */
export async function postMessage(
  channel: string,
  account: string,
  id: string,
  body: object,
  options: GraphOptions,
): Promise<unknown> {
  const { accessToken, graphBaseUrl = 'https://graph.facebook.com', graphVersion = 'v25.0' } = options;
  const where = `${channel} ${account}`;
  const token = typeof accessToken === 'string' ? accessToken : await accessToken(account);
  const text = JSON.stringify(body);
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(`${graphBaseUrl.replace(/\/+$/, '')}/${graphVersion}/${encodeURIComponent(id)}/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: text,
      signal: AbortSignal.timeout(answerWithinMs),
    });
    answer = await response.json().catch(() => undefined);
  } catch (cause) {
    throw new AdjournError('ADJ_SEND_FAILED', 'The Graph API did not answer.', {
      where,
      hint: 'The message may have arrived.',
      cause,
    });
  }
  if (response.ok) return answer;
  const refusal = refusalOf(response.status, answer);
  const code =
    refusal.code === undefined
      ? ''
      : `, code ${refusal.code}${refusal.subcode === undefined ? '' : `, subcode ${refusal.subcode}`}`;
  const hint = advice[`${refusal.code}/${refusal.subcode}`] ?? advice[`${refusal.code}`] ?? advice[`${refusal.subcode}`];
  throw new AdjournError('ADJ_SEND_FAILED', `The Graph API answered ${refusal.status}${code}.`, { where, hint, cause: refusal });
}

function refusalOf(status: number, answer: unknown): GraphRefusal {
  const {
    code,
    error_subcode: subcode,
    fbtrace_id: trace,
  } = (answer as { error?: Record<string, unknown> } | undefined)?.error ?? {};
  return {
    status,
    ...(typeof code === 'number' ? { code } : {}),
    ...(typeof subcode === 'number' ? { subcode } : {}),
    ...(typeof trace === 'string' ? { trace } : {}),
  };
}
