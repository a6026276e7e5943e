import type { Outcome } from './adapter.ts';
import { adopt } from './adopt.ts';
import { classifyReturn } from './classify.ts';
import type { Conducted } from './conduct.ts';
import type { DeliveryReport } from './core/activity.ts';
import { type ConversationRecord, newRecord } from './core/conversation.ts';
import { isExpired } from './core/expiry.ts';
import { expire, type Transition } from './core/transition.ts';
import { degraded } from './degraded.ts';
import { isAdjournError } from './errors.ts';
import { answerOnly, exclusive, untouched } from './exclusive.ts';
import type { Intake } from './intake.ts';
import { idsOf, type Job } from './job.ts';
import type { Held } from './records.ts';
import type { Running } from './running.ts';
import { shared } from './shared.ts';
import { createShell, enter, type Shell, type ShellParts } from './shell.ts';
import type { Turn } from './turn.ts';

/** Runs turns. The only place that knows the order of waiting, deciding, running and saving. */
export interface Engine extends Shell {
  /** The turn this code runs in: the innermost, or the one of a given conversation that is not over. */
  current(key?: string): Running | undefined;
  /** A turn of its own: waits for the conversation, decides, runs the bot, saves. */
  take(job: Job): Promise<Outcome>;
  /** Runs `work` in the live session without an activity. @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE` */
  visit<T>(job: Job, work: (turn: Turn) => Promise<T>): Promise<T>;
  /** A person has another name now: their record moves to the key that goes with it, with its session. */
  rename(job: Job): Promise<void>;
  /** A vendor's later word on a closing message lands on the close's archive entry. */
  reported(job: Job, report: DeliveryReport): Promise<void>;
  /**
   * Changes a record under its lease by one transition; a session that begins by it has its start hook run.
   * @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE`
   */
  change(job: Job, decide: (record: ConversationRecord | null) => Transition): Promise<ConversationRecord>;
}

export function createEngine(parts: ShellParts): Engine {
  const shell = createShell(parts);
  const { book, boxes, clock } = shell;

  /** A turn the bot began itself: it gets the live session, or none. */
  const proactive = async (job: Job, held: Held): Promise<Conducted<unknown> | undefined> => {
    const { record } = held;
    if (record?.session && !isExpired(record.session, job.policy, clock.now())) {
      return exclusive(shell, job, held, untouched(record, job), job.delivery.run);
    }
    await book.release(held.lease);
    shell.hosts.explain(job.delivery.hosts, 'No session is live in this conversation.');
    return undefined;
  };

  const decided = async (job: Job, held: Held): Promise<Intake> => {
    const taken = shell.decide(job, held.record);
    if (!taken.asks) return taken;
    return shell.decide(job, held.record, { returns: await classifyReturn(shell, job, taken.record) });
  };

  const take = async (job: Job): Promise<Outcome> => {
    const slot = enter(boxes, job, idsOf(job));
    let held: Held | undefined;
    let last: ConversationRecord | null = null;
    try {
      held = await book.begin(job, slot);
      if (held === undefined) last = await book.peek(job);
    } catch (error) {
      if (isAdjournError(error, 'STORE_UNAVAILABLE', 'ADJ_RECORD_INVALID'))
        return degraded(shell, job, error).finally(slot.leave);
      slot.leave();
      throw error;
    }
    if (held === undefined) return shared(shell, job, slot, last);
    if (held.record?.movedTo !== undefined) {
      await book.release(held.lease);
      slot.leave();
      return take({ ...job, key: held.record.movedTo });
    }
    try {
      held = await adopt(shell, job, held);
      let conducted: Conducted<unknown> | undefined;
      if (isProactive(job)) {
        conducted = await proactive(job, held);
        if (conducted === undefined) {
          slot.leave();
          await job.delivery.pass();
          return { verdict: 'pass', saved: Promise.resolve(true) };
        }
      } else {
        const taken = await decided(job, held);
        if (taken.deliver.length === 0) return await answerOnly(shell, job, held, taken).finally(slot.leave);
        conducted = await exclusive(shell, job, held, taken, job.delivery.run);
      }
      // The place is kept until the turn is saved, which may be later than its handler returns.
      return { verdict: 'run', saved: conducted.saved.finally(slot.leave) };
    } catch (error) {
      slot.leave();
      throw error;
    }
  };

  return Object.assign(shell, {
    current: shell.stage.current,
    take,
    visit: <T>(job: Job, work: (turn: Turn) => Promise<T>) =>
      shell.underLease(job, async (held, place) => {
        const aged = expire(held.record ?? newRecord(), place.policy, clock.now(), clock.now());
        const { value, saved } = await exclusive(
          shell,
          place,
          held,
          { ...untouched(aged.record, place), events: aged.events },
          work,
        );
        await saved;
        return value;
      }),
    rename: (job: Job) =>
      shell.underLease(job, async (held) => {
        const { lease } = await adopt(shell, job, held);
        await book.release(lease);
      }),
    async reported(job: Job, { closeId, message }: DeliveryReport) {
      await shell.archive?.amend(closeId, message);
      if (message !== 'sent') shell.tell(job, [{ type: 'send_failed', session: closeId, message }]);
    },
    change: (job: Job, decideOn: (record: ConversationRecord | null) => Transition) =>
      shell.underLease(job, async (held, place) => {
        const { record, events } = decideOn(held.record);
        const { saved } = await exclusive(shell, place, held, { ...untouched(record, place), events }, async () => {});
        await saved;
        return record;
      }),
  });
}

function isProactive({ items }: Job): boolean {
  return items.every(({ activity }) => activity.kind === 'lifecycle');
}
