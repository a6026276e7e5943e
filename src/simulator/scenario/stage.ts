import { isAdjournError } from '../../middleware/errors.ts';
import type { AdjournEvent } from '../../middleware/events.ts';
import type { Store } from '../../middleware/store.ts';
import { type VirtualClock, virtualClock } from '../../testing/virtual-clock.ts';
import { createSimulator, type Simulator, type UnknownRoute, type Vendor } from '../simulator.ts';
import { type CallCount, countCalls } from './calls.ts';
import { type FaultyStore, faultyStore } from './faulty-store.ts';
import { type Scenario, ScenarioError } from './format.ts';
import { eventNames, line, lineOfEvent, type Timeline, timeline } from './lines.ts';
import { type Cast, type Process, startProcess } from './process.ts';
import { type Watch, watch } from './rest.ts';

export interface StageOptions<Data> {
  readonly cast: Cast<Data>;
  readonly store: Store;
  /** @default all six */
  readonly vendors?: readonly Vendor[] | undefined;
  /** How long to wait for rest, real ms. @default 20000 */
  readonly patienceMs?: number | undefined;
}

/** How long a vendor that does not answer keeps a call open, virtual ms: longer than our side waits for it. */
const silenceMs = 20_000;

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

/**
 * Starts the vendors, then the bots.
 * @throws ScenarioError if the bots cannot be started with the file's settings
 */
export async function setStage<Data>(scenario: Scenario, options: StageOptions<Data>): Promise<Stage<Data>> {
  const lines = timeline();
  const keys = new Map<string, string>();
  const unknownRoutes: UnknownRoute[] = [];
  let calls: CallCount | undefined;
  /** A call is open on both sides; one that gets no answer is over when time says so. */
  const isQuiet = () => {
    const silent = simulator.silentCalls();
    return simulator.openCalls() === silent && (calls?.open() ?? 0) === silent;
  };
  const watching = watch({ isQuiet, patienceMs: options.patienceMs });
  const clock = virtualClock({ start: scenario.start, settle: watching.rest });
  const simulator = await createSimulator({
    clock,
    vendors: options.vendors,
    silenceMs,
    onDelivered: ({ status, ...place }) => lines.add(line(clock.now(), 'delivered', place, { status })),
    onReceived: ({ text, ...place }) => lines.add(line(clock.now(), 'received', place, { text })),
    onUnknownRoute: (route) => unknownRoutes.push(route),
    onActivity: watching.changed,
  });
  const processes: Process<Data>[] = [];
  calls = countCalls(simulator.url, () => watching.park(turnIn(processes)));
  const store = faultyStore(options.store, (wakeAt) => {
    for (const { worker } of processes) worker.hears(wakeAt);
  });

  const tell = (event: AdjournEvent) => {
    if (!eventNames.includes(event.type)) return;
    const named = event.user === undefined ? undefined : simulator.nameOf(event.channel, event.user);
    const user = named ?? watching.current()?.user;
    if (user !== undefined && event.key !== undefined) keys.set(JSON.stringify([event.endpoint, user]), event.key);
    // What the worker says of itself is about no endpoint.
    const isSomewhere = Object.hasOwn(scenario.endpoints, event.endpoint);
    const place = isSomewhere ? { user: user ?? event.user, endpoint: event.endpoint, channel: event.channel } : {};
    lines.add(lineOfEvent(event, place), event.decidedAt);
  };
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
    const ground = { cast: options.cast, store, simulator, watch: watching, tell };
    for (let rank = 1; rank <= scenario.processes; rank++) {
      processes.push(await startProcess(scenario, { ...ground, clock: clock.ranked(rank) }));
    }
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

/** The turn this code runs in, of whichever process. */
function turnIn<Data>(processes: readonly Process<Data>[]): object | undefined {
  return processes.map(({ sessions }) => sessions.current()).find((turn) => turn !== undefined);
}

/** A process by its number in the file. */
export function processAt<Data>({ processes }: Pick<Stage<Data>, 'processes'>, number: number): Process<Data> {
  const found = processes[number - 1];
  if (found === undefined) throw new RangeError(`There is no process ${number}.`);
  return found;
}
