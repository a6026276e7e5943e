import { AsyncLocalStorage } from 'node:async_hooks';
import { AdjournError, bare } from '../../middleware/errors.ts';
import { damaged } from './records.ts';

/** A Keyv's error events and switches, as far as they decide whether a failure is heard of. */
export interface Failing {
  on(event: string, listener: (error: unknown) => void): unknown;
  off(event: string, listener: (error: unknown) => void): unknown;
  /** Keyv 5 rejects only when told to. */
  throwOnErrors?: unknown;
  readonly store?: unknown;
}

/** Calls to a Keyv whose failures cannot pass for misses. */
export interface KeyvCalls {
  /**
   * @param found whether a result proves that the backend answered, whatever errors were reported meanwhile.
   * @throws AdjournError `STORE_UNAVAILABLE` after `timeoutMs` too, `ADJ_RECORD_INVALID` where Keyv could not decode a value.
   */
  run<T>(where: string, work: () => Promise<T>, found?: (result: T) => boolean): Promise<T>;
  close(): void;
}

interface Call {
  error?: unknown;
  failed: boolean;
}

/**
 * Keyv hides failures: 5 answers "missing" unless told to throw, and 6 does so as soon as somebody listens to its errors,
 * which somebody must, or an adapter's background error ends the process. So 5 and its adapter are told to throw, and an error
 * event counts against the call it happened in; one that happened in no call counts against all that are under way.
 */
export function keyvCalls(keyv: Failing, timeoutMs: number): KeyvCalls {
  const context = new AsyncLocalStorage<Call>();
  const underWay = new Set<Call>();

  const heard = (error: unknown) => {
    const own = context.getStore();
    for (const call of own !== undefined && underWay.has(own) ? [own] : underWay) {
      call.failed = true;
      call.error ??= error;
    }
  };

  for (const one of [keyv, keyv.store, inner(keyv.store)]) {
    if (typeof one === 'object' && one !== null && 'throwOnErrors' in one) one.throwOnErrors = true;
  }
  keyv.on('error', heard);

  return {
    async run(where, work, found = () => false) {
      const call: Call = { failed: false };
      underWay.add(call);
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(call.error ?? new Error(`No answer within ${timeoutMs} ms.`)), timeoutMs);
      });
      try {
        const result = await Promise.race([context.run(call, work), silence]);
        if (call.failed && !found(result)) throw call.error;
        return result;
      } catch (error) {
        throw failure(where, error);
      } finally {
        clearTimeout(timer);
        underWay.delete(call);
      }
    },
    close() {
      keyv.off('error', heard);
    },
  };
}

/** Keyv 6 wraps adapters and maps in one of its own. */
export function inner(store: unknown): unknown {
  return typeof store === 'object' && store !== null && 'store' in store ? store.store : undefined;
}

function failure(where: string, error: unknown): AdjournError {
  if (error instanceof SyntaxError) return damaged(where);
  return new AdjournError('STORE_UNAVAILABLE', 'The Keyv backend failed.', { where, cause: bare(error) });
}
