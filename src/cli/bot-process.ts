import { serveProcesses } from '../simulator/scenario/child.ts';
import { sampleCast } from './samples.ts';
import { openStore } from './stores/open-store.ts';

/** What a process with sample bots is told; JSON. */
export interface BotProcessOptions {
  readonly url: string;
  readonly run: string;
  /** As in `sampleCast`. */
  readonly folders: Readonly<Record<string, string>>;
}

// The code of the child processes that scenarios are played in.
serveProcesses(async (given) => {
  const { url, run, folders } = given as BotProcessOptions;
  const { store, archive, close } = await openStore(url, run);
  return { cast: sampleCast(folders), store, archive, close };
});
