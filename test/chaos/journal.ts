import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a bot writes down. `run`: `<pid>.<number>` of one run of the handler. */
export type Entry =
  | Began
  | { readonly what: 'returned'; readonly run: string; readonly aborted: boolean }
  | { readonly what: 'threw'; readonly run: string }
  | { readonly what: 'closing'; readonly session: string }
  | Close
  | { readonly what: 'closed'; readonly session: string; readonly reason: string }
  | { readonly what: 'save_failed'; readonly session: string; readonly code: string }
  | { readonly what: 'error'; readonly code: string; readonly key: string; readonly error: string };

export interface Began {
  readonly what: 'began';
  readonly run: string;
  readonly message: string;
  readonly key: string;
  readonly session: string;
  readonly startReason: string;
  readonly isNew: boolean;
  readonly degraded: boolean;
  readonly exclusive: boolean;
  readonly previous?: string;
}

/** The script at a close, with what the session's own data say of its turns. */
export interface Close {
  readonly what: 'close';
  readonly session: string;
  readonly log: readonly (readonly [message: string, run: string, turn: number])[];
}

/** An entry with the time it was written at, epoch ms, and the process that did. */
export type Written<E extends Entry = Entry> = E & { readonly at: number; readonly pid: number };

/** Everything the bots of a run have written, in order of time. A last line that a kill cut short is left out. */
export async function readJournals(folder: string): Promise<readonly Written[]> {
  const entries: Written[] = [];
  for (const file of await readdir(folder)) {
    const pid = Number.parseInt(file, 10);
    if (!file.endsWith('.journal')) continue;
    const lines = (await readFile(join(folder, file), 'utf8')).split('\n').slice(0, -1);
    entries.push(...lines.map((line): Written => ({ ...JSON.parse(line), pid })));
  }
  return entries.sort((a, b) => a.at - b.at);
}

export function entriesOf<What extends Entry['what']>(entries: readonly Written[], what: What) {
  return entries.filter((entry): entry is Written<Extract<Entry, { what: What }>> => entry.what === what);
}
