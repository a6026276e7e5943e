import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { leaveOut, type StoreEntry, storeKit } from '../kit/store.ts';

/** Every file in `src/stores` is a store, and every store goes through the kit, as its `<store>.kit.ts` here says. */
const stores = readdirSync(new URL('../../src/stores', import.meta.url))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));

const kits = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.kit.ts'))
  .map((file) => file.slice(0, -'.kit.ts'.length));

test('every store has its entry in the kit', () => {
  expect(stores.length).toBeGreaterThan(0);
  expect(kits).toEqual(stores);
});

for (const store of kits) {
  const { entries } = (await import(new URL(`./${store}.kit.ts`, import.meta.url).href)) as {
    entries: Record<string, StoreEntry>;
  };
  for (const [name, entry] of Object.entries(entries)) {
    const reason = await entry.unavailable?.();
    if (reason === undefined) storeKit(`${store}: ${name}`, entry);
    else leaveOut(`${store}: ${name}`, reason);
  }
}
