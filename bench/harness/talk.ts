import { setTimeout as pause } from 'node:timers/promises';

/** How often somebody says something, milliseconds. */
const everyMs = 2;

/**
 * People who talk at their own pace: a turn begins every few milliseconds, whether the last one is done or not, so that a slow turn
 * hides none of those that wait behind it.
 * @returns how long each took, milliseconds, ascending
 */
export async function talk(turn: (index: number) => Promise<void>, until: (turns: number) => boolean): Promise<number[]> {
  const took: number[] = [];
  const running: Promise<unknown>[] = [];
  for (let turns = 0; !until(turns); turns++) {
    const due = performance.now();
    running.push(turn(turns).then(() => took.push(performance.now() - due)));
    await pause(everyMs);
  }
  await Promise.all(running);
  return took.sort((a, b) => a - b);
}
