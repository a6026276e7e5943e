import type { AdapterOptions, Capabilities } from './adapter.ts';
import type { Activity } from './core/activity.ts';
import { fold, wordsOf } from './core/commands.ts';
import { describeExpiration } from './core/expiry.ts';
import { type EndpointSettings, type OrganizationSettings, type Policy, resolvePolicy } from './core/policy.ts';
import { AdjournError } from './errors.ts';

/** A channel as the settings need it. */
export interface ChannelTraits {
  readonly name: string;
  readonly capabilities: Capabilities;
}

/** The settings of all endpoints: where each policy comes from. */
export interface Settings {
  /** The effective policy of an endpoint on a channel. */
  policy(channel: string, endpoint: string): Policy;
  /**
   * Mounts a channel: checks its endpoint's settings, and returns which endpoint an activity belongs to.
   * @throws AdjournError `ADJ_CONFIG_INVALID`, `ADJ_NO_ENDPOINT`
   */
  mount(channel: ChannelTraits, options: AdapterOptions): (activity: Activity) => string | undefined;
}

/** The settings that may stand inline, beside an adapter's own options. */
const settingNames = [
  'expiration',
  'scope',
  'commands',
  'discardEndsSession',
  'lateAfter',
  'onError',
  'onStoreError',
  'turnTimeout',
  'developer',
] as const satisfies readonly (keyof EndpointSettings)[];

/** @param log one line per endpoint at its mount: the words taken and the effective expiration with its source. */
export function settings(
  endpoints: Readonly<Record<string, EndpointSettings>>,
  organization: OrganizationSettings,
  log: (line: string) => void,
): Settings {
  const channels = new Map<string, ChannelTraits>();
  const inline = new Map<string, EndpointSettings>();
  const policies = new Map<string, Policy>();

  const resolve = (channel: string, endpoint: string): Policy => {
    const capabilities = channels.get(channel)?.capabilities;
    const own =
      inlineOf(inline, channel, endpoint) ?? (Object.hasOwn(endpoints, endpoint) ? endpoints[endpoint] : undefined) ?? {};
    const { policy, problems } = resolvePolicy(own, organization, {
      redeliversForMs: capabilities?.redeliversFor,
      onError: capabilities?.onError,
    });
    const [problem] = problems;
    if (problem)
      throw new AdjournError('ADJ_CONFIG_INVALID', problem.message, { where: `endpoint ${endpoint}, ${problem.setting}` });
    const reserved = wordsOf(policy.commands).find((word) => capabilities?.reservedWords.some((one) => fold(one) === word));
    if (reserved !== undefined) {
      throw new AdjournError(
        'ADJ_CONFIG_INVALID',
        `The carrier takes the word "${reserved}" for itself; it cannot be a command.`,
        {
          where: `endpoint ${endpoint}, commands`,
          hint: 'Choose another word, or turn the command off.',
        },
      );
    }
    return policy;
  };
  const policy = (channel: string, endpoint: string): Policy => {
    const key = `${channel}/${endpoint}`;
    const known = policies.get(key);
    if (known) return known;
    const made = resolve(channel, endpoint);
    policies.set(key, made);
    return made;
  };

  for (const endpoint of Object.keys(endpoints)) resolve('', endpoint);

  return {
    policy,
    mount(channel, options) {
      channels.set(channel.name, channel);
      const { endpoint = channel.name, accounts } = options;
      const own = inlineSettings(options);
      if (typeof endpoint === 'string') {
        checkName(endpoint, options.endpoint !== undefined && own === undefined, endpoints);
        if (own !== undefined) setInline(inline, endpoints, channel.name, endpoint, own);
        policies.delete(`${channel.name}/${endpoint}`);
        const effective = policy(channel.name, endpoint);
        const words =
          wordsOf(effective.commands)
            .map((word) => `"${word}"`)
            .join(', ') || 'none';
        log(
          `adjourn: ${channel.name} endpoint ${endpoint}: expires after ${describeExpiration(effective.expiration)}; commands: ${words}`,
        );
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
  };
}

function checkName(endpoint: string, mustExist: boolean, endpoints: Readonly<Record<string, EndpointSettings>>): void {
  const known = Object.keys(endpoints);
  if (!mustExist || known.length === 0 || known.includes(endpoint)) return;
  throw new AdjournError('ADJ_NO_ENDPOINT', 'createSessions has no such endpoint.', {
    where: `endpoint ${endpoint}`,
    hint: `It has: ${known.join(', ')}.`,
  });
}

function setInline(
  inline: Map<string, EndpointSettings>,
  endpoints: Readonly<Record<string, EndpointSettings>>,
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

function inlineOf(inline: Map<string, EndpointSettings>, channel: string, endpoint: string): EndpointSettings | undefined {
  return inline.get(`${channel}/${endpoint}`);
}

function inlineSettings(options: AdapterOptions): EndpointSettings | undefined {
  const given = settingNames.filter((name) => options[name] !== undefined);
  return given.length === 0 ? undefined : (Object.fromEntries(given.map((name) => [name, options[name]])) as EndpointSettings);
}
