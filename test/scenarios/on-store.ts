import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { playSamples } from '../../src/cli/play.ts';
import { botProcesses } from '../../src/cli/venues.ts';
import { gateTo } from '../stores/gate.ts';
import { answersIn, files, hushSdks, overlapping, type ScenarioFile } from './files.ts';

/** A store that scenarios are played on. */
export interface PlayedStore {
  readonly name: string;
  readonly url: string;
  /** Whether a server has to run; then it can be missing. @default true */
  readonly isServer?: boolean;
}

/** Scenarios whose processes have to do with each other, or die. */
export const ofSeveralProcesses = files.filter(
  ({ data }) => (data.processes ?? 1) > 1 || JSON.stringify(data).includes('"dies"'),
);

/** What every shared store is tested for: scenarios with real processes over it. @param among the scenarios to play */
export async function testsOnStore({ name, url, isServer = true }: PlayedStore, among: readonly ScenarioFile[]): Promise<void> {
  const missing = isServer && !(await isThere(new URL(url))) ? `no ${name} at ${new URL(url).host}` : undefined;
  if (missing !== undefined) {
    console.warn(`LEFT OUT: scenarios on ${name}: ${missing}`);
    it(`scenarios are played on ${name}`, ({ skip }) => {
      if (process.env['CI']) throw new Error(missing);
      skip(missing);
    });
    return;
  }
  const processes = botProcesses();
  // A busy machine takes its time; nothing here waits for time to pass but leases of the dead.
  const options = { processes, store: url, patienceMs: 60_000 };
  const limit = { timeout: 90_000 };

  beforeAll(hushSdks);
  afterAll(() => processes.close());

  describe(`scenarios hold on ${name}, every process being one of the operating system`, () => {
    it.each(among)('$file: $data.name', limit, async ({ data }) => {
      const { mismatches, unknownRoutes } = await playSamples(data, options);
      expect(mismatches).toEqual([]);
      expect(unknownRoutes).toEqual([]);
    });
  });

  describe(`overlapping messages of one person are answered once each, one after another, on ${name}`, () => {
    it.each([2, 3])('by %i processes', limit, async (count) => {
      const { events } = await playSamples(overlapping(30, 'twilio', count), options);
      const { numbers, messages } = answersIn(events);
      expect(numbers).toEqual(Array.from({ length: 30 }, (_, index) => `#${index + 1}`));
      expect(messages).toEqual(Array.from({ length: 30 }, (_, index) => `m${index}`));
      expect(events.filter(({ event }) => event === 'opened')).toHaveLength(1);
    });
  });
}

async function isThere(target: URL): Promise<boolean> {
  const gate = await gateTo(target);
  return gate.reachable().finally(() => gate.close());
}
