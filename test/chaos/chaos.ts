import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend } from './backend.ts';
import { judge, type Verdict } from './invariants.ts';
import { type RunOptions, run } from './run.ts';

/** Which choices a run makes; the same number makes the same ones. */
const seed = Number(process.env['ADJ_CHAOS_SEED'] ?? Date.now() % 1_000_000);

/** How long messages come, real milliseconds. */
export const forMs = Number(process.env['ADJ_CHAOS_SECONDS'] ?? 60) * 1_000;

/** Starting bots, letting everything come to its end, and looking at it. */
export const aroundMs = 180_000;

/** Four bots, killed one after the other, and everything that is wrong afterwards. */
export async function chaosOn(
  backendIn: (folder: string, seed: number) => Backend,
  options: Partial<RunOptions> = {},
): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'adjourn-chaos-'));
  console.log(`ADJ_CHAOS_SEED=${seed}`);
  const backend = backendIn(folder, seed);
  const remains = await run({ backend, folder, seed, forMs, contacts: 200, processes: 4, killEveryMs: 1_000, ...options });
  const verdict = judge(remains);
  console.log(verdict.summary);
  // What is wrong is easier to find with the journals at hand.
  if (verdict.violations.length === 0) await rm(folder, { recursive: true });
  return verdict;
}
