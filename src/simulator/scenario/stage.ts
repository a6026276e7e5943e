import { isAdjournError } from '../../middleware/errors.ts';
import type { Store } from '../../middleware/store.ts';
import { type VirtualClock, virtualClock } from '../../testing/virtual-clock.ts';
import { createSimulator, type Simulator, type UnknownRoute, type Vendor } from '../simulator.ts';
import { described } from './agents.ts';
import { type Company, companyOf } from './company.ts';
import { hasDeath, type Scenario, ScenarioError } from './format.ts';
import { leftBehind } from './left-behind.ts';
import { eventNames, line, lineOfEvent, type Timeline, type Told, timeline } from './lines.ts';
import { type Rest, restOf } from './rest.ts';
import type { OpenVenue, Venue } from './venue.ts';

export interface StageOptions {
  readonly venue: Venue;
  /** @default all six */
  readonly vendors?: readonly Vendor[] | undefined;
  /** How long to wait for rest, real ms. @default 20000 */
  readonly patienceMs?: number | undefined;
  /** Gives the run up: it fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How long a vendor that does not answer keeps a call open, virtual ms: longer than our side waits for it. */
const silenceMs = 20_000;

/** How long leases last where somebody dies, real ms: everybody waits for those of the dead to lapse. */
const mortalLeaseMs = 2_000;

/** Everything a scenario is played on: virtual time, vendors, processes, and the list of what happens. */
export interface Stage {
  readonly clock: VirtualClock;
  readonly simulator: Simulator;
  readonly rest: Rest;
  readonly timeline: Timeline;
  readonly company: Company;
  /** What the processes share, past every fault. */
  readonly store: Store;
  readonly unknownRoutes: readonly UnknownRoute[];
  /** Kills a process. What it has left behind in the store lapses before time moves on. */
  kill(number: number): Promise<void>;
  /** The conversation that a person has on an endpoint, once an event has named it. */
  keyOf(endpoint: string, user: string): string | undefined;
  /** Every conversation that an event has named. */
  keys(): Iterable<string>;
  close(): Promise<void>;
}

/**
 * Starts the vendors, then the bots.
 * @throws ScenarioError if the file asks for what this venue has not, or its settings cannot start the bots
 */
export async function setStage(scenario: Scenario, options: StageOptions): Promise<Stage> {
  const { venue, vendors, patienceMs = 20_000, signal } = options;
  const death = scenario.steps.find((step) => step.verb === 'dies');
  if (death !== undefined && !venue.canDie) {
    const advice = 'a process can die only where the store outlives it; play with --store sqlite:FILE, for example.';
    throw new ScenarioError(`${death.path}.dies`, advice);
  }
  const lines = timeline();
  const keys = new Map<string, string>();
  const unknownRoutes: UnknownRoute[] = [];
  const living = () => [...company.living().values()];

  const rest = restOf({
    runners: () => new Set(living().map(({ runner }) => runner)),
    calls: () => ({ open: simulator.openCalls(), silent: simulator.silentCalls() }),
    linger: (sights) =>
      left.lapse(
        sights.flatMap(({ store }) => store.holds),
        clock.now(),
      ),
    patienceMs,
    signal,
  });
  const clock = virtualClock({
    start: scenario.start,
    settle: rest.rest,
    moved: async (now) => {
      await Promise.all(living().map(({ runner }) => runner.moveTo(now)));
    },
  });
  const simulator = await createSimulator({
    clock,
    vendors,
    silenceMs,
    onDelivered: ({ status, ...place }) => lines.add(line(clock.now(), 'delivered', place, { status })),
    onReceived: ({ text, ...place }) => lines.add(line(clock.now(), 'received', place, { text })),
    onUnknownRoute: (route) => unknownRoutes.push(route),
    onActivity: rest.changed,
  });

  const tell = (event: Told, work: string | undefined) => {
    if (!eventNames.includes(event.type)) return;
    const named = event.user === undefined ? undefined : simulator.nameOf(event.channel, event.user);
    const user = named ?? (work === undefined ? undefined : rest.work(work)?.user);
    if (user !== undefined && event.key !== undefined) keys.set(JSON.stringify([event.endpoint, user]), event.key);
    // What the worker says of itself is about no endpoint.
    const isSomewhere = Object.hasOwn(scenario.endpoints, event.endpoint);
    const place = isSomewhere ? { user: user ?? event.user, endpoint: event.endpoint, channel: event.channel } : {};
    lines.add(lineOfEvent(event, place), event.decidedAt);
  };
  const saved = (wakeAt: number) => {
    for (const one of living()) one.hears(wakeAt);
  };

  let open: OpenVenue;
  try {
    open = await venue.open({ clock, vendorUrl: simulator.url, moved: rest.changed, tell, saved });
  } catch (error) {
    await simulator.close();
    throw error;
  }
  const left = leftBehind(open.store);
  const company = companyOf(scenario, simulator, open, hasDeath(scenario) ? mortalLeaseMs : undefined);
  const close = async () => {
    await company.close();
    await simulator.close();
    await open.close();
  };
  try {
    await company.start(Array.from({ length: scenario.processes }, (_, index) => index + 1));
    for (const agent of scenario.agents) {
      const comes = { does: 'comesOnline', agent } as const;
      await rest.follow({ label: described(comes), user: undefined }, (work) => company.process(1).desk(work, comes));
    }
  } catch (error) {
    await close();
    throw isAdjournError(error, 'ADJ_CONFIG_INVALID') ? new ScenarioError('endpoints', error.message) : error;
  }
  return {
    clock,
    simulator,
    rest,
    timeline: lines,
    company,
    store: open.store,
    unknownRoutes,
    async kill(number) {
      const { runner } = await company.kill(number);
      const sight = rest.seen(runner);
      if (sight !== undefined) left.add(sight.store);
      rest.changed();
    },
    keyOf: (endpoint, user) => keys.get(JSON.stringify([endpoint, user])),
    keys: () => new Set(keys.values()),
    close,
  };
}
