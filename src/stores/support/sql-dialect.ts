import { AdjournError, bare } from '../../middleware/errors.ts';
import type { StoreCapabilities } from '../../middleware/store.ts';
import type { Values } from './sql-text.ts';

/** What a statement gave back, whatever the driver. */
export interface Result {
  readonly rows: readonly Row[];
  /** How many rows it changed, or found. */
  readonly changes: number;
}

export type Row = Readonly<Record<string, unknown>>;

/**
 * Runs one statement with named placeholders.
 * @param patienceMs how long the database may take, where that is not as long as a turn would wait
 * @throws AdjournError `STORE_UNAVAILABLE`, in bounded time
 */
export type Run = (text: string, values?: Values, patienceMs?: number) => Promise<Result>;

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
   * Hears what is said on some channels; absent where the database cannot tell.
   * Resolves to false where no connection can be spared for it.
   */
  readonly listen?: (channels: readonly string[], heard: (channel: string, said: string) => void) => Promise<boolean>;
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
 *
 * A ticket in `line` is valid for a moment by itself, and then for as long as its process keeps its row in `processes` up to date.
 */
export interface Tables {
  readonly conversations: string;
  readonly line: string;
  readonly processes: string;
  /** Where is said which conversations may be free. */
  readonly channel: string;
  /** What the channel of each process begins with: there it is told of leases that were handed to it. */
  readonly inbox: string;
}

/** One statement for each thing a store does. All name the same placeholders; an empty one is not needed. */
export interface Texts {
  readonly take: string;
  /** Writes a new ticket into the line. */
  readonly note: string;
  readonly save: string;
  /** Commit and release change nothing where somebody waits and the database can hand over. */
  readonly commit: string;
  readonly renew: string;
  readonly release: string;
  /**
   * The same where somebody waits; absent where the database cannot tell him. They hand the lease over to the first in line, and say so
   * on the channel of its process if that is another one: they answer with the `token` it went to, the `revision`, the `record` and when
   * (`at`, epoch ms); or with whether nobody was found, though somebody `awaited` it.
   */
  readonly handOver?: { readonly commit: string; readonly release: string };
  /**
   * Waits until what was committed before is safe on the disk: a commit that hands over does not, since others wait for it. Empty
   * where none does.
   */
  readonly flush: string;
  /** Takes up a lease that was handed over. */
  readonly takeUp: string;
  /** Says something on a channel. */
  readonly tell: string;
  /** Of several conversations: who is first in line, who was served last, whose the lease is, and how long it still lasts. */
  readonly look: string;
  /** Keeps all tickets of a process valid. */
  readonly beat: string;
  /** Keeps newcomers behind those who wait. */
  readonly mark: string;
  /** Gives a ticket back unused. */
  readonly leave: string;
  /** Lets newcomers pass if nobody waits any more. */
  readonly unmark: string;
  /** Removes a used ticket, and those ahead of it, whose owners are gone; empty where taking the lease does it. */
  readonly passed: string;
  /** Remove the tickets of processes that are long gone, and those processes. */
  readonly tidy: readonly string[];
  readonly claim: string;
  /** The second half of a claim, where it takes two. */
  readonly moved: string;
  readonly earliest: string;
  readonly sweep: string;
  readonly read: string;
  readonly list: string;
}

/** How long tickets are valid without a beat, ms: so long a dead waiter holds others up. */
export const ticketMs = 700;

/** How long an invalid ticket stays before it is removed, ms. */
export const deadTicketMs = 10_000;

/** How long newcomers keep behind a line that nobody keeps up, ms. They find it empty then, so this costs them but a moment. */
export const lineMs = 3_000;

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
  return new AdjournError('STORE_UNAVAILABLE', `${where} did not answer, or refused.`, { cause: bare(cause) });
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
