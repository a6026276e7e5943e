import { afterSend, closeProactively, messageKey, resultOf } from './closer.ts';
import { partsOf } from './core/activity.ts';
import type { MessageResult } from './core/closing.ts';
import { dueOf, mayWrite } from './core/due.ts';
import { endOf } from './core/expiry.ts';
import { pickText } from './core/message.ts';
import { transition } from './core/transition.ts';
import type { Engine } from './engine.ts';
import type { Job } from './job.ts';
import { deliverOutbox } from './outbox.ts';
import { jobOutside } from './outside.ts';
import { probe } from './probe.ts';
import type { Held } from './records.ts';
import { sendTo } from './sending.ts';
import { realNow, whereOf } from './shell.ts';

/** How hard the worker works. */
export interface WorkerOptions {
  /** At most this many conversations are looked after in a second of session time. @default 200 */
  readonly rate?: number | undefined;
  /** At most this many at once. @default 16 */
  readonly concurrency?: number | undefined;
  /** How often it looks for what other processes have left, milliseconds. @default 5000 */
  readonly pollMs?: number | undefined;
}

/** The one scheduler: closes, warns, finalises, delivers what is left, forgets. */
export interface Worker {
  /** Begins to work, now and whenever something becomes due. Its timers do not keep the process alive. */
  start(): void;
  /** Stops taking work and waits for what is under way. */
  stop(): Promise<void>;
  /** Does everything that is due now, once; for a cron route. @returns how many conversations were looked after */
  sweep(): Promise<number>;
}

/** A claimed conversation that nobody has saved by then is claimed again, ms. */
const claimMs = 60_000;

export function createWorker(shell: Engine, options: WorkerOptions = {}): Worker {
  const { rate = 200, concurrency = 16, pollMs = 5_000 } = options;
  const { clock, store } = shell;
  let stopping: AbortController | undefined;
  let loop = Promise.resolve();
  let nap: { readonly until: number; readonly wake: AbortController } | undefined;
  /** Conversations that were busy in this process when they were due. */
  const awaited = new Set<string>();
  /** The earliest time a record saved since the last look wants to be looked at. */
  let heard = Number.POSITIVE_INFINITY;

  shell.woken = (at) => {
    heard = Math.min(heard, at);
    if (nap && at < nap.until) nap.wake.abort();
  };

  const sleepUntil = async (until: number): Promise<void> => {
    const wake = new AbortController();
    const stop = () => wake.abort();
    nap = { until, wake };
    stopping?.signal.addEventListener('abort', stop, { once: true });
    await clock.sleep(Math.max(0, until - clock.now()), wake.signal);
    stopping?.signal.removeEventListener('abort', stop);
    nap = undefined;
  };

  /** Everything due, in batches, no faster than the rate. @returns how many */
  const drain = async (signal?: AbortSignal): Promise<number> => {
    let done = 0;
    for (;;) {
      const began = clock.now();
      const keys = await store.claimDue(began, rate, claimMs);
      await atOnce(keys, concurrency, async (key) => {
        if (await attend(shell, key)) done += 1;
        else if (signal !== undefined && shell.boxes.isBusy(key)) void attendLater(key, signal);
      });
      // A full batch: there may be more, but not within the same second.
      if (keys.length === rate) await clock.sleep(Math.max(0, began + 1_000 - clock.now()), signal);
      if (keys.length < rate || signal?.aborted) return done;
    }
  };

  /**
   * Its own turn saved it as due and has not left yet, or a user waits behind: they go first, whoever they are. Nobody else would look
   * again before the claim is over.
   */
  const attendLater = async (key: string, signal: AbortSignal): Promise<void> => {
    if (awaited.has(key)) return;
    awaited.add(key);
    await shell.boxes.left(key);
    awaited.delete(key);
    if (!signal.aborted && !(await attend(shell, key)) && shell.boxes.isBusy(key)) await attendLater(key, signal);
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      let next: number | null = null;
      try {
        await drain(signal);
        heard = Number.POSITIVE_INFINITY;
        next = await store.nextWake();
      } catch (error) {
        shell.report(error, { channel: 'worker', endpoint: 'all' });
      }
      if (!signal.aborted) await sleepUntil(Math.min(next ?? heard, heard, clock.now() + pollMs));
    }
  };

  return {
    start() {
      if (stopping !== undefined) return;
      stopping = new AbortController();
      loop = run(stopping.signal);
    },
    async stop() {
      stopping?.abort();
      await loop;
      stopping = undefined;
      await Promise.allSettled([...shell.background]);
    },
    async sweep() {
      const done = await drain();
      await Promise.allSettled([...shell.background]);
      return done;
    },
  };
}

/** Looks after one conversation; what goes wrong with it is reported and holds up no other. False where it was busy: its own turn re-arms it. */
async function attend(shell: Engine, key: string): Promise<boolean> {
  const { channel, endpoint } = partsOf(key);
  // Without its adapter we would know neither the channel's limits nor how to send.
  if (!shell.settings.mounted(channel)) return false;
  try {
    const after = await underItsLease(shell, key);
    await after?.();
    return after !== undefined;
  } catch (error) {
    shell.report(error, { channel, endpoint, key });
    return false;
  }
}

/** @returns what is to follow once the conversation is free again; undefined where it is busy */
async function underItsLease(shell: Engine, key: string): Promise<(() => Promise<void>) | undefined> {
  const job = jobOutside(shell, key, 'worker', undefined);
  const slot = shell.boxes.enter(key, []);
  let held: Held | undefined;
  try {
    if (slot.ready !== undefined) return undefined;
    held = await shell.book.begin(job, slot, 0);
    return held && (await look(shell, jobOutside(shell, key, 'worker', held.record?.address), held));
  } catch (error) {
    if (held !== undefined) await shell.book.release(held.lease);
    throw error;
  } finally {
    slot.leave();
    probe('ended', job);
  }
}

const nothingMore = async () => {};

/** @returns what is to follow once the conversation is free again */
async function look(shell: Engine, job: Job, held: Held): Promise<() => Promise<void>> {
  const { record } = held;
  const { clock, book } = shell;
  if (record === null) {
    await book.release(held.lease);
    return nothingMore;
  }
  const due = dueOf(record, job.policy, clock.now());
  switch (due.do) {
    case 'nothing':
      await book.commit(job, held.lease, record);
      return nothingMore;
    case 'forget':
      await book.commit(job, held.lease, null);
      return nothingMore;
    case 'replay':
      await book.commit(job, held.lease, record);
      return () => shell.replay(job);
    case 'deliver':
      await book.commit(job, held.lease, record);
      return () => deliverOutbox(shell, job, record);
    case 'finalise': {
      const next = transition(record, { type: 'finalised' }, job.policy, clock.now());
      await shell.save(job, held, next.record, [[next.events, realNow()]]);
      return nothingMore;
    }
    case 'close':
      await closeProactively(shell, job, held, due.closing);
      return nothingMore;
    case 'warn':
      await warn(shell, job, held, due);
      return nothingMore;
  }
}

/** A warning is claimed by a save before it is sent: better none than two. */
async function warn(
  shell: Engine,
  job: Job,
  held: Held,
  due: { readonly beforeMs: number; readonly step: number },
): Promise<void> {
  const { clock } = shell;
  let record = transition(held.record, { type: 'warned', beforeMs: due.beforeMs }, job.policy, clock.now()).record;
  const { session } = record;
  if (session === undefined) return;
  await shell.book.save(job, held.lease, record);
  const dueAt = endOf(session, job.policy).at - due.beforeMs;
  const rules = job.policy.closing.warnings[due.step]?.message ?? {};
  const text = pickText(rules, record.locale, record.said ?? 0);
  const refused = mayWrite(record, session, job.policy, clock.now(), dueAt, true);
  const name = `${session.id} ${session.lastActivityAt} ${due.beforeMs}`;
  let message: MessageResult = refused ?? 'skipped:no_text';
  if (refused === undefined && text !== undefined) {
    const outcome = await sendTo(shell, whereOf(job), record.address, { message: text, idempotencyKey: messageKey(name) });
    message = resultOf(outcome);
    record = afterSend(record, outcome);
  }
  const event = { type: 'warned', at: clock.now(), session: session.id, beforeMs: due.beforeMs, message } as const;
  await shell.save(job, held, record, [[[event], realNow()]]);
}

async function atOnce<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const lane = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
}
