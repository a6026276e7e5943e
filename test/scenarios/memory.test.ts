import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { playSamples } from '../../src/cli/play.ts';
import { samples } from '../../src/cli/samples.ts';
import { botProcesses } from '../../src/cli/venues.ts';
import { answersIn, files, hushSdks, overlapping } from './files.ts';

const processes = botProcesses();

beforeAll(hushSdks);
afterAll(() => processes.close());

describe('every scenario of samples/scenarios holds', () => {
  it.each(files)('$file: $data.name', { timeout: 60_000 }, async ({ data }) => {
    const { mismatches, unknownRoutes } = await playSamples(data, { processes });
    expect(mismatches).toEqual([]);
    expect(unknownRoutes).toEqual([]);
  });
});

describe('and with the Agents SDK in the place of botbuilder', () => {
  const azure = files.filter(({ data }) => Object.values(data.endpoints).some(({ channel }) => channel === 'azure'));

  it.each(azure)('$file: $data.name', { timeout: 60_000 }, async ({ data }) => {
    const folders = Object.entries(data.endpoints).map(
      ([id, { channel }]) => [id, channel === 'azure' ? 'agents' : channel] as const,
    );
    const { mismatches, unknownRoutes } = await playSamples(data, { processes, folders: Object.fromEntries(folders) });
    expect(mismatches).toEqual([]);
    expect(unknownRoutes).toEqual([]);
  });
});

describe('fifty overlapping messages of one person are answered #1 to #50, once each', () => {
  it.each(samples)('on $channel with $sdk', async ({ channel, folder: bot }) => {
    const { events } = await playSamples(overlapping(50, channel, 2), { processes, folders: { main: bot } });
    const { numbers, messages } = answersIn(events);
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, index) => `#${index + 1}`));
    expect(messages).toEqual(Array.from({ length: 50 }, (_, index) => `m${index}`));
    expect(events.filter(({ event }) => event === 'opened')).toHaveLength(1);
  });
});
