import type { Clock } from '../../middleware/clock.ts';
import type { AdjournEvent } from '../../middleware/events.ts';
import { type Sessions, sessionsOver } from '../../middleware/sessions.ts';
import type { Store } from '../../middleware/store.ts';
import type { Identity, Simulator } from '../simulator.ts';
import type { Scenario } from './format.ts';
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

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export async function startProcess<Data>({ endpoints, organization }: Scenario, ground: Ground<Data>): Promise<Process<Data>> {
  const { cast, store, clock, simulator, watch, tell } = ground;
  const sessions = sessionsOver<Data, string>(store, {
    initial: cast.initial,
    endpoints: Object.fromEntries(Object.entries(endpoints).map(([id, { settings }]) => [id, settings])),
    organization,
    clock,
    logger: silent,
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
  return { sessions, bots };
}
