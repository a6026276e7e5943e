import { closeProactively, messageKey, resultOf } from './closer.ts';
import { partsOf } from './core/activity.ts';
import { dueOf, mayWrite } from './core/due.ts';
import { endOf } from './core/expiry.ts';
import { pickText } from './core/message.ts';
import { transition } from './core/transition.ts';
import { isAdjournError } from './errors.ts';
import type { Job } from './job.ts';
import { deliverOutbox } from './outbox.ts';
import { jobOutside } from './outside.ts';
import { probe } from './probe.ts';
import type { Held } from './records.ts';
import { sendTo } from './sending.ts';
import { realNow, type Shell, whereOf } from './shell.ts';

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

export function createWorker(shell: Shell, options: WorkerOptions = {}): Worker {
  const { rate = 200, concurrency = 16, pollMs = 5_000 } = options;
  const { clock, store } = shell;
  let stopping: AbortController | undefined;
  let loop = Promise.resolve();
  let nap: { readonly until: number; readonly wake: AbortController } | undefined;

  shell.woken = (at) => {
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
  const drain = async (stopped: () => boolean): Promise<number> => {
    let done = 0;
    for (;;) {
      const began = clock.now();
      const keys = await store.claimDue(began, rate, claimMs);
      await atOnce(keys, concurrency, async (key) => {
        if (await attend(shell, key)) done += 1;
      });
      if (keys.length < rate || stopped()) return done;
      // A full batch: there may be more, but not within the same second.
      await clock.sleep(Math.max(0, began + 1_000 - clock.now()));
    }
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      let next: number | null = null;
      try {
        await drain(() => signal.aborted);
        next = await store.nextWake();
      } catch (error) {
        shell.report(error, { channel: 'worker', endpoint: 'all' });
      }
      if (!signal.aborted) await sleepUntil(Math.min(next ?? Number.POSITIVE_INFINITY, clock.now() + pollMs));
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
      const done = await drain(() => false);
      await Promise.allSettled([...shell.background]);
      return done;
    },
  };
}

/** Looks after one conversation. False where it was busy: its own turn re-arms it. */
async function attend(shell: Shell, key: string): Promise<boolean> {
  const { channel, endpoint } = partsOf(key);
  // Without its adapter we would know neither the channel's limits nor how to send.
  if (!shell.settings.mounted(channel)) return false;
  const job = jobOutside(shell, key, 'worker', undefined);
  const slot = shell.boxes.enter(key, []);
  let left: (() => Promise<void>) | undefined;
  try {
    if (slot.ready !== undefined) return false;
    const held = await shell.book.begin(job, slot, 0);
    if (held === undefined) return false;
    left = await look(shell, jobOutside(shell, key, 'worker', held.record?.address), held);
  } catch (error) {
    if (!isAdjournError(error, 'LEASE_TIMEOUT')) shell.report(error, { channel, endpoint, key });
    return false;
  } finally {
    slot.leave();
    probe('ended', job);
  }
  await left?.();
  return true;
}

/** @returns what is to follow once the conversation is free again */
async function look(shell: Shell, job: Job, held: Held): Promise<(() => Promise<void>) | undefined> {
  const { record } = held;
  const { clock, book } = shell;
  if (record === null) {
    await book.release(held.lease);
    return undefined;
  }
  const due = dueOf(record, job.policy, clock.now());
  switch (due.do) {
    case 'nothing':
      await book.commit(job, held.lease, record);
      return undefined;
    case 'forget':
      await book.commit(job, held.lease, null);
      return undefined;
    case 'deliver':
      await book.commit(job, held.lease, record);
      return () => deliverOutbox(shell, job, record, false);
    case 'finalise': {
      const next = transition(record, { type: 'finalised' }, job.policy, clock.now());
      await shell.save(job, held, next.record, [[next.events, realNow()]]);
      return undefined;
    }
    case 'close':
      await closeProactively(shell, job, held, due.closing);
      return undefined;
    case 'warn':
      await warn(shell, job, held, due);
      return undefined;
  }
}

/** A warning is claimed by a save before it is sent: better none than two. */
async function warn(
  shell: Shell,
  job: Job,
  held: Held,
  due: { readonly beforeMs: number; readonly step: number },
): Promise<void> {
  const { clock } = shell;
  const record = transition(held.record, { type: 'warned', beforeMs: due.beforeMs }, job.policy, clock.now()).record;
  const { session } = record;
  if (session === undefined) return;
  await shell.book.save(job, held.lease, record);
  const dueAt = endOf(session, job.policy).at - due.beforeMs;
  const rules = job.policy.closing.warnings[due.step]?.message ?? {};
  const text = pickText(rules, record.locale, record.said ?? 0);
  const refused = mayWrite(record, session, job.policy, clock.now(), dueAt, true);
  const name = `${session.id} ${session.lastActivityAt} ${due.beforeMs}`;
  const message =
    refused ??
    (text === undefined
      ? 'skipped:no_text'
      : resultOf(await sendTo(shell, whereOf(job), record.address, { message: text, idempotencyKey: messageKey(name) })));
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
