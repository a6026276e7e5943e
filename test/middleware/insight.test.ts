import { expect, test } from 'vitest';
import type { Archive } from '../../src/middleware/archive.ts';
import { memoryArchive } from '../../src/middleware/archive.ts';
import { adaKey, closingBot } from './toy.ts';

const day = { from: Date.parse('2026-11-02T00:00:00Z'), to: Date.parse('2026-11-03T00:00:00Z') };

test('counts closed sessions by reason, and live ones among those that were opened', async () => {
  const bot = closingBot();
  await bot.says('hi');
  await bot.until('10:40:00');
  await bot.says('again');
  await bot.says('refresh');
  expect(await bot.sessions.stats({ ...day, by: ['reason'] })).toMatchObject([
    { group: {}, opened: 1, closed: 0 },
    { group: { reason: 'inactivity' }, opened: 1, closed: 1 },
    { group: { reason: 'refresh' }, opened: 1, closed: 1 },
  ]);
  expect(await bot.sessions.stats(day)).toMatchObject([{ opened: 3, closed: 2, turns: 2, messagesIn: 2 }]);
  expect(await bot.sessions.stats({ ...day, live: false })).toMatchObject([{ opened: 2, closed: 2 }]);
});

test('a closed session says why it ended', async () => {
  const bot = closingBot({ expiration: 20 });
  await bot.says('hi');
  await bot.until('10:40:00');
  const id = bot.eventsOf('closed')[0]?.session ?? '';
  expect(await bot.sessions.closed(id)).toMatchObject({
    reason: 'inactivity',
    why: { effectiveMs: 20 * 60_000, level: 'endpoint' },
  });
  expect(await bot.sessions.closed('none')).toBeUndefined();
});

test('sessions and transcripts are kept as long as their endpoint says, removed a portion at a time', async () => {
  const inner = memoryArchive();
  const asked: number[] = [];
  const archive: Archive = {
    ...inner,
    async expire(query) {
      asked.push(bot.clock.now());
      return inner.expire(query);
    },
  };
  const bot = closingBot({ transcripts: true, retention: { sessions: '2d', transcripts: '1d' } }, { archive });
  const ada = bot.sessions.contact(adaKey);
  await bot.says('hi');
  await bot.until('10:40:00');
  const [{ session = '' } = {}] = (await ada.sessions()).sessions;
  expect((await ada.transcript(session)).lines).toHaveLength(2);
  await bot.clock.advance(25 * 3_600_000);
  expect((await ada.transcript(session)).lines).toEqual([]);
  expect((await ada.sessions()).sessions).toHaveLength(1);
  await bot.clock.advance(25 * 3_600_000);
  expect((await ada.sessions()).sessions).toEqual([]);
  // Once an hour, while there is little to remove.
  expect(asked.length).toBeLessThan(55);
});
