import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { cells, type Figure } from './figures.ts';

const page = new URL('../../docs/performance.md', import.meta.url);
const [begin, end] = ['<!-- figures -->', '<!-- /figures -->'];

/** Puts the figures of a run in place of those of the last one. @throws Error if the page has lost its markers */
export async function writeTable(figures: readonly Figure[]): Promise<void> {
  const text = await readFile(page, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md needs the lines ${begin} and ${end}.`);
  const tables = Array.from(
    Map.groupBy(figures, ({ measure }) => measure),
    ([measure, rows]) => tableOf(measure, rows),
  );
  await writeFile(page, `${text.slice(0, from)}${begin}\n${machine()}\n\n${tables.join('\n\n')}\n${text.slice(to)}`);
}

function tableOf(measure: string, rows: readonly Figure[]): string {
  const line = (values: readonly string[]) => `| ${values.join(' | ')} |`;
  return [
    line([measure, 'median', 'lowest–highest', 'to reach', 'reached']),
    '|---|---|---|---|---|',
    ...rows.map((row) => line(cells(row))),
  ].join('\n');
}

/** What the figures were taken on, and with. */
function machine(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const versions = [
    `Node ${process.versions.node}`,
    versionOf('redis-server', /v=([\d.]+)/, 'Redis'),
    versionOf('postgres', /([\d.]+)/, 'PostgreSQL'),
  ];
  const day = new Date().toISOString().slice(0, 10);
  return `Taken ${day} on ${cpus().length} × ${cpu?.model.trim()}, ${memory}, with ${versions.filter(Boolean).join(', ')}.`;
}

function versionOf(command: string, pattern: RegExp, name: string): string | undefined {
  try {
    return `${name} ${pattern.exec(execFileSync(command, ['--version'], { encoding: 'utf8' }))?.[1]}`;
  } catch {
    return undefined;
  }
}
