/** What is compared, by name; each runs one round and gives its figure. */
export type Contestants<Name extends string> = Readonly<Record<Name, () => Promise<number>>>;

/**
 * Runs every contestant once a round, the first of them moving on from round to round, so that a slow moment of the machine meets
 * all of them. One round comes before that counts, to make code, caches and connections warm.
 * @returns the figures of each, round by round
 */
export async function inRounds<Name extends string>(
  rounds: number,
  contestants: Contestants<Name>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contestants) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = -1; round < rounds; round++) {
    for (const offset of names.keys()) {
      const name = names[(offset + Math.max(0, round)) % names.length] as Name;
      globalThis.gc?.();
      const figure = await contestants[name]();
      if (round >= 0) figures[name].push(figure);
    }
  }
  return figures;
}

/** One call after another. @returns microseconds a call */
export async function oneByOne(calls: number, call: (index: number) => Promise<unknown>): Promise<number> {
  const from = performance.now();
  for (let index = 0; index < calls; index++) await call(index);
  return ((performance.now() - from) * 1_000) / calls;
}

/** Always `width` calls under way. @returns calls a second */
export async function inFlight(calls: number, width: number, call: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const worker = async () => {
    while (next < calls) await call(next++);
  };
  const from = performance.now();
  await Promise.all(Array.from({ length: Math.min(width, calls) }, worker));
  return calls / ((performance.now() - from) / 1_000);
}
