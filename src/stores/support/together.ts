/** Runs work for all who ask for it: whoever asks while it runs shares the next run, which begins after they have asked. */
export function together(work: () => Promise<unknown>): () => Promise<unknown> {
  let running: Promise<unknown> | undefined;
  let next: Promise<unknown> | undefined;

  const run = (): Promise<unknown> => {
    next = undefined;
    const mine = work().finally(() => {
      if (running === mine) running = undefined;
    });
    running = mine;
    return mine;
  };

  return () => {
    if (running === undefined) return run();
    next ??= running.then(run, run);
    return next;
  };
}
