import type { Send } from './adapter.ts';
import { engineKey, senderKey } from './attach.ts';
import { type Clock, systemClock } from './clock.ts';
import { type Activity, keyOf, partsOf } from './core/activity.ts';
import type { Address, ConversationRecord } from './core/conversation.ts';
import { type Explanation, explain } from './core/explain.ts';
import type { EndpointSettings, OrganizationSettings, Policy } from './core/policy.ts';
import { transition } from './core/transition.ts';
import { emitter, type Listener } from './emitter.ts';
import { createEngine, type Engine } from './engine.ts';
import { AdjournError } from './errors.ts';
import type { EventName } from './events.ts';
import { freshSession } from './intake.ts';
import { type Job, newJob } from './job.ts';
import { settings } from './settings.ts';
import { patienceMs } from './shared.ts';
import type { Store } from './store.ts';
import type { Session, Turn } from './turn.ts';

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
  readonly endpoints?: Readonly<Record<Endpoint, EndpointSettings>> | undefined;
  /** Defaults for all endpoints, and what they may not exceed. */
  readonly organization?: OrganizationSettings | undefined;
  /** Session time. @default the machine's clock */
  readonly clock?: Clock | undefined;
  /** One line per endpoint at its mount, and warnings. Never message text. @default console */
  readonly logger?: Logger | undefined;
  /** How long a lease lasts without renewal, milliseconds. @default 30000 */
  readonly leaseMs?: number | undefined;
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
    settings: settings(options.endpoints ?? {}, organization, (line) => logger.info(line)),
    emitter: emitter(() => logger.error('adjourn: a listener threw')),
    senders: new Map<string, Send>(),
    warn: (line) => logger.warn(line),
  });
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
      const job = jobFor(engine, key, activity, undefined);
      const fresh = freshSession(engine.initial);
      const record = await engine.change(job, (before) =>
        transition(before, { type: 'started', user: address.user, reason, address, fresh }, policy, clock.now()),
      );
      return { key, id: record.session?.id ?? '' };
    },
    async explain(key) {
      const { policy, record } = await find(engine, key);
      return explain(record?.session, policy, clock.now());
    },
    on: engine.emitter.on,
    async close() {
      await engine.boxes.drained();
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

/** A job without a request behind it: replies go to the stored address. */
async function outside(engine: Engine, key: string): Promise<Job> {
  const { record } = await find(engine, key);
  const { channel, conversation, user } = partsOf(key);
  const place = record?.address?.conversation ?? {
    id: conversation,
    kind: user === undefined ? ('direct' as const) : ('shared' as const),
  };
  return jobFor(
    engine,
    key,
    { kind: 'lifecycle', type: 'run', channel, conversation: place, user: record?.address?.user ?? user },
    record?.address,
  );
}

function jobFor(engine: Engine, key: string, about: Activity, address: Address | undefined): Job {
  const { channel, endpoint } = partsOf(key);
  const reply = async (message: unknown) => {
    const send = engine.senders.get(senderKey(channel, endpoint)) ?? engine.senders.get(senderKey(channel, undefined));
    if (send && address) return send(address, message);
    throw new AdjournError('ADJ_NO_SENDER', address ? 'No adapter that can send later is mounted.' : 'No address is known yet.', {
      where: key,
      hint: 'Mount the channel’s adapter in this process, and open the session with its address.',
    });
  };
  const nothing = async () => {};
  return newJob(
    {
      activities: [about],
      hosts: [],
      host: undefined,
      reply,
      run: nothing,
      pass: nothing,
      consumed: nothing,
      duplicate: nothing,
    },
    about,
    {
      channel,
      endpoint,
      key,
      policy: engine.settings.policy(channel, endpoint),
      arrivedAt: engine.clock.now(),
      waitMs: patienceMs,
    },
  );
}
