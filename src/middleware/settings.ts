import type { AdapterOptions, Capabilities } from './adapter.ts';
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
import { AdjournError } from './errors.ts';
import type { EndpointFunctions } from './hooks.ts';
import { type CommonOptions, inlineSettings, isSet, type Options, pickFunctions, plain } from './options.ts';

/** A channel as the settings need it. */
export interface ChannelTraits {
  readonly name: string;
  readonly capabilities: Capabilities;
}

/** A change of settings while running. Members that are there replace those members; others stay. */
export interface SettingsChange {
  readonly endpoints?: Readonly<Record<string, EndpointSettings>> | undefined;
  readonly organization?: OrganizationSettings | undefined;
}

/** The settings of all endpoints: where each policy comes from. */
export interface Settings {
  /** The effective policy of an endpoint on a channel. */
  policy(channel: string, endpoint: string): Policy;
  /** The endpoint's own functions, or the organisation's. */
  functions(channel: string, endpoint: string): EndpointFunctions;
  /** Whether a channel is mounted in this process. */
  mounted(channel: string): boolean;
  /**
   * Mounts a channel: checks its endpoint's settings, and returns which endpoint an activity belongs to.
   * @throws AdjournError `ADJ_CONFIG_INVALID`, `ADJ_NO_ENDPOINT`
   */
  mount(channel: ChannelTraits, options: AdapterOptions): (activity: Activity) => string | undefined;
  /**
   * What policies would be after a change.
   * @throws AdjournError `ADJ_CONFIG_INVALID`, and nothing has changed
   */
  preview(change: SettingsChange, at: number, apply: 'live' | 'nextSession'): (channel: string, endpoint: string) => Policy;
  /** Makes a change. @throws AdjournError `ADJ_CONFIG_INVALID`, and nothing has changed */
  configure(change: SettingsChange, at: number, apply: 'live' | 'nextSession'): void;
}

/** Everything policies are made of at one time. */
interface State {
  readonly endpoints: Readonly<Record<string, Options>>;
  readonly organization: CommonOptions;
  readonly change?: { readonly at: number; readonly apply: 'live' | 'nextSession'; readonly before: State } | undefined;
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
  const policies = new Map<string, Policy>();
  let state: State = { endpoints, organization };

  const optionsOf = (from: State, channel: string, endpoint: string): Options =>
    inline.get(`${channel}/${endpoint}`) ??
    (Object.hasOwn(from.endpoints, endpoint) ? from.endpoints[endpoint] : undefined) ??
    {};
  const functionsOf = (from: State, channel: string, endpoint: string): EndpointFunctions => {
    const own = optionsOf(from, channel, endpoint);
    const common = Object.entries(pickFunctions(from.organization));
    return { ...Object.fromEntries(common.filter(([name]) => !isSet(own, name))), ...pickFunctions(own) };
  };
  const resolve = (from: State, channel: string, endpoint: string): Policy => {
    const traits = channels.get(channel);
    const functions = functionsOf(from, channel, endpoint);
    const { policy, problems } = resolvePolicy(plain(optionsOf(from, channel, endpoint)), plain(from.organization), {
      channel: traits && factsOf(traits),
      hooks: {
        onClosing: functions.onClosing !== undefined,
        onClose: functions.onClose !== undefined,
        classifyReturn: functions.classifyReturn !== undefined,
        closingMessage: functions.closingMessage !== undefined,
        carryOver: functions.carryOver !== undefined,
      },
      composedBy:
        functions.closingMessage && (isSet(optionsOf(from, channel, endpoint), 'closingMessage') ? 'endpoint' : 'organization'),
    });
    const [problem] = problems;
    if (problem)
      throw new AdjournError('ADJ_CONFIG_INVALID', problem.message, { where: `endpoint ${endpoint}, ${problem.setting}` });
    refuseReserved(policy, endpoint, traits);
    if (from.change === undefined) return policy;
    const { at, apply } = from.change;
    const { expiration: before, change: earlier } = resolve(from.change.before, channel, endpoint);
    if (JSON.stringify(before) === JSON.stringify(policy.expiration)) return { ...policy, change: earlier };
    return { ...policy, change: { at, apply, before, earlier } };
  };
  const policy = (channel: string, endpoint: string): Policy => {
    const key = `${channel}/${endpoint}`;
    const known = policies.get(key);
    if (known) return known;
    const made = resolve(state, channel, endpoint);
    policies.set(key, made);
    if (channels.has(channel)) {
      for (const oddity of odditiesOf(made)) log.warn(`adjourn: ${channel} endpoint ${endpoint}: ${oddity}`);
    }
    return made;
  };
  const changed = (change: SettingsChange, at: number, apply: 'live' | 'nextSession'): State => {
    const names = Object.keys(change.endpoints ?? {});
    const strange = names.find((name) => [...inline.keys()].some((key) => key.endsWith(`/${name}`)));
    if (strange !== undefined) {
      throw new AdjournError('ADJ_CONFIG_INVALID', 'Its settings stand in the adapter options.', {
        where: `endpoint ${strange}`,
        hint: 'Move them into createSessions({ endpoints }) to change them while running.',
      });
    }
    const merged = names.map((name) => [name, { ...state.endpoints[name], ...change.endpoints?.[name] }] as const);
    const next: State = {
      endpoints: { ...state.endpoints, ...Object.fromEntries(merged) },
      organization: { ...state.organization, ...change.organization },
      change: { at, apply, before: state },
    };
    for (const endpoint of new Set([...Object.keys(next.endpoints), ...mountedEndpoints(policies)])) resolve(next, '', endpoint);
    for (const key of policies.keys()) resolve(next, ...(key.split('/') as [string, string]));
    return next;
  };

  for (const endpoint of Object.keys(endpoints)) resolve(state, '', endpoint);

  return {
    policy,
    functions: (channel, endpoint) => functionsOf(state, channel, endpoint),
    mounted: (channel) => channels.has(channel),
    mount(channel, options) {
      channels.set(channel.name, channel);
      const { endpoint = channel.name, accounts } = options;
      const own = inlineSettings(options);
      if (typeof endpoint === 'string') {
        checkName(endpoint, options.endpoint !== undefined && own === undefined, endpoints);
        if (own !== undefined) setInline(inline, endpoints, channel.name, endpoint, own);
        policies.delete(`${channel.name}/${endpoint}`);
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
        return typeof endpoint === 'string' ? endpoint : endpoint(activity);
      };
    },
    preview(change, at, apply) {
      const next = changed(change, at, apply);
      return (channel, endpoint) => resolve(next, channel, endpoint);
    },
    configure(change, at, apply) {
      state = changed(change, at, apply);
      policies.clear();
    },
  };
}

function mountedEndpoints(policies: ReadonlyMap<string, Policy>): string[] {
  return [...policies.keys()].map((key) => key.slice(key.indexOf('/') + 1));
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
