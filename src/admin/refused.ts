import { AdjournError, type ErrorCode, errorCodes, isAdjournError } from '../middleware/errors.ts';

/** A request that is not taken, with the HTTP status that says why. */
export class Refused extends AdjournError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, why: string, headers: Readonly<Record<string, string>> = {}) {
    super('ADJ_ADMIN_REFUSED', why);
    this.status = status;
    this.headers = headers;
  }
}

/** Problem details for HTTP. Source: RFC 9457. */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  /** What is wrong with the request, where it is the caller's to mend. */
  readonly detail?: string;
}

/** HTTP status of our own errors; any other is 500. */
const statuses: Partial<Record<ErrorCode, number>> = {
  ADJ_CONFIG_INVALID: 400,
  ADJ_NO_SESSION: 404,
  ADJ_NO_ENDPOINT: 404,
  ADJ_NO_AGENT: 409,
  ADJ_SETTINGS_CONFLICT: 409,
  STORE_UNAVAILABLE: 503,
  LEASE_TIMEOUT: 503,
  LEASE_LOST: 503,
};

/** Seconds after which to try again what the store or a busy conversation prevented. */
const retryAfter = '1';

/** What a caller is told of an error: never a stack, a cause, or the text of an error that is not ours. */
export function problemFrom(error: unknown): { readonly problem: Problem; readonly headers: Readonly<Record<string, string>> } {
  const code = isAdjournError(error) ? error.code : 'ADJ_ADMIN_FAILED';
  const status = error instanceof Refused ? error.status : (statuses[code] ?? 500);
  const detail = isAdjournError(error) && status < 500 ? { detail: error.message } : {};
  const headers = error instanceof Refused ? error.headers : status === 503 ? { 'retry-after': retryAfter } : {};
  return { problem: { type: 'about:blank', title: errorCodes[code], status, code, ...detail }, headers };
}
