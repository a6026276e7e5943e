import { AdjournError } from '../../middleware/errors.ts';
import type { StoreCapabilities } from '../../middleware/store.ts';
import type { Values } from './sql-text.ts';

/** What a statement gave back, whatever the driver. */
export interface Result {
  readonly rows: readonly Row[];
  /** How many rows it changed, or found. */
  readonly changes: number;
}

export type Row = Readonly<Record<string, unknown>>;

/** Runs one statement with named placeholders. @throws AdjournError `STORE_UNAVAILABLE`, in bounded time. */
export type Run = (text: string, values?: Values) => Promise<Result>;

/** One database, as the store uses it. */
export interface Dialect {
  readonly name: 'postgres' | 'mysql' | 'sqlite';
  readonly capabilities: StoreCapabilities;
  readonly run: Run;
  /** The schema's statements, one list per version, each tolerant of being run again. */
  schema(tables: Tables): Schema;
  texts(tables: Tables): Texts;
  /** Brings one part of the tables up to date, once however many processes come at the same time. */
  migrate(part: string, versionTable: string, steps: Schema): Promise<void>;
  /**
   * Takes the lease, or a place in line: a row with `taken`, `record`, `revision` and `ticket`; none where the lease is held, or
   * others wait, and the caller would not.
   */
  take(texts: Texts, values: Values): Promise<Row | undefined>;
  /** Rows whose `look_at` is not after `:bound`, the earliest first, moved on; each with `state` and its `wake_at` from before. */
  claim(texts: Texts, values: Values): Promise<readonly Row[]>;
  /**
   * Hears which conversations were given up by other processes; absent where the database cannot tell.
   * Resolves to false where no connection can be spared for it.
   */
  readonly listen?: (channel: string, heard: (conversation: string) => void) => Promise<boolean>;
  /** Stops listening, until the next time. */
  readonly hush?: () => void;
  /** Leaves the driver as it was. */
  close(): void;
}

export type Schema = readonly (readonly string[])[];

/**
 * The names of the tables. A row of `conversations` holds
 * - the record as JSON text (null while there is none), how often it was saved, when it wants to be woken (`wake_at`), and when to look
 *   for that (`look_at`, indexed, never later than `wake_at`; see `wakeUps`);
 * - the lease: whose it is, and until when;
 * - the line: the last ticket given out, the last one served, and until when newcomers keep behind those who wait.
 */
export interface Tables {
  readonly conversations: string;
  readonly line: string;
  readonly channel: string;
}

/** One statement for each thing a store does. All name the same placeholders; an empty one is not needed. */
export interface Texts {
  readonly take: string;
  /** Writes a new ticket into the line. */
  readonly note: string;
  readonly save: string;
  readonly commit: string;
  readonly renew: string;
  readonly release: string;
  /** Tells other processes that a conversation was given up. */
  readonly tell: string;
  /** Who is first in line, who was served last, and how long the lease still lasts. */
  readonly look: string;
  /** Keeps tickets valid. */
  readonly beat: string;
  /** Keeps newcomers behind those who wait. */
  readonly mark: string;
  /** Gives a ticket back unused. */
  readonly leave: string;
  /** Lets newcomers pass if nobody waits any more. */
  readonly unmark: string;
  /** Removes a used ticket, and those ahead of it, whose owners are gone. */
  readonly passed: string;
  /** Removes the tickets of processes that are long gone. */
  readonly tidy: string;
  readonly claim: string;
  /** The second half of a claim, where it takes two. */
  readonly moved: string;
  readonly earliest: string;
  readonly sweep: string;
  readonly read: string;
  readonly list: string;
}

/** How long a ticket is valid without a beat, ms: so long a dead waiter holds others up. */
export const ticketMs = 700;

/** How long an invalid ticket stays before it is removed, ms. */
export const deadTicketMs = 10_000;

/** How long newcomers keep behind a line that nobody keeps up, ms. */
export const lineMs = 1_000;

/**
 * The versions a schema still lacks.
 * @throws AdjournError `ADJ_CONFIG_INVALID` if the tables are newer than this code
 */
export function missing(steps: Schema, version: unknown, part: string): Schema {
  const there = Number(version ?? 0);
  if (there <= steps.length) return steps.slice(there);
  throw new AdjournError('ADJ_CONFIG_INVALID', `The tables have version ${there}, not ${steps.length}.`, {
    where: part,
    hint: 'A newer version of adjourn made them: update this process, or give it a prefix of its own.',
  });
}

/** An outage, with what the driver said about it. */
export function unavailable(where: string, cause: unknown): AdjournError {
  return new AdjournError('STORE_UNAVAILABLE', `${where} did not answer, or refused.`, { cause });
}

/** Gives up on work after a while. What it still yields afterwards is given to `late`. */
export async function within<T>(ms: number, work: Promise<T>, late: (result: T) => void = () => {}): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      over = true;
      reject(new Error(`No answer within ${Math.round(ms)} ms.`));
    }, ms);
  });
  work.then(
    (result) => {
      if (over) late(result);
    },
    () => {},
  );
  try {
    return await Promise.race([work, silence]);
  } finally {
    clearTimeout(timer);
  }
}
