/**
 * Every code an {@link AdjournError} can carry, with what it means. One list, so that documentation and code cannot disagree.
 */
export const errorCodes = {
  ADJ_CONFIG_INVALID: 'A setting cannot work as given.',
  ADJ_STORE_SCOPE: 'The store is for one process only.',
  ADJ_PEER_MISSING: 'An optional package that this part needs is not installed.',
  ADJ_NO_SESSION: 'This host object has no session.',
  ADJ_SEVERAL_CONVERSATIONS: 'This request holds events of several conversations.',
  ADJ_TURN_ENDED: 'The turn is over; nothing more can be changed through it.',
  ADJ_TURN_SHARED: 'The turn runs beside another one of its conversation; change the session by turn.update().',
  ADJ_TURN_TIMEOUT: 'The handler did not return in time.',
  ADJ_RAW_BODY_MISSING: 'The body was parsed before its signature could be checked.',
  ADJ_NO_ENDPOINT: 'No such endpoint.',
  ADJ_NO_SENDER: 'No adapter is mounted that could send to this address.',
  ADJ_NO_DESK: 'No desk of this name is open in this process.',
  ADJ_NO_AGENT: 'The agent is not of this desk, not online, or has as many conversations as they may.',
  ADJ_TRANSCRIPT_LOST: 'Lines of transcripts were dropped.',
  ADJ_SEND_FAILED: 'The vendor refused or did not answer a message.',
  ADJ_RECORD_INVALID: 'A stored record is not one of ours, or newer than this version can read.',
  ADJ_AUTH_UNREADABLE: 'Stored tokens cannot be decrypted with the keys at hand.',
  ADJ_HOOK_FAILED: 'A hook or listener threw.',
  ADJ_SETTINGS_CONFLICT: 'The settings have changed since they were read; nothing was changed.',
  ADJ_ADMIN_UNPROTECTED: 'The admin API would answer anybody: it has no authoriser.',
  ADJ_ADMIN_REFUSED: 'The admin API does not take this request.',
  ADJ_ADMIN_FAILED: 'The admin API could not answer; an error event tells why.',
  STORE_UNAVAILABLE: 'The store did not answer, or answered with an error.',
  LEASE_TIMEOUT: 'The conversation stayed busy for longer than the caller would wait.',
  LEASE_LOST: 'The lease went to another holder; nothing was saved.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorDetails {
  /** Which endpoint, channel, setting or key it is about. Never message text, never a token. */
  readonly where?: string | undefined;
  /** What to do about it. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The one error class: a code from {@link errorCodes}, where it happened, what happened and what to do.
 * Its text never holds message text or tokens.
 */
export class AdjournError extends Error {
  override readonly name = 'AdjournError';
  readonly code: ErrorCode;
  readonly where: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    const place = details.where === undefined ? '' : `${details.where}: `;
    const advice = details.hint === undefined ? '' : ` ${details.hint}`;
    super(`${code}: ${place}${message}${advice}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.where = details.where;
    this.hint = details.hint;
  }
}

/** So many causes are followed: they may be circular. */
const longestChain = 5;

/**
 * What a driver threw, as the cause of an error of ours: name, message, code and stack, and those of its own causes. What else hangs on
 * it may be a statement with its values or a row, so it stays behind.
 */
export function bare(thrown: unknown, links = longestChain): Error {
  if (!(thrown instanceof Error)) return new Error(`Something of type ${typeof thrown} was thrown.`);
  const { name, message, stack, cause } = thrown;
  const error = new Error(message, cause === undefined || links === 1 ? undefined : { cause: bare(cause, links - 1) });
  return Object.assign(error, { name, stack }, 'code' in thrown ? { code: thrown.code } : {});
}

/** Names what was thrown without its words, which may quote anything: by its code, or its class. */
export function nameOf(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return thrown instanceof Error ? thrown.name : typeof thrown;
}

/**
 * What came of a message of ours whose sending threw. A vendor's SDK may have hung the whole request on its error, text and token
 * included, so nothing of it but its name is passed on.
 */
export function unsent(thrown: unknown, where: string | undefined): AdjournError {
  if (isAdjournError(thrown)) return thrown;
  return new AdjournError('ADJ_SEND_FAILED', `Sending threw ${nameOf(thrown)}.`, { where });
}

/** Whether a thrown value is ours, and of one of the given codes if any are given. Works across the ESM and CommonJS copies. */
export function isAdjournError(value: unknown, ...codes: ErrorCode[]): value is AdjournError {
  if (!(value instanceof Error) || value.name !== 'AdjournError') return false;
  return codes.length === 0 || codes.includes((value as AdjournError).code);
}
