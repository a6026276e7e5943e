import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Told } from './harness/case.ts';
import { cells, type Figure } from './harness/figures.ts';
import { writeTable } from './harness/table.ts';

/**
 * The benchmark suite: `npm run bench -- [--only CASE[,CASE…]] [--quick] [--prof]`.
 *
 * Every file of `bench/cases` is a case and runs in a process of its own, one after another. A whole run writes its figures to
 * `docs/performance.md`. `--quick` only sees that everything runs. `--prof` leaves a profile of each case in `.tmp/`.
 */
const { values: options } = parseArgs({
  options: { only: { type: 'string' }, quick: { type: 'boolean', default: false }, prof: { type: 'boolean', default: false } },
});

const files = await readdir(new URL('cases/', import.meta.url));
const names = files.map((file) => file.replace(/\.ts$/, '')).sort();
const chosen = options.only?.split(',') ?? names;
const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0) throw new Error(`No such case: ${unknown.join(', ')}. There are ${names.join(', ')}.`);

// What adjourn is measured beside is not installed with the rest.
if (!existsSync(new URL('node_modules', import.meta.url))) {
  execFileSync('npm', ['ci', '--ignore-scripts', '--prefix', import.meta.dirname], { stdio: 'inherit' });
}

const began = performance.now();
const figures: Figure[] = [];
for (const name of chosen) {
  const from = performance.now();
  const told = await runCase(name);
  console.log(`\n${name} (${((performance.now() - from) / 1_000).toFixed(0)} s)`);
  if ('missing' in told) console.log(`LEFT OUT: ${told.missing}`);
  else {
    for (const figure of told.figures) console.log(lineOf(figure));
    figures.push(...told.figures);
  }
}
console.log(`\n${((performance.now() - began) / 1_000).toFixed(0)} s`);
if (!options.quick && options.only === undefined) await writeTable(figures);

async function runCase(name: string): Promise<Told> {
  const execArgv = ['--conditions=@adjourn/source', '--expose-gc', '--max-old-space-size=8192', '--no-warnings'];
  if (options.prof) execArgv.push('--cpu-prof', '--cpu-prof-dir=.tmp/prof', `--cpu-prof-name=${name}.cpuprofile`);
  const child = fork(new URL('harness/child.ts', import.meta.url), [name, ...(options.quick ? ['quick'] : [])], { execArgv });
  let told: Told | undefined;
  child.on('message', (message: Told) => {
    told = message;
  });
  const [code] = await once(child, 'exit');
  if (code !== 0 || told === undefined) throw new Error(`${name} failed: nothing of it is worth printing.`);
  return told;
}

function lineOf(figure: Figure): string {
  const [name = '', value = '', spread = '', reach = '', reached] = cells(figure);
  const verdict = reached === '' ? '' : reached === 'yes' ? `  ${reach}: reached` : `  ${reach}: MISSED`;
  return `  ${name.padEnd(56)} ${value.padStart(10)}  ${spread.padEnd(18)}${verdict}`;
}
