import { expect, it } from 'vitest';
import { sampleTests, until } from '../kit.ts';
import { start } from './bot.ts';

const world = sampleTests({
  channel: 'line',
  endpoint: 'chat',
  start,
  vendor: 'LINE',
  forged: { wrong: 401, none: 401, stale: 401 },
  noActivity: ['unsends', 'joins'],
});

it('has nothing to say to a follow or to the console’s check, and opens no session for them', async () => {
  const { does, opened, send, simulator, talks } = world();
  expect(await does({ does: 'joins' })).toMatchObject({ status: 200 });
  expect(await send(simulator.raw('line', 'chat', { destination: 'U0', events: [] }))).toMatchObject({ status: 200 });
  expect(opened()).toBe(0);
  await talks(['hi', '#1 hi']);
  expect(opened()).toBe(1);
});

it('answers the webhook in time, and the user when it is done', async () => {
  const { clock, does, received } = world();
  const slow = does('slow 20');
  await until(() => clock.nextWake() === clock.now() + 1_500);
  await clock.advance(1_500);
  expect(await slow).toMatchObject({ status: 200 });
  expect(received).toEqual([]);
  await clock.advance(18_500);
  await until(() => received.length > 0);
  await does('hi');
  expect(received).toEqual(['ada: #1 slow 20', 'ada: #2 hi']);
});
