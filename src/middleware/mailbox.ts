/** A place in the queue of one conversation. */
export interface Slot {
  /** Resolves when everybody ahead has left; undefined: the place is at the head already. */
  readonly ready: Promise<void> | undefined;
  /** Whether somebody ahead in this process carries one of the same ids: then this is a redelivery of something still running. */
  readonly repeats: boolean;
  /** Gives the place up; the next one moves to the head. Leaving twice does nothing. */
  leave(): void;
}

/** Orders the turns of each conversation within this process, so that a store only ever waits for other processes. */
export interface Mailbox {
  enter(key: string, ids: readonly string[]): Slot;
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
}

export function mailbox(): Mailbox {
  const queues = new Map<string, Waiter[]>();
  const watchers = new Map<string, (() => void)[]>();
  let idle: (() => void)[] = [];

  const leave = (key: string, queue: Waiter[], waiter: Waiter) => {
    const place = queue.indexOf(waiter);
    if (place === -1) return;
    queue.splice(place, 1);
    if (queue.length === 0) {
      queues.delete(key);
      for (const gone of watchers.get(key) ?? []) gone();
      watchers.delete(key);
    } else if (place === 0) queue[0]?.wake();
    if (queues.size === 0) {
      for (const done of idle) done();
      idle = [];
    }
  };

  return {
    enter(key, ids) {
      const queue = queues.get(key) ?? [];
      if (queue.length === 0) queues.set(key, queue);
      const repeats = queue.some((ahead) => ahead.ids.some((id) => ids.includes(id)));
      if (queue.length === 0) {
        const head: Waiter = { ids, wake: () => {} };
        queue.push(head);
        return { ready: undefined, repeats, leave: () => leave(key, queue, head) };
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      const waiter: Waiter = { ids, wake: resolve };
      queue.push(waiter);
      return { ready: promise, repeats, leave: () => leave(key, queue, waiter) };
    },
    isBusy: (key) => queues.has(key),
    left: (key) =>
      queues.has(key) ? new Promise((resolve) => watchers.set(key, [...(watchers.get(key) ?? []), resolve])) : Promise.resolve(),
    drained: () => (queues.size === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve))),
  };
}
