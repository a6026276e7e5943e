import type { Turn } from '../../middleware/turn.ts';

/** Knows the middleware calls that share a turn: the host's own, and those for turns the bot begins inside it. */
export interface Nesting {
  /** Whether calls for this turn are going on. */
  has(turn: Turn | undefined): boolean;
  during(turn: Turn, work: () => Promise<void>): Promise<void>;
}

export function nesting(): Nesting {
  const depths = new WeakMap<Turn, number>();
  const add = (turn: Turn, calls: number) => depths.set(turn, (depths.get(turn) ?? 0) + calls);
  return {
    has: (turn: Turn | undefined) => turn !== undefined && (depths.get(turn) ?? 0) > 0,
    async during(turn: Turn, work: () => Promise<void>): Promise<void> {
      add(turn, 1);
      await work().finally(() => add(turn, -1));
    },
  };
}
