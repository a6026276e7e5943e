import type { Part, RedisCalls } from './redis-calls.ts';
import { keyOf, nameOf, type Places } from './redis-keys.ts';
import * as scripts from './redis-partition-scripts.ts';

/** What is known of all conversations together, over all partitions. Outages throw `STORE_UNAVAILABLE`. */
export interface RedisIndex {
  /** As `Store.claimDue`. */
  claim(now: number, limit: number, until: number): Promise<string[]>;
  /** The earliest wake-up there is. */
  earliest(): Promise<number | null>;
  /** Up to `limit` keys behind `after` that start with `prefix`, in the order of their UTF-8 bytes. */
  keys(prefix: string, after: string | undefined, limit: number): Promise<string[]>;
}

interface Due {
  readonly name: string;
  readonly at: number;
  readonly partition: number;
}

export function redisIndex(calls: RedisCalls, places: Places): RedisIndex {
  const parts = (keys: readonly string[]): Part[] => keys.map((key, partition) => ({ partition, keys: [key] }));
  const [wakeUps, names] = [parts(places.wakeUps), parts(places.names)];

  const dueAt = async (now: number, count: number): Promise<Due[][]> => {
    const answers = (await calls.all(scripts.due, [String(now), String(count)], wakeUps)) as string[][];
    return answers.map((answer, partition) => {
      const list: Due[] = [];
      for (let index = 0; index < answer.length; index += 2) {
        list.push({ name: answer[index] ?? '', at: Number(answer[index + 1]), partition });
      }
      return list;
    });
  };

  return {
    async claim(now, limit, until) {
      const earliest = await firstOf(
        limit,
        (count) => dueAt(now, count),
        (a, b) => a.at - b.at,
      );
      const claims = earliest.map(
        ({ name, partition }): Part => ({ partition, keys: [places.wakeUps[partition] ?? ''], args: [name] }),
      );
      const claimed = await calls.all(scripts.claim, [String(now), String(until)], claims);
      return earliest.filter((_, index) => claimed[index] === 1).map(({ name }) => keyOf(name));
    },

    async earliest() {
      const times = await calls.all(scripts.earliest, [], wakeUps);
      const earliest = Math.min(...times.filter((at) => at !== null).map(Number));
      return Number.isFinite(earliest) ? earliest : null;
    },

    async keys(prefix, after, limit) {
      const start = nameOf(prefix);
      const behind = after === undefined ? undefined : nameOf(after);
      const from =
        behind !== undefined && Buffer.compare(Buffer.from(behind), Buffer.from(start)) >= 0 ? `(${behind}` : `[${start}`;
      const first = await firstOf(
        limit,
        async (count) => {
          const answers = (await calls.all(scripts.list, [from, start, String(count)], names)) as string[][];
          return answers.map((answer) => answer.map((name) => ({ name, bytes: Buffer.from(name) })));
        },
        (a, b) => Buffer.compare(a.bytes, b.bytes),
      );
      return first.map(({ name }) => keyOf(name));
    },
  };
}

/**
 * The first `limit` items of many sorted lists. Of each list only a few are read, as keys are spread evenly; more if it turns out
 * that one list had more of the first than were read.
 */
async function firstOf<T>(
  limit: number,
  read: (count: number) => Promise<readonly T[][]>,
  order: (a: T, b: T) => number,
): Promise<T[]> {
  for (let count = Math.min(limit, 4 + Math.ceil(limit / 64)); ; count = Math.min(limit, count * 4)) {
    const lists = await read(count);
    const first = lists.flat().sort(order).slice(0, limit);
    const last = first.length < limit ? undefined : first.at(-1);
    const hidesMore = lists.some((list) => {
      const end = list.at(-1);
      return list.length === count && end !== undefined && (last === undefined || order(end, last) < 0);
    });
    if (!hidesMore || count >= limit) return first;
  }
}
