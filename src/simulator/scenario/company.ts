import type { Simulator } from '../simulator.ts';
import type { ChangesSettings, Scenario } from './format.ts';
import type { Plan, StoreTurn } from './process.ts';
import { changed } from './settings.ts';
import type { OpenVenue, PlacedProcess } from './venue.ts';

/** The processes of a run, by their number in the file: those that are alive, and what others are to be started with. */
export interface Company {
  living(): ReadonlyMap<number, PlacedProcess>;
  /** @throws RangeError where it is dead, or never was */
  process(number: number): PlacedProcess;
  /** @throws AdjournError `ADJ_CONFIG_INVALID` if bots cannot be started with these settings */
  start(numbers: readonly number[]): Promise<void>;
  /** @returns the process that was */
  kill(number: number): Promise<PlacedProcess>;
  /** Nobody lives who could change settings: those that are started from now on begin with them. */
  changes(change: ChangesSettings['change']): void;
  /** Takes the store away from every process, or gives it back; also for those that are started later. */
  turnStore(to: StoreTurn): Promise<void>;
  close(): Promise<void>;
}

export function companyOf(scenario: Scenario, simulator: Simulator, venue: OpenVenue, leaseMs: number | undefined): Company {
  const alive = new Map<number, PlacedProcess>();
  let { organization, endpoints }: Pick<Plan, 'organization' | 'endpoints'> = scenario;
  let storeIsDown = false;
  const identities = Object.fromEntries(
    Object.entries(endpoints).map(([id, { channel }]) => [id, simulator.identity(channel, id)]),
  );

  const process = (number: number): PlacedProcess => {
    const found = alive.get(number);
    if (found === undefined) throw new RangeError(`There is no process ${number}.`);
    return found;
  };

  return {
    living: () => alive,
    process,
    async start(numbers) {
      const { agents } = scenario;
      const plan: Plan = { organization, endpoints, identities, vendorUrl: simulator.url, agents, storeIsDown, leaseMs };
      const starting = await Promise.allSettled(
        numbers.map(async (number) => ({ number, started: await venue.start(number, plan) })),
      );
      for (const one of starting) if (one.status === 'fulfilled') alive.set(one.value.number, one.value.started);
      for (const one of starting) if (one.status === 'rejected') throw one.reason;
    },
    async kill(number) {
      const dying = process(number);
      await dying.kill?.();
      alive.delete(number);
      return dying;
    },
    changes(change) {
      ({ organization, endpoints } = changed({ organization, endpoints }, change));
    },
    async turnStore(to) {
      storeIsDown = to === 'down';
      await Promise.all([...alive.values()].map((one) => one.store(to)));
    },
    async close() {
      await Promise.all([...alive.values()].map((one) => one.close()));
    },
  };
}
