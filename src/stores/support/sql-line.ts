import { randomInt } from 'node:crypto';
import { AdjournError } from '../../middleware/errors.ts';
import type { BeginOptions } from '../../middleware/store.ts';
import { oneByOne } from './one-by-one.ts';
import { graceMs, shortLeases } from './short-leases.ts';
import type { Handover } from './sql-handover.ts';
import type { LineTables, Seen, Taken, Ticket } from './sql-line-tables.ts';
import { beatMs, lookMs, upkeep } from './sql-line-upkeep.ts';
import { createWaiter, type Waiter } from './sql-line-waiter.ts';

/** Those of this process who wait for leases; the database keeps the order among processes. */
export interface Line {
  /** Takes the lease, or waits for it. @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE` */
  enter(conversation: string, key: string, options: BeginOptions): Promise<Taken>;
  /** Whether somebody here waits for the conversation. */
  isAwaited(conversation: string): boolean;
  /** The conversation may be free: whoever is first here looks. */
  poke(conversation: string): void;
  /** A lease was handed to somebody here. Should it be nobody any more, who gave up gives it back, or it lapses. */
  hear(handover: Handover): void;
  /** The holder is done or gone, or has renewed its lease. */
  end(token: string): void;
  /** Sends all waiters away. */
  close(): Promise<void>;
}

interface Queue {
  readonly conversation: string;
  /** By ticket. */
  readonly waiters: Waiter[];
  /** When to look, on `performance.now()`. */
  lookAt: number;
  /** The database is being asked for the first of them. */
  isAsking: boolean;
}

export function waitingLine(tables: LineTables): Line {
  const queues = new Map<string, Queue>();
  /** Arrivals come one after the other, so that they get their tickets in order. */
  const inOrder = oneByOne();
  /** Who has asked and not been answered yet: the lease may be handed over before the answer is here, on another connection. */
  const arriving = new Map<string, Handover | undefined>();
  const short = shortLeases();
  let closed = false;

  const leave = ({ conversation, waiters }: Queue, waiter: Waiter) => {
    const at = waiters.indexOf(waiter);
    if (at !== -1) waiters.splice(at, 1);
    if (waiters.length === 0) queues.delete(conversation);
  };

  const admit = (queue: Queue, waiter: Waiter, taken: Taken) => {
    const { conversation } = queue;
    if (waiter.isGone) {
      // What was handed over has come by message before, or is given back by who gave up.
      if (taken.token !== waiter.token) void tables.giveUp(taken);
      return;
    }
    leave(queue, waiter);
    // Not waited for: nobody behind can come in before this turn is over.
    const { token, ticket } = waiter;
    tables.passed(conversation, ticket).catch(() => keeping.discard({ conversation, token, ticket }));
    waiter.admit(taken);
  };

  /** Whoever comes next in this process finds the place given up, and the lease, should it have been handed to it at this moment. */
  const resign = (conversation: string, token: string, ticket: number): Promise<void> =>
    inOrder(conversation, async () => {
      await keeping.discard({ conversation, token, ticket });
      await tables.giveUp({ conversation, token, leaseMs: graceMs });
    });

  const refuse = (queue: Queue, waiter: Waiter, error: unknown): Promise<void> => {
    leave(queue, waiter);
    waiter.refuse(error);
    return resign(queue.conversation, waiter.token, waiter.ticket);
  };

  const arrive = (conversation: string, token: string, options: BeginOptions): Promise<Taken | Ticket | undefined> =>
    tables.arrive(conversation, token, options).catch((error) => {
      // The database may have heard us all the same.
      void keeping.discard({ conversation, token, ticket: undefined });
      throw error;
    });

  /** We were silent for so long that our place was given up: this is how one comes anew. */
  const comeAgain = async (queue: Queue, waiter: Waiter): Promise<void> => {
    const { conversation, waiters } = queue;
    void keeping.discard({ conversation, token: waiter.token, ticket: waiter.ticket });
    waiter.token = tables.newToken();
    const arrived = await arrive(conversation, waiter.token, waiter.options);
    if (arrived === undefined) return;
    if ('token' in arrived) return admit(queue, waiter, arrived);
    if (waiter.isGone) return resign(conversation, waiter.token, arrived.ticket);
    waiter.ticket = arrived.ticket;
    waiters.sort((a, b) => a.ticket - b.ticket);
  };

  const pauseMs = () => (keeping.isTold ? beatMs : lookMs);

  /** @returns when to look again, ms */
  const tryFirst = async (queue: Queue, waiter: Waiter, seen: Seen): Promise<number> => {
    const { conversation } = queue;
    const { options, token, ticket } = waiter;
    const { first = ticket, served, leftMs } = seen;
    if (waiter.isGone) return 0;
    if (seen.holder === token && leftMs > 0) {
      const taken = await tables.takeUp(conversation, token, options.leaseMs);
      if (taken !== undefined) admit(queue, waiter, taken);
      return 0;
    }
    // Where the lease is free, whoever is first may be dead.
    if (first < ticket) return leftMs > 0 ? pauseMs() : 2 * lookMs;
    if (first > ticket) {
      await comeAgain(queue, waiter);
      return 0;
    }
    if (leftMs > 0) return Math.min(leftMs, pauseMs());
    if (ticket > served + 1 && !waiter.hasHesitated) {
      // They gave up; or they have a ticket, and their place in line is being written down at this moment.
      waiter.hasHesitated = true;
      return lookMs;
    }
    const taken = await tables.advance(conversation, options, ticket);
    if (taken !== undefined) admit(queue, waiter, taken);
    return pauseMs();
  };

  const tryQueue = async (queue: Queue, looked: Promise<ReadonlyMap<string, Seen>>): Promise<void> => {
    queue.isAsking = true;
    queue.lookAt = Number.POSITIVE_INFINITY;
    try {
      const seen = (await looked).get(queue.conversation);
      const [first] = queue.waiters;
      if (first === undefined) return;
      const pause = seen === undefined ? lookMs : await tryFirst(queue, first, seen);
      // Not all at the same moment. Whoever was poked meanwhile looks at once.
      queue.lookAt = Math.min(queue.lookAt, performance.now() + pause * (1 - randomInt(0, 40) / 100));
    } catch (error) {
      for (const waiter of [...queue.waiters]) void refuse(queue, waiter, error);
    } finally {
      queue.isAsking = false;
    }
    if (queue.lookAt <= performance.now()) look();
  };

  /** One question for all conversations that are due. */
  const look = (): void => {
    const now = performance.now();
    const due = [...queues.values()].filter(({ isAsking, lookAt }) => !isAsking && lookAt <= now);
    if (due.length === 0) return;
    const looked = tables.look(due.map(({ conversation }) => conversation));
    for (const queue of due) void tryQueue(queue, looked);
  };

  const keeping = upkeep(tables, queues, look);

  const poke = (conversation: string): void => {
    const queue = queues.get(conversation);
    if (queue === undefined) return;
    queue.lookAt = 0;
    look();
  };

  const hear = (handover: Handover): void => {
    const { conversation, token, row, at } = handover;
    if (arriving.has(token)) arriving.set(token, handover);
    const queue = queues.get(conversation);
    const waiter = queue?.waiters.find((one) => one.token === token);
    if (queue === undefined || waiter === undefined) return;
    const { leaseMs } = waiter.options;
    // It lay about while this process was busy or the network slow: the lease may be somebody else's by now.
    const isStale = performance.now() + waiter.aheadMs - at > graceMs / 2;
    if (row === undefined || isStale) {
      poke(conversation);
    } else {
      if (leaseMs > graceMs) short.came(token, () => tables.renew(conversation, token, leaseMs));
      admit(queue, waiter, { conversation, token, leaseMs, row });
    }
  };

  const wait = (conversation: string, token: string, ticket: Ticket, options: BeginOptions, waitMs: number, key: string) => {
    const queue = queues.get(conversation) ?? { conversation, waiters: [], lookAt: 0, isAsking: false };
    const waiter = createWaiter(options, token, ticket, waitMs, () => void refuse(queue, waiter, busy(key)));
    queue.waiters.push(waiter);
    queues.set(conversation, queue);
    keeping.begin();
    const early = arriving.get(token);
    if (early !== undefined) hear(early);
    else if (queue.waiters.length === 1) look();
    return waiter.admitted;
  };

  return {
    async enter(conversation, key, options) {
      const { waitMs, signal } = options;
      const end = performance.now() + waitMs;
      const token = tables.newToken();
      arriving.set(token, undefined);
      try {
        const arrived = await inOrder(conversation, () => arrive(conversation, token, options));
        if (arrived !== undefined && 'token' in arrived) {
          if (!signal?.aborted) return arrived;
          void tables.giveUp(arrived);
        } else if (arrived !== undefined) {
          const left = end - performance.now();
          if (!signal?.aborted && left > 0 && !closed) return wait(conversation, token, arrived, options, left, key);
          void resign(conversation, token, arrived.ticket);
        }
      } finally {
        arriving.delete(token);
      }
      throw closed ? shut() : busy(key);
    },

    isAwaited: (conversation) => queues.has(conversation),
    poke,
    hear,
    end: short.end,

    async close() {
      closed = true;
      short.close();
      const left = [...queues.values()].flatMap((queue) => queue.waiters.map((waiter) => [queue, waiter] as const));
      await Promise.all(left.map(([queue, waiter]) => refuse(queue, waiter, shut())));
      keeping.close();
    },
  };
}

function busy(key: string): AdjournError {
  return new AdjournError('LEASE_TIMEOUT', 'The conversation stayed busy.', { where: key });
}

function shut(): AdjournError {
  return new AdjournError('STORE_UNAVAILABLE', 'The store was closed.');
}
