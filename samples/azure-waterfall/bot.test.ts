import { createSessions, type EndpointOptions } from 'adjourn';
import { createSimulator } from 'adjourn/simulator';
import { virtualClock } from 'adjourn/testing';
import { describe, expect, it } from 'vitest';
import type { StartSample } from '../host.ts';
import { type BotData, initial } from '../words.ts';
import { start, startOnAgents } from './bot.ts';

const halfAnHour = 30 * 60_000;

/** A bot that Ada talks to. `received` is what she was told. */
async function running(startBot: StartSample, settings: EndpointOptions<BotData> = {}) {
  const clock = virtualClock();
  const received: string[] = [];
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const simulator = await createSimulator({ clock, onReceived: ({ text }) => void received.push(text) });
  const sessions = createSessions<BotData, string>({
    clock,
    logger,
    initial,
    endpoints: { shop: { expiration: 30, ...settings } },
  });
  const identity = simulator.identity('azure', 'shop');
  const { url, close } = await startBot({ sessions, endpoint: 'shop', identity, vendorUrl: simulator.url });
  const to = { channel: 'azure', endpoint: 'shop', url, user: 'ada' };
  return {
    clock,
    received,
    async says(...texts: string[]) {
      for (const text of texts) {
        const webhook = simulator.webhook('azure', 'shop', 'ada', { does: 'says', text });
        expect(webhook && (await simulator.send(webhook, to))).toMatchObject({ status: 200 });
      }
    },
    async [Symbol.asyncDispose]() {
      await close();
      await simulator.close();
      await sessions.close();
    },
  };
}

describe.each([
  ['botbuilder', start],
  ['the Agents SDK', startOnAgents],
])('a waterfall dialog on %s', (_sdk, startBot) => {
  const secondStep = ['Which fruit?', 'How many?'];

  it('goes on at its second step while the session lives', async () => {
    await using bot = await running(startBot);
    await bot.says('hi', 'pear');
    await bot.clock.advance(halfAnHour - 1);
    await bot.says('3', 'hi');
    expect(bot.received).toEqual([...secondStep, 'Ordered: pear, 3', 'Which fruit?']);
  });

  it.each(['lazy', 'proactive'] as const)(
    'starts at its first step when the session expired in the middle of the second (%s)',
    async (closing) => {
      await using bot = await running(startBot, { closing });
      await bot.says('hi', 'pear');
      await bot.clock.advance(halfAnHour);
      await bot.says('3', 'plum', '4');
      expect(bot.received).toEqual([...secondStep, ...secondStep, 'Ordered: plum, 4']);
    },
  );

  it.each([
    ['discard', 'Discarded.'],
    ['discard all', 'All discarded.'],
    ['refresh', 'Refreshed.'],
  ])('starts at its first step after "%s" in the middle of the second', async (command, told) => {
    await using bot = await running(startBot);
    await bot.says('hi', 'pear', command, '3', 'plum', '4');
    expect(bot.received).toEqual([...secondStep, told, ...secondStep, 'Ordered: plum, 4']);
  });
});
