import type { Archive } from '../../middleware/archive.ts';
import type { Store } from '../../middleware/store.ts';

/** A store that a URL names, with the part of it that belongs to one run. */
export interface OpenStore {
  readonly store: Store;
  /** For what the sessions in it leave behind. */
  readonly archive: Archive;
  /** What that part is called, for people. */
  readonly part: string;
  /** Removes that part from the store. */
  clear(): Promise<void>;
  /** Ends the connection; the store on it has been closed. */
  close(): Promise<void>;
}

/** How a kind of store is opened. @param run names the run: lower-case letters, digits and `_`, at most 30 */
export type Opener = (url: string, run: string) => Promise<OpenStore>;

/** The store cannot be used: what is wrong, and what to do. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

/** How long a call may take before it counts as an outage, real ms: only a scenario takes a store down, however busy this machine is. */
export const timeoutMs = 10_000;

/** How long a server may take to let us in, real ms. */
export const connectMs = 3_000;
