import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sqlArchive, sqlStore } from '../../stores/sql.ts';
import { type OpenStore, StoreError, timeoutMs } from './opened.ts';
import { tablesOf } from './servers.ts';

/** SQLite: a run has tables of its own in the file, and the file too where the run has made it. */
export async function openSqlite(url: string, run: string): Promise<OpenStore> {
  const path = url.replace(/^sqlite:(\/\/)?/, '');
  if (path === '' || path.startsWith(':memory:'))
    throw new StoreError(`--store ${url}: processes share a file; name one, or play with --store memory.`);
  const file = resolve(path);
  const isOurs = !existsSync(file);
  const database = new DatabaseSync(file);
  let isCleared = false;
  return {
    store: sqlStore(database, { prefix: run, timeoutMs }),
    archive: sqlArchive(database, { prefix: run, timeoutMs }),
    part: `the tables ${run}_*`,
    async clear() {
      for (const table of tablesOf(run)) database.exec(`DROP TABLE IF EXISTS ${table}`);
      isCleared = true;
    },
    async close() {
      database.close();
      if (isOurs && isCleared) await removeFile(file);
    },
  };
}

/** Removes a database, with the files that SQLite keeps beside it. */
export async function removeFile(file: string): Promise<void> {
  for (const end of ['', '-wal', '-shm']) await rm(file + end, { force: true });
}
