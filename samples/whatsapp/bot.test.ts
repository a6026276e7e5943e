import { createSessions, type Sessions } from 'adjourn';
import { type Act, createSimulator, type Simulator, type Webhook } from 'adjourn/simulator';
import { type VirtualClock, virtualClock } from 'adjourn/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Sample } from '../host.ts';
import { type BotData, initial } from '../words.ts';
import { start } from './bot.ts';

const to = { channel: 'whatsapp', endpoint: 'main' };
let clock: VirtualClock;
let simulator: Simulator;
let sessions: Sessions<BotData>;
let bot: Sample;
let received: string[];

beforeEach(async () => {
  clock = virtualClock();
  received = [];
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  sessions = createSessions<BotData, string>({ clock, logger, initial });
  simulator = await createSimulator({ clock, onReceived: ({ user, text }) => void received.push(`${user}: ${text}`) });
  const identity = simulator.identity('whatsapp', 'main');
  bot = await start({ sessions, endpoint: 'main', identity, vendorUrl: simulator.url });
});
afterEach(async () => {
  await bot.close();
  await simulator.close();
});

function webhookOf(act: Act | string): Webhook {
  const webhook = simulator.webhook('whatsapp', 'main', 'ada', typeof act === 'string' ? { does: 'says', text: act } : act);
  if (webhook === undefined) throw new Error('WhatsApp has no such thing.');
  return webhook;
}

const does = (act: Act | string, signature?: 'wrong' | 'none' | 'stale') =>
  simulator.send(webhookOf(act), { ...to, url: bot.url, signature });

it('is found by the dashboard’s verification', async () => {
  const { extra } = simulator.identity('whatsapp', 'main');
  const query = (token = '') => `hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${token}`;
  const right = await fetch(`${bot.url}?${query(extra['verifyToken'])}`);
  expect([right.status, await right.text()]).toEqual([200, '1158201444']);
  expect((await fetch(`${bot.url}?${query('another')}`)).status).toBe(403);
});

it('answers in its session, and in a new one after half an hour', async () => {
  await does('hi');
  await does({ does: 'taps', payload: 'set color=red' });
  await does('get color');
  await clock.advance(30 * 60_000);
  await does('get color');
  await does('Córdoba 😀 a/b');
  expect(received).toEqual(
    ['#1 hi', '#2 set color=red', 'color=red', 'color=-', '#2 Córdoba 😀 a/b'].map((text) => `ada: ${text}`),
  );
});

it('acknowledges commands', async () => {
  await does('open order');
  await does('discard');
  await does('dialog');
  await does({ does: 'taps', payload: 'DISCARD_ALL' });
  await does({ does: 'refreshes' });
  await does('hi');
  expect(received).toEqual(
    ['#1 open order', 'Discarded.', '-', 'All discarded.', 'Refreshed.', '#1 hi'].map((text) => `ada: ${text}`),
  );
});

it('is not kept awake by what is no activity', async () => {
  await does('hi');
  await clock.advance(29 * 60_000);
  for (const act of ['reads', 'reacts', 'edits', 'unsends', 'joins'] as const)
    expect(await does({ does: act })).toMatchObject({ status: 200 });
  await clock.advance(60_000);
  await does('hi');
  expect(received).toEqual(['ada: #1 hi', 'ada: #1 hi']);
});

it('answers a message that is delivered again only once', async () => {
  const webhook = webhookOf('hi');
  await simulator.send(webhook, { ...to, url: bot.url });
  expect(await simulator.send(simulator.redelivery('whatsapp', webhook, 1), { ...to, url: bot.url })).toMatchObject({
    status: 200,
  });
  await does('hi');
  expect(received).toEqual(['ada: #1 hi', 'ada: #2 hi']);
});

it('crashes loudly, and handles the message when it is delivered again', async () => {
  expect(await does('crash')).toMatchObject({ status: 500 });
  await does('hi');
  expect(received).toEqual(['ada: #1 hi']);
});

it('believes nobody but Meta', async () => {
  for (const signature of ['wrong', 'none', 'stale'] as const) expect(await does('hi', signature)).toMatchObject({ status: 401 });
  await does('hi');
  expect(received).toEqual(['ada: #1 hi']);
});
