import type { Archive } from '../../middleware/archive.ts';
import { engineKey } from '../../middleware/attach.ts';
import type { Clock } from '../../middleware/clock.ts';
import type { Address } from '../../middleware/core/conversation.ts';
import type { Explanation } from '../../middleware/core/explain.ts';
import type { SettingsChange } from '../../middleware/core/settings-record.ts';
import type { Engine } from '../../middleware/engine.ts';
import { type Sessions, sessionsOver } from '../../middleware/sessions.ts';
import type { Store } from '../../middleware/store.ts';
import type { Identity } from '../simulator.ts';
import { type DeskAct, scenarioDesk } from './desk.ts';
import { faultyStore } from './faulty-store.ts';
import { functionsFor } from './functions.ts';
import { type Told, toldOf } from './lines.ts';
import { type ProfiledSession, profileOf } from './profile.ts';
import type { Settings } from './settings.ts';
import type { Watch } from './watch.ts';

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

/** One bot process: an engine over the shared store, with a bot of its own for every endpoint. Where it runs makes no difference. */
export interface Process {
  /** Where the bot of each endpoint takes webhooks. */
  readonly urls: Readonly<Record<string, string>>;
  /** Opens a session with somebody, and writes to them if there is something to say. @param work what it belongs to */
  opens(work: string, address: Address, says: string | undefined): Promise<void>;
  /** Holds a conversation for that virtual time. */
  holds(work: string, key: string, forMs: number): Promise<void>;
  /** Does what an agent does, or what the bot does about one. */
  desk(work: string, act: DeskAct): Promise<void>;
  /** Erases a contact. */
  erases(work: string, key: string): Promise<void>;
  configure(work: string, change?: SettingsChange): Promise<void>;
  /** What the worker does takes virtual time; nobody waits for it. */
  worker(turns: WorkerTurn): Promise<void>;
  store(turns: StoreTurn): Promise<void>;
  /** Somebody is to look at a record then, epoch ms: as the worker's next poll would tell it, but without the delay. */
  hears(at: number): void;
  /** Why a conversation's session lives as long as it does, also while the store is down. */
  explain(key: string): Promise<Explanation>;
  /** What is kept of a contact. It writes down first what this process has not yet. @param named as in `profileOf` */
  profile(key: string, named: readonly string[]): Promise<readonly ProfiledSession[]>;
  /** @returns false where a turn runs on that has never come to rest */
  close(): Promise<boolean>;
}

/** The process was killed: whoever waits for it gets no answer. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

export type WorkerTurn = 'stops' | 'starts';
export type StoreTurn = 'down' | 'up';

/** What a process is started with. Plain data: it may be started elsewhere. */
export interface Plan extends Settings {
  readonly identities: Readonly<Record<string, Identity>>;
  readonly vendorUrl: string;
  readonly agents: readonly string[];
  readonly storeIsDown: boolean;
  /** How long leases last, real ms. @default the engine's own */
  readonly leaseMs?: number | undefined;
}

/** What a process runs on. */
export interface Ground<Data> {
  readonly cast: Cast<Data>;
  readonly store: Store;
  readonly archive: Archive;
  /** Virtual time, as this process has it. */
  readonly clock: Clock;
  readonly watch: Watch;
  /** @param work what the event belongs to */
  readonly tell: (event: Told, work: string | undefined) => void;
  /** Somebody is to look at a record then, epoch ms. */
  readonly saved: (wakeAt: number) => void;
}

/** A process that runs here. */
export interface LocalProcess extends Process {
  /** The turn this code runs in. */
  turn(): object | undefined;
}

/** Workers hear of every save at once, so there is nothing left to poll for; and what is due at one instant is looked after in it. */
const workerOptions = { pollMs: 24 * 3_600_000, rate: 20_000, concurrency: 1_000 };

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** @throws AdjournError `ADJ_CONFIG_INVALID` if the bots cannot be started with these settings */
export async function startProcess<Data>(plan: Plan, ground: Ground<Data>): Promise<LocalProcess> {
  const { archive, cast, clock, watch, tell } = ground;
  const store = faultyStore(ground.store, ground.saved);
  if (plan.storeIsDown) await store.turn('down');
  const botClock = (): Clock => sessions.clock;
  const sessions: Sessions<Data> = sessionsOver<Data, string>(store, {
    initial: cast.initial,
    endpoints: mapped(plan.endpoints, ({ settings, test }) => ({ ...settings, ...functionsFor<Data>(test, botClock) })),
    organization: plan.organization,
    clock,
    archive,
    logger: silent,
    leaseMs: plan.leaseMs,
    worker: workerOptions,
  });
  const engine = (sessions as unknown as Record<typeof engineKey, Engine>)[engineKey];
  // Bots sleep by this clock; the engine's own timers, on the other one, do not mean that a bot rests.
  Object.defineProperty(sessions, 'clock', { value: watch.clockFor(clock, () => sessions.current()) });
  const atDesk = scenarioDesk(sessions, plan.agents);
  sessions.on('*', (event) => tell(toldOf(event), watch.current()));

  const bots = new Map<string, Bot>();
  const closeBots = () => Promise.all([...bots.values()].map((bot) => bot.close()));
  try {
    for (const [endpoint, { channel }] of Object.entries(plan.endpoints)) {
      const start = await cast.bot(endpoint, channel);
      const identity = plan.identities[endpoint] as Identity;
      bots.set(endpoint, await start({ sessions, endpoint, identity, vendorUrl: plan.vendorUrl }));
    }
  } catch (error) {
    await closeBots();
    await sessions.close();
    throw error;
  }

  let stopped = Promise.resolve();
  return {
    urls: Object.fromEntries([...bots].map(([endpoint, { url }]) => [endpoint, url])),
    turn: () => sessions.current(),
    opens: (work, address, says) =>
      watch.within(work, async () => {
        const { key } = await sessions.open(address);
        if (says !== undefined) await sessions.run(key, (turn) => turn.reply(says));
      }),
    holds: (work, key, forMs) => watch.within(work, () => sessions.run(key, () => sessions.clock.sleep(forMs))),
    desk: (work, act) => watch.within(work, () => atDesk(act)),
    erases: (work, key) => watch.within(work, async () => void (await sessions.contact(key).erase({ by: 'scenario' }))),
    configure: (work, change) =>
      watch.within(work, async () => {
        if (change === undefined) await sessions.settings.get();
        else await sessions.settings.set(change, { by: 'scenario' });
      }),
    async worker(turns) {
      // Whoever starts a worker that is still stopping means that it goes on afterwards.
      if (turns === 'starts') void stopped.then(() => sessions.start());
      else stopped = sessions.stop();
    },
    async store(turns) {
      await store.turn(turns);
      // A worker that could not read tries again.
      if (turns === 'up') engine.woken(clock.now());
    },
    hears: (at) => engine.woken(at),
    explain: (key) => store.behind(() => sessions.explain(key)),
    profile: (key, named) => store.behind(() => profileOf(sessions, key, named)),
    async close() {
      await closeBots();
      const closing = sessions.close();
      // Sessions wait for their turns.
      const isBusy = watch.doings().some(({ turns }) => turns.length > 0);
      if (isBusy) closing.catch(() => {});
      else await closing;
      return !isBusy;
    },
  };
}

function mapped<From, To>(object: Readonly<Record<string, From>>, map: (one: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(object).map(([name, one]) => [name, map(one)]));
}
