import type { Clock } from '../../middleware/clock.ts';
import { isAdjournError } from '../../middleware/errors.ts';
import type { AdjournEvent } from '../../middleware/events.ts';
import { type Sessions, sessionsOver } from '../../middleware/sessions.ts';
import type { Store } from '../../middleware/store.ts';
import { type VirtualClock, virtualClock } from '../../testing/virtual-clock.ts';
import { createSimulator, type Identity, type Simulator, type UnknownRoute, type Vendor } from '../simulator.ts';
import { type CallCount, countCalls } from './calls.ts';
import { type FaultyStore, faultyStore } from './faulty-store.ts';
import { type Scenario, ScenarioError } from './format.ts';
import { line, lineOfEvent, type Timeline, timeline } from './lines.ts';
import { type Watch, watch } from './rest.ts';

/** What a bot is started with. */
export interface BotOptions<Data> {
  readonly sessions: Sessions<Data>;
  readonly endpoint: string;
  readonly identity: Identity;
  readonly vendorUrl: string;
}

/** A running bot: where it takes webhooks. */
export interface Bot {
  readonly url: string;
  close(): Promise<void>;
}

/** The bots that scenarios are played against. */
export interface Cast<Data> {
  /** What every session's data starts as. */
  readonly initial: () => Data;
  /** How the bot of an endpoint is started. */
  bot(endpoint: string, channel: string): Promise<(options: BotOptions<Data>) => Promise<Bot>>;
}

export interface StageOptions<Data> {
  readonly cast: Cast<Data>;
  readonly store: Store;
  /** @default all six */
  readonly vendors?: readonly Vendor[] | undefined;
  /** How long to wait for rest, real ms. @default 20000 */
  readonly patienceMs?: number | undefined;
}

/** One simulated bot process: an engine over the shared store, with a bot of its own for every endpoint. */
export interface Process<Data> {
  readonly sessions: Sessions<Data>;
  /** The clock its bots sleep by. */
  readonly clock: Clock;
  readonly bots: ReadonlyMap<string, Bot>;
}

/** Everything a scenario is played on: virtual time, vendors, processes, and the list of what happens. */
export interface Stage<Data> {
  readonly clock: VirtualClock;
  readonly simulator: Simulator;
  readonly watch: Watch;
  readonly timeline: Timeline;
  readonly store: FaultyStore;
  readonly processes: readonly Process<Data>[];
  readonly unknownRoutes: readonly UnknownRoute[];
  /** The conversation that a person has on an endpoint, once an event has named it. */
  keyOf(endpoint: string, user: string): string | undefined;
  /** Every conversation that an event has named. */
  keys(): Iterable<string>;
  close(): Promise<void>;
}

export async function setStage<Data>(scenario: Scenario, options: StageOptions<Data>): Promise<Stage<Data>> {
  const lines = timeline();
  const keys = new Map<string, string>();
  const unknownRoutes: UnknownRoute[] = [];
  let calls: CallCount | undefined;
  const watching = watch({ isQuiet: () => simulator.openCalls() + (calls?.open() ?? 0) === 0, patienceMs: options.patienceMs });
  const clock = virtualClock({ start: scenario.start, settle: watching.rest });
  const simulator = await createSimulator({
    clock,
    vendors: options.vendors,
    onDelivered: ({ status, ...place }) => lines.add(line(clock.now(), 'delivered', place, { status })),
    onReceived: ({ text, ...place }) => lines.add(line(clock.now(), 'received', place, { text })),
    onUnknownRoute: (route) => unknownRoutes.push(route),
    onActivity: watching.changed,
  });
  calls = countCalls(simulator.url, watching.changed);
  const store = faultyStore(options.store);

  const tell = (event: AdjournEvent) => {
    const named = event.user === undefined ? undefined : simulator.nameOf(event.channel, event.user);
    const user = named ?? watching.current()?.user;
    if (user !== undefined && event.key !== undefined) keys.set(JSON.stringify([event.endpoint, user]), event.key);
    lines.add(lineOfEvent(event, user), event.decidedAt);
  };
  const settings = Object.entries(scenario.endpoints).map(([id, { channel, settings: own }]) => {
    const { developer } = own;
    const people = Array.isArray(developer)
      ? { developer: developer.flatMap((name) => [name, simulator.person(channel, name)]) }
      : {};
    return [id, { ...own, ...people }] as const;
  });
  const startProcess = async (rank: number): Promise<Process<Data>> => {
    const own = clock.ranked(rank);
    const sessions = sessionsOver<Data, string>(store, {
      initial: options.cast.initial,
      endpoints: Object.fromEntries(settings),
      organization: scenario.organization,
      clock: own,
      logger: silent,
    });
    // Bots take their clock from here; the engine's own timers, on the other one, do not mean that a bot rests.
    const slept = watching.clockFor(own, () => sessions.current());
    Object.defineProperty(sessions, 'clock', { value: slept });
    sessions.on('*', tell);
    const bots = new Map<string, Bot>();
    for (const [endpoint, { channel }] of Object.entries(scenario.endpoints)) {
      const start = await options.cast.bot(endpoint, channel);
      bots.set(
        endpoint,
        await start({ sessions, endpoint, identity: simulator.identity(channel, endpoint), vendorUrl: simulator.url }),
      );
    }
    return { sessions, clock: slept, bots };
  };
  const processes: Process<Data>[] = [];
  const close = async () => {
    await Promise.all(processes.flatMap(({ bots }) => [...bots.values()].map((bot) => bot.close())));
    const closing = Promise.all(processes.map(({ sessions }) => sessions.close()));
    // Sessions wait for their turns; one that never rested would never end.
    if (!watching.busy()) await closing;
    await simulator.close();
    calls?.close();
    watching.close();
    await options.store.close();
  };
  try {
    for (let rank = 1; rank <= scenario.processes; rank++) processes.push(await startProcess(rank));
  } catch (error) {
    await close();
    throw isAdjournError(error, 'ADJ_CONFIG_INVALID') ? new ScenarioError('endpoints', error.message) : error;
  }
  return {
    clock,
    simulator,
    watch: watching,
    timeline: lines,
    store,
    processes,
    unknownRoutes,
    keyOf: (endpoint, user) => keys.get(JSON.stringify([endpoint, user])),
    keys: () => new Set(keys.values()),
    close,
  };
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
