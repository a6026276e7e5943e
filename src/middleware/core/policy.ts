import type { Scope } from './activity.ts';
import { type CommandRules, type CommandSettings, commandRules } from './commands.ts';
import { type Duration, describeMs, toMs } from './duration.ts';

/** Session settings of one endpoint. Whatever is unset is inherited. */
export interface EndpointSettings {
  /** Inactivity after which a session expires. 0 or `'never'`: it does not. @default inherited, at last 30 minutes */
  readonly expiration?: Duration | undefined;
  /** Who shares a session. @default 'user' */
  readonly scope?: Scope | undefined;
  /** The words and controls for discard, discard all and refresh; `false` turns all of them off. */
  readonly commands?: CommandSettings | false | undefined;
  /** `discard` ends the session with reason `user_command`. @default false */
  readonly discardEndsSession?: boolean | undefined;
  /** An activity older than this at its arrival counts as late. @default 15 minutes */
  readonly lateAfter?: Duration | undefined;
  /** What becomes of a handler's changes when it throws. @default 'drop'; 'keep' on Slack */
  readonly onError?: 'drop' | 'keep' | undefined;
  /** Whether the bot runs while the store is out, with a throw-away session. @default 'degrade' */
  readonly onStoreError?: 'degrade' | 'throw' | undefined;
  /** How long one handler may take before its turn is given up. @default 5 minutes */
  readonly turnTimeout?: Duration | undefined;
  /** Contacts whose sessions are marked as a developer's, or `true` for all. @default none */
  readonly developer?: boolean | readonly string[] | undefined;
}

/** Settings of the organisation: defaults for its endpoints, and what they may not exceed. */
export interface OrganizationSettings extends Omit<EndpointSettings, 'developer'> {
  /**
   * No endpoint keeps sessions for longer than this. 0 or `'never'`: no cap.
   * @default the organisation's `expiration`
   */
  readonly maxExpiration?: Duration | undefined;
}

/** The effective settings for one session, as plain data. Durations in milliseconds; 0 = never. */
export interface Policy {
  readonly expiration: Expiration;
  readonly scope: Scope;
  readonly commands: CommandRules;
  readonly discardEndsSession: boolean;
  readonly lateAfterMs: number;
  readonly onError: 'drop' | 'keep';
  readonly onStoreError: 'degrade' | 'throw';
  readonly turnTimeoutMs: number;
  readonly developer: boolean | readonly string[];
  /** How long the channel may deliver an activity again; ids are remembered for as long. */
  readonly redeliversForMs: number;
}

/** What a channel brings along: how long it redelivers, and defaults of its own. */
export interface ChannelDefaults {
  readonly redeliversForMs?: number | undefined;
  readonly onError?: 'drop' | 'keep' | undefined;
}

/** Where an expiration can be set, the strongest first. */
export type Level = 'session' | 'endpoint' | 'organization' | 'default';

/** What the levels below the session say, and the cap over all of them. */
export interface Expiration {
  /** The values that are set, strongest level first; the built-in default is always the last. */
  readonly levels: readonly { readonly level: Level; readonly ms: number }[];
  /** 0: no cap. */
  readonly capMs: number;
  /** The setting the cap came from. */
  readonly capFrom?: 'organization.maxExpiration' | 'organization.expiration' | undefined;
}

/** What a policy starts from; every default of the library's session settings stands here. */
export const policyDefaults = Object.freeze({
  expirationMs: 30 * 60_000,
  /** Longest expiration an endpoint may ask for unless the organisation raises it: 14 days. */
  longestMs: 20_160 * 60_000,
  scope: 'user',
  discardEndsSession: false,
  lateAfterMs: 15 * 60_000,
  onError: 'drop',
  onStoreError: 'degrade',
  turnTimeoutMs: 5 * 60_000,
  /** For a channel that does not say. */
  redeliversForMs: 24 * 3_600_000,
} as const);

/** A setting that cannot work, with where it stands and why. */
export interface Problem {
  readonly setting: string;
  readonly message: string;
}

/** Settings resolved to a policy, and every problem found on the way. */
export function resolvePolicy(
  endpoint: EndpointSettings,
  organization: OrganizationSettings,
  channel: ChannelDefaults = {},
): { readonly policy: Policy; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const read = (setting: string, value: Duration | undefined): number | undefined => {
    if (value === undefined) return undefined;
    const ms = toMs(value);
    if (ms === undefined) {
      problems.push({
        setting,
        message: `${JSON.stringify(value) ?? String(value)} is not a duration (minutes ≥ 0, '90s', '15m', '2h', '14d' or 'never').`,
      });
    }
    return ms;
  };
  const pick = <K extends keyof EndpointSettings & keyof OrganizationSettings>(name: K) => endpoint[name] ?? organization[name];

  const cap = read('organization.maxExpiration', organization.maxExpiration);
  const base = read('organization.expiration', organization.expiration);
  const own = read('expiration', endpoint.expiration);
  const longest =
    cap === undefined ? policyDefaults.longestMs : cap === 0 ? Number.POSITIVE_INFINITY : Math.max(cap, policyDefaults.longestMs);
  for (const [setting, ms] of [
    ['expiration', own],
    ['organization.expiration', base],
  ] as const) {
    if (ms !== undefined && ms > longest) {
      problems.push({
        setting,
        message: `${describeMs(ms)} is more than ${describeMs(longest)}; raise organization.maxExpiration to allow it.`,
      });
    }
  }
  const levels: { level: Level; ms: number }[] = [];
  if (own !== undefined) levels.push({ level: 'endpoint', ms: own });
  if (base !== undefined) levels.push({ level: 'organization', ms: base });
  levels.push({ level: 'default', ms: policyDefaults.expirationMs });

  const commands = commandRules(pick('commands'));
  problems.push(...commands.problems);
  return {
    policy: {
      expiration: {
        levels,
        capMs: cap ?? base ?? 0,
        ...(cap !== undefined
          ? { capFrom: 'organization.maxExpiration' as const }
          : base
            ? { capFrom: 'organization.expiration' as const }
            : {}),
      },
      scope: pick('scope') ?? policyDefaults.scope,
      commands: commands.rules,
      discardEndsSession: pick('discardEndsSession') ?? policyDefaults.discardEndsSession,
      lateAfterMs: read('lateAfter', pick('lateAfter')) ?? policyDefaults.lateAfterMs,
      onError: pick('onError') ?? channel.onError ?? policyDefaults.onError,
      onStoreError: pick('onStoreError') ?? policyDefaults.onStoreError,
      turnTimeoutMs: read('turnTimeout', pick('turnTimeout')) ?? policyDefaults.turnTimeoutMs,
      developer: endpoint.developer ?? false,
      redeliversForMs: channel.redeliversForMs ?? policyDefaults.redeliversForMs,
    },
    problems,
  };
}
