import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { playSamples } from '../src/cli/play.ts';
import { sampleCast, samples } from '../src/cli/samples.ts';

const folder = resolve(import.meta.dirname, '../samples/scenarios');
const files = readdirSync(folder).map((file) => ({
  file,
  data: JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as ScenarioFile,
}));

interface ScenarioFile {
  readonly name: string;
  readonly endpoints: Readonly<Record<string, { readonly channel: string }>>;
}

/** The SDKs complain of refused webhooks and of handlers that throw, which is what some scenarios are about. */
beforeAll(() => {
  for (const method of ['error', 'warn', 'info', 'log'] as const) vi.spyOn(console, method).mockImplementation(() => {});
});

describe('every scenario of samples/scenarios holds', () => {
  it.each(files)('$file: $data.name', async ({ data }) => {
    const { mismatches, unknownRoutes } = await playSamples(data);
    expect(mismatches).toEqual([]);
    expect(unknownRoutes).toEqual([]);
  });
});

describe('and with the Agents SDK in the place of botbuilder', () => {
  const azure = files.filter(({ data }) => Object.values(data.endpoints).some(({ channel }) => channel === 'azure'));

  it.each(azure)('$file: $data.name', async ({ data }) => {
    const folders = Object.entries(data.endpoints).map(
      ([id, { channel }]) => [id, channel === 'azure' ? 'agents' : channel] as const,
    );
    const { mismatches, unknownRoutes } = await playSamples(data, { cast: sampleCast(Object.fromEntries(folders)) });
    expect(mismatches).toEqual([]);
    expect(unknownRoutes).toEqual([]);
  });
});

describe('fifty overlapping messages of one person are answered #1 to #50, once each', () => {
  it.each(samples)('on $channel with $sdk', async ({ channel, folder: bot }) => {
    const together = Array.from({ length: 50 }, (_, index) => ({
      user: 'ada',
      endpoint: 'main',
      says: `m${index}`,
      process: 1 + (index % 2),
    }));
    const start = '2026-11-02T10:00:00Z';
    const file = { name: 'fifty', start, processes: 2, endpoints: { main: { channel } }, steps: [{ at: '10:00:00', together }] };
    const { events } = await playSamples(file, { cast: sampleCast({ main: bot }) });
    const answers = events.filter(({ event }) => event === 'received').map((one) => String(one['text']).split(' '));
    const inOrder = (parts: readonly (string | undefined)[]) =>
      parts.toSorted((a, b) => Number(a?.slice(1)) - Number(b?.slice(1)));
    expect(inOrder(answers.map(([number]) => number))).toEqual(Array.from({ length: 50 }, (_, index) => `#${index + 1}`));
    expect(inOrder(answers.map(([, text]) => text))).toEqual(Array.from({ length: 50 }, (_, index) => `m${index}`));
    expect(events.filter(({ event }) => event === 'opened')).toHaveLength(1);
  });
});
