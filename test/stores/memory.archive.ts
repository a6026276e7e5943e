import { memoryArchive } from '../../src/middleware/archive.ts';
import type { ArchiveEntry } from '../kit/archive.ts';

export const entries: Record<string, ArchiveEntry> = {
  'in this process': { open: async () => ({ archive: memoryArchive(), dispose: async () => {} }) },
};
