import { AsyncLocalStorage } from 'node:async_hooks';
import { after } from './clock.ts';
import type { Activity } from './core/activity.ts';
import type { ConversationRecord } from './core/conversation.ts';
import { type Around, newDraft } from './draft.ts';
import { AdjournError } from './errors.ts';
import type { Hosts } from './hosts.ts';
import type { Job } from './job.ts';
import { type Running, startTurn } from './running.ts';
import { degradedPrefix } from './session-view.ts';
import type { Turn } from './turn.ts';
import type { Vault } from './vault.ts';

/** What a handler is started with. */
export interface Task<T> {
  readonly job: Job;
  /** The objects the bot may ask for its session with while the turn runs. */
  readonly hosts: readonly object[];
  readonly record: ConversationRecord;
  readonly state: 'open' | 'shared';
  readonly activities: readonly Activity[];
  readonly counts: boolean;
  readonly lateBy: number;
  /** Whether a failure takes back what the handler has changed. */
  readonly restores?: boolean | undefined;
  readonly work: (turn: Turn) => Promise<T>;
  /** Called once, when the handler and everything given to `waitUntil` have settled; its answer is `saved`. */
  readonly settle: (running: Running, failed: boolean) => Promise<boolean>;
}

export interface Conducted<T> {
  readonly value: T;
  readonly saved: Promise<boolean>;
}

/** The turn some code runs in, inside the one its request took before (a batch of several conversations). */
interface TurnScope {
  readonly running: Running;
  readonly outer: TurnScope | undefined;
}

/** Runs handlers from their start to their end. */
export interface Conductor {
  /** The turn this code runs in: the innermost, or the one of a given conversation that is not over. */
  current(key?: string): Running | undefined;
  /** Does what no adapter is to take for the bot's own saying: it is written down by whoever asks for it. */
  quietly<T>(work: () => T): T;
  /** Whether this code runs in that. */
  isQuiet(): boolean;
  /**
   * Resolves when the handler has returned and, unless it gave something to `waitUntil`, `settle` has.
   * Rejects with what the handler threw, after `settle`.
   * @param started told before the handler's first `await`
   */
  conduct<T>(task: Task<T>, started?: (running: Running) => void): Promise<Conducted<T>>;
}

/** What turns are run with. */
interface Stage extends Around {
  readonly hosts: Hosts;
  readonly vault: Vault;
}

export function conductor({ clock, hosts, vault, desks }: Stage, report: (error: unknown, job: Job) => void): Conductor {
  const scopes = new AsyncLocalStorage<TurnScope>();
  const quiet = new AsyncLocalStorage<true>();

  /** Tells when the turn has taken too long. @returns calls it off */
  const watch = ({ policy, key }: Job, one: Running, late: (error: Error) => void): (() => void) => {
    if (policy.turnTimeoutMs === 0) return () => {};
    return after(clock, policy.turnTimeoutMs, () => {
      const error = new AdjournError('ADJ_TURN_TIMEOUT', 'The handler did not return in time; its changes are dropped.', {
        where: key,
        hint: 'Stop on turn.signal, or raise turnTimeout.',
      });
      one.abort(error);
      late(error);
    });
  };

  return {
    current(key) {
      let scope = scopes.getStore();
      if (key === undefined) return scope?.running;
      while (scope && (scope.running.draft.key !== key || scope.running.draft.state === 'ended')) scope = scope.outer;
      return scope?.running;
    },
    quietly: (work) => quiet.run(true, work),
    isQuiet: () => quiet.getStore() ?? false,
    async conduct<T>(task: Task<T>, started?: (running: Running) => void) {
      const { job } = task;
      const { running: one, returned } = startTurn(
        partsOf(task),
        newDraft(job, task, { clock, desks }),
        (turn, handler) => {
          hosts.bind(task.hosts, turn.turn);
          started?.(turn);
          return scopes.run({ running: turn, outer: scopes.getStore() }, handler);
        },
        task.work,
        vault,
      );
      let tooLate: (error: Error) => void = () => {};
      const timely = <V>(promise: Promise<V>): Promise<V> =>
        new Promise((resolve, reject) => {
          tooLate = reject;
          promise.then(resolve, reject);
        });
      const unwatch = watch(job, one, (error) => tooLate(error));
      const end = (failed: boolean): Promise<boolean> => {
        unwatch();
        return task.settle(one, failed);
      };
      let value: T;
      try {
        value = await timely(returned);
      } catch (error) {
        await end(true);
        throw error;
      }
      if (!one.pending() && !one.failed()) return { value, saved: Promise.resolve(await end(false)) };
      const over = timely(one.over()).then(
        () => false,
        (error) => {
          report(error, job);
          return true;
        },
      );
      if (one.pending()) return { value, saved: over.then(end) };
      return { value, saved: Promise.resolve(await end(await over)) };
    },
  };
}

function partsOf<T>({ job, activities, lateBy, record }: Task<T>) {
  return {
    activities,
    activity: activities.at(-1) ?? job.about,
    channel: job.channel,
    endpoint: job.endpoint,
    host: job.delivery.host,
    degraded: record.session?.id.startsWith(degradedPrefix) ?? false,
    lateBy,
    reply: job.delivery.reply,
  };
}
