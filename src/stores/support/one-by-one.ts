/** Runs pieces of work one after the other, for each key by itself, in the order they come; what fails holds up no other. */
export function oneByOne(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<void>>();

  return (key, work) => {
    const before = last.get(key);
    const mine = before === undefined ? work() : before.then(work);
    const settled = mine.then(nothing, nothing);
    last.set(key, settled);
    void settled.then(() => {
      if (last.get(key) === settled) last.delete(key);
    });
    return mine;
  };
}

function nothing(): void {}
