import type { SendOutcome } from '../../middleware/adapter.ts';

/** Codes of Node and undici for a connection that never came about. */
const unconnected: readonly unknown[] = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];

/** Codes and names for an answer that did not come in time. */
const timedOut: readonly unknown[] = [
  'TimeoutError',
  'AbortError',
  'ECONNABORTED',
  'ETIMEDOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
];

/**
 * What is known of a send that no vendor answered: without a connection it cannot have left, otherwise it may have.
 * @param error what `fetch` or axios threw, causes included
 */
export function unanswered(error: unknown): Exclude<SendOutcome, { outcome: 'sent' }> {
  const links = chainOf(error);
  const said = links.flatMap(({ code, name }) => [code, name]);
  if (links.some(({ syscall }) => syscall === 'connect') || said.some((one) => unconnected.includes(one))) {
    return { outcome: 'retry', reason: 'connection' };
  }
  return { outcome: 'unknown', reason: said.some((one) => timedOut.includes(one)) ? 'timeout' : 'network' };
}

interface Link {
  readonly code?: unknown;
  readonly name?: unknown;
  readonly syscall?: unknown;
  readonly cause?: unknown;
  /** Of an `AggregateError`: one for each address that was tried. */
  readonly errors?: unknown;
}

/** Longest chain of causes that is followed: they may be circular. */
const longestChain = 6;

function chainOf(error: unknown): readonly Link[] {
  const links: Link[] = [];
  for (let here = error; typeof here === 'object' && here !== null && links.length < longestChain; ) {
    const link: Link = here;
    links.push(link);
    here = link.cause ?? (Array.isArray(link.errors) ? link.errors[0] : undefined);
  }
  return links;
}
