/** Tells how long a message of our own accord has to wait so that its endpoint keeps to its rate, milliseconds; 0: not at all. Its place is taken with the answer. */
export type Pace = (endpoint: string, perSecond: number, now: number) => number;

/** This many may leave at once. */
const burst = 10;

/**
 * Spreads what becomes due all at once, endpoint by endpoint: vendors put off, queue or punish bursts. Each process keeps its own count.
 * (The generic cell rate algorithm of ATM networks: one number per endpoint.)
 */
export function pacer(): Pace {
  const free = new Map<string, number>();
  return (endpoint, perSecond, now) => {
    if (perSecond <= 0) return 0;
    const place = Math.max(free.get(endpoint) ?? now, now);
    const interval = 1_000 / perSecond;
    free.set(endpoint, place + interval);
    return Math.max(0, Math.ceil(place - now - burst * interval));
  };
}
