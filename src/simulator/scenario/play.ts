import type { Explanation } from '../../middleware/core/explain.ts';
import { vendors as allVendors } from '../vendors.ts';
import type { Scenario } from './format.ts';
import type { Line } from './lines.ts';
import type { Mismatch } from './match.ts';
import { performer } from './perform.ts';
import { type Stage, type StageOptions, setStage } from './stage.ts';
import { readScenario } from './validate.ts';
import type { Venue } from './venue.ts';

export interface PlayOptions extends Omit<StageOptions, 'venue'> {
  /** Where the processes of a scenario are to live. */
  readonly venueFor: (scenario: Scenario) => Venue;
  /** Told once every bot runs; the scenario begins when it is done. */
  readonly onStarted?: ((stage: Stage) => Promise<void>) | undefined;
}

/** What came of a run. */
export interface Played {
  /** Every event, by virtual time, then cause before effect. */
  readonly events: readonly Line[];
  /** The same with what people did in between. */
  readonly story: readonly Line[];
  /** Expectations that did not hold; empty: the scenario passed. */
  readonly mismatches: readonly Mismatch[];
  /** Calls to the vendors' APIs that were answered 501. */
  readonly unknownRoutes: Stage['unknownRoutes'];
  /** Why each session lived as long as it did, as it stood last while it was live. By session id. */
  readonly why: ReadonlyMap<string, Explanation>;
}

/**
 * Plays a scenario file's data against real bots.
 * @throws ScenarioError if the file is wrong, Error if the bots do not come to rest or a process fails
 */
export async function playScenario(data: unknown, options: PlayOptions): Promise<Played> {
  const scenario = readScenario(data, options.vendors ?? allVendors);
  const stage = await setStage(scenario, { ...options, venue: options.venueFor(scenario) });
  try {
    await stage.clock.advanceTo(scenario.start);
    await options.onStarted?.(stage);
    const played = await run(scenario, stage);
    await stage.close();
    return played;
  } catch (error) {
    // What went wrong first says most.
    await stage.close().catch(() => {});
    throw error;
  }
}

async function run(scenario: Scenario, stage: Stage): Promise<Played> {
  const { clock, rest, timeline } = stage;
  const { perform } = performer(scenario, stage);
  const mismatches: Mismatch[] = [];
  const why = new Map<string, Explanation>();
  for (const step of scenario.steps) {
    await clock.advanceTo(step.at);
    mismatches.push(...(await perform(step)));
    await rest.rest();
    await explainAll(stage, why);
  }
  const played = { events: timeline.events(), story: timeline.story(), mismatches, unknownRoutes: stage.unknownRoutes, why };
  await finish(stage);
  return played;
}

/** Keeps the latest explanation of every live session. */
async function explainAll({ company, keys }: Stage, why: Map<string, Explanation>): Promise<void> {
  const [process] = company.living().values();
  const explained = await Promise.all([...keys()].map((key) => process?.explain(key).catch(() => undefined)));
  for (const one of explained) if (one?.session) why.set(one.session.id, one);
}

/** Lets time run on until no turn is left, so that everything can be closed. */
async function finish({ clock, rest, company }: Stage): Promise<void> {
  await company.turnStore('up');
  for (let next = clock.nextWake(); rest.busy() && next !== undefined; next = clock.nextWake()) await clock.advanceTo(next);
}
