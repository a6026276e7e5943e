/** Leases that this process has given up, while the database may still hold them for it. */
export interface GiveBacks {
  /**
   * Gives it back now, or as soon as the database answers; after `leaseMs` it has lapsed by itself.
   * @returns when it was tried once
   */
  add(conversation: string, token: string, leaseMs: number): Promise<void>;
  close(): void;
}

/** How long to wait before the next try, ms. */
const pauseMs = 200;

export function giveBacks(giveBack: (conversation: string, token: string) => Promise<void>): GiveBacks {
  const timers = new Set<NodeJS.Timeout>();
  let closed = false;

  const attempt = async (conversation: string, token: string, end: number): Promise<void> => {
    try {
      await giveBack(conversation, token);
    } catch {
      if (closed || performance.now() > end) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        void attempt(conversation, token, end);
      }, pauseMs);
      timers.add(timer.unref());
    }
  };

  return {
    add: (conversation, token, leaseMs) => attempt(conversation, token, performance.now() + leaseMs),
    close() {
      closed = true;
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
