import type { Replay, Send } from './adapter.ts';
import type { Archive } from './archive.ts';
import type { Clock } from './clock.ts';
import { type Conductor, conductor } from './conduct.ts';
import { acknowledgementOf } from './core/commands.ts';
import { type ConversationRecord, withoutReceived } from './core/conversation.ts';
import type { SessionEvent } from './core/effect.ts';
import type { Policy } from './core/policy.ts';
import type { DeskSetup } from './desk-room.ts';
import type { Emitter } from './emitter.ts';
import { AdjournError, isAdjournError, unsent } from './errors.ts';
import type { AdjournEvent, EventOrigin } from './events.ts';
import type { ReturnKind } from './hooks.ts';
import { type Hosts, hostRegistry } from './hosts.ts';
import { freshSession, type Intake, intake } from './intake.ts';
import type { Job } from './job.ts';
import { type Mailbox, mailbox, type Slot } from './mailbox.ts';
import { nobody, type Observer } from './observer.ts';
import { deliverOutbox, type InHand, nothingInHand } from './outbox.ts';
import type { Pace } from './pacing.ts';
import { probe } from './probe.ts';
import { type Held, type Records, records } from './records.ts';
import { type Scribe, scribe } from './scribe.ts';
import type { Settings } from './settings.ts';
import type { Store } from './store.ts';
import type { Vault } from './vault.ts';

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
  /** Deliver a kept message again, by channel and endpoint. */
  readonly replays: Map<string, Replay>;
  readonly archive: Archive | undefined;
  readonly vault: Vault;
  readonly pace: Pace;
  readonly warn: (line: string) => void;
}

/** What every kind of turn needs: deciding, saving, telling. */
export interface Shell extends ShellParts {
  readonly hosts: Hosts;
  readonly boxes: Mailbox;
  readonly book: Records;
  readonly stage: Conductor;
  /** The desks that this process knows, by name. */
  readonly desks: Map<string, DeskSetup>;
  /** What to do when a record is due that is no conversation's, by its kind; false: somebody else knows how. */
  readonly chores: Map<string, (name: string) => Promise<boolean>>;
  /** Stands around turns, closes and sweeps. */
  observer: Observer;
  /** Told when a channel is mounted. */
  mounted: () => void;
  /** Told when a record wants to be looked at again, epoch ms. */
  woken: (at: number) => void;
  /** Writes transcripts. */
  readonly scribe: Scribe;
  /** Told when a record is saved, and with it a wake-up by the settings of now. */
  arming: (key: string) => void;
  /** Resolves when settings that may have changed elsewhere have been read; undefined: they are fresh. Never rejects. */
  settled: () => Promise<void> | undefined;
  /** Work that goes on after its turn; `sessions.close()` waits for it. */
  readonly background: Set<Promise<unknown>>;
  readonly inHand: InHand;
  /** Runs the core over a job's activities. */
  decide(job: Job, record: ConversationRecord | null, how?: { readonly policy?: Policy; readonly returns?: ReturnKind }): Intake;
  /** Waits for a conversation's lease, follows its signpost, and works under it. @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE` */
  underLease<T>(job: Job, work: (held: Held, job: Job) => Promise<T>): Promise<T>;
  /** Saves, releases and tells; false if it could not be saved, which is told instead. */
  save(job: Job, held: Held, record: ConversationRecord, told: readonly Told[]): Promise<boolean>;
  /** Gives consumed commands and duplicates their answers. What fails here was saved all the same, and is reported. */
  answer(job: Job, taken: Pick<Intake, 'consumed' | 'dropped'>, saved: boolean): Promise<void>;
  /** Does something after its turn, in the background; what goes wrong with it is reported. */
  later(job: Job, work: () => Promise<unknown>): void;
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
  const book = records(
    store,
    clock,
    parts.leaseMs,
    ({ channel, endpoint, key }) => {
      shell.arming(key);
      return parts.settings.policy(channel, endpoint);
    },
    (at) => shell.woken(at),
  );
  const boxes = mailbox();
  const desks = new Map<string, DeskSetup>();
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
  const shell: Shell = {
    ...parts,
    hosts,
    boxes,
    book,
    desks,
    chores: new Map(),
    observer: nobody,
    mounted: () => {},
    woken: () => {},
    scribe: scribe(parts.archive, (error) => report(error, { channel: 'archive', endpoint: 'all' })),
    arming: () => {},
    settled: () => undefined,
    background: new Set(),
    inHand: nothingInHand(),
    async underLease(job, work) {
      const slot = enter(boxes, job, []);
      let moved: string | undefined;
      try {
        const held = await book.begin(job, slot);
        if (held === undefined) throw busy(job);
        moved = held.record?.movedTo;
        if (moved === undefined) return await work(held, job);
        await book.release(held.lease);
      } finally {
        slot.leave();
      }
      return shell.underLease({ ...job, key: moved }, work);
    },
    stage: conductor({ clock, hosts, vault: parts.vault, desks }, (error, job) => report(error, whereOf(job))),
    decide: (job, record, { policy = job.policy, returns } = {}) =>
      intake(record, job.items, {
        arrivedAt: job.arrivedAt,
        now: clock.now(),
        policy,
        address: job.address,
        fresh: () => freshSession(parts.initial, parts.settings.functions(job.channel, job.endpoint), job.about.user),
        returns,
      }),
    async save(job, held, record, told) {
      try {
        const kept = job.receivedAs === undefined ? record : withoutReceived(record, job.receivedAs);
        await (held.onward ? book.save : book.commit)(job, held.lease, kept);
        held.onward?.(kept);
      } catch (error) {
        const code = isAdjournError(error) ? error.code : 'STORE_UNAVAILABLE';
        report(error, whereOf(job));
        if (record.session) tell(job, [{ type: 'save_failed', session: record.session.id, code }]);
        return false;
      }
      for (const [events, decidedAt] of told) tell(job, events, decidedAt);
      // What others have saved they deliver themselves; if they died, the worker does.
      if (record.outbox === undefined) return true;
      const ours = told.flatMap(([events]) => events).flatMap((event) => (event.type === 'closed' ? [event.session] : []));
      const outbox = record.outbox.filter((effect) => ours.includes(effect.id) || !('closed' in effect));
      if (outbox.length > 0) {
        for (const id of ours) shell.inHand.told.add(id);
        shell.later(job, () => deliverOutbox(shell, job, { ...record, outbox }));
      }
      return true;
    },
    later(job, work) {
      const after: Promise<unknown> = work()
        .catch((error) => report(error, whereOf(job)))
        .finally(() => shell.background.delete(after));
      shell.background.add(after);
    },
    async answer(job, taken, saved) {
      const { commands } = job.policy;
      try {
        for (const { activity, command } of taken.consumed) {
          const text = saved && command ? acknowledgementOf(command, activity.locale, commands) : undefined;
          await shell.stage.quietly(() => job.delivery.consumed(text, activity));
        }
        for (const activity of taken.dropped) await job.delivery.duplicate(activity);
      } catch (error) {
        report(unsent(error, job.key), whereOf(job));
      }
    },
    tell,
    report,
  };
  return shell;
}

/** A place in a conversation's queue; leaving it is the end of the turn. */
export function enter(boxes: Mailbox, job: Job, ids: readonly string[]): Slot {
  return boxes.enter(job.key, ids, () => probe('ended', job));
}

export function busy(job: Job): AdjournError {
  return new AdjournError('LEASE_TIMEOUT', 'The conversation stayed busy.', { where: job.key, hint: 'Try again later.' });
}

export function whereOf(job: Job): Where {
  return { channel: job.channel, endpoint: job.endpoint, key: job.key, user: job.about.user };
}

/** Real time, comparable across the processes of one machine. */
export function realNow(): number {
  return performance.timeOrigin + performance.now();
}
