import { randomUUID } from 'node:crypto';
import { AdjournError, isAdjournError, nameOf } from '../../middleware/errors.ts';
import { type Failing, keyvCalls } from './keyv-calls.ts';
import { decode, encode, keyOfValue, type Records } from './records.ts';

/** What is used of a Keyv 5.6 or 6 instance. */
export interface KeyvLike extends Failing {
  /** Keyv's own wrapping of the value, or undefined for a miss. */
  getRaw(key: string): Promise<unknown>;
  set(key: string, value: string, ttl?: number): Promise<boolean>;
  delete(key: string): Promise<unknown>;
  readonly iterator?: unknown;
}

/** Overrides a time to live that the Keyv may give by default: no record expires behind our back. */
const forever = 0;

/** How long a value that only tests the backend may outlive a crash in the middle of the test. */
const probeTtlMs = 60 * 60_000;

/** Records in a Keyv. The first use tries whether what is written can be read back. */
export function keyvRecords(keyv: KeyvLike, timeoutMs: number): Records {
  const calls = keyvCalls(keyv, timeoutMs);
  let tried: Promise<void> | undefined;

  const get = (key: string) =>
    calls.run(
      key,
      () => keyv.getRaw(place(key)),
      (raw) => raw !== undefined,
    );

  const put = async (key: string, value: string, ttlMs: number): Promise<void> => {
    const taken = await calls.run(key, () => keyv.set(place(key), value, ttlMs));
    if (taken === false) throw new AdjournError('STORE_UNAVAILABLE', 'The Keyv backend did not take the record.', { where: key });
  };

  const remove = async (key: string): Promise<void> => {
    await calls.run(key, () => keyv.delete(place(key)));
  };

  /** Runs `work` while a value that is no record lies in the backend. */
  const withProbe = async <T>(work: (key: string, value: string) => Promise<T>): Promise<T> => {
    const key = `probe ${randomUUID()}`;
    const value = probeText(key);
    await put(key, value, probeTtlMs);
    try {
      return await work(key, value);
    } finally {
      // Where it cannot be removed it lapses by itself.
      await remove(key).catch(() => {});
    }
  };

  const ready = (): Promise<void> => {
    tried ??= withProbe(async (key, value) => {
      if (unwrapped(await get(key)) !== value) throw unreadable();
    }).catch((error: unknown) => {
      tried = undefined;
      throw error;
    });
    return tried;
  };

  const list = async (probe: string): Promise<(readonly [string, number | null])[]> => {
    const ours: (readonly [string, number | null])[] = [];
    let complete = false;
    const values: AsyncIterator<readonly [unknown, unknown]> =
      typeof keyv.iterator === 'function' ? keyv.iterator(undefined) : nothing();
    for (;;) {
      const item = await calls.run(
        'keyv',
        () => values.next(),
        (result) => !result.done,
      );
      if (item.done) break;
      const [, value] = item.value;
      const found = keyOfValue(value);
      if (found !== undefined) ours.push(found);
      if (value === probe) complete = true;
    }
    if (!complete) throw unlistable();
    return ours;
  };

  return {
    async read(key) {
      await ready();
      const raw = await get(key);
      return raw === undefined ? undefined : decode(key, unwrapped(raw));
    },
    async write(key, entry) {
      await ready();
      await put(key, encode(key, entry), forever);
    },
    async remove(key) {
      await ready();
      await remove(key);
    },
    async all() {
      await ready();
      for (let left = 2; ; left--) {
        try {
          return await withProbe((_, value) => list(value));
        } catch (error) {
          if (isAdjournError(error, 'ADJ_RECORD_INVALID')) throw undecodable();
          // Keyv 5 stumbles over a record that is deleted between its listing and its reading.
          if (left === 0 || !(isAdjournError(error) && nameOf(error.cause) === 'TypeError')) throw error;
        }
      }
    },
    close: calls.close,
  };
}

/** Keeps our keys off those of other users of the same Keyv, and in a form that every backend can tell apart. */
function place(key: string): string {
  return key.isWellFormed() ? `adjourn/${key}` : `adjourn!${JSON.stringify(key)}`;
}

function unwrapped(raw: unknown): unknown {
  return typeof raw === 'object' && raw !== null && 'value' in raw ? raw.value : undefined;
}

/** A leading colon (Keyv 6 tags values with it), escapes, a character outside the basic plane: all must come back unchanged. */
function probeText(key: string): string {
  return `:"\\\u0001\u2028\u{1F512} ${key}`;
}

async function* nothing(): AsyncGenerator<never> {}

function unreadable(): AdjournError {
  return new AdjournError('STORE_UNAVAILABLE', 'What was written to the Keyv could not be read back.', {
    where: 'keyv',
    hint: 'Its adapter hides an outage, or its serialiser changes strings.',
  });
}

function undecodable(): AdjournError {
  return new AdjournError('ADJ_RECORD_INVALID', 'A value in this Keyv cannot be decoded, and Keyv 5 lists nothing behind it.', {
    where: 'keyv',
    hint: 'Give the Keyv a namespace of its own; if it has one, find the damaged value and delete it by hand.',
  });
}

function unlistable(): AdjournError {
  return new AdjournError('ADJ_CONFIG_INVALID', 'This Keyv cannot list its keys, so wake-ups and listings do not work.', {
    where: 'keyv',
    hint: 'Use an adapter with an iterator (Redis, SQLite, PostgreSQL, MySQL, MongoDB …), or only lazy closing.',
  });
}
