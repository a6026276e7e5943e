import type { Question } from './question.ts';

/** A place in the queue of one conversation. */
export interface Slot {
  /** Resolves when everybody ahead has left; undefined: the place is at the head already. */
  readonly ready: Promise<void> | undefined;
  /** Whether somebody ahead in this process carries one of the same ids: then this is a redelivery of something still running. */
  readonly repeats: boolean;
  /** What it has asked of the store and not used yet. */
  question?: Question | undefined;
  /** It has given the lease up, or goes on without, and is done when it leaves; or it wants the lease again. */
  finishes(isFinishing: boolean): void;
  /** Resolves when somebody else who goes on without the lease is done; undefined: nobody else does. */
  others(): Promise<void> | undefined;
  /** Gives the place up, and what it has asked for; the next one moves to the head. Leaving twice does nothing. */
  leave(): void;
}

/** Orders the turns of each conversation within this process. */
export interface Mailbox {
  /** @param left told once, when the place is given up */
  enter(key: string, ids: readonly string[], left?: () => void): Slot;
  /** A place outside of every queue. */
  aside(): Slot;
  /** Whether somebody is in a conversation's queue. */
  isBusy(key: string): boolean;
  /** Resolves when nobody is left in a conversation's queue. */
  left(key: string): Promise<void>;
  /** Resolves when nobody is left in any queue. */
  drained(): Promise<void>;
}

interface Waiter {
  readonly ids: readonly string[];
  readonly wake: () => void;
  isFinishing: boolean;
}

interface Queue {
  readonly waiters: Waiter[];
  /** Told when somebody who was finishing no longer is. */
  finished: (() => void)[];
}

export function mailbox(): Mailbox {
  const queues = new Map<string, Queue>();
  const watchers = new Map<string, (() => void)[]>();
  let idle: (() => void)[] = [];

  const finishes = (queue: Queue, waiter: Waiter, isFinishing: boolean) => {
    if (waiter.isFinishing === isFinishing) return;
    waiter.isFinishing = isFinishing;
    if (isFinishing) return;
    for (const done of queue.finished) done();
    queue.finished = [];
  };

  const leave = (key: string, queue: Queue, waiter: Waiter) => {
    const place = queue.waiters.indexOf(waiter);
    queue.waiters.splice(place, 1);
    finishes(queue, waiter, false);
    if (queue.waiters.length === 0) {
      queues.delete(key);
      for (const gone of watchers.get(key) ?? []) gone();
      watchers.delete(key);
    } else if (place === 0) queue.waiters[0]?.wake();
    if (queues.size === 0) {
      for (const done of idle) done();
      idle = [];
    }
  };

  const slotIn = (queue: Queue, waiter: Waiter, ready: Promise<void> | undefined, repeats: boolean, left: () => void): Slot => {
    let isOver = false;
    const slot: Slot = {
      ready,
      repeats,
      finishes: (isFinishing) => finishes(queue, waiter, isFinishing && !isOver),
      others: () =>
        queue.waiters.some((one) => one !== waiter && one.isFinishing)
          ? new Promise((resolve) => queue.finished.push(resolve))
          : undefined,
      leave() {
        if (isOver) return;
        isOver = true;
        slot.question?.withdraw();
        left();
      },
    };
    return slot;
  };

  return {
    enter(key, ids, left = () => {}) {
      const queue = queues.get(key) ?? { waiters: [], finished: [] };
      const isFirst = queue.waiters.length === 0;
      if (isFirst) queues.set(key, queue);
      const repeats = queue.waiters.some((ahead) => ahead.ids.some((id) => ids.includes(id)));
      const { promise, resolve } = isFirst ? atHead : Promise.withResolvers<void>();
      const waiter: Waiter = { ids, wake: resolve, isFinishing: false };
      queue.waiters.push(waiter);
      return slotIn(queue, waiter, promise, repeats, () => {
        leave(key, queue, waiter);
        left();
      });
    },
    aside: () =>
      slotIn({ waiters: [], finished: [] }, { ids: [], wake: () => {}, isFinishing: false }, undefined, false, () => {}),
    isBusy: (key) => queues.has(key),
    left: (key) =>
      queues.has(key) ? new Promise((resolve) => watchers.set(key, [...(watchers.get(key) ?? []), resolve])) : Promise.resolve(),
    drained: () => (queues.size === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve))),
  };
}

const atHead = { promise: undefined, resolve: () => {} };
