import { afterEach, expect, test, vi } from 'vitest';
import { adminBot, reading } from './server.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** Waits until what a reader has got is so. */
const until = (what: () => unknown) => expect.poll(what, { interval: 5, timeout: 5_000 });
const typesIn = (text: string) => [...text.matchAll(/^data: .*"type":"(\w+)"/gm)].map(([, type]) => type);
const idsIn = (text: string) => [...text.matchAll(/^id: (.*)$/gm)].map(([, id = '']) => id);

test('events are told as they happen, with ids, without a word of what was said', async () => {
  const bot = await adminBot();
  const reader = reading(bot.port);
  expect(await reader.status).toBe(200);
  await bot.says('my card is 4111');
  bot.archive.find = () => Promise.reject(new Error('4111 again'));
  expect((await bot.get('/sessions/x')).status).toBe(500);
  await bot.says('refresh');
  await until(() => typesIn(reader.text())).toEqual(bot.names());
  expect(bot.names()).toContain('error');
  expect(new Set(idsIn(reader.text())).size).toBe(bot.names().length);
  expect(reader.text()).not.toContain('4111');
});

test('whoever comes back goes on where they were; whoever has missed too much is told so', async () => {
  const bot = await adminBot();
  const first = reading(bot.port);
  await first.status;
  await bot.says('one');
  await until(() => idsIn(first.text())).toHaveLength(1);
  first.leave();
  await bot.says('refresh');
  const [seen = ''] = idsIn(first.text());
  const again = reading(bot.port, { 'last-event-id': seen });
  await until(() => typesIn(again.text())).toEqual(bot.names().slice(1));
  expect(again.text()).not.toContain('event: missed');
  for (let i = 0; i < 400; i++) await bot.says('refresh');
  expect(bot.names().length).toBeGreaterThan(1_001);
  const late = reading(bot.port, { 'last-event-id': seen });
  await until(() => typesIn(late.text())).toEqual(bot.names().slice(-1_000));
  expect(late.text()).toContain('event: missed');
  for (const strange of ['nobody.1', `${seen}0000`, '\u00e9', '1', `${seen}.1`, 'x'.repeat(2_000)]) {
    const other = reading(bot.port, { 'last-event-id': strange });
    await until(() => other.text()).toContain('event: missed');
    other.leave();
  }
});

test('a 33rd stream is refused until another one ends', async () => {
  const bot = await adminBot();
  const readers = Array.from({ length: 32 }, () => reading(bot.port));
  expect(await Promise.all(readers.map(({ status }) => status))).toEqual(readers.map(() => 200));
  const refused = await bot.get('/events');
  expect([refused.status, refused.headers['retry-after']]).toEqual([429, '15']);
  readers[0]?.leave();
  await until(async () => {
    const one = reading(bot.port);
    return one.status;
  }).toBe(200);
});

test('streams beat, and end with the handler', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const bot = await adminBot();
  const reader = reading(bot.port);
  await reader.status;
  await until(() => {
    vi.advanceTimersByTime(15_000);
    return reader.text();
  }).toMatch(/\n:\n\n/);
  bot.handler.close();
  await until(reader.ended).toBe(true);
  await bot.says('nobody hears');
  expect((await bot.get('/events')).status).toBe(503);
  expect((await bot.get('/live')).status).toBe(200);
});
