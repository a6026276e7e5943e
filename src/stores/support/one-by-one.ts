/** Runs pieces of work one after the other, for each key by itself, in the order they come; what fails holds up no other. */
export interface OneByOne {
  <T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Whether work waits or runs. */
  isBusy(key: string): boolean;
}

export function oneByOne(): OneByOne {
  const last = new Map<string, Promise<void>>();

  const run = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const before = last.get(key);
    const mine = before === undefined ? work() : before.then(work);
    const settled = mine.then(nothing, nothing);
    last.set(key, settled);
    void settled.then(() => {
      if (last.get(key) === settled) last.delete(key);
    });
    return mine;
  };
  return Object.assign(run, { isBusy: (key: string) => last.has(key) });
}

function nothing(): void {}
