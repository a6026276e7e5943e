import type { Vendor } from '../vendor.ts';
import { type Scenario, ScenarioError } from './format.ts';
import { reader } from './read.ts';
import { firstSettings } from './settings.ts';
import { readSteps } from './steps.ts';
import { refuseMissing } from './surroundings.ts';
import { parseInstant } from './times.ts';

/** Parts of the format that this version cannot play. */
const missing = ['agents', 'calendar'] as const;

/**
 * Reads a scenario file's data.
 * @throws ScenarioError with the exact place of the first thing that is wrong
 */
export function readScenario(data: unknown, vendors: readonly Vendor[]): Scenario {
  const file = reader(data, '');
  refuseMissing(file, missing);
  file.only('name', 'start', 'organization', 'endpoints', 'processes', 'steps');
  const start = parseInstant(file.text('start'));
  if (start === undefined)
    throw new ScenarioError('start', `must be an ISO instant with its offset, not "${file.text('start')}".`);
  const settings = firstSettings(file, vendors);
  const processes = file.count('processes', 1, 1);
  return {
    name: file.text('name'),
    start: start.at,
    offset: start.offset,
    ...settings,
    processes,
    steps: readSteps(file.list('steps'), { ...start, settings, processes, vendors }),
  };
}
