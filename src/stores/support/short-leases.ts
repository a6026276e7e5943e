/** How long a lease that was handed over lasts until its new holder shows up, ms: so long a dead one holds others up. */
export const graceMs = 750;

/** Leases that were handed over: short, until their holders, if they are alive, make them as long as they should be. */
export interface ShortLeases {
  /** A lease has come. @param renew makes it last its full time */
  came(token: string, renew: () => Promise<unknown>): void;
  /** It was renewed, or its holder is done or gone. */
  end(token: string): void;
  close(): void;
}

export function shortLeases(): ShortLeases {
  const timers = new Map<string, NodeJS.Timeout>();

  const end = (token: string) => {
    clearTimeout(timers.get(token));
    timers.delete(token);
  };

  return {
    came(token, renew) {
      const due = () => {
        timers.delete(token);
        // If it fails, the holder's own renewal tells.
        renew().catch(() => {});
      };
      timers.set(token, setTimeout(due, graceMs / 3).unref());
    },
    end,
    close() {
      for (const token of [...timers.keys()]) end(token);
    },
  };
}
