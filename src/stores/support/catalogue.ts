import { type KeyIndex, keyIndex } from './key-index.ts';
import type { Records } from './records.ts';

/** What a store knows of all its keys without reading their records. */
export interface Catalogue {
  /** All keys with their wake-ups, read once from the backend. */
  index(): Promise<KeyIndex>;
  /** Tells of a saved record, or with undefined of a deleted one. */
  note(key: string, wakeAt: number | null | undefined): void;
  wakeAt(key: string): number | null | undefined;
}

/** Nothing is kept in memory before somebody asks for it. What is saved while the backend is being listed outranks the list. */
export function cataloguing(records: Records): Catalogue {
  let index: KeyIndex | undefined;
  let listing: Promise<KeyIndex> | undefined;
  let saved: Set<string> | undefined;

  const build = async (): Promise<KeyIndex> => {
    const fresh = keyIndex();
    const newer = new Set<string>();
    index = fresh;
    saved = newer;
    try {
      for (const [key, wakeAt] of await records.all()) if (!newer.has(key)) fresh.set(key, wakeAt);
      return fresh;
    } catch (error) {
      index = undefined;
      listing = undefined;
      throw error;
    } finally {
      saved = undefined;
    }
  };

  return {
    index: () => {
      listing ??= build();
      return listing;
    },
    note(key, wakeAt) {
      saved?.add(key);
      if (wakeAt === undefined) index?.delete(key);
      else index?.set(key, wakeAt);
    },
    wakeAt: (key) => index?.wakeAt(key),
  };
}
