import type { Archive } from '../../middleware/archive.ts';
import type { Store } from '../../middleware/store.ts';
import { type Here, here } from './here.ts';
import type { Told } from './lines.ts';
import type { Cast, LocalProcess, Plan, Process } from './process.ts';
import { type RemoteClock, remoteClock, type TimeKeeper } from './remote-clock.ts';
import type { Sight } from './sight.ts';
import { type Port, wire } from './wire.ts';

/** What a child can be asked by its parent. */
export interface ChildCalls extends Omit<Process, 'urls' | 'close'> {
  /** Starts a bot process. @param given what the child's own code makes its cast and store of; JSON @returns its addresses */
  start(plan: Plan, now: number, given: unknown): Promise<Process['urls']>;
  look(): Promise<Sight>;
  moveTo(now: number): void;
  wake(sleeper: number): void;
  /** Ends the bot process. @returns whether the child is as it was before */
  stop(): Promise<boolean>;
}

/** What a child tells its parent. */
export interface ParentCalls extends TimeKeeper {
  /** The child has loaded its code. */
  ready(): void;
  moved(): void;
  told(event: Told, work: string | undefined): void;
  saved(wakeAt: number): void;
  /** Something went wrong that nobody waits for; the child ends. */
  failed(message: string): void;
}

/** What a bot process in a child runs on. */
export interface ChildGround<Data> {
  readonly cast: Cast<Data>;
  readonly store: Store;
  readonly archive: Archive;
  /** Closes the connection that they use. */
  close(): Promise<void>;
}

/** A bot process while it runs. */
interface Run {
  readonly process: LocalProcess;
  readonly runner: Here;
  readonly clock: RemoteClock;
  close(): Promise<void>;
}

/**
 * Serves bot processes in this child process, one after another, until its parent is gone. To be called once, by the child's own code.
 * @param prepare makes cast and store of what the parent gives
 */
export function serveProcesses<Data>(prepare: (given: unknown) => Promise<ChildGround<Data>>): void {
  let run: Run | undefined;
  const running = (): Run => {
    if (run === undefined) throw new Error('No bot process runs here.');
    return run;
  };
  let isFailing = false;
  const fail = (error: unknown) => {
    if (isFailing) return;
    isFailing = true;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    parent.tell('failed', text);
    // The message goes first.
    process.disconnect();
  };
  const moved = oncePerTurn(() => parent.tell('moved'));

  const calls: ChildCalls = {
    async start(plan, now, given) {
      const ground = await prepare(given);
      const clock = remoteClock(now, {
        sleeps: (sleeper, until) => parent.tell('sleeps', sleeper, until),
        calledOff: (sleeper) => parent.tell('calledOff', sleeper),
      });
      const runner = here(plan.vendorUrl, moved);
      const close = async () => {
        runner.close();
        await ground.store.close();
        await ground.close();
      };
      try {
        const { cast, store, archive } = ground;
        const started = await runner.start(plan, {
          cast,
          store,
          archive,
          clock,
          tell: (event, work) => parent.tell('told', event, work),
          saved: (wakeAt) => parent.tell('saved', wakeAt),
        });
        run = { process: started, runner, clock, close };
        return started.urls;
      } catch (error) {
        await close();
        throw error;
      }
    },
    look: () => running().runner.look(),
    moveTo: (now) => running().clock.moveTo(now),
    wake: (sleeper) => run?.clock.wake(sleeper),
    opens: (...args) => running().process.opens(...args),
    holds: (...args) => running().process.holds(...args),
    desk: (...args) => running().process.desk(...args),
    erases: (...args) => running().process.erases(...args),
    configure: (...args) => running().process.configure(...args),
    worker: (turns) => running().process.worker(turns),
    store: (turns) => running().process.store(turns),
    hears: (at) => run?.process.hears(at),
    explain: (key) => running().process.explain(key),
    profile: (...args) => running().process.profile(...args),
    async stop() {
      const { process, close } = running();
      const isOver = await process.close();
      await close();
      run = undefined;
      return isOver;
    },
  };
  const parent = wire<ParentCalls, ChildCalls>(portOf(process), calls, fail);
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  // Without a parent there is nothing left to do, whatever is under way. Who interrupts a run interrupts the parent, which ends us.
  process.on('disconnect', () => process.exit(1));
  process.on('SIGINT', () => {});
  parent.tell('ready');
}

/** A process's end of the channel to its parent. */
function portOf(child: NodeJS.Process): Port {
  return {
    // A parent that is gone ends us anyway.
    send: (message) => void child.send?.(message, undefined, undefined, () => {}),
    listen: (heard) => void child.on('message', heard),
  };
}

/** Calls `doing` soon, once for all that asked for it in one turn of the event loop. */
function oncePerTurn(doing: () => void): () => void {
  let isPlanned = false;
  return () => {
    if (isPlanned) return;
    isPlanned = true;
    setImmediate(() => {
      isPlanned = false;
      doing();
    });
  };
}
