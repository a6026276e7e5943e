import { createSessions, type Sessions } from 'adjourn';
import { type Act, createSimulator, type Signature, type Simulator } from 'adjourn/simulator';
import { type VirtualClock, virtualClock } from 'adjourn/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Sample } from '../host.ts';
import { type BotData, initial } from '../words.ts';
import { start } from './bot.ts';

let clock: VirtualClock;
let simulator: Simulator;
let sessions: Sessions<BotData>;
let bot: Sample;
let received: string[];

beforeEach(async () => {
  // botbuilder tells the console of every request it refuses.
  vi.spyOn(console, 'error').mockReturnValue();
  clock = virtualClock();
  received = [];
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  sessions = createSessions<BotData, string>({ clock, logger, initial });
  simulator = await createSimulator({ clock, onReceived: ({ text }) => void received.push(text) });
  const identity = simulator.identity('azure', 'web');
  bot = await start({ sessions, endpoint: 'web', identity, vendorUrl: simulator.url });
});
afterEach(async () => {
  await bot.close();
  await simulator.close();
  vi.restoreAllMocks();
});

function does(act: Act | string, signature?: Signature) {
  const webhook = simulator.webhook('azure', 'web', 'ada', typeof act === 'string' ? { does: 'says', text: act } : act);
  if (webhook === undefined) throw new Error('The Bot Connector has no such thing.');
  return simulator.send(webhook, { channel: 'azure', endpoint: 'web', url: bot.url, user: 'ada', signature });
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

it('acknowledges commands, and says nothing to what is no message', async () => {
  await does('open order');
  await does('discard');
  await does('dialog');
  for (const act of ['types', 'reads', 'reacts', 'edits', 'unsends', 'joins'] as const) {
    expect(await does({ does: act })).toMatchObject({ status: 200 });
  }
  await does({ does: 'refreshes' });
  await does('hi');
  expect(received).toEqual(['#1 open order', 'Discarded.', '-', 'Refreshed.', '#1 hi']);
});

it('fails loudly when it crashes, and goes on', async () => {
  expect(await does('crash')).toMatchObject({ status: 500 });
  await does('hi');
  expect(received).toEqual(['#1 hi']);
});

it('believes nobody but the Bot Connector', async () => {
  // botbuilder takes an expired token for the caller's fault, and a forged one for its own.
  expect((await does('hi', 'wrong')).status).toBe(500);
  expect((await does('hi', 'none')).status).toBe(401);
  expect((await does('hi', 'stale')).status).toBe(401);
  await does('hi');
  expect(received).toEqual(['#1 hi']);
});
