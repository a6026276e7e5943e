import { DatabaseSync } from 'node:sqlite';
import { serveProcesses } from '../../src/simulator/scenario/child.ts';
import { sqlArchive, sqlStore } from '../../src/stores/sql.ts';
import { counting, type PaperBot, paperCast } from './paper.ts';

/** Counts as others do; some words ask it to fail in a way that no handler's caller hears of. */
const misbehaving: PaperBot = async (turn, text, tools) => {
  const never = new Promise<void>(() => {});
  switch (text) {
    case 'throw':
      setImmediate(() => {
        throw new Error('thrown by nobody');
      });
      return never;
    case 'reject':
      void Promise.reject(new Error('rejected by nobody'));
      return never;
    case 'exit':
      return process.exit(3);
    case 'hang':
      return never;
    case 'spin':
      for (;;);
    default:
      return counting(turn, text, tools);
  }
};

// A child process for bots on paper, over a file of SQLite.
serveProcesses(async (given) => {
  const { file } = given as { readonly file: string };
  const database = new DatabaseSync(file);
  const [store, archive] = [sqlStore(database), sqlArchive(database)];
  return { cast: paperCast(misbehaving), store, archive, close: async () => database.close() };
});
