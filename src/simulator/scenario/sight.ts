/** One thing the world asked of a bot: a delivery, or work the bot began by itself. */
export interface Work {
  /** For the message when it never ends: who did what. */
  readonly label: string;
  readonly user: string | undefined;
}

/** What is going on in one operating-system process. Plain data: it may come from another one. */
export interface Sight {
  /** Grows with everything that happens there. */
  readonly moves: number;
  readonly doings: readonly Doing[];
  /** Calls to the vendors' APIs that are not over. */
  readonly calls: number;
  readonly store: StoreSight;
}

/** What is being done about one piece of work. */
export interface Doing {
  /** The work's name; absent for turns whose context was lost on the way through a host. */
  readonly work?: string | undefined;
  readonly turns: readonly TurnPhase[];
  /** How many of these turns wait for virtual time; outside of a turn every sleep counts by itself. */
  readonly sleepers: number;
}

export type TurnPhase = 'waiting' | 'running';

/** What a process has to do with the store and the archive. */
export interface StoreSight {
  /** Calls that will be answered without anybody's help. */
  readonly busy: number;
  /** Conversations it has the leases of. */
  readonly holds: readonly string[];
  /** Conversations whose leases it waits for. */
  readonly wants: readonly string[];
}

/** What those who do not run bots know of a moment. */
export interface Outside {
  /** The names of works that are not over: webhooks without an answer, and what bots do by themselves. */
  readonly open: Iterable<string>;
  /** Calls to the vendors' APIs as the vendors count them, and those of them that only time ends. */
  readonly calls: { readonly open: number; readonly silent: number };
}

/**
 * What keeps time from moving on, as seen in every process at one moment; empty: everything rests.
 *
 * - Every turn waits for time or for a lease, and work that is not over waits for one of its turns.
 * - A call is open on both sides; one that gets no answer is over when time says so.
 * - Whoever waits for a lease rests as long as somebody has it. Where nobody does, it is on its way, or lapses with the one who died.
 */
export function restless(
  sights: readonly Sight[],
  { open, calls }: Outside,
  work: (name: string) => Work | undefined,
): readonly string[] {
  const doings = sights.flatMap((one) => one.doings);
  const openOnes = new Set(open);
  const waitedFor = new Set(doings.flatMap((one) => (one.work === undefined ? [] : [one.work])));
  const count = (of: (one: Sight) => number) => sights.reduce((sum, one) => sum + of(one), 0);
  const held = new Set(sights.flatMap(({ store }) => store.holds));
  const unclaimed = sights.flatMap(({ store }) => store.wants).filter((key) => !held.has(key));
  const isOpen = calls.open !== calls.silent || count((one) => one.calls) !== calls.silent;
  const told = (name: string | undefined, turns: readonly TurnPhase[]) => {
    const answer = name !== undefined && openOnes.has(name) ? 'not answered' : 'answered';
    const label = name === undefined ? 'a turn of no known delivery' : (work(name)?.label ?? name);
    return `${label} (${answer}, turns: ${turns.join(', ') || 'none'})`;
  };
  return [
    ...(isOpen ? ['a call to a vendor is open'] : []),
    ...(count(({ store }) => store.busy) > 0 ? ['a call to the store is open'] : []),
    ...unclaimed.map((key) => `nobody has the lease of ${key}, which somebody waits for`),
    ...[...openOnes].filter((name) => !waitedFor.has(name)).map((name) => told(name, [])),
    ...doings.filter((one) => !isParked(one)).map((one) => told(one.work, one.turns)),
  ];
}

function isParked({ turns, sleepers }: Doing): boolean {
  return turns.filter((phase) => phase === 'waiting').length + sleepers >= turns.length;
}
