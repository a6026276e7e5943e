/**
 * Where conversation records live. A plain object; every backend in `src/stores` is a factory that returns one.
 *
 * A turn costs two round trips: `begin` takes the lease and the record, `commit` saves, indexes and gives the lease back.
 * Session time always comes in as an argument; leases run on the store's own real time. Returned objects are copies.
 * An outage throws `STORE_UNAVAILABLE`; it never looks like a missing record.
 */
export interface Store {
  readonly capabilities: StoreCapabilities;
  /**
   * Takes the conversation's lease, first come first served.
   * @throws AdjournError `LEASE_TIMEOUT` after `waitMs` (at once when 0) or when `signal` aborts, `STORE_UNAVAILABLE`.
   */
  begin(key: string, options: BeginOptions): Promise<Begun>;
  /**
   * Saves (or deletes, with `null`), indexes `wakeAt` (epoch ms, `null` for none) and releases, all at once.
   * @throws AdjournError `LEASE_LOST` if the lease went to somebody else: nothing was saved. `STORE_UNAVAILABLE`.
   */
  commit(lease: Lease, record: StoredRecord | null, wakeAt: number | null): Promise<void>;
  /** As `commit`, but keeps the lease. */
  save(lease: Lease, record: StoredRecord, wakeAt: number | null): Promise<void>;
  /** Makes the lease last its full time again. @throws AdjournError `LEASE_LOST`, `STORE_UNAVAILABLE`. */
  renew(lease: Lease): Promise<void>;
  /** Gives the lease up without saving. Giving up a lost lease does nothing. */
  release(lease: Lease): Promise<void>;
  /**
   * Up to `limit` keys whose `wakeAt ≤ now`, earliest first, each moved to `now + claimMs` so that other callers pass it by.
   * Takes no lease: the caller begins each with `waitMs: 0` and skips the busy ones, whose own turn re-arms them.
   */
  claimDue(now: number, limit: number, claimMs: number): Promise<string[]>;
  /** The earliest `wakeAt` there is, epoch ms; null for none. */
  nextWake(): Promise<number | null>;
  /** Reads records without a lease, a page at a time. */
  find(query: FindQuery): Promise<FoundPage>;
  close(): Promise<void>;
}

export interface StoreCapabilities {
  /** `process`: only callers in this process see the same records. `shared`: other processes do too. */
  readonly scope: 'process' | 'shared';
  /** Whether records outlive the process. */
  readonly durable: boolean;
}

/** What a store sees of a record: JSON data. */
export type StoredRecord = Readonly<Record<string, unknown>>;

export interface BeginOptions {
  /** Session time, epoch ms. */
  readonly now: number;
  /** How long the lease lasts without renewal, real milliseconds. */
  readonly leaseMs: number;
  /** How long to wait for a busy conversation, real milliseconds. */
  readonly waitMs: number;
  /** Gives up waiting. Once the call is answered nothing may listen to it any more: the next call may come with the same one. */
  readonly signal?: AbortSignal | undefined;
}

export interface Begun {
  readonly record: StoredRecord | null;
  /** Counts the saves of this record; 0 where there is none. */
  readonly revision: number;
  readonly lease: Lease;
}

/** The right to run turns of one conversation for a while. Opaque beside `key`. */
export interface Lease {
  readonly key: string;
  readonly token: string;
  readonly leaseMs: number;
}

export interface FindQuery {
  /** Only these keys. */
  readonly keys?: readonly string[] | undefined;
  /** Only keys that start so. */
  readonly prefix?: string | undefined;
  /** At most this many records. @default 100 */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

export interface FoundPage {
  readonly records: readonly { readonly key: string; readonly record: StoredRecord; readonly wakeAt: number | null }[];
  /** Where the next page begins; absent on the last one. */
  readonly next?: string | undefined;
}
