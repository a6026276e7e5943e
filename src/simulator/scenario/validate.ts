import { toMs } from '../../middleware/core/duration.ts';
import { type EndpointSettings, type OrganizationSettings, resolvePolicy } from '../../middleware/core/policy.ts';
import type { Vendor } from '../vendor.ts';
import { type Scenario, type ScenarioEndpoint, ScenarioError } from './format.ts';
import { type Reader, reader } from './read.ts';
import { readSteps } from './steps.ts';
import { refuseMissing } from './surroundings.ts';
import { parseInstant } from './times.ts';

/** Parts of the format that this version cannot play. */
const missing = ['agents', 'calendar'] as const;

const settingNames = [
  'expiration',
  'scope',
  'commands',
  'discardEndsSession',
  'lateAfter',
  'onError',
  'onStoreError',
  'turnTimeout',
] as const satisfies readonly (keyof EndpointSettings & keyof OrganizationSettings)[];

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
  const organization = file.has('organization') ? readSettings(file.object('organization'), ['maxExpiration']) : {};
  const endpoints = readEndpoints(file.object('endpoints'), vendors, organization);
  const processes = file.count('processes', 1, 1);
  return {
    name: file.text('name'),
    start: start.at,
    offset: start.offset,
    organization,
    endpoints,
    processes,
    steps: readSteps(file.list('steps'), { ...start, endpoints, processes, vendors }),
  };
}

function readEndpoints(
  object: Reader,
  vendors: readonly Vendor[],
  organization: OrganizationSettings,
): Record<string, ScenarioEndpoint> {
  const channels = vendors.map((vendor) => vendor.channel);
  const vendorOf = (channel: string) => vendors.find((vendor) => vendor.channel === channel);
  const endpoints: Record<string, ScenarioEndpoint> = {};
  for (const id of object.keys) {
    const one = object.object(id);
    refuseMissing(one, ['test']);
    const channel = one.oneOf('channel', channels);
    const settings = readSettings(one, ['developer'], ['channel']) as EndpointSettings;
    const [problem] = resolvePolicy(settings, organization).problems;
    if (problem) {
      const where = problem.setting.startsWith('organization.') ? problem.setting : one.at(problem.setting);
      throw new ScenarioError(where, problem.message);
    }
    endpoints[id] = { channel, settings: withIds(settings, vendorOf(channel)) };
  }
  if (object.keys.length === 0) throw new ScenarioError('endpoints', 'must name at least one endpoint.');
  return endpoints;
}

/** The middleware knows people by the vendor's ids; the file may give those, or names. */
function withIds(settings: EndpointSettings, vendor: Vendor | undefined): EndpointSettings {
  const { developer } = settings;
  if (vendor === undefined || typeof developer !== 'object') return settings;
  return { ...settings, developer: developer.flatMap((name) => [name, vendor.person(name)]) };
}

/** Settings are checked for their names here, for their values by the policy they make. */
function readSettings(
  object: Reader,
  more: readonly string[],
  besides: readonly string[] = [],
): EndpointSettings & OrganizationSettings {
  const names = [...settingNames, ...more];
  object.only(...names, ...besides);
  for (const [name, values] of Object.entries(choices)) if (object.has(name)) object.oneOf(name, values);
  for (const name of ['lateAfter', 'turnTimeout']) {
    if (object.has(name) && toMs(object.raw(name)) === undefined) throw new ScenarioError(object.at(name), 'must be a duration.');
  }
  object.flag('discardEndsSession');
  if (object.has('commands') && object.raw('commands') !== false) object.object('commands');
  const developer = object.raw('developer') ?? false;
  if (typeof developer !== 'boolean' && !isNames(developer))
    throw new ScenarioError(object.at('developer'), 'must be true, false or a list of people.');
  return Object.fromEntries(names.filter((name) => object.has(name)).map((name) => [name, object.raw(name)]));
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

const choices: Readonly<Record<string, readonly string[]>> = {
  scope: ['user', 'thread', 'conversation'],
  onError: ['drop', 'keep'],
  onStoreError: ['degrade', 'throw'],
};
