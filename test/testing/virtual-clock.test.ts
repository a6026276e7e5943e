import { expect, it } from 'vitest';
import { virtualClock } from '../../src/testing/virtual-clock.ts';

const start = '2026-11-02T10:00:00Z';

it('wakes sleepers at their own times, one at a time, and those of one instant by rank, then as they fell asleep', async () => {
  const clock = virtualClock({ start });
  const woken: string[] = [];
  const sleeper = (name: string, ms: number, of = clock.ranked(1)) =>
    of.sleep(ms).then(() => woken.push(`${name} at ${clock.now() - Date.parse(start)}`));
  void sleeper('late', 500);
  void sleeper('second process', 200, clock.ranked(2));
  void sleeper('first', 200);
  void sleeper('again', 200);
  void sleeper('early', 100);
  expect(clock.nextWake()).toBe(Date.parse(start) + 100);
  await clock.advance(300);
  expect(woken).toEqual(['early at 100', 'first at 200', 'again at 200', 'second process at 200']);
  expect(clock.now()).toBe(Date.parse(start) + 300);
});

it('wakes what falls asleep on the way, and lets aborted sleepers go at once', async () => {
  const clock = virtualClock({ start });
  let naps = 0;
  const nap = async () => {
    for (; naps < 5; naps++) await clock.sleep(100);
  };
  void nap();
  const given = new AbortController();
  const sleeping = clock.sleep(1_000, given.signal);
  given.abort();
  await sleeping;
  await clock.advanceTo('2026-11-02T10:00:01Z');
  expect(naps).toBe(5);
  expect(clock.nextWake()).toBeUndefined();
});

it('tells of its moves before anybody wakes', async () => {
  const told: string[] = [];
  const clock = virtualClock({ start, moved: async (now) => void told.push(`moved ${now - Date.parse(start)}`) });
  for (const ms of [200, 100, 100]) void clock.sleep(ms).then(() => told.push(`woken ${ms}`));
  await clock.advance(300);
  await clock.advance(0);
  expect(told).toEqual(['moved 100', 'woken 100', 'woken 100', 'moved 200', 'woken 200', 'moved 300']);
});

it('does not go back', async () => {
  const clock = virtualClock({ start });
  await expect(clock.advanceTo('2026-11-02T09:59:59Z')).rejects.toThrow(RangeError);
  expect(() => virtualClock({ start: 'noon' })).toThrow(RangeError);
});
