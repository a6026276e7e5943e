import type { Archive } from '../../middleware/archive.ts';

/** An archive that tells how many calls to it are open. */
export interface WatchedArchive extends Archive {
  busy(): number;
}

/** @param changed told when that has changed */
export function watchedArchive(archive: Archive, changed: () => void): WatchedArchive {
  let busy = 0;
  const watched =
    <Args extends readonly unknown[], T>(call: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      busy += 1;
      changed();
      try {
        return await call(...args);
      } finally {
        busy -= 1;
        changed();
      }
    };
  return {
    put: watched(archive.put),
    amend: watched(archive.amend),
    append: watched(archive.append),
    sessions: watched(archive.sessions),
    find: watched(archive.find),
    transcript: watched(archive.transcript),
    stats: watched(archive.stats),
    erase: watched(archive.erase),
    expire: watched(archive.expire),
    busy: () => busy,
  };
}
