/** Every key of a store in memory, with its wake-up; the earliest come out first. Times are epoch ms. */
export interface KeyIndex {
  /** Adds or moves a key; null: it is there and wants no wake-up. */
  set(key: string, wakeAt: number | null): void;
  delete(key: string): void;
  /** Undefined where the key is unknown. */
  wakeAt(key: string): number | null | undefined;
  /** Up to `limit` keys with `wakeAt ≤ now`, earliest first, each moved to `until`. */
  claim(now: number, limit: number, until: number): string[];
  /** The earliest wake-up there is. */
  earliest(): number | undefined;
  /** All keys in order. */
  keys(): readonly string[];
}

interface Entry {
  readonly key: string;
  wakeAt: number | null;
  /** Its place in the heap; -1: not in it. */
  place: number;
  /** What the heap sorts by: never later than `wakeAt`. */
  sortedAt: number;
}

/**
 * A binary heap that knows where each entry stands. Every message of a conversation moves its wake-up to later;
 * such a move only notes the new time, and the entry sinks to its place once it comes to the top.
 */
export function keyIndex(): KeyIndex {
  const entries = new Map<string, Entry>();
  const heap: Entry[] = [];
  let sorted: string[] | undefined;

  const put = (entry: Entry, place: number) => {
    heap[place] = entry;
    entry.place = place;
  };

  const rise = (entry: Entry) => {
    let { place } = entry;
    while (place > 0) {
      const parent = heap[(place - 1) >> 1];
      if (parent === undefined || parent.sortedAt <= entry.sortedAt) break;
      const above = parent.place;
      put(parent, place);
      place = above;
    }
    put(entry, place);
  };

  const sink = (entry: Entry) => {
    let { place } = entry;
    for (;;) {
      const [left, right] = [heap[2 * place + 1], heap[2 * place + 2]];
      const child = right !== undefined && left !== undefined && right.sortedAt < left.sortedAt ? right : left;
      if (child === undefined || child.sortedAt >= entry.sortedAt) break;
      const below = child.place;
      put(child, place);
      place = below;
    }
    put(entry, place);
  };

  const push = (entry: Entry, at: number) => {
    entry.sortedAt = at;
    entry.place = heap.length;
    heap.push(entry);
    rise(entry);
  };

  const remove = (entry: Entry) => {
    const { place } = entry;
    const last = heap.pop();
    entry.place = -1;
    if (last === undefined || last === entry) return;
    put(last, place);
    rise(last);
    sink(last);
  };

  /** The entry that wakes first, once those that only seemed to have sunk. */
  const first = (): Entry | undefined => {
    for (let top = heap[0]; top !== undefined; top = heap[0]) {
      if (top.wakeAt === null || top.wakeAt <= top.sortedAt) return top;
      top.sortedAt = top.wakeAt;
      sink(top);
    }
    return undefined;
  };

  const schedule = (entry: Entry, wakeAt: number | null) => {
    entry.wakeAt = wakeAt;
    if (wakeAt === null) {
      if (entry.place >= 0) remove(entry);
    } else if (entry.place < 0) {
      push(entry, wakeAt);
    } else if (wakeAt < entry.sortedAt) {
      entry.sortedAt = wakeAt;
      rise(entry);
    }
  };

  return {
    set(key, wakeAt) {
      let entry = entries.get(key);
      if (entry === undefined) {
        entry = { key, wakeAt, place: -1, sortedAt: 0 };
        entries.set(key, entry);
        sorted = undefined;
      }
      schedule(entry, wakeAt);
    },

    delete(key) {
      const entry = entries.get(key);
      if (entry === undefined) return;
      if (entry.place >= 0) remove(entry);
      entries.delete(key);
      sorted = undefined;
    },

    wakeAt: (key) => entries.get(key)?.wakeAt,

    claim(now, limit, until) {
      const claimed: Entry[] = [];
      for (let top = first(); top !== undefined && top.sortedAt <= now && claimed.length < limit; top = first()) {
        remove(top);
        claimed.push(top);
      }
      for (const entry of claimed) schedule(entry, until);
      return claimed.map((entry) => entry.key);
    },

    earliest: () => first()?.sortedAt,

    keys: () => {
      sorted ??= [...entries.keys()].sort();
      return sorted;
    },
  };
}
