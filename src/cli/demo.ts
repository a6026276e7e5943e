import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import type { Stage } from '../simulator/scenario/stage.ts';
import { demoFolders, demoScenario, endpointOf } from './demo-scenario.ts';
import { complain, playFiles, playSamples, print, type Verdict, warnOfRoutes } from './play.ts';
import { samples, versionOf } from './samples.ts';
import { story } from './story.ts';
import { botProcesses } from './venues.ts';

const scenarioFolder = fileURLToPath(new URL('../../samples/scenarios/', import.meta.url));

/** Starts the simulator and every sample bot, plays a conversation on each and tells it. */
export async function demo(): Promise<Verdict> {
  const played = await playSamples(demoScenario, {
    store: 'memory',
    folders: demoFolders,
    processes: botProcesses(),
    onStarted: introduce,
  });
  const { story: lines, why, mismatches } = played;
  for (const { folder, channel } of samples) {
    print(`\n${styleText('bold', `${channel} (samples/${folder}/bot.ts)`)}`);
    const own = lines.filter(({ user, endpoint }) => user !== forger && endpoint === endpointOf(folder));
    for (const text of story({ story: own, why })) print(text);
  }
  warnOfRoutes(played);
  for (const mismatch of mismatches) complain('the demo', mismatch);
  return mismatches.length === 0 ? 'held' : 'failed';
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
    { telling: ci ? 'line' : 'story' },
  );
}

/** Whoever sends webhooks without a signature. */
const forger = 'mallory';

/** The table of who is on stage. That signatures are checked is tried, not claimed. */
async function introduce({ simulator, company }: Stage): Promise<void> {
  print(`The vendors' APIs answer on ${styleText('bold', simulator.url)}. Nothing leaves this machine; time is virtual.\n`);
  const { urls } = company.process(1);
  const rows = [['endpoint', 'channel', 'SDK', 'webhook', 'unsigned']];
  for (const { folder, channel, sdk } of samples) {
    const endpoint = endpointOf(folder);
    const url = urls[endpoint] ?? '';
    const forged = simulator.webhook(channel, endpoint, forger, { does: 'says', text: 'hi' });
    const answer =
      forged && (await quietly(() => simulator.send(forged, { channel, endpoint, url, user: forger, signature: 'none' })));
    rows.push([endpoint, channel, `${sdk} ${versionOf(sdk)}`, url, answer === undefined ? '' : `refused: ${answer.status}`]);
  }
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const [index, row] of rows.entries()) {
    const text = row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
    print(index === 0 ? styleText('bold', text) : text);
  }
}

/** Some SDKs print what they refuse. */
async function quietly<T>(doing: () => Promise<T>): Promise<T> {
  const { error } = console;
  console.error = () => {};
  try {
    return await doing();
  } finally {
    console.error = error;
  }
}
