import type { ServerResponse } from 'node:http';
import type { Turn } from '../../middleware/turn.ts';

/**
 * Resolves when the bot is done with a response, for the middleware form in which nothing else tells the end of its work.
 *
 * - Closed and finished: done; failed if the status is 500 or more.
 * - Closed unfinished by our side (a stream broken off, an error after the headers): failed.
 * - The client hung up: says nothing about the bot. It is done when it has ended the response all the same, with the status deciding,
 *   or when the turn is given up because it takes too long.
 *
 * A failure is marked on every turn; the promise does not reject, since the error itself went to the host's error middleware.
 */
export function responseEnd(res: ServerResponse, turns: readonly Turn[]): Promise<void> {
  return new Promise((resolve) => {
    const signals = turns.map((turn) => turn.signal);
    const end = (failure?: string) => {
      res.off('close', closed);
      res.off('prefinish', ended);
      for (const signal of signals) signal.removeEventListener('abort', givenUp);
      if (failure !== undefined) failTurns(turns, new Error(failure));
      resolve();
    };
    const givenUp = () => {
      if (signals.every((signal) => signal.aborted)) end();
    };
    const ended = () => end(res.statusCode >= 500 ? `The response ended with status ${res.statusCode}.` : undefined);
    const closed = () => {
      if (res.writableEnded) ended();
      // A response that nobody listens to any more never emits 'finish', but still 'prefinish' when the bot ends it.
      else if (clientHungUp(res)) res.once('prefinish', ended);
      else end('The response was closed before it was finished.');
    };
    res.once('close', closed);
    for (const signal of signals) signal.addEventListener('abort', givenUp, { once: true });
  });
}

/** Marks turns as failed; one that was given up has failed already, and takes no more. */
export function failTurns(turns: readonly Turn[], error: unknown): void {
  for (const turn of turns) if (!turn.signal.aborted) turn.fail(error);
}

/** The other side's FIN ends the socket's readable half, its RST leaves an error; `destroy()` on our side does neither. */
function clientHungUp(res: ServerResponse): boolean {
  return res.socket !== null && (res.socket.readableEnded || res.socket.errored != null);
}
