import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { vi } from 'vitest';

const folder = resolve(import.meta.dirname, '../../samples/scenarios');

/** A scenario of `samples/scenarios`. */
export interface ScenarioFile {
  readonly file: string;
  readonly data: {
    readonly name: string;
    readonly processes?: number;
    readonly endpoints: Readonly<Record<string, { readonly channel: string }>>;
  };
}

export const files: readonly ScenarioFile[] = readdirSync(folder).map((file) => ({
  file,
  data: JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')),
}));

/** Overlapping messages of one person, `m0` and on, to each process in its turn. */
export function overlapping(count: number, channel: string, processes: number): object {
  const together = Array.from({ length: count }, (_, index) => ({
    user: 'ada',
    endpoint: 'main',
    says: `m${index}`,
    process: 1 + (index % processes),
  }));
  const start = '2026-11-02T10:00:00Z';
  return { name: 'overlapping', start, processes, endpoints: { main: { channel } }, steps: [{ at: '10:00:00', together }] };
}

/** The numbers of the answers, and the messages they answer, each in order. */
export function answersIn(events: readonly Readonly<Record<string, unknown>>[]): { numbers: string[]; messages: string[] } {
  const answers = events.filter(({ event }) => event === 'received').map((one) => String(one['text']).split(' '));
  const inOrder = (part: number) =>
    answers.map((one) => one[part] ?? '').toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
  return { numbers: inOrder(0), messages: inOrder(1) };
}

/** The SDKs complain of refused webhooks and of handlers that throw, which is what some scenarios are about. */
export function hushSdks(): void {
  for (const method of ['error', 'warn', 'info', 'log'] as const) vi.spyOn(console, method).mockImplementation(() => {});
}
