import { readFile } from 'node:fs/promises';
import { styleText } from 'node:util';
import { isAdjournError } from '../middleware/errors.ts';
import type { Children } from '../simulator/scenario/children.ts';
import { ScenarioError } from '../simulator/scenario/format.ts';
import type { Mismatch } from '../simulator/scenario/match.ts';
import { type Played, type PlayOptions, playScenario } from '../simulator/scenario/play.ts';
import { StoreError } from './stores/opened.ts';
import { story } from './story.ts';
import { botProcesses, sampleVenue, type VenueOptions } from './venues.ts';

/** `held`: every expectation did. `failed`: one did not. `wrong`: the file is. As exit codes: 0, 1, 2. */
export type Verdict = 'held' | 'failed' | 'wrong';

/** How a run is told: the exact list of events, the story for people, or one line per file. */
export type Telling = 'json' | 'story' | 'line';

export const exitCodes: Readonly<Record<Verdict, number>> = { held: 0, failed: 1, wrong: 2 };

/** How files are played. */
export interface PlayFilesOptions extends Omit<VenueOptions, 'kept'> {
  readonly telling: Telling;
}

/**
 * Plays scenario files one after another.
 * @returns the worst verdict
 * @throws StoreError if the store cannot be used, AdjournError `ADJ_PEER_MISSING`; Interrupted, once everything is cleared away
 */
export async function playFiles(files: readonly string[], { telling, ...where }: PlayFilesOptions): Promise<Verdict> {
  const verdicts: Verdict[] = [];
  const kept = (name: string) => void process.stderr.write(`Kept: ${name}\n`);
  const processes = botProcesses((text) => process.stderr.write(text));
  const interruption = new AbortController();
  const interrupt = () => interruption.abort(new Interrupted());
  for (const signal of endings) process.once(signal, interrupt);
  try {
    for (const file of files) {
      const options = { processes, ...where, kept, signal: interruption.signal };
      verdicts.push(await playFile(file, telling, options));
      interruption.signal.throwIfAborted();
    }
  } finally {
    for (const signal of endings) process.off(signal, interrupt);
    await processes.close();
  }
  return verdicts.includes('wrong') ? 'wrong' : verdicts.includes('failed') ? 'failed' : 'held';
}

/** Somebody has ended the run. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

const endings = ['SIGINT', 'SIGTERM'] as const;

/** How scenarios are played against the sample bots. */
export interface PlaySamplesOptions extends VenueOptions, Pick<PlayOptions, 'onStarted' | 'patienceMs' | 'signal'> {
  /** Where bots run unless they run here. */
  readonly processes: Children;
}

/** Plays data of a scenario against the sample bots. */
export function playSamples(data: unknown, options: PlaySamplesOptions): Promise<Played> {
  return playScenario(data, { ...options, venueFor: (scenario) => sampleVenue(scenario, options.processes, options) });
}

async function playFile(file: string, telling: Telling, options: PlaySamplesOptions): Promise<Verdict> {
  const began = performance.now();
  try {
    const data = parse(await readFile(file, 'utf8').catch((error) => Promise.reject(new ScenarioError('', error.message))));
    const name = nameOf(data) ?? file;
    if (telling === 'story') print(styleText('bold', name));
    const played = await playSamples(data, options);
    if (telling === 'json') for (const event of played.events) print(JSON.stringify(event));
    if (telling === 'story') for (const line of story(played)) print(line);
    warnOfRoutes(played);
    const held = played.mismatches.length === 0;
    if (telling !== 'json')
      print(`${held ? styleText('green', '✔') : styleText('red', '✘')} ${name} (${Math.round(performance.now() - began)} ms)`);
    for (const mismatch of played.mismatches) complain(file, mismatch);
    return held ? 'held' : 'failed';
  } catch (error) {
    if (error instanceof Interrupted || error instanceof StoreError || isAdjournError(error, 'ADJ_PEER_MISSING')) throw error;
    process.stderr.write(`${file}: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof ScenarioError ? 'wrong' : 'failed';
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ScenarioError('', `is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function nameOf(data: unknown): string | undefined {
  return typeof data === 'object' && data !== null && 'name' in data && typeof data.name === 'string' ? data.name : undefined;
}

/** Tells of an expectation that did not hold. */
export function complain(file: string, { path, expected, got }: Mismatch): void {
  process.stderr.write(`${file}: ${path} did not hold\n  expected ${expected}\n  got ${got.replaceAll('\n', '\n    ')}\n`);
}

/** Lists the routes that no vendor here has. */
export function warnOfRoutes({ unknownRoutes }: Pick<Played, 'unknownRoutes'>): void {
  for (const { channel, method, path } of unknownRoutes) {
    process.stderr.write(
      `${styleText('yellow', 'unknown route')} ${channel ?? 'no vendor'}: ${method} ${path} was answered 501\n`,
    );
  }
}

/** One line on standard output. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
