import { type Case, Missing, type Told } from './case.ts';

/** One case: `node … bench/harness/child.ts CASE [quick]`, forked by `bench/run.ts`. */
const [name, quick] = process.argv.slice(2);
const { run } = (await import(new URL(`../cases/${name}.ts`, import.meta.url).href)) as { run: Case };
try {
  tell({ figures: await run(quick === 'quick') });
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  tell({ missing: error.message });
}

/** Whatever is still connected must not hold up the next case. */
function tell(told: Told): void {
  process.send?.(told, () => process.exit());
}
