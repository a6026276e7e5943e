import { memoryArchive } from '../../middleware/archive.ts';
import type { Store } from '../../middleware/store.ts';
import type { VirtualClock } from '../../testing/virtual-clock.ts';
import { here } from './here.ts';
import type { Told } from './lines.ts';
import type { Cast, Plan, Process } from './process.ts';
import type { Runner } from './rest.ts';

/** Where bot processes live: engine instances in this operating-system process, or operating-system processes of their own. */
export interface Venue {
  /** Whether processes can be killed here, and what they saved outlives them. */
  readonly canDie: boolean;
  open(world: World): Promise<OpenVenue>;
}

/** A venue for one run. */
export interface OpenVenue {
  /** The store that processes share, past every fault of theirs. */
  readonly store: Store;
  /** @param rank of those who are woken at one instant the lowest comes first */
  start(rank: number, plan: Plan): Promise<PlacedProcess>;
  /** Ends what is left, and clears the store of what this run has put into it. */
  close(): Promise<void>;
}

/** A process, and where it runs; several may share a runner. */
export interface PlacedProcess extends Process {
  readonly runner: Runner;
  /** Ends it without warning, where processes can die. */
  readonly kill?: (() => Promise<void>) | undefined;
}

/** What processes have around them, wherever they run. */
export interface World {
  readonly clock: VirtualClock;
  /** Where the vendors' APIs answer. */
  readonly vendorUrl: string;
  /** Something has moved in a process, or is on its way to one. */
  readonly moved: () => void;
  /** @param work the name of what the event belongs to */
  readonly tell: (event: Told, work: string | undefined) => void;
  /** Somebody is to look at a record then, epoch ms. */
  readonly saved: (wakeAt: number) => void;
}

/** All processes are engine instances here, over a store that ends with the run. */
export function inThisProcess<Data>(cast: Cast<Data>, store: Store): Venue {
  return {
    canDie: false,
    async open({ clock, vendorUrl, moved, tell, saved }) {
      const runner = here(vendorUrl, moved);
      const archive = memoryArchive();
      return {
        store,
        async start(rank, plan) {
          const process = await runner.start(plan, { cast, store, archive, clock: clock.ranked(rank), tell, saved });
          return { ...process, runner };
        },
        async close() {
          runner.close();
          await store.close();
        },
      };
    },
  };
}
