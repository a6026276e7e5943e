import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import type { Stage } from '../simulator/scenario/stage.ts';
import { demoFolders, demoScenario } from './demo-scenario.ts';
import { playFiles, playSamples, print, type Verdict } from './play.ts';
import { sampleCast, samples, versionOf } from './samples.ts';
import { story } from './story.ts';

const scenarioFolder = fileURLToPath(new URL('../../samples/scenarios/', import.meta.url));

/** Starts the simulator and every sample bot, plays a conversation on each and tells it. */
export async function demo(): Promise<Verdict> {
  const played = await playSamples(demoScenario, { cast: sampleCast(demoFolders), onStarted: introduce });
  let endpoint: unknown;
  for (const line of played.story.filter((one) => one['endpoint'] !== undefined)) {
    if (line['endpoint'] !== endpoint) print('');
    endpoint = line['endpoint'];
    for (const text of story({ story: [line], why: played.why })) print(text);
  }
  print('');
  return played.mismatches.length === 0 ? 'held' : 'failed';
}

/**
 * Plays scenarios of `samples/scenarios/`.
 * @param name `all`, or the name of one file without `.json`
 * @param ci one line per scenario instead of its story
 */
export async function demoPlay(name: string, ci: boolean): Promise<Verdict> {
  const files = (await readdir(scenarioFolder)).filter((file) => file.endsWith('.json')).sort();
  const wanted = name === 'all' ? files : files.filter((file) => file === `${name}.json`);
  if (wanted.length === 0) {
    process.stderr.write(
      `There is no scenario "${name}"; there are ${files.map((file) => file.replace(/\.json$/, '')).join(', ')}.\n`,
    );
    return 'wrong';
  }
  return playFiles(
    wanted.map((file) => scenarioFolder + file),
    ci ? 'line' : 'story',
  );
}

/** The table of who is on stage. That signatures are checked is tried, not claimed. */
async function introduce<Data>(stage: Stage<Data>): Promise<void> {
  print(`The vendors' APIs answer on ${styleText('bold', stage.simulator.url)}. Nothing leaves this machine; time is virtual.\n`);
  const rows = [['endpoint', 'channel', 'SDK', 'webhook', 'a wrong signature gets']];
  for (const sample of samples) {
    const endpoint = `${sample.folder}-main`;
    const url = stage.processes[0]?.bots.get(endpoint)?.url ?? '';
    const forged = stage.simulator.webhook(sample.channel, endpoint, 'mallory', { does: 'says', text: 'hi' });
    const answer = forged && (await stage.simulator.send(forged, { channel: sample.channel, endpoint, url, signature: 'wrong' }));
    rows.push([endpoint, sample.channel, `${sample.sdk} ${versionOf(sample.sdk)}`, url, String(answer?.status ?? '')]);
  }
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const [index, row] of rows.entries()) {
    const text = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
    print(index === 0 ? styleText('bold', text) : text);
  }
}
