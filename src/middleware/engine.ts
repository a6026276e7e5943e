import type { Outcome } from './adapter.ts';
import { adopt } from './adopt.ts';
import { classifyReturn } from './classify.ts';
import type { Conducted } from './conduct.ts';
import { type ConversationRecord, newRecord } from './core/conversation.ts';
import { isExpired } from './core/expiry.ts';
import type { Transition } from './core/happening.ts';
import { expire } from './core/lapse.ts';
import { degraded } from './degraded.ts';
import { AdjournError, isAdjournError } from './errors.ts';
import { answerOnly, exclusive, untouched, workOf } from './exclusive.ts';
import { leftBehind, receive } from './inbox.ts';
import type { Intake } from './intake.ts';
import { idsOf, type Job } from './job.ts';
import type { Slot } from './mailbox.ts';
import type { Facts } from './observer.ts';
import type { Held } from './records.ts';
import type { Running } from './running.ts';
import { shared } from './shared.ts';
import { createShell, enter, type Shell, type ShellParts, whereOf } from './shell.ts';
import type { Turn } from './turn.ts';

/** Runs turns. The only place that knows the order of waiting, deciding, running and saving. */
export interface Engine extends Shell {
  /** The turn this code runs in: the innermost, or the one of a given conversation that is not over. */
  current(key?: string): Running | undefined;
  /** A turn of its own: waits for the conversation, decides, runs the bot, saves. */
  take(job: Job): Promise<Outcome>;
  /** Runs `work` in the live session without an activity. @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE` */
  visit<T>(job: Job, work: (turn: Turn) => Promise<T>): Promise<T>;
  /** Runs what was acknowledged and left behind by a process that died. */
  replay(job: Job): Promise<void>;
  /** A person has another name now: their record moves to the key that goes with it, with its session. */
  rename(job: Job): Promise<void>;
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

  const decided = (job: Job, held: Held): Intake | Promise<Intake> => {
    const taken = shell.decide(job, held.record);
    if (!taken.asks) return taken;
    return classifyReturn(shell, job, taken.record).then((returns) => shell.decide(job, held.record, { returns }));
  };

  /** Decides and runs one job under the lease it holds. */
  const perform = async (job: Job, held: Held, note: Note = () => {}): Promise<Outcome> => {
    if (isProactive(job)) {
      const conducted = await proactive(job, held);
      return conducted ? { verdict: 'run', saved: conducted.saved } : { verdict: 'pass', saved: Promise.resolve(true) };
    }
    const asked = decided(job, held);
    const first = asked instanceof Promise ? await asked : asked;
    if (first.deliver.length === 0) return answerOnly(shell, job, held, first);
    const kept = job.policy.inbox === 'durable' ? await receive(shell, job, held) : { job, held };
    const taken = kept.held === held ? first : await decided(kept.job, kept.held);
    note({ session: taken.record.session?.id, previous: taken.record.session?.previous?.id });
    const { saved } = await exclusive(shell, kept.job, kept.held, taken, workOf(shell, job, taken));
    if (taken.to === 'bot') return { verdict: 'run', saved };
    // What goes to a desk must be out of the request before the bot gets the rest of it.
    return { verdict: 'consume', saved: Promise.resolve(await saved) };
  };

  /** First come first served, even beyond a death: what was acknowledged before and left behind runs before this job. */
  const catchUp = async (job: Job, held: Held, slot: Slot): Promise<Held | undefined> => {
    let last: string | undefined;
    for (let left = leftBehind(shell, job, held); left !== undefined; left = leftBehind(shell, job, held)) {
      // What cannot be saved is tried again by whoever comes next.
      if (left.receivedAs === last) return held;
      last = left.receivedAs;
      let next: Held | undefined;
      // What a turn has left is frozen; the next one gets a copy, as from the store.
      const onward = (record: ConversationRecord) => {
        next = { lease: held.lease, record: structuredClone(record) };
      };
      await perform(left, { ...held, onward })
        .then(({ saved }) => saved)
        .catch((error) => shell.report(error, whereOf(job)));
      if (next === undefined) {
        await book.release(held.lease);
        next = await book.begin(job, slot);
      }
      if (next === undefined) return undefined;
      held = next;
    }
    return held;
  };

  const take = async (job: Job, note: Note): Promise<Outcome> => {
    const slot = enter(boxes, job, idsOf(job));
    let held: Held | undefined;
    let last: ConversationRecord | null = null;
    try {
      held = await book.begin(job, slot);
      if (held === undefined) last = await book.peek(job);
    } catch (error) {
      if (isAdjournError(error, 'STORE_UNAVAILABLE', 'ADJ_RECORD_INVALID')) {
        note({ degraded: true });
        return degraded(shell, job, error).finally(slot.leave);
      }
      slot.leave();
      throw error;
    }
    if (held === undefined) return shared(shell, job, slot, last);
    if (held.record?.movedTo !== undefined) {
      await book.release(held.lease);
      slot.leave();
      return take({ ...job, key: held.record.movedTo }, note);
    }
    try {
      if (held.record === null) held = await adopt(shell, job, held);
      if (held.record?.inbox !== undefined) held = await catchUp(job, held, slot);
      if (held === undefined) return shared(shell, job, slot, await book.peek(job));
      const outcome = await perform(job, held, note);
      if (outcome.verdict === 'pass') {
        slot.leave();
        await job.delivery.pass();
      }
      // The place is kept until the turn is saved, which may be later than its handler returns.
      return { ...outcome, saved: outcome.saved.finally(slot.leave) };
    } catch (error) {
      slot.leave();
      throw error;
    }
  };

  return Object.assign(shell, {
    current: shell.stage.current,
    take: (job: Job) =>
      shell.observer.around('turn', { channel: job.channel, endpoint: job.endpoint }, async (note) => {
        const outcome = await take(job, note);
        note({ verdict: outcome.verdict });
        return outcome;
      }),
    visit: <T>(job: Job, work: (turn: Turn) => Promise<T>) =>
      shell.underLease(job, async (held, place) => {
        const aged = expire(held.record ?? newRecord(), place.policy, clock.now(), clock.now());
        return kept(place, await exclusive(shell, place, held, { ...untouched(aged.record, place), events: aged.events }, work));
      }),
    async replay(job: Job) {
      const slot = enter(boxes, job, []);
      try {
        const held = await book.begin(job, slot);
        const left = held && (await catchUp(job, held, slot));
        if (left) await book.commit(job, left.lease, left.record);
      } finally {
        slot.leave();
      }
    },
    rename: (job: Job) =>
      shell.underLease(job, async (held) => {
        const { lease } = await adopt(shell, job, held);
        await book.release(lease);
      }),
    change: (job: Job, decideOn: (record: ConversationRecord | null) => Transition) =>
      shell.underLease(job, async (held, place) => {
        const { record, events } = decideOn(held.record);
        return kept(place, await exclusive(shell, place, held, { ...untouched(record, place), events }, async () => record));
      }),
  });
}

/** Tells an observer more of the turn. */
type Note = (more: Facts) => void;
/** What work outside a request came to. @throws AdjournError `STORE_UNAVAILABLE` where it could not be saved */
async function kept<T>({ key }: Job, { value, saved }: Conducted<T>): Promise<T> {
  if (await saved) return value;
  throw new AdjournError('STORE_UNAVAILABLE', 'What was done could not be saved.', { where: key, hint: 'Do it again.' });
}

function isProactive({ items }: Job): boolean {
  return items.every(({ activity }) => activity.kind === 'lifecycle');
}
