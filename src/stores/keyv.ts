import { AdjournError } from '../middleware/errors.ts';
import { processScoped } from '../middleware/scope.ts';
import type { FindQuery, Lease, Store, StoredRecord } from '../middleware/store.ts';
import { cataloguing } from './support/catalogue.ts';
import { inner } from './support/keyv-calls.ts';
import { type KeyvLike, keyvRecords } from './support/keyv-records.ts';
import { processLeases } from './support/leases.ts';
import { mapRecords, toRecord, toText } from './support/records.ts';

export type { KeyvLike };

export interface KeyvStoreOptions {
  /** Whether the Keyv's backend outlives the process. @default false without a Keyv or with one over a `Map`, else true */
  readonly durable?: boolean | undefined;
  /** How long one call to the Keyv may take before it counts as an outage, milliseconds. @default 2000 */
  readonly timeoutMs?: number | undefined;
  /** How many processes share the backend. `'many'` is refused: a Keyv has no leases that several of them could see. @default 'one' */
  readonly processes?: 'one' | 'many' | undefined;
}

/**
 * Conversations in any Keyv backend (5.6 or 6), for bots that run in one process; without a Keyv, in memory. Leases and the index
 * of wake-ups are this object's own: give it a Keyv nobody else uses, and make one store of it. The index is built from the Keyv's
 * iterator when it is first needed.
 *
 * The Keyv is told to throw on errors and gets an error listener; it stays the caller's to disconnect.
 * @throws AdjournError `ADJ_CONFIG_INVALID` if it is no Keyv of these versions, `ADJ_STORE_SCOPE` if many processes are to share it.
 */
export function keyvStore(keyv?: KeyvLike, options: KeyvStoreOptions = {}): Store {
  const { durable = keyv !== undefined && !isInMemory(keyv), timeoutMs = 2_000 } = options;
  if (options.processes === 'many') throw processScoped('keyvStore');
  if (keyv !== undefined) checkKeyv(keyv);
  const records = keyv === undefined ? mapRecords() : keyvRecords(keyv, timeoutMs);
  const leases = processLeases();
  const catalogue = cataloguing(records);

  const write = (lease: Lease, record: StoredRecord | null, wakeAt: number | null): Promise<void> =>
    leases.during(lease, async (holder) => {
      const { key } = lease;
      const at = wakeAt !== null && Number.isFinite(wakeAt) ? wakeAt : null;
      if (record === null) {
        await records.remove(key);
        holder.revision = 0;
        catalogue.note(key, undefined);
      } else {
        const entry = { text: toText(key, record), revision: holder.revision + 1, wakeAt: at };
        await records.write(key, entry);
        holder.revision = entry.revision;
        catalogue.note(key, at);
      }
    });

  return {
    capabilities: { scope: 'process', durable },

    async begin(key, wanted) {
      const holder = await leases.take(key, wanted);
      try {
        const entry = await records.read(key);
        if (wanted.signal?.aborted) throw new AdjournError('LEASE_TIMEOUT', 'The caller gave up.', { where: key });
        holder.revision = entry?.revision ?? 0;
        return { record: entry === undefined ? null : toRecord(key, entry.text), revision: holder.revision, lease: holder.lease };
      } catch (error) {
        leases.release(holder.lease);
        throw error;
      }
    },

    async commit(lease, record, wakeAt) {
      try {
        await write(lease, record, wakeAt);
      } finally {
        leases.release(lease);
      }
    },

    save: write,
    renew: async (lease) => leases.renew(lease),
    release: async (lease) => leases.release(lease),

    nextWake: async () => (await catalogue.index()).earliest() ?? null,

    async claimDue(now, limit, claimMs) {
      return (await catalogue.index()).claim(now, limit, now + claimMs);
    },

    async find(query) {
      const { keys, next } = page(query.keys ? [...new Set(query.keys)].sort() : (await catalogue.index()).keys(), query);
      const found = await Promise.all(
        keys.map(async (key) => {
          const entry = await records.read(key);
          return entry && { key, record: toRecord(key, entry.text), wakeAt: catalogue.wakeAt(key) ?? entry.wakeAt };
        }),
      );
      return { records: found.filter((one) => one !== undefined), ...(next === undefined ? {} : { next }) };
    },

    async close() {
      leases.close();
      records.close();
    },
  };
}

function page(
  sorted: readonly string[],
  { prefix = '', after, limit = 100 }: FindQuery,
): { keys: string[]; next: string | undefined } {
  const keys: string[] = [];
  for (const key of sorted) {
    if (!key.startsWith(prefix) || (after !== undefined && key <= after)) continue;
    if (keys.length === limit) return { keys, next: keys.at(-1) };
    keys.push(key);
  }
  return { keys, next: undefined };
}

function isInMemory(keyv: KeyvLike): boolean {
  return keyv.store instanceof Map || inner(keyv.store) instanceof Map;
}

function checkKeyv(keyv: KeyvLike): void {
  const missing = (['getRaw', 'set', 'delete', 'on', 'off'] as const).find((name) => typeof keyv[name] !== 'function');
  if (missing === undefined) return;
  throw new AdjournError('ADJ_CONFIG_INVALID', `The object has no method ${missing}.`, {
    where: 'keyvStore',
    hint: 'Give it a Keyv instance of version 5.6 or 6.',
  });
}
