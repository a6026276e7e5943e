import type { AdapterOptions, Capabilities } from './adapter.ts';
import { calendarOf } from './calendar.ts';
import type { Activity } from './core/activity.ts';
import { fold, wordsOf } from './core/commands.ts';
import { odditiesOf } from './core/due.ts';
import { describeExpiration } from './core/expiry.ts';
import {
  type ChannelFacts,
  type EndpointSettings,
  type OrganizationSettings,
  type Policy,
  resolvePolicy,
} from './core/policy.ts';
import { levelOf, noSettings, type Overrides, overridesOf, type SettingsRecord, valuesOf } from './core/settings-record.ts';
import { timingChanges, withWho } from './core/timing-changes.ts';
import { AdjournError } from './errors.ts';
import type { EndpointFunctions } from './hooks.ts';
import { type CommonOptions, inlineSettings, isSet, type Options, pickFunctions, plain } from './options.ts';

/** A channel as the settings need it. */
export interface ChannelTraits {
  readonly name: string;
  readonly capabilities: Capabilities;
}

/** The settings of all endpoints: where each policy comes from. */
export interface Settings {
  /** The effective policy of an endpoint on a channel. */
  readonly policy: Policies;
  /** The endpoint's own functions, or the organisation's. */
  functions(channel: string, endpoint: string): EndpointFunctions;
  /** The endpoints that were met in this process, on their channels. */
  places(): Iterable<readonly [channel: string, endpoint: string]>;
  /** Whether a channel is mounted in this process; without a name, whether any is. */
  mounted(channel?: string): boolean;
  /** Whether this process has an endpoint of that name, in its settings or mounted. */
  knows(endpoint: string): boolean;
  /**
   * Mounts a channel: checks its endpoint's settings, and returns which endpoint an activity belongs to.
   * @throws AdjournError `ADJ_CONFIG_INVALID`, `ADJ_NO_ENDPOINT`
   */
  mount(channel: ChannelTraits, options: AdapterOptions): (activity: Activity) => string | undefined;
  /** What policies are under changes made while running. @throws AdjournError `ADJ_CONFIG_INVALID` if they cannot work with this code */
  under(record: SettingsRecord): Policies;
  /** Lets changes made while running count from now on. @throws AdjournError `ADJ_CONFIG_INVALID`, and nothing has changed */
  adopt(record: SettingsRecord): void;
  /** The settings that count now, without functions. */
  inEffect(): SettingsByLevel;
}

export type Policies = (channel: string, endpoint: string) => Policy;

/** Settings as plain data. */
export interface SettingsByLevel {
  readonly organization: OrganizationSettings;
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
}

/**
 * @param log one line per endpoint at its mount: the words taken and the effective expiration with its source; and a warning of each
 * setting that works but is odd.
 */
export function settings(
  endpoints: Readonly<Record<string, Options>>,
  organization: CommonOptions,
  log: { info(line: string): void; warn(line: string): void },
): Settings {
  const channels = new Map<string, ChannelTraits>();
  const inline = new Map<string, EndpointSettings>();
  /** Endpoints of this process, with the channel they were last seen on. */
  const known = new Map(Object.keys(endpoints).map((name) => [name, '']));
  /** Every place that a policy was asked for. */
  const seen = new Map<string, readonly [channel: string, endpoint: string]>();
  const policies = new Map<string, Policy>();
  let current = noSettings;
  let overrides = overridesOf(current);

  const inCode = (channel: string, endpoint: string): Options =>
    inline.get(`${channel}/${endpoint}`) ?? (Object.hasOwn(endpoints, endpoint) ? endpoints[endpoint] : undefined) ?? {};
  const ownUnder = (changed: Overrides, channel: string, endpoint: string): Options => ({
    ...inCode(channel, endpoint),
    ...valuesOf(levelOf(changed, endpoint)),
  });
  const commonUnder = (changed: Overrides): CommonOptions => ({ ...organization, ...valuesOf(changed.organization) });
  const functionsOf = (own: Options, common: CommonOptions): EndpointFunctions => {
    const inherited = Object.entries(pickFunctions(common)).filter(([name]) => !isSet(own, name));
    return { ...Object.fromEntries(inherited), ...pickFunctions(own) };
  };
  const resolve = (changed: Overrides, channel: string, endpoint: string) => {
    const traits = channels.get(channel);
    const own = ownUnder(changed, channel, endpoint);
    const common = commonUnder(changed);
    const functions = functionsOf(own, common);
    const { policy, problems } = resolvePolicy(plain(own), plain(common), {
      calendarOf,
      channel: traits && factsOf(traits),
      hooks: {
        onClosing: functions.onClosing !== undefined,
        onClose: functions.onClose !== undefined,
        classifyReturn: functions.classifyReturn !== undefined,
        closingMessage: functions.closingMessage !== undefined,
        carryOver: functions.carryOver !== undefined,
      },
      composedBy: functions.closingMessage && (isSet(own, 'closingMessage') ? 'endpoint' : 'organization'),
    });
    return { policy: { ...policy, expiration: withWho(policy.expiration, changed, endpoint) }, problem: problems[0] };
  };
  /** The policy under settings that are to count. @throws AdjournError `ADJ_CONFIG_INVALID` */
  const checked = (record: SettingsRecord, channel: string, endpoint: string): Policy => {
    const { policy, problem } = resolve(overridesOf(record), channel, endpoint);
    if (problem)
      throw new AdjournError('ADJ_CONFIG_INVALID', problem.message, { where: `endpoint ${endpoint}, ${problem.setting}` });
    refuseReserved(policy, endpoint, channels.get(channel));
    const change = timingChanges(record, endpoint, (changed) => resolve(changed, channel, endpoint).policy);
    return { ...policy, change };
  };
  /** A place first seen when changes count that cannot work there has its settings as in code: the changes were made without it. */
  const workable: Policies = (channel, endpoint) => {
    const asInCode = checked(noSettings, channel, endpoint);
    if (current.version === 0) return asInCode;
    try {
      return checked(current, channel, endpoint);
    } catch (error) {
      log.warn(`adjourn: ${channel} endpoint ${endpoint}: its settings count as in code. ${(error as Error).message}`);
      return asInCode;
    }
  };
  const policy: Policies = (channel, endpoint) => {
    const key = `${channel}/${endpoint}`;
    const found = policies.get(key);
    if (found) return found;
    const made = workable(channel, endpoint);
    seen.set(key, [channel, endpoint]);
    policies.set(key, made);
    if (channels.has(channel)) {
      for (const oddity of odditiesOf(made)) log.warn(`adjourn: ${channel} endpoint ${endpoint}: ${oddity}`);
    }
    return made;
  };
  const check = (record: SettingsRecord): void => {
    for (const endpoint of Object.keys(endpoints)) checked(record, '', endpoint);
    for (const [channel, endpoint] of seen.values()) checked(record, channel, endpoint);
  };

  check(noSettings);

  return {
    policy,
    functions: (channel, endpoint) => functionsOf(ownUnder(overrides, channel, endpoint), commonUnder(overrides)),
    places: () => seen.values(),
    mounted: (channel) => (channel === undefined ? channels.size > 0 : channels.has(channel)),
    knows: (endpoint) => known.has(endpoint),
    mount(channel, options) {
      channels.set(channel.name, channel);
      const { endpoint = channel.name, accounts } = options;
      const own = inlineSettings(options);
      if (typeof endpoint === 'string') {
        checkName(endpoint, options.endpoint !== undefined && own === undefined, endpoints);
        if (own !== undefined) setInline(inline, endpoints, channel.name, endpoint, own);
        policies.delete(`${channel.name}/${endpoint}`);
        known.set(endpoint, channel.name);
        const effective = policy(channel.name, endpoint);
        const words = wordsOf(effective.commands).map((word) => `"${word}"`);
        const place = `adjourn: ${channel.name} endpoint ${endpoint}:`;
        log.info(`${place} expires after ${describeExpiration(effective.expiration)}; commands: ${words.join(', ') || 'none'}`);
      } else if (own !== undefined) {
        throw new AdjournError('ADJ_CONFIG_INVALID', 'Inline settings need an endpoint with a fixed name.', {
          where: `channel ${channel.name}`,
          hint: 'Put them into createSessions({ endpoints }).',
        });
      }
      return (activity) => {
        if (accounts !== undefined && activity.account !== undefined && !accounts.includes(activity.account)) return undefined;
        if (typeof endpoint === 'string') return endpoint;
        const name = endpoint(activity);
        if (name !== undefined) known.set(name, channel.name);
        return name;
      };
    },
    under(record) {
      check(record);
      const made = new Map<string, Policy>();
      return (channel, endpoint) => {
        const key = `${channel}/${endpoint}`;
        const found = made.get(key) ?? checked(record, channel, endpoint);
        made.set(key, found);
        return found;
      };
    },
    adopt(record) {
      check(record);
      current = record;
      overrides = overridesOf(record);
      policies.clear();
    },
    inEffect() {
      const all = [...known].map(([name, channel]) => [name, plain(ownUnder(overrides, channel, name))]);
      return { organization: plain(commonUnder(overrides)), endpoints: Object.fromEntries(all) };
    },
  };
}

function factsOf({ name, capabilities }: ChannelTraits): ChannelFacts {
  const { redeliversFor, replyWindow, idempotentSend, sendsPerSecond = 0, onError, relays } = capabilities;
  return { name, redeliversForMs: redeliversFor, replyWindowMs: replyWindow, idempotentSend, sendsPerSecond, onError, relays };
}

function refuseReserved(policy: Policy, endpoint: string, traits: ChannelTraits | undefined): void {
  const reserved = wordsOf(policy.commands).find((word) => traits?.capabilities.reservedWords.some((one) => fold(one) === word));
  if (reserved === undefined) return;
  throw new AdjournError('ADJ_CONFIG_INVALID', `The carrier takes the word "${reserved}" for itself; it cannot be a command.`, {
    where: `endpoint ${endpoint}, commands`,
    hint: 'Choose another word, or turn the command off.',
  });
}

function checkName(endpoint: string, mustExist: boolean, endpoints: Readonly<Record<string, object>>): void {
  const known = Object.keys(endpoints);
  if (!mustExist || known.length === 0 || known.includes(endpoint)) return;
  throw new AdjournError('ADJ_NO_ENDPOINT', 'createSessions has no such endpoint.', {
    where: `endpoint ${endpoint}`,
    hint: `It has: ${known.join(', ')}.`,
  });
}

function setInline(
  inline: Map<string, EndpointSettings>,
  endpoints: Readonly<Record<string, object>>,
  channel: string,
  endpoint: string,
  own: EndpointSettings,
): void {
  const key = `${channel}/${endpoint}`;
  if (Object.hasOwn(endpoints, endpoint) || inline.has(key)) {
    throw new AdjournError('ADJ_CONFIG_INVALID', 'Its settings stand in two places.', {
      where: `endpoint ${endpoint}`,
      hint: 'Keep them either in createSessions({ endpoints }) or in the adapter options.',
    });
  }
  inline.set(key, own);
}
