import { type Outside, restless, type Sight, type Work } from './sight.ts';
import { workHeader } from './watch.ts';

/** Where bot processes run: all of them here, or each in an operating-system process of its own. */
export interface Runner {
  /**
   * What is going on there, once nothing has moved for a moment. From this answer on the next move is told at once.
   * @throws Error if it is no more
   */
  look(): Promise<Sight>;
  /** What time it is now. */
  moveTo(now: number): Promise<void>;
}

/** Knows when nothing moves without time, in whatever process. */
export interface Rest {
  /** Follows `doing` as a piece of work that stays open until it settles. @param doing gets the name that processes know the work by */
  follow<T>(work: Work, doing: (name: string) => Promise<T>): Promise<T>;
  work(name: string): Work | undefined;
  /** Something has moved. */
  changed(): void;
  /** Resolves when everything rests. @throws Error naming what does not come to rest, or the reason of a signal that aborts */
  rest(): Promise<void>;
  /** What was last seen in a runner. */
  seen(runner: Runner): Sight | undefined;
  /** Whether a turn has not ended, be it at rest. */
  busy(): boolean;
}

export interface RestOptions {
  /** Where bots run now. */
  readonly runners: () => Iterable<Runner>;
  readonly calls: () => Outside['calls'];
  /**
   * Waits for what does not move by itself and yet must not be left behind by time; asked when everything else rests.
   * @returns whether there was anything
   */
  readonly linger: (sights: readonly Sight[]) => Promise<boolean>;
  /** How long to wait for rest before giving up, real ms. */
  readonly patienceMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Everything rests when two looks in a row, each at every process, find the same: everybody at rest, nobody having moved, and no
 * message between processes in between. Messages of a process come in order, so at the moment between the two looks none was under way,
 * and nobody was moving.
 */
export function restOf({ runners, calls, linger, patienceMs, signal }: RestOptions): Rest {
  const run = crypto.randomUUID();
  const works = new Map<string, Work>();
  const open = new Set<string>();
  let sights = new Map<Runner, Sight>();
  let moves = 0;
  let wake = () => {};

  const changed = () => {
    moves += 1;
    wake();
  };
  const aborted = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  aborted.catch(() => {});

  const complaints = () => restless([...sights.values()], { open, calls: calls() }, (name) => works.get(name));

  /** Waits no longer than there is patience. */
  const patiently = async <T>(until: number, doing: Promise<T>): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<never>((_, reject) => {
      const giveUp = () => {
        const left = complaints().join('; ') || 'something moves all the time';
        reject(new Error(`Nothing came to rest for ${patienceMs / 1_000} s: ${left}`));
      };
      timer = setTimeout(giveUp, Math.max(0, until - performance.now()));
    });
    return Promise.race([doing, over, aborted]).finally(() => clearTimeout(timer));
  };

  /** @returns whether nothing has moved since the look before */
  const look = async (): Promise<boolean> => {
    const before = sights;
    const seen = moves;
    sights = new Map(await Promise.all([...runners()].map(async (runner) => [runner, await runner.look()] as const)));
    return moves === seen && [...sights].every(([runner, sight]) => before.get(runner)?.moves === sight.moves);
  };

  const nextMove = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });

  return {
    async follow(work, doing) {
      const name = `${run} ${works.size}`;
      works.set(name, work);
      open.add(name);
      changed();
      try {
        return await doing(name);
      } finally {
        open.delete(name);
        changed();
      }
    },
    work: (name) => works.get(name),
    changed,
    async rest() {
      signal?.throwIfAborted();
      const until = performance.now() + patienceMs;
      for (let looks = 0; looks < 2; ) {
        const seen = moves;
        const asBefore = await patiently(until, look());
        if (complaints().length > 0) {
          looks = 0;
          if (moves === seen) await patiently(until, nextMove());
        } else {
          looks = asBefore ? looks + 1 : 1;
          if (looks === 2 && (await patiently(until, linger([...sights.values()])))) looks = 0;
        }
      }
    },
    seen: (runner) => sights.get(runner),
    busy: () => [...sights.values()].some(({ doings }) => doings.some(({ turns }) => turns.length > 0)),
  };
}

/** What a webhook carries, so that its work is known where it arrives. */
export function headersOf(name: string): Readonly<Record<string, string>> {
  return { [workHeader]: name };
}
