import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type ArchiveEntry, archiveKit } from '../kit/archive.ts';
import { leaveOut } from '../kit/store.ts';

/** Every archive goes through the kit, as its `<archive>.archive.ts` here says. */
const kits = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.archive.ts'))
  .map((file) => file.slice(0, -'.archive.ts'.length));

test('every archive has its entry in the kit', () => {
  const source = new URL('../../src/', import.meta.url);
  const all = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  // The simulator's only watches another one.
  const files = all.filter((file) => !file.startsWith('simulator/'));
  const archives = files.flatMap((file) =>
    [...readFileSync(new URL(file, source), 'utf8').matchAll(/^export function (\w+)Archive\(/gm)].map(([, name]) => name),
  );
  expect(archives.length).toBeGreaterThan(1);
  expect(kits.sort()).toEqual(archives.sort());
});

for (const kit of kits) {
  const { entries } = (await import(new URL(`./${kit}.archive.ts`, import.meta.url).href)) as {
    entries: Record<string, ArchiveEntry>;
  };
  for (const [name, entry] of Object.entries(entries)) {
    const reason = await entry.unavailable?.();
    if (reason === undefined) archiveKit(`${kit}Archive: ${name}`, entry);
    else leaveOut(`${kit}Archive: ${name}`, reason);
  }
}
