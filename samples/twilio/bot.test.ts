import { expect, it } from 'vitest';
import { sampleTests, until } from '../kit.ts';
import { start } from './bot.ts';

const world = sampleTests({
  channel: 'twilio',
  endpoint: 'sms',
  start,
  vendor: 'Twilio',
  forged: { wrong: 403, none: 400 },
  noActivity: ['reads'],
  worker: false,
});

it('acknowledges commands, and has nothing to say to receipts and STOP', async () => {
  const { talks } = world();
  await talks(['open order', '#1 open order'], ['discard', 'Discarded.'], ['dialog', '-'], [{ does: 'reads' }], ['STOP']);
  await talks([{ does: 'refreshes' }, 'Refreshed.'], ['hi', '#1 hi']);
});

it('answers by REST what takes longer than Twilio waits', async () => {
  const { clock, does, received } = world();
  const slow = does('slow 20');
  await until(() => clock.nextWake() === clock.now() + 14_000);
  await clock.advance(14_000);
  expect(await slow).toMatchObject({ status: 200, text: expect.not.stringContaining('Message') });
  expect(received).toEqual([]);
  await clock.advance(6_000);
  await until(() => received.length > 0);
  await does('hi');
  expect(received).toEqual(['ada: #1 slow 20', 'ada: #2 hi']);
});
