import type { Explanation } from '../../middleware/core/explain.ts';
import { vendors as allVendors } from '../vendors.ts';
import type { Scenario } from './format.ts';
import type { Line } from './lines.ts';
import type { Mismatch } from './match.ts';
import { performer } from './perform.ts';
import { type Stage, type StageOptions, setStage } from './stage.ts';
import { readScenario } from './validate.ts';

export interface PlayOptions<Data> extends StageOptions<Data> {
  /** Told once every bot runs; the scenario begins when it is done. */
  readonly onStarted?: ((stage: Stage<Data>) => Promise<void>) | undefined;
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
  readonly unknownRoutes: Stage<unknown>['unknownRoutes'];
  /** Why each session lived as long as it did, as it stood last while it was live. By session id. */
  readonly why: ReadonlyMap<string, Explanation>;
}

/**
 * Plays a scenario file's data against real bots, in this process. One run at a time: turns of another one would count as its own.
 * @throws ScenarioError if the file is wrong, Error if the bots do not come to rest
 */
export async function playScenario<Data>(data: unknown, options: PlayOptions<Data>): Promise<Played> {
  const scenario = readScenario(data, options.vendors ?? allVendors);
  const stage = await setStage(scenario, options);
  try {
    await stage.clock.advanceTo(scenario.start);
    await options.onStarted?.(stage);
    return await run(scenario, stage);
  } finally {
    await stage.close();
  }
}

async function run<Data>(scenario: Scenario, stage: Stage<Data>): Promise<Played> {
  const { clock, watch, timeline } = stage;
  const { perform } = performer(scenario, stage);
  const mismatches: Mismatch[] = [];
  const why = new Map<string, Explanation>();
  for (const step of scenario.steps) {
    await clock.advanceTo(step.at);
    mismatches.push(...(await perform(step)));
    await watch.rest();
    await explainAll(stage, why);
  }
  const played = { events: timeline.events(), story: timeline.story(), mismatches, unknownRoutes: stage.unknownRoutes, why };
  await finish(stage);
  return played;
}

/** Keeps the latest explanation of every live session. */
async function explainAll<Data>(stage: Stage<Data>, why: Map<string, Explanation>): Promise<void> {
  const [process] = stage.processes;
  for (const key of stage.keys()) {
    const explanation = await process?.sessions.explain(key).catch(() => undefined);
    if (explanation?.session) why.set(explanation.session.id, explanation);
  }
}

/** Lets time run on until no turn is left, so that everything can be closed. */
async function finish<Data>({ clock, watch, store }: Stage<Data>): Promise<void> {
  store.down(false);
  for (let next = clock.nextWake(); watch.busy() && next !== undefined; next = clock.nextWake()) await clock.advanceTo(next);
}
