import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../middleware/store.ts';
import { type Children, children } from '../simulator/scenario/children.ts';
import { hasDeath, type Scenario } from '../simulator/scenario/format.ts';
import { inChildren, type Place } from '../simulator/scenario/in-children.ts';
import { inThisProcess, type Venue } from '../simulator/scenario/venue.ts';
import { keyvStore } from '../stores/keyv.ts';
import type { BotProcessOptions } from './bot-process.ts';
import { sampleCast } from './samples.ts';
import { openStore, shown } from './stores/open-store.ts';

/** Where sample bots are played with. */
export interface VenueOptions {
  /** `memory` or a URL. @default memory, but where a process dies a temporary file of SQLite */
  readonly store?: string | undefined;
  /** As in `sampleCast`. */
  readonly folders?: Readonly<Record<string, string>> | undefined;
  /** Whether what a run has put into a store stays there. @default false */
  readonly keep?: boolean | undefined;
  /** Told where it stays. */
  readonly kept?: ((where: string) => void) | undefined;
}

/** The child processes that sample bots run in. @param printed told of what they print */
export function botProcesses(printed?: (text: string) => void): Children {
  return children(new URL('./bot-process.ts', import.meta.url), { printed, execArgv: ['--conditions=@adjourn/source'] });
}

/** In memory the processes of a scenario are engine instances here; over every other store they are real ones. */
export function sampleVenue(scenario: Scenario, processes: Children, options: VenueOptions = {}): Venue {
  const { store = hasDeath(scenario) ? undefined : 'memory', folders = {} } = options;
  if (store === 'memory') {
    if (options.keep) options.kept?.('nothing, for memory ends with the run');
    return inThisProcess(sampleCast(folders), inMemory(scenario));
  }
  return inChildren(processes, () => (store === undefined ? inTemporaryFile(options) : inStore(store, options)));
}

/** To each of several processes it is a store that others share. */
function inMemory({ processes }: Scenario): Store {
  const store = keyvStore();
  return processes === 1 ? store : { ...store, capabilities: { ...store.capabilities, scope: 'shared' } };
}

async function inStore(url: string, { folders = {}, keep = false, kept = () => {} }: VenueOptions): Promise<Place> {
  const run = `play_${randomUUID().slice(0, 8)}`;
  const { store, part, clear, close } = await openStore(url, run);
  return {
    store,
    given: { url, run, folders } satisfies BotProcessOptions,
    async close() {
      await store.close();
      if (keep) kept(`${part} of ${shown(url)}`);
      else await clear();
      await close();
    },
  };
}

async function inTemporaryFile(options: VenueOptions): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'adjourn-play-'));
  const place = await inStore(`sqlite:${join(folder, 'play.db')}`, options);
  return {
    ...place,
    async close() {
      await place.close();
      if (!options.keep) await rm(folder, { recursive: true });
    },
  };
}
