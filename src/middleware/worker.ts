import { attend } from './attend.ts';
import type { Engine } from './engine.ts';
import type { SettingsSync } from './settings-sync.ts';

/** How hard the worker works. */
export interface WorkerOptions {
  /** Of a backlog, at most this many conversations are looked after in a second of session time. @default 200 */
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
  /** Does everything that is due now, once; for a cron route. @returns how many conversations were looked after @throws AdjournError `STORE_UNAVAILABLE` */
  sweep(): Promise<number>;
}

/** A claimed conversation that nobody has saved by then is claimed again, ms. */
const claimMs = 60_000;

const portionsPerSecond = 20;

/** @param settings those that count: without knowing them it does nothing */
export function createWorker(
  shell: Engine,
  settings: Pick<SettingsSync, 'known' | 'refresh'>,
  options: WorkerOptions = {},
): Worker {
  const { rate = 200, concurrency = 16, pollMs = 5_000 } = options;
  const { clock, store } = shell;
  // In small portions, so that turns come in between.
  const slice = Math.max(1, Math.ceil(rate / portionsPerSecond));
  let stopping: AbortController | undefined;
  let loop = Promise.resolve();
  let nap: { readonly until: number; readonly wake: AbortController } | undefined;
  /** Conversations that are looked after now. */
  const underWay = new Set<Promise<void>>();
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

  const take = (key: string, done: () => void, signal?: AbortSignal): Promise<void> => {
    const work = attend(shell, key)
      .then((attended) => {
        if (attended === 'done') done();
        else if (signal !== undefined && attended === 'busy') void takeLater(key, done, signal);
      })
      .finally(() => underWay.delete(work));
    underWay.add(work);
    return work;
  };

  /**
   * Its own turn saved it as due and has not left yet, or a user waits behind: they go first. Nobody else would look again before the
   * claim is over.
   */
  const takeLater = async (key: string, done: () => void, signal: AbortSignal): Promise<void> => {
    if (awaited.has(key)) return;
    awaited.add(key);
    await shell.boxes.left(key);
    awaited.delete(key);
    if (!signal.aborted) void take(key, done, signal);
  };

  /** Takes everything that is due, no faster than the rate; the last of it may still be under way then. */
  const drain = async (done: () => void, signal?: AbortSignal): Promise<void> => {
    for (;;) {
      while (underWay.size >= concurrency) await Promise.race(underWay);
      if (signal?.aborted) return;
      const began = clock.now();
      const room = Math.min(slice, concurrency - underWay.size);
      const keys = await store.claimDue(began, room, claimMs);
      if (keys.length > 0) {
        const { length: count } = keys;
        void shell.observer.around('sweep', { count }, () => Promise.all(keys.map((key) => take(key, done, signal))));
      }
      if (keys.length < room) return;
      await clock.sleep(Math.max(0, began + (room * 1_000) / rate - clock.now()), signal);
    }
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      let next: number | null = null;
      try {
        const known = await settings.known();
        if (known) await drain(() => {}, signal);
        heard = Number.POSITIVE_INFINITY;
        if (known) next = await store.nextWake();
      } catch (error) {
        // A store that is out is asked again at the next look, not before.
        heard = Number.POSITIVE_INFINITY;
        shell.report(error, { channel: 'worker', endpoint: 'all' });
      }
      if (!signal.aborted) await sleepUntil(Math.min(next ?? heard, heard, clock.now() + pollMs));
    }
  };

  const settled = async () => {
    await Promise.all(underWay);
    await Promise.allSettled(shell.background);
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
      await settled();
    },
    async sweep() {
      await settings.refresh();
      let looked = 0;
      await drain(() => {
        looked += 1;
      });
      await settled();
      return looked;
    },
  };
}
