import { type Actor, actorOf } from './actor.ts';
import type { Archive, ClosedSession } from './archive.ts';
import { engineKey } from './attach.ts';
import { type Clock, systemClock } from './clock.ts';
import { type Contact, contactOf } from './contacts.ts';
import { type Activity, keyOf } from './core/activity.ts';
import { becauseClosed } from './core/because.ts';
import type { Address } from './core/conversation.ts';
import { type Explanation, explain } from './core/explain.ts';
import { transition } from './core/transition.ts';
import { type Desk, type DeskOptions, openDesk } from './desk.ts';
import { emitter, type Listener } from './emitter.ts';
import { createEngine } from './engine.ts';
import { erasureKind, resumeErasure } from './erasure.ts';
import { AdjournError } from './errors.ts';
import type { EventName } from './events.ts';
import type { EndpointOptions, OrganizationOptions } from './hooks.ts';
import { type InsightQuery, stats } from './insight.ts';
import { freshSession } from './intake.ts';
import { type LivePage, type LiveQuery, liveSessions } from './live.ts';
import { type LiveSettings, liveSettings } from './live-settings.ts';
import { jobOutside, lookUp, storedJob } from './outside.ts';
import { pacer } from './pacing.ts';
import { enforceRetention, retentionKind, scheduleRetention } from './retention.ts';
import { checkScope } from './scope.ts';
import { settings } from './settings.ts';
import { settingsSync } from './settings-sync.ts';
import type { StatsRow } from './stats.ts';
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
  /** How many processes share these conversations. With `'many'` a store that only this process can see is refused. @default 'one' */
  readonly processes?: 'one' | 'many' | undefined;
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

/** A closed session that says why it ended. */
export interface ExplainedSession extends ClosedSession {
  /** Plain sentences; times are UTC. */
  readonly because: readonly string[];
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
   * @throws AdjournError `LEASE_TIMEOUT` when the conversation stays busy for a minute, `STORE_UNAVAILABLE`, also where what was done
   * could not be saved
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
  /** Settings changed while running, in all processes. */
  readonly settings: LiveSettings<Endpoint>;
  /**
   * A desk where people take over from the bot. Call it once per name, alike in every process that runs bots or the worker.
   * @throws AdjournError `ADJ_CONFIG_INVALID`
   */
  desk(name: string, options: DeskOptions<Data>): Desk;
  /** The desks that this process knows, by name. */
  readonly desks: ReadonlyMap<string, Desk>;
  /**
   * Counts over closed and live sessions: by day, endpoint, reason and more.
   * @throws AdjournError `STORE_UNAVAILABLE`
   */
  stats(query: InsightQuery): Promise<readonly StatsRow[]>;
  /**
   * A session that is over, with what led to its end (`why`, and `because` in plain sentences); undefined where the archive has none of
   * that name.
   * @throws AdjournError `STORE_UNAVAILABLE`
   */
  closed(session: string): Promise<ExplainedSession | undefined>;
  /**
   * Sessions that are not closed yet, of all conversations, a page at a time.
   * @throws AdjournError `STORE_UNAVAILABLE`, `ADJ_CONFIG_INVALID` if `after` is none of ours
   */
  live(query?: LiveQuery): Promise<LivePage>;
  /** What one contact went through: sessions, transcripts, other identities; and how to erase them. @param key of a conversation */
  contact(key: string): Contact;
  /**
   * Ends a conversation's live session with reason `api`.
   * @param options `by`: who does it, kept with the closed session
   * @returns whether one was live
   * @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE`, `ADJ_CONFIG_INVALID`
   */
  end(key: string, options?: Actor): Promise<boolean>;
  /**
   * Begins to close and warn, and to look for settings changed elsewhere; happens by itself with the first adapter, where `worker` is
   * false without the closing.
   */
  start(): void;
  /** Stops that, and waits for what is under way. */
  stop(): Promise<void>;
  /** Reads the settings and does everything that is due now, once: for a cron route. @returns how many conversations were looked after */
  sweep(): Promise<number>;
  /** Listens to events of one name, or to all with `'*'`. @returns stops listening */
  on<Name extends EventName | '*'>(name: Name, listener: Listener<Name>): () => void;
  /** Waits for running turns, then closes the store. */
  close(): Promise<void>;
}

const defaultLeaseMs = 30_000;

/**
 * Sessions over a store. {@link createSessions} of the package's root is this with a default store.
 * @throws AdjournError `ADJ_CONFIG_INVALID` naming the endpoint and the value, `ADJ_STORE_SCOPE`
 */
export function sessionsOver<Data, Endpoint extends string>(
  store: Store,
  options: SessionsOptions<Data, Endpoint>,
): Sessions<Data, Endpoint> {
  const { clock = systemClock, logger = console, leaseMs = defaultLeaseMs, organization = {} } = options;
  checkScope(store.capabilities, options.processes ?? 'one', logger);
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
  engine.chores.set(retentionKind, () => enforceRetention(engine));
  const sync = settingsSync(engine, logger);
  engine.chores.set(erasureKind, (id) => resumeErasure(engine, sync, id));
  const worker = createWorker(engine, sync, options.worker || {});
  const start = () => {
    sync.start();
    worker.start();
    void scheduleRetention(engine).catch((error) => engine.report(error, { channel: 'archive', endpoint: 'all' }));
  };
  const stop = async () => {
    await Promise.all([sync.stop(), worker.stop()]);
    await engine.scribe.flush();
  };
  engine.mounted = options.worker === false ? sync.start : start;
  const desks = new Map<string, Desk>();
  const typed = (turn: Turn | undefined) => turn as Turn<Data> | undefined;
  const sessions: Sessions<Data, Endpoint> = {
    clock,
    of: (host) => engine.hosts.get(host).session as Session<Data>,
    turn: (host) => typed(engine.hosts.find(host)),
    current: () => typed(engine.current()?.turn),
    async run(key, work) {
      const current = engine.current(key);
      if (current !== undefined) return work(current.turn as Turn<Data>);
      return engine.visit(await storedJob(engine, key, 'run'), (turn) => work(turn as Turn<Data>));
    },
    async open(address, { reason } = {}) {
      await engine.settled();
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
      const { policy, record } = await lookUp(engine, key);
      return explain(record?.session, policy, clock.now());
    },
    settings: liveSettings(engine, sync),
    stats: (query) => stats(engine, query),
    async closed(session) {
      const found = await engine.archive?.find(session);
      return found && { ...found, because: becauseClosed(found) };
    },
    live: (query) => liveSessions(engine, query),
    contact: (key) => contactOf(engine, sync, key),
    desk(name, options) {
      const desk = openDesk(engine, name, options);
      desks.set(name, desk);
      return desk;
    },
    desks,
    async end(key, options = {}) {
      const who = actorOf(options, 'end');
      const job = await storedJob(engine, key, 'run');
      let ended = false;
      await engine.change(job, (before) => {
        const next = transition(before, { type: 'ended', reason: 'api', ...who }, job.policy, clock.now());
        ended = next.events.some((event) => event.type === 'closed' && event.reason === 'api');
        return next;
      });
      return ended;
    },
    start,
    stop,
    sweep: worker.sweep,
    on: engine.emitter.on,
    async close() {
      await stop();
      await engine.boxes.drained();
      await Promise.allSettled([...engine.background]);
      await engine.scribe.flush();
      await store.close();
    },
  };
  return Object.defineProperty(sessions, engineKey, { value: engine });
}
