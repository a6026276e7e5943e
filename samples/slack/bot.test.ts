import { createSessions } from 'adjourn';
import { type Act, createSimulator, type Identity, type Signature, type Simulator } from 'adjourn/simulator';
import { type VirtualClock, virtualClock } from 'adjourn/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Sample } from '../host.ts';
import { type BotData, initial } from '../words.ts';
import { start } from './bot.ts';

let clock: VirtualClock;
let simulator: Simulator;
let identity: Identity;
let bot: Sample;
let received: string[];
let unknown: string[];

beforeEach(async () => {
  clock = virtualClock();
  received = [];
  unknown = [];
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  simulator = await createSimulator({
    clock,
    onReceived: ({ text }) => void received.push(text),
    onUnknownRoute: ({ path }) => void unknown.push(path),
  });
  identity = simulator.identity('slack', 'desk');
  const sessions = createSessions<BotData, string>({ clock, logger, initial });
  bot = await start({ sessions, endpoint: 'desk', identity, vendorUrl: simulator.url });
});
afterEach(async () => {
  await bot.close();
  await simulator.close();
  expect(unknown).toEqual([]);
});

function send(act: Act | string, signature?: Signature) {
  const webhook = simulator.webhook('slack', 'desk', 'ada', typeof act === 'string' ? { does: 'says', text: act } : act);
  if (webhook === undefined) throw new Error('Slack has no such thing.');
  return simulator.send(webhook, { channel: 'slack', endpoint: 'desk', url: bot.url, user: 'ada', signature });
}

/** Sends, and waits for the answer, which comes after Bolt's acknowledgement. */
async function does(act: Act | string): Promise<string | undefined> {
  const before = received.length;
  await send(act);
  await until(() => received.length > before);
  return received.at(-1);
}

it('answers in its session, and in a new one after half an hour', async () => {
  expect(await does('hi')).toBe('#1 hi');
  expect(await does({ does: 'taps', payload: 'set color=red' })).toBe('#2 set color=red');
  expect(await does('get color')).toBe('color=red');
  await clock.advance(30 * 60_000);
  expect(await does('get color')).toBe('color=-');
  expect(await does('a < b & c')).toBe('#2 a < b & c');
});

it('acknowledges commands by text, button and slash command', async () => {
  expect(await does('open order')).toBe('#1 open order');
  expect(await does('discard')).toBe('Discarded.');
  expect(await does({ does: 'taps', payload: 'DISCARD_ALL' })).toBe('All discarded.');
  expect(await does({ does: 'refreshes' })).toBe('Refreshed.');
  expect(await does('hi')).toBe('#1 hi');
});

it('has nothing to say to edits, deletions, reactions and openings', async () => {
  expect(await does('hi')).toBe('#1 hi');
  for (const act of ['edits', 'unsends', 'reacts', 'joins'] as const)
    expect(await send({ does: act })).toMatchObject({ status: 200 });
  expect(await does('still here')).toBe('#2 still here');
  expect(received).toHaveLength(2);
});

it('goes on after a crash', async () => {
  expect(await send('crash')).toMatchObject({ status: 200 });
  expect(await does('hi')).toBe('#1 hi');
});

it('believes nobody but Slack', async () => {
  for (const signature of ['wrong', 'none', 'stale'] as const) expect(await send('hi', signature)).toMatchObject({ status: 401 });
  expect(await does('hi')).toBe('#1 hi');
});

/** Lets requests come and go until something has happened. */
async function until(happened: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !happened(); turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(happened()).toBe(true);
}
