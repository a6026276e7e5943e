import { expect, test } from 'vitest';
import { memoryArchive } from '../../src/middleware/archive.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { type VirtualClock, virtualClock } from '../../src/testing/virtual-clock.ts';
import { closingBot, timeOf } from './toy.ts';

const minute = 60_000;

/** The clock of a process that is wrong by that much. */
function skewed(clock: VirtualClock, byMs: number): VirtualClock {
  return { ...clock, now: () => clock.now() + byMs };
}

test.each([
  ['five minutes fast', 5, ['10:25:00']],
  ['five minutes slow', -5, ['10:30:00']],
])('a process whose clock is %s closes nothing earlier than by that, and nothing twice', async (_how, minutes, closesAt) => {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const shared = { store: keyvStore(), archive: memoryArchive() };
  const closed: string[] = [];
  const right = closingBot({ closingMessage: 'bye' }, { ...shared, clock });
  const wrong = closingBot({ closingMessage: 'bye' }, { ...shared, clock: skewed(clock, minutes * minute) });
  for (const bot of [right, wrong]) bot.sessions.on('closed', () => closed.push(timeOf(clock.now())));
  await right.says('hi');
  // Somebody with the wrong clock has a look at everything, every minute.
  for (let passed = 0; passed < 60; passed++) {
    await clock.advance(minute);
    await wrong.sessions.sweep();
  }
  expect(closed).toEqual(closesAt);
  expect([...right.vendor.texts(), ...wrong.vendor.texts()]).toHaveLength(1);
  expect(await right.closes()).toHaveLength(1);
  for (const bot of [right, wrong]) await bot.sessions.stop();
});

test('messages that go to both find one session, however wrong a clock is', async () => {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const store = keyvStore();
  const right = closingBot({ closing: 'lazy' }, { store, clock });
  const wrong = closingBot({ closing: 'lazy' }, { store, clock: skewed(clock, 5 * minute) });
  for (const bot of [right, wrong, right, wrong]) {
    await bot.says('hi');
    await clock.advance(20 * minute);
  }
  expect([...right.told, ...wrong.told].toSorted()).toEqual(['#1 hi', '#2 hi', '#3 hi', '#4 hi']);
});
