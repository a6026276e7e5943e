import { calendarOf } from '../../middleware/calendar.ts';
import type { CalendarSettings } from '../../middleware/core/calendar.ts';
import { toMs } from '../../middleware/core/duration.ts';
import { type EndpointSettings, type OrganizationSettings, resolvePolicy } from '../../middleware/core/policy.ts';
import { settingNames } from '../../middleware/options.ts';
import type { Vendor } from '../vendor.ts';
import { readAgentSettings, readCalendar } from './agents.ts';
import { type ChangesSettings, type ScenarioEndpoint, ScenarioError, type TestFunctions } from './format.ts';
import { isTexts, type Reader } from './read.ts';

/** The settings of a file, as they stand at one of its steps. */
export interface Settings {
  readonly organization: OrganizationSettings;
  readonly endpoints: Readonly<Record<string, ScenarioEndpoint>>;
  /** When people work. It is part of the organisation's settings, and stays whatever a change says of its other timers. */
  readonly calendar?: CalendarSettings | undefined;
}

const organizationOnly = ['maxExpiration', 'channels'] as const satisfies readonly (keyof OrganizationSettings)[];
const endpointOnly = ['developer'] as const satisfies readonly (keyof EndpointSettings)[];
/** What both levels can set. */
const onBothLevels = settingNames.filter((name) => !endpointOnly.some((one) => one === name));

/** The settings that a file begins with. @throws ScenarioError */
export function firstSettings(file: Reader, vendors: readonly Vendor[]): Settings {
  const calendar = readCommonCalendar(file);
  const own = file.has('organization') ? readOrganization(file.object('organization')) : {};
  const organization = calendar ? { ...own, agents: { ...own.agents, calendar } } : own;
  const object = file.object('endpoints');
  if (object.keys.length === 0) throw new ScenarioError(object.path, 'must name at least one endpoint.');
  const channels = vendors.map((vendor) => vendor.channel);
  const endpoints = object.keys.map((id): readonly [string, ScenarioEndpoint] => {
    const one = object.object(id);
    const channel = one.oneOf('channel', channels);
    const settings = readEndpoint(one, channel, vendors, ['channel', 'test']);
    return [id, { channel, settings, test: one.has('test') ? readFunctions(one.object('test')) : {} }];
  });
  const first: Settings = { organization, endpoints: Object.fromEntries(endpoints), calendar };
  refuseProblems(first, file);
  return first;
}

/** A change of settings while running. @throws ScenarioError, also where it would not work with the settings that stand */
export function readChange(step: Reader, standing: Settings, vendors: readonly Vendor[]): ChangesSettings {
  step.only('at', 'settings');
  const change = step.object('settings');
  change.only('organization', 'endpoints');
  const own = change.has('organization') ? readOrganization(change.object('organization')) : undefined;
  const { calendar } = standing;
  const organization = own?.agents && calendar ? { ...own, agents: { calendar, ...own.agents } } : own;
  const object = change.has('endpoints') ? change.object('endpoints') : undefined;
  const endpoints = object?.keys.map((id) => {
    const known = Object.hasOwn(standing.endpoints, id) ? standing.endpoints[id] : undefined;
    if (known === undefined) throw new ScenarioError(object.at(id), `there is no endpoint "${id}".`);
    return [id, readEndpoint(object.object(id), known.channel, vendors)] as const;
  });
  const read: ChangesSettings = {
    verb: 'settings',
    change: { ...(organization && { organization }), ...(endpoints && { endpoints: Object.fromEntries(endpoints) }) },
  };
  refuseProblems(changed(standing, read.change), change);
  return read;
}

/** The settings after a change. */
export function changed({ organization, endpoints, calendar }: Settings, change: ChangesSettings['change']): Settings {
  const merged = Object.entries(endpoints).map(
    ([id, one]) => [id, { ...one, settings: { ...one.settings, ...change.endpoints?.[id] } }] as const,
  );
  return { organization: { ...organization, ...change.organization }, endpoints: Object.fromEntries(merged), calendar };
}

/** @param from where the file says it: the object that holds `organization` and `endpoints` */
function refuseProblems({ organization, endpoints }: Settings, from: Reader): void {
  for (const [id, { channel, settings, test }] of Object.entries(endpoints)) {
    const hooks = { classifyReturn: test.classifyReturn !== undefined };
    const around = { channel: { name: channel }, hooks, calendarOf };
    const [problem] = resolvePolicy(settings, organization, around).problems;
    if (problem) throw new ScenarioError(placeOf(problem.setting, id, from), problem.message);
  }
}

/** Where a setting stands: in the endpoint, else in the organisation. */
function placeOf(setting: string, id: string, from: Reader): string {
  if (setting.startsWith('organization.')) return from.at(setting);
  const [name = '', member = ''] = setting.split(/[.[]/);
  // Timers of people are inherited one by one, every other setting as a whole.
  const holds = (holder: Reader | undefined) =>
    holder?.has(name) === true && (name !== 'agents' || holder.object(name).has(member));
  const endpoints = from.has('endpoints') ? from.object('endpoints') : undefined;
  const own = endpoints?.has(id) ? endpoints.object(id) : undefined;
  const common = from.has('organization') ? from.object('organization') : undefined;
  if (setting === 'agents.calendar' && !holds(own) && from.has('calendar')) return from.at('calendar');
  return !holds(own) && holds(common) ? from.at(`organization.${setting}`) : from.at(`endpoints.${id}.${setting}`);
}

/** The calendar that stands at the top of a file. */
function readCommonCalendar(file: Reader): CalendarSettings | undefined {
  if (!file.has('calendar')) return undefined;
  const calendar = readCalendar(file.object('calendar'));
  const organization = file.has('organization') ? file.object('organization') : undefined;
  if (organization?.has('agents') && organization.object('agents').has('calendar'))
    throw new ScenarioError(file.at('calendar'), 'stands in organization.agents already.');
  return calendar;
}

function readOrganization(object: Reader): OrganizationSettings {
  if (object.has('channels')) checkChannels(object.object('channels'));
  return readSettings(object, organizationOnly);
}

function readEndpoint(
  object: Reader,
  channel: string,
  vendors: readonly Vendor[],
  besides: readonly string[] = [],
): EndpointSettings {
  const settings = readSettings(object, endpointOnly, besides) as EndpointSettings;
  return withIds(
    settings,
    vendors.find((vendor) => vendor.channel === channel),
  );
}

/** Settings are checked for their names and forms here, for their values by the policy they make. */
function readSettings(object: Reader, more: readonly string[], besides: readonly string[] = []): OrganizationSettings {
  const names: readonly string[] = [...onBothLevels, ...more];
  object.only(...names, ...besides);
  for (const [name, values] of Object.entries(choices)) if (object.has(name)) object.oneOf(name, values);
  for (const name of ['lateAfter', 'turnTimeout']) {
    if (object.has(name) && toMs(object.raw(name)) === undefined) throw new ScenarioError(object.at(name), 'must be a duration.');
  }
  for (const name of ['discardEndsSession', 'clearAuthProfiles']) object.flag(name);
  if (object.has('commands') && object.raw('commands') !== false) object.object('commands');
  if (object.has('developer') && typeof object.raw('developer') !== 'boolean' && !isTexts(object.raw('developer')))
    throw new ScenarioError(object.at('developer'), 'must be true, false or a list of people.');
  if (object.has('warnings')) {
    for (const warning of object.objects('warnings')) warning.only('before', 'message');
  }
  if (object.has('carryOver') && object.raw('carryOver') !== 'none' && object.raw('carryOver') !== 'all') {
    object.texts('carryOver');
  }
  if (object.has('agents')) readAgentSettings(object.object('agents'));
  if (object.has('expirationRange')) {
    const range = object.object('expirationRange');
    range.only('min', 'max');
    for (const name of ['min', 'max']) {
      if (toMs(range.raw(name)) === undefined) throw new ScenarioError(range.at(name), 'must be a duration.');
    }
  }
  return Object.fromEntries(names.filter((name) => object.has(name)).map((name) => [name, object.raw(name)]));
}

function checkChannels(channels: Reader): void {
  channels.only('include', 'exclude');
  const [name, second] = channels.keys;
  if (name === undefined || second !== undefined)
    throw new ScenarioError(channels.path, 'must have either "include" or "exclude".');
  channels.texts(name);
}

/** The functions that the endpoint has for the sake of the object. */
function readFunctions(object: Reader): TestFunctions {
  object.only('classifyReturn', 'onClosing', 'script');
  return {
    ...(object.has('classifyReturn') && {
      classifyReturn: object.oneOf('classifyReturn', ['same', 'new', 'invalid', 'throws', 'slow']),
    }),
    ...(object.has('onClosing') && { onClosing: readOnClosing(object) }),
    ...(object.has('script') && { script: object.oneOf('script', ['throws', 'slow']) }),
  };
}

function readOnClosing(object: Reader): NonNullable<TestFunctions['onClosing']> {
  const [, by] = /^extend (\S+)$/.exec(object.text('onClosing')) ?? [];
  if (by === undefined) return object.oneOf('onClosing', ['throws', 'slow']);
  const byMs = toMs(Number.isNaN(Number(by)) ? by : Number(by));
  if (byMs === undefined || byMs === 0) throw new ScenarioError(object.at('onClosing'), `"${by}" is no time to extend by.`);
  return { extendByMs: byMs };
}

/** The middleware knows people by the vendor's ids; the file may give those, or names. */
function withIds(settings: EndpointSettings, vendor: Vendor | undefined): EndpointSettings {
  const { developer } = settings;
  if (vendor === undefined || typeof developer !== 'object') return settings;
  return { ...settings, developer: developer.flatMap((name) => [name, vendor.person(name)]) };
}

const choices: Readonly<Record<string, readonly string[]>> = {
  scope: ['user', 'thread', 'conversation'],
  onError: ['drop', 'keep'],
  onStoreError: ['degrade', 'throw'],
  inbox: ['durable', 'off'],
  closing: ['lazy', 'proactive'],
  closingMessageTo: ['interactive', 'all'],
};
