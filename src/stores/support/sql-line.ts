import { randomInt } from 'node:crypto';
import { AdjournError } from '../../middleware/errors.ts';
import type { BeginOptions } from '../../middleware/store.ts';
import { oneByOne } from './one-by-one.ts';
import type { LineTables, Taken } from './sql-line-tables.ts';

/** Those of this process who wait for leases; the database keeps the order among processes. */
export interface Line {
  /** Takes the lease, or waits for it. @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE` */
  enter(conversation: string, key: string, options: BeginOptions): Promise<Taken>;
  /** The conversation may be free: whoever is first here looks. */
  poke(conversation: string): void;
  /** Sends all waiters away. */
  close(): Promise<void>;
}

interface Waiter {
  ticket: number;
  readonly options: BeginOptions;
  readonly admit: (taken: Taken) => void;
  readonly refuse: (error: unknown) => void;
  gone: boolean;
  /** Has looked once more because tickets before this one were missing. */
  hesitated: boolean;
}

interface Queue {
  readonly waiters: Waiter[];
  looking: boolean;
  /** Somebody poked while we looked. */
  again: boolean;
  timer?: NodeJS.Timeout | undefined;
}

/** How often tickets are kept valid, and how often a waiter looks although nobody told him to, ms. */
const beatMs = 200;

/** How often a waiter looks where nobody would tell him, ms. */
const lookMs = 20;

/** How many beats after the last waiter nobody listens any more. */
const idleBeats = 10;

/** `setTimeout` overflows beyond this many milliseconds and would fire at once. */
const longestTimer = 2 ** 31 - 1;

export function waitingLine(tables: LineTables): Line {
  const queues = new Map<string, Queue>();
  /** Arrivals come one after the other, so that they get their tickets in order. */
  const inOrder = oneByOne();
  let beating: NodeJS.Timeout | undefined;
  let told = false;
  let closed = false;

  const listen = async () => {
    told = await tables.listen().catch(() => false);
  };

  const keepUp = async () => {
    await Promise.all(
      [...queues].map(([conversation, { waiters }]) =>
        tables.beat(
          conversation,
          waiters.map((one) => one.ticket),
        ),
      ),
    );
    await listen();
  };

  /** Goes on for a while after the last waiter has left: the next one finds the connection that listens. */
  const beat = (idle = 0) => {
    beating ??= setTimeout(async () => {
      // Who looks hears of an outage soon enough.
      if (queues.size > 0) await keepUp().catch(() => {});
      beating = undefined;
      if (closed) return;
      if (queues.size > 0) beat();
      else if (idle < idleBeats) beat(idle + 1);
      else hush();
    }, beatMs).unref();
  };

  const hush = () => {
    told = false;
    tables.hush();
  };

  /** If this fails, the ticket runs out by itself. */
  const discard = (conversation: string, ticket: number) => tables.leave(conversation, ticket).catch(() => {});

  const leave = (conversation: string, queue: Queue, waiter: Waiter) => {
    waiter.gone = true;
    const at = queue.waiters.indexOf(waiter);
    if (at !== -1) queue.waiters.splice(at, 1);
    if (queue.waiters.length > 0 || queues.get(conversation) !== queue) return;
    clearTimeout(queue.timer);
    queues.delete(conversation);
  };

  const admit = (conversation: string, queue: Queue, waiter: Waiter, taken: Taken) => {
    if (waiter.gone) return tables.giveUp(taken);
    leave(conversation, queue, waiter);
    // Not waited for: nobody behind can come in before this turn is over.
    tables.passed(conversation, waiter.ticket).catch(() => {});
    waiter.admit(taken);
  };

  /** We were silent for so long that our place was given up: this is how one comes anew. */
  const comeAgain = async (conversation: string, queue: Queue, waiter: Waiter): Promise<void> => {
    void discard(conversation, waiter.ticket);
    const arrived = await tables.arrive(conversation, waiter.options);
    if (typeof arrived === 'object') return admit(conversation, queue, waiter, arrived);
    if (arrived === undefined) return;
    if (waiter.gone) return void discard(conversation, arrived);
    waiter.ticket = arrived;
    queue.waiters.sort((a, b) => a.ticket - b.ticket);
  };

  /** @returns when to look again, ms */
  const tryFirst = async (conversation: string, queue: Queue, waiter: Waiter): Promise<number> => {
    const { first = waiter.ticket, served, leftMs } = await tables.look(conversation);
    const later = told ? beatMs : lookMs;
    if (waiter.gone) return 0;
    if (first < waiter.ticket) return later;
    if (first > waiter.ticket) {
      await comeAgain(conversation, queue, waiter);
      return 0;
    }
    if (leftMs > 0) return Math.min(leftMs, later);
    if (waiter.ticket > served + 1 && !waiter.hesitated) {
      // They gave up; or they have a ticket, and their place in line is being written down at this moment.
      waiter.hesitated = true;
      return lookMs;
    }
    const taken = await tables.advance(conversation, waiter.options, waiter.ticket);
    if (taken !== undefined) admit(conversation, queue, waiter, taken);
    return later;
  };

  const look = async (conversation: string, queue: Queue): Promise<void> => {
    clearTimeout(queue.timer);
    if (queue.looking) {
      queue.again = true;
      return;
    }
    queue.looking = true;
    let pause = 0;
    try {
      for (let [first] = queue.waiters; first !== undefined && (pause === 0 || queue.again); [first] = queue.waiters) {
        queue.again = false;
        pause = await tryFirst(conversation, queue, first);
      }
    } catch (error) {
      for (const waiter of [...queue.waiters]) waiter.refuse(error);
    } finally {
      queue.looking = false;
    }
    if (queue.waiters.length > 0) {
      // Not all at the same moment.
      queue.timer = setTimeout(() => look(conversation, queue), Math.ceil(pause * (1 - randomInt(0, 40) / 100)));
    }
  };

  const wait = (conversation: string, key: string, ticket: number, options: BeginOptions, waitMs: number) =>
    new Promise<Taken>((resolve, reject) => {
      const { signal } = options;
      const queue = queues.get(conversation) ?? { waiters: [], looking: false, again: false };
      const settle = () => {
        clearTimeout(timeout);
        signal?.removeEventListener('abort', giveUp);
      };
      const waiter: Waiter = {
        ticket,
        options,
        gone: false,
        hesitated: false,
        admit: (taken) => {
          settle();
          resolve(taken);
        },
        refuse: (error) => {
          settle();
          leave(conversation, queue, waiter);
          reject(error);
        },
      };
      const giveUp = () => {
        waiter.refuse(busy(key));
        // Whoever comes next in this process finds the place given up.
        void inOrder(conversation, () => discard(conversation, waiter.ticket));
      };
      const timeout = setTimeout(giveUp, Math.min(waitMs, longestTimer));
      signal?.addEventListener('abort', giveUp, { once: true });
      queue.waiters.push(waiter);
      queues.set(conversation, queue);
      beat();
      void look(conversation, queue);
    });

  return {
    async enter(conversation, key, options) {
      const { waitMs, signal } = options;
      const end = performance.now() + waitMs;
      const arrived = await inOrder(conversation, () => tables.arrive(conversation, options));
      if (typeof arrived === 'number') {
        const left = end - performance.now();
        void listen();
        if (!signal?.aborted && left > 0 && !closed) return wait(conversation, key, arrived, options, left);
        await discard(conversation, arrived);
      } else if (arrived !== undefined) {
        if (!signal?.aborted) return arrived;
        tables.giveUp(arrived);
      }
      throw closed ? shut() : busy(key);
    },

    poke(conversation) {
      const queue = queues.get(conversation);
      if (queue !== undefined) void look(conversation, queue);
    },

    async close() {
      closed = true;
      clearTimeout(beating);
      hush();
      const left = [...queues].flatMap(([conversation, { waiters }]) => waiters.map((waiter) => ({ conversation, waiter })));
      for (const { waiter } of left) waiter.refuse(shut());
      await Promise.all(left.map(({ conversation, waiter }) => discard(conversation, waiter.ticket)));
    },
  };
}

function busy(key: string): AdjournError {
  return new AdjournError('LEASE_TIMEOUT', 'The conversation stayed busy.', { where: key });
}

function shut(): AdjournError {
  return new AdjournError('STORE_UNAVAILABLE', 'The store was closed.');
}
