import { randomUUID } from 'node:crypto';
import type { Outcome, Send } from './adapter.ts';
import type { Clock } from './clock.ts';
import { type Conducted, type Conductor, conductor } from './conduct.ts';
import { acknowledgementOf, commandOf } from './core/commands.ts';
import { type ConversationRecord, newRecord } from './core/conversation.ts';
import type { SessionEvent } from './core/effect.ts';
import { isExpired } from './core/expiry.ts';
import type { Policy } from './core/policy.ts';
import { newSession } from './core/session.ts';
import { expire, type Transition, transition } from './core/transition.ts';
import type { Emitter } from './emitter.ts';
import { AdjournError, isAdjournError } from './errors.ts';
import type { AdjournEvent, EventOrigin } from './events.ts';
import { type Hosts, hostRegistry } from './hosts.ts';
import { freshSession, type Intake, intake } from './intake.ts';
import { idsOf, type Job } from './job.ts';
import { keepAlive } from './lease.ts';
import { type Mailbox, mailbox, type Slot } from './mailbox.ts';
import { type Held, records } from './records.ts';
import type { Running } from './running.ts';
import { type Draft, degradedPrefix, sessionView } from './session-view.ts';
import type { Settings } from './settings.ts';
import type { Store } from './store.ts';
import type { Turn } from './turn.ts';

export interface EngineParts {
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

/** Runs turns: lease, core, handler, save. The only place that knows the order of these. */
export interface Engine extends EngineParts {
  readonly hosts: Hosts;
  readonly boxes: Mailbox;
  readonly current: Conductor['current'];
  /** A turn of its own: waits for the conversation, decides, runs the bot, saves. */
  take(job: Job): Promise<Outcome>;
  /** Runs `work` in the live session without an activity. @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE` */
  visit<T>(job: Job, work: (turn: Turn) => Promise<T>): Promise<T>;
  /** Changes a record under its lease by one transition. @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE` */
  change(job: Job, decide: (record: ConversationRecord | null) => Transition): Promise<ConversationRecord>;
  /** Tells of a failure that has nowhere else to go. */
  report(error: unknown, where: Where): void;
}

type Where = Omit<EventOrigin, 'at' | 'decidedAt'>;

/** Work that has no vendor waiting for it may wait this long for a busy conversation, ms. */
export const patienceMs = 60_000;

export function createEngine(parts: EngineParts): Engine {
  const { store, clock, emitter } = parts;
  const boxes = mailbox();
  const hosts = hostRegistry();
  const book = records(store, clock, parts.leaseMs);

  const emit = (event: object, where: Where, decidedAt = realNow()) =>
    emitter.emit({ at: clock.now(), ...event, ...where, decidedAt } as AdjournEvent);
  const tell = (job: Job, events: readonly SessionEvent[], decidedAt = realNow()) => {
    for (const event of events) emit(event, whereOf(job), decidedAt);
  };
  const report: Engine['report'] = (error, where) => {
    const code = isAdjournError(error) ? error.code : 'HANDLER_FAILED';
    parts.warn(`adjourn: ${where.channel} endpoint ${where.endpoint}: ${code}`);
    emit({ type: 'error', code, error }, where);
  };
  const stage = conductor(clock, hosts, (error, job) => report(error, whereOf(job)));

  const decide = (job: Job, record: ConversationRecord | null, policy = job.policy): Intake =>
    intake(record, job.items, {
      arrivedAt: job.arrivedAt,
      now: clock.now(),
      policy,
      address: job.address,
      fresh: () => freshSession(parts.initial),
    });

  /** Saves, releases and tells; false if it could not be saved. */
  const save = async (
    job: Job,
    held: Held,
    record: ConversationRecord,
    told: readonly [readonly SessionEvent[], number][],
  ): Promise<boolean> => {
    try {
      await book.commit(job, held.lease, record);
    } catch (error) {
      const code = isAdjournError(error) ? error.code : 'STORE_UNAVAILABLE';
      report(error, whereOf(job));
      if (record.session) emit({ type: 'save_failed', session: record.session.id, code }, whereOf(job));
      return false;
    }
    for (const [events, decidedAt] of told) tell(job, events, decidedAt);
    return true;
  };

  /** Gives consumed commands and duplicates their answers. What fails here was saved all the same. */
  const answer = async (job: Job, taken: Intake, saved: boolean): Promise<void> => {
    const { commands } = job.policy;
    try {
      for (const activity of taken.consumed) {
        const command = commandOf(activity, commands);
        await job.delivery.consumed(
          saved && command ? acknowledgementOf(command, activity.locale, commands) : undefined,
          activity,
        );
      }
      for (const activity of taken.dropped) await job.delivery.duplicate(activity);
    } catch (error) {
      report(error, whereOf(job));
    }
  };

  /** The handler under the lease, then the save. */
  const exclusive = <T>(job: Job, held: Held, taken: Intake, work: (turn: Turn) => Promise<T>): Promise<Conducted<T>> => {
    const { policy } = job;
    const decidedAt = realNow();
    const before = policy.onError === 'drop' ? JSON.stringify(taken.record) : undefined;
    let stopRenewal = () => {};
    const settle = async ({ draft, end }: Running, failed: boolean) => {
      stopRenewal();
      const next = failed
        ? transition(
            before === undefined ? draft.record : JSON.parse(before),
            { type: 'failed', seen: taken.seenWithoutDelivered },
            policy,
            clock.now(),
          )
        : transition(draft.record, { type: 'returned', counts: taken.counts, close: closeOf(draft) }, policy, clock.now());
      end();
      const saved = await save(job, held, next.record, [
        [taken.events, decidedAt],
        [next.events, realNow()],
      ]);
      await answer(job, taken, saved);
      return saved;
    };
    const { record, deliver: activities, counts, lateBy } = taken;
    return stage.conduct({ job, record, state: 'open', activities, counts, lateBy, work, settle }, (running) => {
      stopRenewal = keepAlive(store, held.lease, running.abort);
    });
  };

  /** Nothing is left for the bot: only commands, or only duplicates. */
  const answerOnly = async (job: Job, held: Held, taken: Intake): Promise<Outcome> => {
    const decidedAt = realNow();
    let saved = true;
    if (taken.record === held.record) {
      await book.release(held.lease);
      tell(job, taken.events, decidedAt);
    } else saved = await save(job, held, taken.record, [[taken.events, decidedAt]]);
    await answer(job, taken, saved);
    return { verdict: verdictOf(taken), saved: Promise.resolve(saved) };
  };

  /** The store is out: the bot runs with a session that is thrown away, and nothing looks like a new user. */
  const degraded = async (job: Job, error: unknown): Promise<Outcome> => {
    if (job.policy.onStoreError === 'throw') throw error;
    const code = isAdjournError(error) ? error.code : 'STORE_UNAVAILABLE';
    parts.warn(`adjourn: ${job.channel} endpoint ${job.endpoint}: ${code}; the bot runs without its session`);
    emit({ type: 'degraded', code }, whereOf(job));
    const { saved } = await stage.conduct({
      job,
      record: throwAway(parts.initial(), clock.now()),
      state: 'open',
      activities: job.delivery.activities,
      counts: false,
      lateBy: 0,
      work: job.delivery.run,
      settle: async ({ end }) => {
        end();
        return false;
      },
    });
    return { verdict: 'run', saved };
  };

  /**
   * The vendor cannot wait any longer: the bot runs beside the turn that holds the conversation, on what was saved last.
   * Its own changes, and what the activity itself does to the session, are saved when the lease comes.
   */
  const shared = async (job: Job, slot: Slot, record: ConversationRecord | null): Promise<Outcome> => {
    if (slot.repeats) {
      tell(job, [{ type: 'duplicate', at: clock.now() }]);
      await answer(job, { ...untouched(newRecord(), job), dropped: job.delivery.activities }, true);
      slot.leave();
      return { verdict: 'drop', saved: Promise.resolve(true) };
    }
    // Nothing expires while a handler of the same conversation runs.
    const taken = decide(job, record, undying(job.policy));
    if (taken.deliver.length === 0) {
      await answer(job, taken, true);
      return { verdict: verdictOf(taken), saved: afterwards(job, slot, false, []) };
    }
    const { saved } = await stage.conduct({
      job,
      record: taken.record,
      state: 'shared',
      activities: taken.deliver,
      counts: taken.counts,
      lateBy: taken.lateBy,
      work: job.delivery.run,
      settle: async ({ end, updates }, failed) => {
        end();
        // The host has its answer to give: the save follows when the lease comes.
        void afterwards(job, slot, failed, updates);
        return true;
      },
    });
    return { verdict: 'run', saved };
  };

  /** Saves what a shared turn brings, once its lease comes. */
  const afterwards = async (job: Job, slot: Slot, failed: boolean, updates: Running['updates']): Promise<boolean> => {
    try {
      const held = await book.begin({ ...job, waitMs: patienceMs }, slot);
      if (held === undefined) throw busy(job);
      const decidedAt = realNow();
      const taken = decide(job, held.record);
      const draft: Draft = {
        record: taken.record,
        policy: job.policy,
        key: job.key,
        counts: taken.counts,
        now: clock.now,
        state: 'open',
        closing: undefined,
      };
      if (taken.deliver.length > 0 && !failed) for (const update of updates) update(sessionView(draft));
      const next = failed
        ? transition(taken.record, { type: 'failed', seen: taken.seenWithoutDelivered }, job.policy, clock.now())
        : transition(draft.record, { type: 'returned', counts: taken.counts, close: closeOf(draft) }, job.policy, clock.now());
      return await save(job, held, next.record, [
        [taken.events, decidedAt],
        [next.events, realNow()],
      ]);
    } catch (error) {
      report(error, whereOf(job));
      return false;
    } finally {
      slot.leave();
    }
  };

  const take = async (job: Job): Promise<Outcome> => {
    const slot = boxes.enter(job.key, idsOf(job));
    /** The slot is kept until the turn is saved, which may be later than its handler returns. */
    const hold = ({ saved }: Conducted<unknown>): Outcome => ({ verdict: 'run', saved: saved.finally(slot.leave) });
    let held: Held | undefined;
    let last: ConversationRecord | null = null;
    try {
      held = await book.begin(job, slot);
      if (held === undefined) last = await book.peek(job);
    } catch (error) {
      if (isAdjournError(error, 'STORE_UNAVAILABLE', 'ADJ_RECORD_INVALID')) return degraded(job, error).finally(slot.leave);
      slot.leave();
      throw error;
    }
    if (held === undefined) return shared(job, slot, last);
    try {
      if (isProactive(job)) {
        if (held.record?.session && !isExpired(held.record.session, job.policy, clock.now())) {
          return hold(await exclusive(job, held, untouched(held.record, job), job.delivery.run));
        }
        await book.release(held.lease);
        slot.leave();
        hosts.explain(job.delivery.hosts, 'No session is live in this conversation.');
        await job.delivery.pass();
        return { verdict: 'pass', saved: Promise.resolve(true) };
      }
      const taken = decide(job, held.record);
      if (taken.deliver.length > 0) return hold(await exclusive(job, held, taken, job.delivery.run));
      const outcome = await answerOnly(job, held, taken);
      slot.leave();
      return outcome;
    } catch (error) {
      slot.leave();
      throw error;
    }
  };

  const underLease = async <T>(job: Job, work: (held: Held) => Promise<T>): Promise<T> => {
    const slot = boxes.enter(job.key, []);
    try {
      const held = await book.begin(job, slot);
      if (held === undefined) throw busy(job);
      return await work(held);
    } finally {
      slot.leave();
    }
  };

  return {
    ...parts,
    hosts,
    boxes,
    current: stage.current,
    report,
    take,
    visit: (job, work) =>
      underLease(job, async (held) => {
        const aged = expire(held.record ?? newRecord(), job.policy, clock.now(), clock.now());
        const { value, saved } = await exclusive(job, held, { ...untouched(aged.record, job), events: aged.events }, work);
        await saved;
        return value;
      }),
    change: (job, decideOn) =>
      underLease(job, async (held) => {
        const decidedAt = realNow();
        const next = decideOn(held.record);
        await book.commit(job, held.lease, next.record);
        tell(job, next.events, decidedAt);
        return next.record;
      }),
  };
}

function whereOf(job: Job): Where {
  return { channel: job.channel, endpoint: job.endpoint, key: job.key, user: job.about.user };
}

function isProactive({ items }: Job): boolean {
  return items.every(({ activity }) => activity.kind === 'lifecycle');
}

function verdictOf(taken: Intake): 'consume' | 'drop' {
  return taken.consumed.length > 0 ? 'consume' : 'drop';
}

/** What a turn without an activity of the user starts from: the record as it is. */
function untouched(record: ConversationRecord, job: Job): Intake {
  const { activities: deliver } = job.delivery;
  return { record, events: [], deliver, consumed: [], dropped: [], counts: false, lateBy: 0, seenWithoutDelivered: record.seen };
}

function undying(policy: Policy): Policy {
  return { ...policy, expiration: { levels: [{ level: 'default', ms: 0 }], capMs: 0 } };
}

function throwAway(data: unknown, at: number): ConversationRecord {
  const session = newSession({
    id: degradedPrefix + randomUUID(),
    startReason: 'first',
    previous: undefined,
    at,
    data,
    developer: false,
  });
  return { ...newRecord(), session };
}

function closeOf(draft: Draft) {
  return draft.closing === undefined ? undefined : ({ reason: 'bot', at: draft.closing.at } as const);
}

function busy(job: Job): AdjournError {
  return new AdjournError('LEASE_TIMEOUT', 'The conversation stayed busy.', { where: job.key, hint: 'Try again later.' });
}

/** Real time, comparable across the processes of one machine. */
function realNow(): number {
  return performance.timeOrigin + performance.now();
}
