import type { Archive, TranscriptLine } from './archive.ts';
import { AdjournError } from './errors.ts';

/** Writes transcripts down, beside the turns: many lines at once, in bounded memory. */
export interface Scribe {
  note(lines: readonly TranscriptLine[]): void;
  /** Writes what is noted; resolves when it is written, or could not be. */
  flush(): Promise<void>;
}

/** Lines wait at most this long, real ms: what a process that dies can lose. */
const longestMs = 500;
/** So many lines are written at once. */
const batch = 200;
/** More than this are not kept while the archive is out. */
const mostLines = 10_000;
/** How often an archive that is out is tried again, real ms. */
const retryMs = 2_000;

/** @param lost told when lines had to be dropped, or an archive refuses them */
export function scribe(archive: Archive | undefined, lost: (error: unknown) => void): Scribe {
  let lines: TranscriptLine[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let isOut = false;

  const arm = (ms: number) => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void write();
    }, ms).unref();
  };

  const writeAll = async (): Promise<void> => {
    while (lines.length > 0 && archive !== undefined) {
      const some = lines.slice(0, batch);
      try {
        await archive.append(some);
        isOut = false;
      } catch (error) {
        // Told once; the lines stay, and an archive that had them after all keeps one of each.
        if (!isOut) lost(error);
        isOut = true;
        return arm(retryMs);
      }
      lines = lines.slice(some.length);
    }
  };

  const write = (): Promise<void> => {
    writing ??= writeAll().finally(() => {
      writing = undefined;
      if (lines.length > 0 && !isOut) arm(longestMs);
    });
    return writing;
  };

  return {
    note(more) {
      if (archive === undefined || more.length === 0) return;
      const room = Math.max(0, mostLines - lines.length);
      lines.push(...more.slice(0, room));
      if (more.length > room) {
        const dropped = more.length - room;
        lost(new AdjournError('ADJ_TRANSCRIPT_LOST', `${dropped} lines were dropped: the archive is out for too long.`));
      }
      if (lines.length >= batch && !isOut) void write();
      else arm(longestMs);
    },
    async flush() {
      clearTimeout(timer);
      timer = undefined;
      await writing;
      await write();
    },
  };
}
