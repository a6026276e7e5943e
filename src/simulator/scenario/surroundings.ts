import type { Vendor } from '../vendor.ts';
import { type ConversationPlace, ScenarioError } from './format.ts';
import type { Reader } from './read.ts';
import type { Settings } from './settings.ts';

/** What the steps of a file are checked against. */
export interface Surroundings {
  /** The instant of the step, epoch ms. */
  readonly at: number;
  readonly offset: number;
  /** As they stand before the step. */
  readonly settings: Settings;
  readonly processes: number;
  /** Those that have died, and were not started again. */
  readonly dead: ReadonlySet<number>;
  readonly agents: readonly string[];
  readonly vendors: readonly Vendor[];
}

/** The step's endpoint, which the file must have. */
export function endpointOf(step: Reader, around: Surroundings): { readonly endpoint: string; readonly channel: string } {
  const endpoint = step.text('endpoint');
  const { endpoints } = around.settings;
  const found = Object.hasOwn(endpoints, endpoint) ? endpoints[endpoint] : undefined;
  if (found === undefined) throw new ScenarioError(step.at('endpoint'), `there is no endpoint "${endpoint}".`);
  return { endpoint, channel: found.channel };
}

/** Whose conversation a step is about. Where the file has a single endpoint it need not be named. @param name the field that names the user */
export function placeOf(step: Reader, around: Surroundings, name: string): ConversationPlace {
  const user = step.text(name);
  const [only, second] = Object.keys(around.settings.endpoints);
  if (!step.has('endpoint') && only !== undefined && second === undefined) return { user, endpoint: only };
  return { user, endpoint: endpointOf(step, around).endpoint };
}

/** The process a step goes to; the first unless it says so. */
export function processOf(step: Reader, around: Surroundings): number {
  const process = step.count('process', 1, 1);
  if (process > around.processes) throw new ScenarioError(step.at('process'), `the file has no process ${process}.`);
  return process;
}

/** The same for what a dead process cannot do. Deliveries may go to one: nobody answers them. */
export function livingProcessOf(step: Reader, around: Surroundings): number {
  const process = processOf(step, around);
  if (around.dead.has(process)) throw new ScenarioError(step.path, `process ${process} is dead then.`);
  return process;
}
