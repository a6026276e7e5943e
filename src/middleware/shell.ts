import type { Send } from './adapter.ts';
import type { Clock } from './clock.ts';
import { type Conductor, conductor } from './conduct.ts';
import { acknowledgementOf, commandOf } from './core/commands.ts';
import type { ConversationRecord } from './core/conversation.ts';
import type { SessionEvent } from './core/effect.ts';
import type { Policy } from './core/policy.ts';
import type { Emitter } from './emitter.ts';
import { isAdjournError } from './errors.ts';
import type { AdjournEvent, EventOrigin } from './events.ts';
import { type Hosts, hostRegistry } from './hosts.ts';
import { freshSession, type Intake, intake } from './intake.ts';
import type { Job } from './job.ts';
import { type Mailbox, mailbox } from './mailbox.ts';
import { type Held, type Records, records } from './records.ts';
import type { Settings } from './settings.ts';
import type { Store } from './store.ts';

/** What `createSessions` puts together. */
export interface ShellParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly initial: () => unknown;
  readonly settings: Settings;
  readonly emitter: Emitter;
  /** Send outside any request, by channel and endpoint. */
  readonly senders: Map<string, Send>;
  readonly warn: (line: string) => void;
}

/** What every kind of turn needs: deciding, saving, telling. */
export interface Shell extends ShellParts {
  readonly hosts: Hosts;
  readonly boxes: Mailbox;
  readonly book: Records;
  readonly stage: Conductor;
  /** Runs the core over a job's activities. */
  decide(job: Job, record: ConversationRecord | null, policy?: Policy): Intake;
  /** Saves, releases and tells; false if it could not be saved, which is told instead. */
  save(job: Job, held: Held, record: ConversationRecord, told: readonly Told[]): Promise<boolean>;
  /** Gives consumed commands and duplicates their answers. What fails here was saved all the same, and is reported. */
  answer(job: Job, taken: Pick<Intake, 'consumed' | 'dropped'>, saved: boolean): Promise<void>;
  /** Tells events of one decision. */
  tell(job: Job, events: readonly object[], decidedAt?: number): void;
  /** Tells of a failure that has nowhere else to go. */
  report(error: unknown, where: Where): void;
}

/** Events, and the real time they were decided at. */
export type Told = readonly [events: readonly SessionEvent[], decidedAt: number];

export type Where = Omit<EventOrigin, 'at' | 'decidedAt'>;

export function createShell(parts: ShellParts): Shell {
  const { clock, emitter, store } = parts;
  const hosts = hostRegistry();
  const book = records(store, clock, parts.leaseMs);
  const emit = (event: object, where: Where, decidedAt = realNow()) =>
    emitter.emit({ at: clock.now(), ...event, ...where, decidedAt } as AdjournEvent);
  const tell: Shell['tell'] = (job, events, decidedAt) => {
    for (const event of events) emit(event, whereOf(job), decidedAt);
  };
  const report: Shell['report'] = (error, where) => {
    const code = isAdjournError(error) ? error.code : 'HANDLER_FAILED';
    parts.warn(`adjourn: ${where.channel} endpoint ${where.endpoint}: ${code}`);
    emit({ type: 'error', code, error }, where);
  };
  return {
    ...parts,
    hosts,
    boxes: mailbox(),
    book,
    stage: conductor(clock, hosts, (error, job) => report(error, whereOf(job))),
    decide: (job, record, policy = job.policy) =>
      intake(record, job.items, {
        arrivedAt: job.arrivedAt,
        now: clock.now(),
        policy,
        address: job.address,
        fresh: () => freshSession(parts.initial),
      }),
    async save(job, held, record, told) {
      try {
        await book.commit(job, held.lease, record);
      } catch (error) {
        const code = isAdjournError(error) ? error.code : 'STORE_UNAVAILABLE';
        report(error, whereOf(job));
        if (record.session) tell(job, [{ type: 'save_failed', session: record.session.id, code }]);
        return false;
      }
      for (const [events, decidedAt] of told) tell(job, events, decidedAt);
      return true;
    },
    async answer(job, taken, saved) {
      const { commands } = job.policy;
      try {
        for (const activity of taken.consumed) {
          const command = commandOf(activity, commands);
          const text = saved && command ? acknowledgementOf(command, activity.locale, commands) : undefined;
          await job.delivery.consumed(text, activity);
        }
        for (const activity of taken.dropped) await job.delivery.duplicate(activity);
      } catch (error) {
        report(error, whereOf(job));
      }
    },
    tell,
    report,
  };
}

export function whereOf(job: Job): Where {
  return { channel: job.channel, endpoint: job.endpoint, key: job.key, user: job.about.user };
}

/** Real time, comparable across the processes of one machine. */
export function realNow(): number {
  return performance.timeOrigin + performance.now();
}
