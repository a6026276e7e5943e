import type { Archive } from './archive.ts';
import { engineKey } from './attach.ts';
import { type Clock, systemClock } from './clock.ts';
import { type Activity, keyOf, partsOf } from './core/activity.ts';
import type { Address, ConversationRecord } from './core/conversation.ts';
import { type Explanation, explain } from './core/explain.ts';
import type { Policy } from './core/policy.ts';
import { transition } from './core/transition.ts';
import { emitter, type Listener } from './emitter.ts';
import { createEngine, type Engine } from './engine.ts';
import { AdjournError } from './errors.ts';
import type { EventName } from './events.ts';
import type { EndpointOptions, OrganizationOptions } from './hooks.ts';
import { freshSession } from './intake.ts';
import type { Job } from './job.ts';
import { jobOutside } from './outside.ts';
import { pacer } from './pacing.ts';
import { rearm, survey } from './reconfigure.ts';
import { type SettingsChange, settings } from './settings.ts';
import type { Store } from './store.ts';
import type { Session, Turn } from './turn.ts';
import { vault } from './vault.ts';
import { createWorker, type WorkerOptions } from './worker.ts';

/** The four methods that console, pino and Bolt's logger have in common. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface SessionsOptions<Data = unknown, Endpoint extends string = string> {
  /** Where conversations are kept. @default keyvStore(), in this process's memory */
  readonly store?: Store | undefined;
  /** What `session.data` starts as. @default () => ({}) */
  readonly initial?: (() => Data) | undefined;
  /** Session settings by endpoint. Its keys type every `endpoint` option. */
  readonly endpoints?: Readonly<Record<Endpoint, EndpointOptions<Data>>> | undefined;
  /** Defaults for all endpoints, and what they may not exceed. */
  readonly organization?: OrganizationOptions<Data> | undefined;
  /** Session time. @default the machine's clock */
  readonly clock?: Clock | undefined;
  /** One line per endpoint at its mount, and warnings. Never message text. @default console */
  readonly logger?: Logger | undefined;
  /** How long a lease lasts without renewal, milliseconds. @default 30000 */
  readonly leaseMs?: number | undefined;
  /** Where closed sessions go for good. @default nowhere */
  readonly archive?: Archive | undefined;
  /**
   * Encrypts auth profiles at rest: the first key writes, all of them read. Texts with at least 32 random bytes in them.
   * @default they are kept as they are
   */
  readonly encryptionKeys?: readonly string[] | undefined;
  /** Closes and warns by itself once an adapter is mounted; `false` where `sweep()` is called from outside. @default {} */
  readonly worker?: WorkerOptions | false | undefined;
}

/** What a change of settings would do, or did. */
export interface ConfigureReport {
  /** Live sessions on the endpoints concerned. */
  readonly sessions: number;
  /** Those that are over within a minute because of the change alone. */
  readonly closing: number;
}

export interface ConfigureOptions {
  /** `live`: for sessions that are live, too. `nextSession`: for those that begin from now on. @default 'live' */
  readonly apply?: 'live' | 'nextSession' | undefined;
  /** Only says what would happen. @default false */
  readonly dryRun?: boolean | undefined;
}

/**
 * Sessions of all endpoints of a bot. Adapters plug them into the hosts; the bot reaches its session through them.
 * @typeParam Data what `session.data` holds; JSON
 * @typeParam Endpoint the names of the configured endpoints
 */
export interface Sessions<Data = unknown, Endpoint extends string = string> {
  /** Session time. */
  readonly clock: Clock;
  /**
   * The session a host object belongs to: Bolt's `context`, `TurnContext`, an Express request, one event of a batch.
   * @throws AdjournError `ADJ_NO_SESSION` with the reason (a receipt, a status callback, no user …), `ADJ_SEVERAL_CONVERSATIONS`
   */
  of(host: object): Session<Data>;
  /** The turn a host object belongs to, or undefined. @throws AdjournError `ADJ_SEVERAL_CONVERSATIONS` */
  turn(host: object): Turn<Data> | undefined;
  /** The turn this code runs in, for code far from the host object. */
  current(): Turn<Data> | undefined;
  /**
   * Runs work in a conversation outside any request: a payment webhook, a finished job, a cron task. It is no activity: the clock does not move.
   * Inside a turn of the same conversation it joins that turn.
   * @throws AdjournError `LEASE_TIMEOUT` when the conversation stays busy for a minute, `STORE_UNAVAILABLE`
   */
  run<T>(key: string, work: (turn: Turn<Data>) => Promise<T>): Promise<T>;
  /**
   * A session the bot starts itself: non-interactive until the user writes. On a live session it changes nothing and returns that.
   * @param options `reason`: why, in the bot's words, for the `opened` event
   * @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE`, `ADJ_CONFIG_INVALID` for an address that names nobody
   */
  open(
    address: Address & { readonly endpoint: NoInfer<Endpoint> },
    options?: { readonly reason?: string | undefined },
  ): Promise<{ readonly key: string; readonly id: string }>;
  /** The effective expiration of a conversation's session, and everything that led to it. @throws AdjournError `STORE_UNAVAILABLE` */
  explain(key: string): Promise<Explanation>;
  /**
   * Changes settings while running: those given replace those that stand, others stay. A session that the change alone would end
   * lives for another minute; whatever changes, nothing is closed twice and none that was over is revived.
   * @throws AdjournError `ADJ_CONFIG_INVALID` and nothing has changed, `STORE_UNAVAILABLE`
   */
  configure(change: SettingsChange, options?: ConfigureOptions): Promise<ConfigureReport>;
  /** Ends a conversation's live session with reason `api`. @returns whether one was live */
  end(key: string): Promise<boolean>;
  /** Begins to close and warn; happens by itself with the first adapter unless `worker` is false. */
  start(): void;
  /** Stops that, and waits for what is under way. */
  stop(): Promise<void>;
  /** Does everything that is due now, once: for a cron route. @returns how many conversations were looked after */
  sweep(): Promise<number>;
  /** Listens to events of one name, or to all with `'*'`. @returns stops listening */
  on<Name extends EventName | '*'>(name: Name, listener: Listener<Name>): () => void;
  /** Waits for running turns, then closes the store. */
  close(): Promise<void>;
}

const defaultLeaseMs = 30_000;

/**
 * Sessions over a store. {@link createSessions} of the package's root is this with a default store.
 * @throws AdjournError `ADJ_CONFIG_INVALID` naming the endpoint and the value
 */
export function sessionsOver<Data, Endpoint extends string>(
  store: Store,
  options: SessionsOptions<Data, Endpoint>,
): Sessions<Data, Endpoint> {
  const { clock = systemClock, logger = console, leaseMs = defaultLeaseMs, organization = {} } = options;
  const engine = createEngine({
    store,
    clock,
    leaseMs,
    initial: options.initial ?? (() => ({})),
    settings: settings(
      (options.endpoints ?? {}) as Record<string, EndpointOptions<never>>,
      organization as OrganizationOptions<never>,
      logger,
    ),
    emitter: emitter(() => logger.error('adjourn: a listener threw')),
    senders: new Map(),
    replays: new Map(),
    archive: options.archive,
    vault: vault(options.encryptionKeys),
    pace: pacer(),
    warn: (line) => logger.warn(line),
  });
  const worker = createWorker(engine, options.worker || {});
  if (options.worker !== false) engine.mounted = worker.start;
  const typed = (turn: Turn | undefined) => turn as Turn<Data> | undefined;
  const sessions: Sessions<Data, Endpoint> = {
    clock,
    of: (host) => engine.hosts.get(host).session as Session<Data>,
    turn: (host) => typed(engine.hosts.find(host)),
    current: () => typed(engine.current()?.turn),
    async run(key, work) {
      const current = engine.current(key);
      if (current !== undefined) return work(current.turn as Turn<Data>);
      return engine.visit(await outside(engine, key), (turn) => work(turn as Turn<Data>));
    },
    async open(address, { reason } = {}) {
      const activity: Activity = {
        kind: 'lifecycle',
        type: 'open',
        channel: address.channel,
        conversation: address.conversation,
        user: address.user,
      };
      const policy = engine.settings.policy(address.channel, address.endpoint);
      const key = keyOf(activity, address.endpoint, policy.scope);
      if (key === undefined) {
        throw new AdjournError('ADJ_CONFIG_INVALID', 'The address names neither a conversation nor a user.', {
          where: `endpoint ${address.endpoint}`,
        });
      }
      const job = jobOutside(engine, key, 'open', address);
      const fresh = freshSession(engine.initial, engine.settings.functions(address.channel, address.endpoint), address.user);
      const record = await engine.change(job, (before) =>
        transition(before, { type: 'started', user: address.user, reason, address, fresh }, policy, clock.now()),
      );
      return { key, id: record.session?.id ?? '' };
    },
    async explain(key) {
      const { policy, record } = await find(engine, key);
      return explain(record?.session, policy, clock.now());
    },
    async configure(change, { apply = 'live', dryRun = false } = {}) {
      const now = clock.now();
      const before = (channel: string, endpoint: string) => engine.settings.policy(channel, endpoint);
      const concerns = (endpoint: string) => change.organization !== undefined || Object.hasOwn(change.endpoints ?? {}, endpoint);
      const report = await survey(store, before, engine.settings.preview(change, now, apply), concerns, now);
      if (!dryRun) {
        engine.settings.configure(change, now, apply);
        await rearm(engine, report.keys);
      }
      return { sessions: report.sessions, closing: report.closing };
    },
    async end(key) {
      const job = await outside(engine, key);
      let ended = false;
      await engine.change(job, (before) => {
        const next = transition(before, { type: 'ended', reason: 'api' }, job.policy, clock.now());
        ended = next.events.some((event) => event.type === 'closed' && event.reason === 'api');
        return next;
      });
      return ended;
    },
    start: worker.start,
    stop: worker.stop,
    sweep: worker.sweep,
    on: engine.emitter.on,
    async close() {
      await worker.stop();
      await engine.boxes.drained();
      await Promise.allSettled([...engine.background]);
      await store.close();
    },
  };
  return Object.defineProperty(sessions, engineKey, { value: engine });
}

async function find(engine: Engine, key: string): Promise<{ policy: Policy; record: ConversationRecord | undefined }> {
  const { channel, endpoint } = partsOf(key);
  const page = await engine.store.find({ keys: [key], limit: 1 });
  const record = (page.records[0]?.record ?? undefined) as ConversationRecord | undefined;
  if (record?.movedTo !== undefined) return find(engine, record.movedTo);
  return { policy: engine.settings.policy(channel, endpoint), record };
}

/** A job in a conversation whose address is the stored one. */
async function outside(engine: Engine, key: string): Promise<Job> {
  const { record } = await find(engine, key);
  return jobOutside(engine, key, 'run', record?.address);
}
