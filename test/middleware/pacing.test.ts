import { expect, it } from 'vitest';
import { pacer } from '../../src/middleware/pacing.ts';

it('lets a burst go and spreads the rest, endpoint by endpoint', () => {
  const pace = pacer();
  const waits = Array.from({ length: 14 }, () => pace('sms', 1, 1_000));
  expect(waits).toEqual([...Array.from({ length: 11 }, () => 0), 1_000, 2_000, 3_000]);
  expect(pace('chat', 1, 1_000)).toBe(0);
});

it('forgets with time, and lets everything go where there is no rate', () => {
  const pace = pacer();
  for (let n = 0; n < 30; n++) pace('sms', 10, 0);
  expect(pace('sms', 10, 0)).toBe(2_000);
  expect(pace('sms', 10, 60_000)).toBe(0);
  expect(Array.from({ length: 100 }, () => pace('free', 0, 0)).every((wait) => wait === 0)).toBe(true);
});
