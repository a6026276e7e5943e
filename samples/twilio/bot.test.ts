import { createSessions, type Sessions } from 'adjourn';
import { type Act, createSimulator, type Simulator } from 'adjourn/simulator';
import { type VirtualClock, virtualClock } from 'adjourn/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Sample } from '../host.ts';
import { type BotData, initial } from '../words.ts';
import { start } from './bot.ts';

let clock: VirtualClock;
let simulator: Simulator;
let sessions: Sessions<BotData>;
let bot: Sample;
let received: string[];

beforeEach(async () => {
  clock = virtualClock();
  received = [];
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  sessions = createSessions<BotData, string>({ clock, logger, initial, worker: false });
  simulator = await createSimulator({ clock, onReceived: ({ text }) => void received.push(text) });
  const identity = simulator.identity('twilio', 'sms');
  bot = await start({ sessions, endpoint: 'sms', identity, vendorUrl: simulator.url });
});
afterEach(async () => {
  await bot.close();
  await simulator.close();
});

function does(act: Act | string, signature?: 'wrong' | 'none') {
  const webhook = simulator.webhook('twilio', 'sms', 'ada', typeof act === 'string' ? { does: 'says', text: act } : act);
  if (webhook === undefined) throw new Error('Twilio has no such thing.');
  return simulator.send(webhook, { channel: 'twilio', endpoint: 'sms', url: bot.url, user: 'ada', signature });
}

it('answers in its session, and in a new one after half an hour', async () => {
  await does('hi');
  await does({ does: 'taps', payload: 'set color=red' });
  await does('get color');
  await clock.advance(30 * 60_000);
  await does('get color');
  await does('hi again');
  expect(received).toEqual(['#1 hi', '#2 set color=red', 'color=red', 'color=-', '#2 hi again']);
});

it('acknowledges commands, and has nothing to say to receipts and STOP', async () => {
  await does('open order');
  await does('discard');
  await does('dialog');
  await does({ does: 'reads' });
  await does('STOP');
  await does({ does: 'refreshes' });
  await does('hi');
  expect(received).toEqual(['#1 open order', 'Discarded.', '-', 'Refreshed.', '#1 hi']);
});

it('answers by REST what takes longer than Twilio waits', async () => {
  const slow = does('slow 20');
  await until(() => clock.nextWake() === clock.now() + 14_000);
  await clock.advance(14_000);
  expect(await slow).toMatchObject({ status: 200, text: expect.not.stringContaining('Message') });
  expect(received).toEqual([]);
  await clock.advance(6_000);
  await until(() => received.length > 0);
  await does('hi');
  expect(received).toEqual(['#1 slow 20', '#2 hi']);
});

it('fails loudly when it crashes, and goes on', async () => {
  expect(await does('crash')).toMatchObject({ status: 500 });
  await does('hi');
  expect(received).toEqual(['#1 hi']);
});

it('believes nobody but Twilio', async () => {
  expect(await does('hi', 'wrong')).toMatchObject({ status: 403 });
  expect(await does('hi', 'none')).toMatchObject({ status: 400 });
  await does('hi');
  expect(received).toEqual(['#1 hi']);
});

/** Lets requests come and go until something has happened. */
async function until(happened: () => boolean): Promise<void> {
  const patience = performance.now() + 10_000;
  while (!happened() && performance.now() < patience) await new Promise((resolve) => setImmediate(resolve));
  expect(happened()).toBe(true);
}
