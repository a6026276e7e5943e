import { createSessions, type Sessions } from 'adjourn';
import { type Act, createSimulator, type Signature, type Simulator } from 'adjourn/simulator';
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
let opened: number;

beforeEach(async () => {
  clock = virtualClock();
  [received, opened] = [[], 0];
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  sessions = createSessions<BotData, string>({ clock, logger, initial });
  sessions.on('opened', () => void opened++);
  simulator = await createSimulator({ clock, onReceived: ({ text }) => void received.push(text) });
  bot = await start({ sessions, endpoint: 'chat', identity: simulator.identity('line', 'chat'), vendorUrl: simulator.url });
});
afterEach(async () => {
  await bot.close();
  await simulator.close();
  await sessions.close();
});

const to = () => ({ channel: 'line', endpoint: 'chat', url: bot.url });

function does(act: Act | string, signature?: Signature) {
  const webhook = simulator.webhook('line', 'chat', 'ada', typeof act === 'string' ? { does: 'says', text: act } : act);
  if (webhook === undefined) throw new Error('LINE has no such thing.');
  return simulator.send(webhook, { ...to(), signature });
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

it('acknowledges commands in words and on buttons, and has nothing to say to a follow', async () => {
  expect(await does({ does: 'joins' })).toMatchObject({ status: 200 });
  expect(opened).toBe(0);
  await does('open order');
  await does({ does: 'taps', payload: 'DISCARD_ALL' });
  await does('dialog');
  await does({ does: 'refreshes' });
  await does({ does: 'unsends' });
  await does('hi');
  expect(received).toEqual(['#1 open order', 'All discarded.', '-', 'Refreshed.', '#1 hi']);
});

it('answers the webhook in time, and the user when it is done', async () => {
  const slow = does('slow 20');
  await until(() => clock.nextWake() === clock.now() + 1_500);
  await clock.advance(1_500);
  expect(await slow).toMatchObject({ status: 200 });
  expect(received).toEqual([]);
  await clock.advance(18_500);
  await until(() => received.length > 0);
  await does('hi');
  expect(received).toEqual(['#1 slow 20', '#2 hi']);
});

it('fails loudly when it crashes, and goes on', async () => {
  expect(await does('crash')).toMatchObject({ status: 500 });
  await does('hi');
  expect(received).toEqual(['#1 hi']);
});

it('believes nobody but LINE', async () => {
  for (const signature of ['wrong', 'none', 'stale'] as const) expect(await does('hi', signature)).toMatchObject({ status: 401 });
  expect(opened).toBe(0);
  expect(await simulator.send(simulator.raw('line', 'chat', { destination: 'U0', events: [] }), to())).toMatchObject({
    status: 200,
  });
  await does('hi');
  expect([received, opened]).toEqual([['#1 hi'], 1]);
});

/** Lets requests come and go until something has happened. */
async function until(happened: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !happened(); turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(happened()).toBe(true);
}
