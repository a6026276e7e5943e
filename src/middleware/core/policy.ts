import type { Scope } from './activity.ts';
import { type AgentRules, type AgentSettings, agentRules, type CalendarOf } from './agents.ts';
import {
  type ChannelList,
  type ClosingFunctions,
  type ClosingRules,
  type ClosingSettings,
  closingRules,
  type Excludable,
  leavesOut,
} from './closing.ts';
import { type CommandRules, type CommandSettings, commandRules } from './commands.ts';
import { type Duration, describeMs, toMs } from './duration.ts';
import { expirationOf } from './expiry.ts';

/** Session settings of one endpoint. Whatever is unset is inherited. */
export interface EndpointSettings extends ClosingSettings {
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
  /**
   * `durable`: an event handler's message is saved before it is acknowledged, and runs after a crash. Costs one more round trip.
   * For channels whose webhooks an event handler answers. @default 'off'
   */
  readonly inbox?: 'durable' | 'off' | undefined;
  /** Contacts whose sessions are marked as a developer's, or `true` for all. @default none */
  readonly developer?: boolean | readonly string[] | undefined;
  /** Timers for sessions that people have taken over; an endpoint's members win one by one. @default all off */
  readonly agents?: AgentSettings | undefined;
  /** Keeps what is said, both sides, in the archive. It is personal data: see `retention`. @default false */
  readonly transcripts?: boolean | undefined;
  /** How long the archive keeps closed sessions, and their transcripts. @default for good */
  readonly retention?: RetentionSettings | undefined;
}

export interface RetentionSettings {
  /** Closed sessions, counted from their end. @default for good */
  readonly sessions?: Duration | undefined;
  /** Lines of transcripts, counted from when they were said; never longer than sessions. @default as long as sessions */
  readonly transcripts?: Duration | undefined;
}

/** Settings of the organisation: defaults for its endpoints, and what they may not exceed. */
export interface OrganizationSettings extends Omit<EndpointSettings, 'developer'> {
  /**
   * No endpoint keeps sessions for longer than this. 0 or `'never'`: no cap.
   * @default the organisation's `expiration`
   */
  readonly maxExpiration?: Duration | undefined;
  /**
   * Which channels (and Azure channel ids) the organisation's `closingMessage` goes to. A channel added later is out under `include`.
   * An endpoint's own message goes out in any case. @default all
   */
  readonly channels?: ChannelList | undefined;
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
  readonly inbox: 'durable' | 'off';
  readonly developer: boolean | readonly string[];
  readonly closing: ClosingRules & Excludable;
  readonly agents: AgentRules;
  readonly history: HistoryRules;
  readonly hooks: HookFlags;
  readonly channel: ChannelFacts;
  /** The last change of the timing while sessions were live. */
  readonly change?: PolicyChange | undefined;
}

/** What is kept of sessions that are over. Durations in milliseconds, 0 = for good. */
export interface HistoryRules {
  readonly transcripts: boolean;
  readonly keepSessionsMs: number;
  readonly keepTranscriptsMs: number;
}

/** What times sessions: a change of it is gentle to those that are live. */
export interface Timing extends Pick<Policy, 'expiration' | 'agents'> {
  readonly maxDurationMs: number;
}

/** Which of the endpoint's functions the core must reckon with. */
export interface HookFlags extends ClosingFunctions {
  readonly onClosing: boolean;
  readonly onClose: boolean;
  readonly classifyReturn: boolean;
}

/** What the core knows of a channel. Durations in milliseconds. */
export interface ChannelFacts {
  readonly name: string;
  /** How long it may deliver an activity again; ids are remembered for as long. */
  readonly redeliversForMs: number;
  /** How long after the user's last act the bot may still write; 0: always. */
  readonly replyWindowMs: number;
  /** Whether a send may be repeated with a key and arrives once. */
  readonly idempotentSend: boolean;
  /** How many messages a second of our own accord it takes well; 0: as many as there are. */
  readonly sendsPerSecond: number;
  readonly onError?: 'drop' | 'keep' | undefined;
  /** Whether it relays other networks. */
  readonly relays?: boolean | undefined;
}

/** A timing that changed while sessions were live. */
export interface PolicyChange {
  /** Session time of whoever changed it, the same in all processes. */
  readonly at: number;
  readonly before: Timing;
  /** The change before this one. */
  readonly earlier?: PolicyChange | undefined;
  /** `live`: for sessions that are live, too. `nextSession`: those keep what they began with. */
  readonly apply: 'live' | 'nextSession';
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
  /** Which of these were changed while running, and not in code. */
  readonly changed?: { readonly [Input in 'endpoint' | 'organization' | 'cap']?: ChangedBy | undefined } | undefined;
}

/** Who changed a setting while running, and when: session time, epoch ms. */
export interface ChangedBy {
  readonly by: string;
  readonly at: number;
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
  inbox: 'off',
  transcripts: false,
} as const);

/** For a channel that is not mounted in this process. */
const unknownChannel: ChannelFacts = {
  name: '',
  redeliversForMs: 24 * 3_600_000,
  replyWindowMs: 0,
  idempotentSend: false,
  sendsPerSecond: 0,
};
const noHooks: HookFlags = { closingMessage: false, carryOver: false, onClosing: false, onClose: false, classifyReturn: false };

/** A setting that cannot work, with where it stands and why. */
export interface Problem {
  readonly setting: string;
  readonly message: string;
}

/** What a policy reckons with beside settings. */
export interface Surroundings {
  readonly channel?: Partial<ChannelFacts> | undefined;
  readonly hooks?: Partial<HookFlags> | undefined;
  /** Which level gives the closing message as a function. */
  readonly composedBy?: 'endpoint' | 'organization' | undefined;
  readonly calendarOf?: CalendarOf | undefined;
}

/** Settings resolved to a policy, and every problem found on the way. */
export function resolvePolicy(
  endpoint: EndpointSettings,
  organization: OrganizationSettings,
  around: Surroundings = {},
): { readonly policy: Policy; readonly problems: readonly Problem[] } {
  const channel: ChannelFacts = { ...unknownChannel, ...defined(around.channel ?? {}) };
  const hooks: HookFlags = { ...noHooks, ...around.hooks };
  const problems: Problem[] = [];
  const read = (setting: string, value: Duration | undefined): number | undefined => {
    if (value === undefined) return undefined;
    const ms = toMs(value);
    if (ms === undefined) {
      const shown = JSON.stringify(value) ?? String(value);
      problems.push({ setting, message: `${shown} is not a duration (minutes ≥ 0, '90s', '15m', '2h', '14d' or 'never').` });
    }
    return ms;
  };
  const settings: EndpointSettings = { ...defined(organization), ...defined(endpoint) };
  const expiration = expirationLevels(endpoint, organization, read, problems);
  const common = around.composedBy === 'organization' || (organization.closingMessage ?? false) !== false;
  const own = around.composedBy === 'endpoint' || endpoint.closingMessage !== undefined;
  const listed = common && !own ? organization.channels : undefined;
  const excluded = !channel.relays && leavesOut(listed, channel.name);
  const closing = closingRules(
    { ...settings, ...(excluded ? { closingMessage: false } : {}) },
    expirationOf(expiration).ms,
    excluded ? { ...hooks, closingMessage: false } : hooks,
  );
  const commands = commandRules(settings.commands);
  const agents = agentRules({ ...defined(organization.agents ?? {}), ...defined(endpoint.agents ?? {}) }, around.calendarOf);
  problems.push(...closing.problems, ...commands.problems, ...agents.problems);
  return {
    policy: {
      expiration,
      scope: settings.scope ?? policyDefaults.scope,
      commands: commands.rules,
      discardEndsSession: settings.discardEndsSession ?? policyDefaults.discardEndsSession,
      lateAfterMs: read('lateAfter', settings.lateAfter) ?? policyDefaults.lateAfterMs,
      onError: settings.onError ?? channel.onError ?? policyDefaults.onError,
      onStoreError: settings.onStoreError ?? policyDefaults.onStoreError,
      turnTimeoutMs: read('turnTimeout', settings.turnTimeout) ?? policyDefaults.turnTimeoutMs,
      inbox: settings.inbox ?? policyDefaults.inbox,
      developer: endpoint.developer ?? false,
      agents: agents.rules,
      history: {
        transcripts: settings.transcripts ?? policyDefaults.transcripts,
        keepSessionsMs: read('retention.sessions', settings.retention?.sessions) ?? 0,
        keepTranscriptsMs: read('retention.transcripts', settings.retention?.transcripts) ?? 0,
      },
      closing: { ...closing.rules, excluded, ...(channel.relays && listed ? { channels: listed } : {}) },
      hooks,
      channel,
    },
    problems,
  };
}

function expirationLevels(
  endpoint: EndpointSettings,
  organization: OrganizationSettings,
  read: (setting: string, value: Duration | undefined) => number | undefined,
  problems: Problem[],
): Expiration {
  const cap = read('organization.maxExpiration', organization.maxExpiration);
  const base = read('organization.expiration', organization.expiration);
  const own = read('expiration', endpoint.expiration);
  const longest =
    cap === undefined ? policyDefaults.longestMs : cap === 0 ? Number.POSITIVE_INFINITY : Math.max(cap, policyDefaults.longestMs);
  for (const [setting, ms] of [
    ['expiration', own],
    ['organization.expiration', base],
  ] as const) {
    if (ms === undefined || ms <= longest) continue;
    const message = `${describeMs(ms)} is more than ${describeMs(longest)}; raise organization.maxExpiration to allow it.`;
    problems.push({ setting, message });
  }
  const levels: { level: Level; ms: number }[] = [];
  if (own !== undefined) levels.push({ level: 'endpoint', ms: own });
  if (base !== undefined) levels.push({ level: 'organization', ms: base });
  levels.push({ level: 'default', ms: policyDefaults.expirationMs });
  const from = cap !== undefined ? 'organization.maxExpiration' : base ? 'organization.expiration' : undefined;
  return { levels, capMs: cap ?? base ?? 0, ...(from === undefined ? {} : { capFrom: from }) };
}

/** Without the members that are there but undefined: what is not set does not hide what is. */
function defined<T extends object>(settings: T): Partial<T> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Partial<T>;
}
