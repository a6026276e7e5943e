import type { Archive } from '../../src/middleware/archive.ts';
import { AdjournError } from '../../src/middleware/errors.ts';
import type { Store } from '../../src/middleware/store.ts';

/** What fails for now. */
export interface Trouble {
  reads: boolean;
  writes: boolean;
  leases: boolean;
  archive: boolean;
}

/** A backend that fails as drivers do: its error holds the statement with the values. */
export function mapThat(trouble: Trouble): Map<string, unknown> {
  const map = new Map<string, unknown>();
  const { get, set } = map;
  return Object.assign(map, {
    get(key: string) {
      if (trouble.reads) throw new Error('The backend is gone.');
      return get.call(map, key);
    },
    set(key: string, value: unknown) {
      if (trouble.writes)
        throw Object.assign(new Error('The backend is full.'), { sql: `INSERT '${String(value)}'`, code: 'FULL' });
      return set.call(map, key, value);
    },
  });
}

/** A store whose lease goes to somebody else, once. */
export function storeThat(trouble: Trouble, store: Store): Store {
  return {
    ...store,
    async commit(lease, record, wakeAt) {
      if (trouble.leases) {
        trouble.leases = false;
        await store.release(lease);
        throw new AdjournError('LEASE_LOST', 'The lease lapsed and went to another holder.', { where: lease.key });
      }
      return store.commit(lease, record, wakeAt);
    },
  };
}

/** An archive that is out. */
export function archiveThat(trouble: Trouble, archive: Archive): Archive {
  const unlessOut =
    <Args extends readonly unknown[]>(work: (...args: Args) => Promise<void>) =>
    async (...args: Args) => {
      if (trouble.archive) throw new AdjournError('STORE_UNAVAILABLE', 'The archive did not answer, or refused.');
      await work(...args);
    };
  return { ...archive, put: unlessOut(archive.put), append: unlessOut(archive.append) };
}
