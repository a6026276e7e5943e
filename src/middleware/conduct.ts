import { AsyncLocalStorage } from 'node:async_hooks';
import { type Clock, calledOff } from './clock.ts';
import type { Activity } from './core/activity.ts';
import type { ConversationRecord } from './core/conversation.ts';
import { AdjournError } from './errors.ts';
import type { Hosts } from './hosts.ts';
import type { Job } from './job.ts';
import { type Running, startTurn } from './running.ts';
import { type Draft, degradedPrefix } from './session-view.ts';
import type { Turn } from './turn.ts';
import type { Vault } from './vault.ts';

/** What a handler is started with. */
export interface Task<T> {
  readonly job: Job;
  readonly record: ConversationRecord;
  readonly state: 'open' | 'shared';
  readonly activities: readonly Activity[];
  readonly counts: boolean;
  readonly lateBy: number;
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
  /**
   * Resolves when the handler has returned and, unless it gave something to `waitUntil`, `settle` has.
   * Rejects with what the handler threw, after `settle`.
   * @param started told before the handler's first `await`
   */
  conduct<T>(task: Task<T>, started?: (running: Running) => void): Promise<Conducted<T>>;
}

export function conductor(clock: Clock, hosts: Hosts, vault: Vault, report: (error: unknown, job: Job) => void): Conductor {
  const scopes = new AsyncLocalStorage<TurnScope>();

  /** Never resolves; rejects when the turn has taken too long. */
  const timeout = async (job: Job, one: Running, done: AbortSignal): Promise<never> => {
    const { turnTimeoutMs } = job.policy;
    if (turnTimeoutMs > 0) await clock.sleep(turnTimeoutMs, done);
    if (turnTimeoutMs === 0 || done.aborted) return new Promise(() => {});
    const error = new AdjournError('ADJ_TURN_TIMEOUT', 'The handler did not return in time; its changes are dropped.', {
      where: job.key,
      hint: 'Stop on turn.signal, or raise turnTimeout.',
    });
    one.abort(error);
    throw error;
  };

  return {
    current(key) {
      let scope = scopes.getStore();
      if (key === undefined) return scope?.running;
      while (scope && (scope.running.draft.key !== key || scope.running.draft.state === 'ended')) scope = scope.outer;
      return scope?.running;
    },
    async conduct(task, started) {
      const { job } = task;
      const { running: one, returned } = startTurn(
        partsOf(task),
        draftOf(task, clock),
        (turn, handler) => {
          hosts.bind(job.delivery.hosts, turn.turn);
          started?.(turn);
          return scopes.run({ running: turn, outer: scopes.getStore() }, handler);
        },
        task.work,
        vault,
      );
      const done = new AbortController();
      const end = async (failed: boolean) => {
        done.abort(calledOff);
        return task.settle(one, failed);
      };
      const late = timeout(job, one, done.signal);
      const [result] = await Promise.allSettled([Promise.race([returned, late])]);
      if (result.status === 'rejected') {
        await end(true);
        throw result.reason;
      }
      const over = Promise.race([one.over(), late]).then(
        () => false,
        (error) => {
          report(error, job);
          return true;
        },
      );
      if (one.pending()) return { value: result.value, saved: over.then(end) };
      return { value: result.value, saved: Promise.resolve(await end(await over)) };
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

function draftOf<T>({ job, record, counts, state }: Task<T>, clock: Clock): Draft {
  return { record, policy: job.policy, key: job.key, counts, now: () => clock.now(), state, closing: undefined };
}
