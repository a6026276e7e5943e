import { countCalls } from './calls.ts';
import { type Ground, type LocalProcess, type Plan, startProcess } from './process.ts';
import type { Runner } from './rest.ts';
import type { Sight } from './sight.ts';
import { watch } from './watch.ts';
import { type WatchedArchive, watchedArchive } from './watched-archive.ts';
import { type WatchedStore, watchedStore } from './watched-store.ts';

/** Runs bot processes in this operating-system process. One such at a time: it would take the turns of another for its own. */
export interface Here extends Runner {
  start<Data>(plan: Plan, ground: Omit<Ground<Data>, 'watch'>): Promise<LocalProcess>;
  close(): void;
}

/** @param moved told of every move */
export function here(vendorUrl: string, moved: () => void): Here {
  const processes: LocalProcess[] = [];
  const stores: WatchedStore[] = [];
  const archives: WatchedArchive[] = [];
  const watching = watch(moved);
  const turn = () => processes.map((one) => one.turn()).find((found) => found !== undefined);
  const calls = countCalls(vendorUrl, () => watching.park(turn()));

  const storeSight = (): Sight['store'] => {
    const sights = stores.map((store) => store.sight());
    return {
      busy: [...sights.map(({ busy }) => busy), ...archives.map((one) => one.busy())].reduce((sum, busy) => sum + busy, 0),
      holds: sights.flatMap(({ holds }) => holds),
      wants: sights.flatMap(({ wants }) => wants),
    };
  };

  return {
    async start(plan, ground) {
      const store = watchedStore(ground.store, watching.changed);
      const archive = watchedArchive(ground.archive, watching.changed);
      stores.push(store);
      archives.push(archive);
      const process = await startProcess(plan, { ...ground, store, archive, watch: watching });
      processes.push(process);
      return process;
    },
    async look() {
      await watching.still();
      return { moves: watching.moves(), doings: watching.doings(), calls: calls.open(), store: storeSight() };
    },
    // The clock here is the one that has moved.
    moveTo: async () => {},
    close() {
      calls.close();
      watching.close();
    },
  };
}
