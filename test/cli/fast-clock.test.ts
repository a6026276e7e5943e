import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { fastClock } from '../../src/cli/fast-clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('begins now and runs so many times as fast, for those who sleep, too', async () => {
  const start = Date.now();
  const clock = fastClock(60);
  expect(clock.now()).toBe(start);
  let woken = false;
  void clock.sleep(60_000).then(() => {
    woken = true;
  });
  await vi.advanceTimersByTimeAsync(999);
  expect([woken, clock.now() - start]).toEqual([false, 59_940]);
  await vi.advanceTimersByTimeAsync(1);
  expect([woken, clock.now() - start]).toEqual([true, 60_000]);
});

it('tells whole milliseconds', async () => {
  const clock = fastClock(1.5);
  await vi.advanceTimersByTimeAsync(3);
  expect(Number.isInteger(clock.now())).toBe(true);
});
