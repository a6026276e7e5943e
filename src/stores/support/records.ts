import { AdjournError } from '../../middleware/errors.ts';
import type { StoredRecord } from '../../middleware/store.ts';

/** A record as it lies in the store: its JSON text beside what the store itself must know of it. */
export interface Entry {
  readonly text: string;
  /** Counts the saves. */
  readonly revision: number;
  /** Epoch ms. */
  readonly wakeAt: number | null;
}

/** The bare reading and writing below a store. Outages throw `STORE_UNAVAILABLE`, damaged values `ADJ_RECORD_INVALID`. */
export interface Records {
  read(key: string): Entry | undefined | Promise<Entry | undefined>;
  write(key: string, entry: Entry): void | Promise<void>;
  remove(key: string): void | Promise<void>;
  /** Every key there is, with its wake-up. */
  all(): Promise<Iterable<readonly [string, number | null]>>;
  close(): void;
}

/** Records in this process's memory. */
export function mapRecords(): Records {
  const entries = new Map<string, Entry>();
  return {
    read: (key) => entries.get(key),
    write: (key, entry) => void entries.set(key, entry),
    remove: (key) => void entries.delete(key),
    all: async () => [...entries].map(([key, { wakeAt }]) => [key, wakeAt] as const),
    close: () => {},
  };
}

/** @throws AdjournError `ADJ_RECORD_INVALID` where the record holds what JSON cannot. */
export function toText(key: string, record: StoredRecord): string {
  try {
    return JSON.stringify(record);
  } catch (cause) {
    throw new AdjournError('ADJ_RECORD_INVALID', 'The record cannot be written as JSON.', {
      where: key,
      hint: 'Keep only JSON data in a session: no BigInt, no cycles.',
      cause,
    });
  }
}

/** @throws AdjournError `ADJ_RECORD_INVALID` */
export function toRecord(key: string, text: string): StoredRecord {
  const record = parsed(key, text);
  if (typeof record !== 'object' || record === null || Array.isArray(record)) throw damaged(key);
  return record as StoredRecord;
}

/** First word of every stored value; the number is the version of this form. */
const form = 'adjourn1:';

/**
 * An entry as one string: a header line with key, revision and wake-up, then the record's text.
 * The key stands in the value because backends prefix, shorten or rewrite the keys they are given.
 */
export function encode(key: string, { text, revision, wakeAt }: Entry): string {
  return `${form}${JSON.stringify([key, revision, wakeAt])}\n${text}`;
}

/** @throws AdjournError `ADJ_RECORD_INVALID` where the value is not an entry of this key. */
export function decode(key: string, value: unknown): Entry {
  const entry = headed(key, value);
  if (entry.key !== key) throw damaged(key, 'Another key is stored under this one.');
  return entry;
}

/** The key and wake-up of a value that is one of ours; undefined for anything else. Does not look at the record. */
export function keyOfValue(value: unknown): readonly [string, number | null] | undefined {
  try {
    const { key, wakeAt } = headed('', value);
    return [key, wakeAt];
  } catch {
    return undefined;
  }
}

function headed(where: string, value: unknown): Entry & { readonly key: string } {
  if (typeof value !== 'string') throw damaged(where);
  if (!value.startsWith(form)) {
    throw damaged(where, /^adjourn\d+:/.test(value) ? 'A newer version of adjourn wrote this record.' : undefined);
  }
  const end = value.indexOf('\n');
  if (end === -1) throw damaged(where);
  const header = parsed(where, value.slice(form.length, end));
  const [key, revision, wakeAt] = Array.isArray(header) ? (header as unknown[]) : [];
  if (typeof key !== 'string' || typeof revision !== 'number' || !(wakeAt === null || typeof wakeAt === 'number'))
    throw damaged(where);
  return { key, revision, wakeAt, text: value.slice(end + 1) };
}

function parsed(where: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, so it is no cause to pass on.
    throw damaged(where);
  }
}

export function damaged(where: string, what = 'The stored value is damaged, or not one of ours.'): AdjournError {
  return new AdjournError('ADJ_RECORD_INVALID', what, {
    where,
    hint: 'It is left as it is: inspect it, then delete it from the store by hand.',
  });
}
