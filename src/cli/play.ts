import { readFile } from 'node:fs/promises';
import { styleText } from 'node:util';
import type { BotData } from '../../samples/words.ts';
import { ScenarioError } from '../simulator/scenario/format.ts';
import type { Mismatch } from '../simulator/scenario/match.ts';
import { type Played, type PlayOptions, playScenario } from '../simulator/scenario/play.ts';
import { keyvStore } from '../stores/keyv.ts';
import { sampleCast } from './samples.ts';
import { story } from './story.ts';

/** `held`: every expectation did. `failed`: one did not. `wrong`: the file is. As exit codes: 0, 1, 2. */
export type Verdict = 'held' | 'failed' | 'wrong';

/** How a run is told: the exact list of events, the story for people, or one line per file. */
export type Telling = 'json' | 'story' | 'line';

export const exitCodes: Readonly<Record<Verdict, number>> = { held: 0, failed: 1, wrong: 2 };

/** Plays scenario files one after another. @returns the worst verdict */
export async function playFiles(files: readonly string[], telling: Telling): Promise<Verdict> {
  const verdicts: Verdict[] = [];
  for (const file of files) verdicts.push(await playFile(file, telling));
  return verdicts.includes('wrong') ? 'wrong' : verdicts.includes('failed') ? 'failed' : 'held';
}

/** Plays data of a scenario against the sample bots, in memory. */
export function playSamples(data: unknown, options: Partial<PlayOptions<BotData>> = {}): Promise<Played> {
  return playScenario(data, { cast: sampleCast(), store: keyvStore(), ...options });
}

async function playFile(file: string, telling: Telling): Promise<Verdict> {
  const began = performance.now();
  try {
    const data = parse(await readFile(file, 'utf8').catch((error) => Promise.reject(new ScenarioError('', error.message))));
    const name = nameOf(data) ?? file;
    if (telling === 'story') print(styleText('bold', name));
    const played = await playSamples(data);
    if (telling === 'json') for (const event of played.events) print(JSON.stringify(event));
    if (telling === 'story') for (const line of story(played)) print(line);
    warnOfRoutes(played);
    const held = played.mismatches.length === 0;
    if (telling !== 'json')
      print(`${held ? styleText('green', '✔') : styleText('red', '✘')} ${name} (${Math.round(performance.now() - began)} ms)`);
    for (const mismatch of played.mismatches) complain(file, mismatch);
    return held ? 'held' : 'failed';
  } catch (error) {
    if (!(error instanceof ScenarioError)) {
      process.stderr.write(`${file}: ${error instanceof Error ? error.message : String(error)}\n`);
      return 'failed';
    }
    process.stderr.write(`${file}: ${error.message}\n`);
    return 'wrong';
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
export function warnOfRoutes({ unknownRoutes }: Played): void {
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
