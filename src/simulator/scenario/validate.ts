import type { Vendor } from '../vendor.ts';
import { readAgents } from './agents.ts';
import { type Scenario, ScenarioError } from './format.ts';
import { reader } from './read.ts';
import { firstSettings } from './settings.ts';
import { readSteps } from './steps.ts';
import { parseInstant } from './times.ts';

/**
 * Reads a scenario file's data.
 * @throws ScenarioError with the exact place of the first thing that is wrong
 */
export function readScenario(data: unknown, vendors: readonly Vendor[]): Scenario {
  const file = reader(data, '');
  file.only('name', 'start', 'organization', 'endpoints', 'processes', 'agents', 'calendar', 'steps');
  const start = parseInstant(file.text('start'));
  if (start === undefined)
    throw new ScenarioError('start', `must be an ISO instant with its offset, not "${file.text('start')}".`);
  const settings = firstSettings(file, vendors);
  const processes = file.count('processes', 1, 1);
  const agents = readAgents(file);
  return {
    name: file.text('name'),
    start: start.at,
    offset: start.offset,
    ...settings,
    processes,
    agents,
    steps: readSteps(file.objects('steps'), { ...start, settings, processes, agents, vendors }),
  };
}
