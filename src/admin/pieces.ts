import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

/** Whether an answer comes piece by piece. */
export function isPieces(answer: unknown): answer is AsyncIterable<string> {
  return typeof answer === 'object' && answer !== null && Symbol.asyncIterator in answer;
}

/**
 * Answers with JSON piece by piece, no faster than it is read. Whoever hangs up ends it.
 * @throws what making a piece throws; before the first one nothing is sent yet, later the answer is cut off
 */
export async function sendPieces(res: ServerResponse, pieces: AsyncIterable<string>): Promise<void> {
  const iterator = pieces[Symbol.asyncIterator]();
  let next = await iterator.next();
  let failure: { readonly error: unknown } | undefined;
  async function* all() {
    try {
      for (; !next.done; next = await iterator.next()) yield next.value;
    } catch (error) {
      failure = { error };
      throw error;
    } finally {
      await iterator.return?.();
    }
  }
  res.writeHead(200, { 'content-type': 'application/json' });
  await pipeline(all(), res).catch(() => {});
  if (failure) throw failure.error;
}
