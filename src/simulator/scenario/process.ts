import { engineKey } from '../../middleware/attach.ts';
import type { Clock } from '../../middleware/clock.ts';
import type { Engine } from '../../middleware/engine.ts';
import type { AdjournEvent } from '../../middleware/events.ts';
import { type Sessions, sessionsOver } from '../../middleware/sessions.ts';
import type { Store } from '../../middleware/store.ts';
import type { Identity, Simulator } from '../simulator.ts';
import type { Scenario } from './format.ts';
import { functionsFor } from './functions.ts';
import type { Watch } from './rest.ts';

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

/** One simulated bot process: an engine over the shared store, with a bot of its own for every endpoint. */
export interface Process<Data> {
  readonly sessions: Sessions<Data>;
  readonly bots: ReadonlyMap<string, Bot>;
  readonly worker: ProcessWorker;
}

/** The worker of one process. What it does takes virtual time; nobody waits for it. */
export interface ProcessWorker {
  starts(): void;
  stops(): void;
  /** Somebody is to look at a record then, epoch ms: as its next poll would tell it, but without the delay. */
  hears(at: number): void;
}

/** What a process runs on. */
export interface Ground<Data> {
  readonly cast: Cast<Data>;
  readonly store: Store;
  /** Virtual time, as this process has it. */
  readonly clock: Clock;
  readonly simulator: Simulator;
  readonly watch: Watch;
  readonly tell: (event: AdjournEvent) => void;
}

/** Workers hear of every save at once, so there is nothing left to poll for; and what is due at one instant is looked after in it. */
const workerOptions = { pollMs: 24 * 3_600_000, rate: 20_000, concurrency: 1_000 };

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export async function startProcess<Data>({ endpoints, organization }: Scenario, ground: Ground<Data>): Promise<Process<Data>> {
  const { cast, store, clock, simulator, watch, tell } = ground;
  const botClock = (): Clock => sessions.clock;
  const sessions: Sessions<Data> = sessionsOver<Data, string>(store, {
    initial: cast.initial,
    endpoints: Object.fromEntries(
      Object.entries(endpoints).map(([id, { settings, test }]) => [id, { ...settings, ...functionsFor<Data>(test, botClock) }]),
    ),
    organization,
    clock,
    logger: silent,
    worker: workerOptions,
  });
  // Bots sleep by this clock; the engine's own timers, on the other one, do not mean that a bot rests.
  Object.defineProperty(sessions, 'clock', { value: watch.clockFor(clock, () => sessions.current()) });
  sessions.on('*', tell);
  const bots = new Map<string, Bot>();
  for (const [endpoint, { channel }] of Object.entries(endpoints)) {
    const start = await cast.bot(endpoint, channel);
    const identity = simulator.identity(channel, endpoint);
    bots.set(endpoint, await start({ sessions, endpoint, identity, vendorUrl: simulator.url }));
  }
  return { sessions, bots, worker: workerOf(sessions) };
}

function workerOf<Data>(sessions: Sessions<Data>): ProcessWorker {
  const engine = (sessions as unknown as Record<typeof engineKey, Engine>)[engineKey];
  let stopped = Promise.resolve();
  return {
    // Whoever starts a worker that is still stopping means that it goes on afterwards.
    starts: () => void stopped.then(() => sessions.start()),
    stops() {
      stopped = sessions.stop();
    },
    hears: (at) => engine.woken(at),
  };
}
