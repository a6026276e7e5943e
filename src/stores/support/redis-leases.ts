import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdjournError } from '../../middleware/errors.ts';
import type { BeginOptions } from '../../middleware/store.ts';
import type { RedisCalls, RedisLike } from './redis-calls.ts';
import { type Handover, handoverChannel } from './redis-handover.ts';
import type { Place, Places } from './redis-keys.ts';
import * as scripts from './redis-scripts.ts';
import { type Looked, type Waiting, waiting } from './redis-waiting.ts';
import { graceMs, shortLeases } from './short-leases.ts';

type Wanted = Pick<BeginOptions, 'leaseMs' | 'waitMs' | 'signal'>;

/** One who wants a lease, or has it. */
export interface Ticket {
  readonly place: Place;
  readonly token: string;
  /** How the queue knows it: token, lease and patience. */
  readonly waiter: string;
  readonly leaseMs: number;
  readonly waitMs: number;
}

/** One holder per conversation among all processes, on Redis's clock; everybody else waits in order of arrival. */
export interface RedisLeases {
  /**
   * @returns the token, and the record's value where there is a record
   * @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE`
   */
  take(place: Place, wanted: Wanted): Promise<{ readonly token: string; readonly value: string | null }>;
  /** Told that the holder is done or gone: nothing more is to be done for it. */
  end(token: string): void;
  /** Gives up, by and by, what a call may or may not have left behind, once that call has settled. */
  abandon(place: Place, token: string, forMs: number, doubtful: Promise<unknown>): void;
  /** Sends all waiters away. */
  close(): Promise<void>;
}

/** Longer than anybody waits or holds, short enough for Redis to count with. */
const longestMs = 2 ** 40;
const whole = (ms: number): number => Math.min(Math.max(Math.ceil(ms), 1), longestMs);

export function redisLeases(client: RedisLike, calls: RedisCalls, places: Places): RedisLeases {
  const process = randomUUID();
  const waiters = new Map<string, Waiting>();
  /** The tokens of those who have asked and not got the lease, by conversation, in order of arrival. */
  const lines = new Map<string, string[]>();
  /** Who has asked and not been answered yet: the lease may be handed over before the answer is here, on another connection. */
  const asking = new Map<string, Handover | undefined>();
  const givingUp = new Set<Promise<void>>();
  const short = shortLeases();
  let issued = 0;
  let closed = false;

  const heard = (handover: Handover) => {
    if (asking.has(handover.token)) asking.set(handover.token, handover);
    else waiters.get(handover.token)?.hear(handover);
  };
  const lookAgain = () => {
    for (const [first = ''] of lines.values()) waiters.get(first)?.look();
  };
  const channel = handoverChannel(client, places.channels + process, heard, lookAgain);

  const giveUp = async (place: Place, token: string, waiter: string, forMs: number): Promise<void> => {
    const until = performance.now() + forMs;
    for (let pauseMs = 50; ; pauseMs = Math.min(2 * pauseMs, 1_000)) {
      try {
        await calls.run(place.key, scripts.leave, place.keys, [token, places.channels, waiter]);
        return;
      } catch {
        // Should Redis stay away for longer, the lease lapses, and so does the place in the queue.
        if (closed || performance.now() > until) return;
        await sleep(pauseMs, undefined, { ref: false });
      }
    }
  };

  const keepTrack = (giving: Promise<void>): void => {
    givingUp.add(giving);
    void giving.then(() => givingUp.delete(giving));
  };

  const resign = (ticket: Ticket): void =>
    keepTrack(giveUp(ticket.place, ticket.token, ticket.waiter, ticket.leaseMs + ticket.waitMs));

  const isFirst = ({ place, token }: Ticket) => lines.get(place.key)?.[0] === token;
  const behind = ({ place }: Ticket) => (lines.get(place.key) ?? []).slice(1).flatMap((token) => waiters.get(token) ?? []);

  /** Asks for the lease, or for how things stand; `since` is the arrival that was answered before. */
  const look = async (ticket: Ticket, since: string): Promise<Looked> => {
    const { place, token, leaseMs, waitMs } = ticket;
    const sent = calls.send(scripts.begin, place.keys, [token, String(leaseMs), String(waitMs), places.channels, since]);
    try {
      const [taken, ...rest] = (await calls.answered(place.key, sent)) as [number, ...(string | number | null)[]];
      if (taken === 1) return { value: (rest[0] ?? null) as string | null };
      const [lastsMs, arrival, ahead, now, isNew] = rest;
      // We were taken for dead, and so were the others who wait here.
      if (since !== '' && isNew === 1 && isFirst(ticket)) for (const other of behind(ticket)) other.look();
      return { lastsMs: Number(lastsMs), since: String(arrival), ahead: Number(ahead), now: Number(now) };
    } catch (error) {
      void sent.catch(() => {}).then(() => resign(ticket));
      throw error;
    }
  };

  const enter = ({ place, token }: Ticket): void => {
    const line = lines.get(place.key);
    if (line === undefined) lines.set(place.key, [token]);
    else line.push(token);
  };

  /** Where the first one leaves, the next one looks for the others. */
  const leave = ({ place, token }: Ticket): void => {
    const line = lines.get(place.key) ?? [];
    const at = line.indexOf(token);
    line.splice(at, 1);
    const [next] = line;
    if (next === undefined) lines.delete(place.key);
    else if (at === 0) waiters.get(next)?.watch();
  };

  const admitted = async (ticket: Ticket, signal: AbortSignal | undefined): Promise<string | null> => {
    const { place, token, leaseMs, waitMs } = ticket;
    const askedAt = performance.now();
    asking.set(token, undefined);
    let first: Looked;
    let early: Handover | undefined;
    try {
      first = await look(ticket, '');
    } finally {
      early = asking.get(token);
      asking.delete(token);
    }
    if (closed || signal?.aborted) {
      resign(ticket);
      throw closed ? new AdjournError('STORE_UNAVAILABLE', 'The store was closed.') : busy(place.key);
    }
    if ('value' in first) return first.value;
    if (waitMs === 0) throw busy(place.key);

    const waiter = waiting(first, {
      askedAt,
      waitMs,
      signal,
      hears: () => channel.isOpen,
      isFirst: () => isFirst(ticket),
      look: (since) => look(ticket, since),
      resign: () => resign(ticket),
      busy: () => busy(place.key),
    });
    waiters.set(token, waiter);
    channel.open();
    if (early !== undefined) waiter.hear(early);
    try {
      const { value, handedOver } = await waiter.admitted;
      if (handedOver && leaseMs > graceMs) {
        short.came(token, () => calls.run(place.key, scripts.renew, place.keys, [token, String(leaseMs)]));
      }
      return value;
    } finally {
      waiters.delete(token);
    }
  };

  return {
    async take(place, { leaseMs, waitMs, signal }) {
      if (closed) throw new AdjournError('STORE_UNAVAILABLE', 'The store is closed.');
      if (signal?.aborted) throw busy(place.key);
      const token = `${process}.${++issued}`;
      const lease = whole(leaseMs);
      const patience = waitMs > 0 ? whole(waitMs) : 0;
      const ticket: Ticket = { place, token, waiter: `${token} ${lease} ${patience}`, leaseMs: lease, waitMs: patience };
      enter(ticket);
      try {
        return { token, value: await admitted(ticket, signal) };
      } finally {
        leave(ticket);
      }
    },

    end: short.end,

    abandon(place, token, forMs, doubtful) {
      keepTrack(doubtful.then(noted, noted).then(() => giveUp(place, token, '', forMs)));
    },

    async close() {
      closed = true;
      for (const waiter of waiters.values()) waiter.refuse(new AdjournError('STORE_UNAVAILABLE', 'The store was closed.'));
      short.close();
      await Promise.all(givingUp);
      channel.close();
    },
  };
}

const noted = () => {};

function busy(key: string): AdjournError {
  return new AdjournError('LEASE_TIMEOUT', 'The conversation stayed busy.', { where: key });
}
