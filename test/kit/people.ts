import { afterEach, describe, expect, it, vi } from 'vitest';
import type { StartSample } from '../../samples/host.ts';
import { type BotData, initial } from '../../samples/words.ts';
import { type AdjournEvent, createSessions, type DeskOptions } from '../../src/index.ts';
import { type Act, createSimulator, type Webhook } from '../../src/simulator/simulator.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { type MountSender, until } from '../adapters/later.ts';

/** What is needed to see people take over on a channel: its sample bots on the real SDKs, and its sender. */
export interface PeopleCase {
  /** By the name of the SDK. */
  readonly bots: Readonly<Record<string, StartSample>>;
  /** Mounts the channel's sender alone. */
  readonly mountSender: MountSender;
  /** What the vendor gets where the bot has nothing to say. */
  readonly silence: { readonly status: number; readonly text: string; readonly type?: string };
  /** What the vendor gets where the bot fails; 200 where the host has acknowledged by then. */
  readonly failure: number;
}

const nothing = () => {};
const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** A bot in one process, the people's desk in it and in another process, which has the store and the channel's sender alone. */
async function staffed(channel: string, start: StartSample, mountSender: MountSender) {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const received: string[] = [];
  const heard: string[] = [];
  const events: AdjournEvent[] = [];
  const agents: DeskOptions<BotData> = {
    agents: ['bea'],
    async onMessage(turn) {
      const { activity } = turn;
      const text = activity.kind === 'message' ? activity.text : activity.kind === 'postback' ? activity.payload : undefined;
      heard.push(`${activity.kind} ${text}`);
      if (text === 'a person, please') await turn.reply('One moment.');
      if (text === 'crash') throw new Error('The desk is on fire.');
    },
  };
  const common = { clock, logger, initial, store: keyvStore(), endpoints: { desk: { expiration: 30 } }, worker: false } as const;
  const sessions = createSessions<BotData, string>(common);
  const elsewhere = createSessions<BotData, string>(common);
  for (const one of [sessions, elsewhere]) one.on('*', (event) => void events.push(event));
  const simulator = await createSimulator({ clock, onReceived: ({ text }) => void received.push(text) });
  const identity = simulator.identity(channel, 'desk');
  const bot = await start({ sessions, endpoint: 'desk', identity, vendorUrl: simulator.url });
  mountSender(elsewhere, identity, simulator.url);
  const send = (webhook: Webhook) => simulator.send(webhook, { channel, endpoint: 'desk', url: bot.url, user: 'ada' });
  return {
    received,
    heard,
    clock,
    desk: sessions.desk('people', agents),
    deskElsewhere: elsewhere.desk('people', agents),
    /** Ada's conversation, once it is saved: some hosts answer before. */
    async key() {
      const key = () => events.find(({ type }) => type === 'opened')?.key;
      await until(() => key() !== undefined);
      return key() ?? '';
    },
    names: () => events.map(({ type }) => type),
    send,
    /** @returns what the vendor got, once people have got `messages` more, and the webhook */
    async does(act: Act | string, messages: number) {
      const webhook = simulator.webhook(channel, 'desk', 'ada', typeof act === 'string' ? { does: 'says', text: act } : act);
      if (webhook === undefined) throw new Error('Nobody does that here.');
      const before = received.length;
      const { status, headers, text } = await send(webhook);
      await until(() => received.length >= before + messages && simulator.openCalls() === 0);
      return { webhook, answer: { status, text, type: headers['content-type'] } };
    },
    async [Symbol.asyncDispose]() {
      await bot.close();
      await simulator.close();
      await sessions.close();
      await elsewhere.close();
    },
  };
}

/** Runs what every channel promises where people take over from the bot. */
export function answersForPeople(channel: string, { bots, mountSender, silence, failure }: PeopleCase): void {
  describe.each(Object.entries(bots))(`${channel}: people take over on %s`, (_sdk, start) => {
    afterEach(() => vi.restoreAllMocks());

    it('the desk gets what the bot would, the vendor its empty success, and replies go out from another process', async () => {
      await using world = await staffed(channel, start, mountSender);
      const { desk, deskElsewhere, heard, received, does } = world;
      await desk.presence('bea', 'online');
      await does('hi', 1);
      const key = await world.key();
      expect(await desk.handoff(key, 'queue')).toBe(true);

      const asked = await does('a person, please', 1);
      expect(asked.answer).toMatchObject(silence);
      expect((await does({ does: 'taps', payload: 'yes' }, 0)).answer).toMatchObject(silence);
      expect((await world.send(asked.webhook)).status).toBe(silence.status);
      await until(() => world.names().includes('duplicate') && heard.length === 2);
      expect(heard).toEqual(['message a person, please', 'postback yes']);
      expect(received).toEqual(['#1 hi', 'One moment.']);

      await deskElsewhere.reply(key, { agent: 'bea', message: 'Bea here.' });
      expect(received.at(-1)).toBe('Bea here.');
      // The desk looks after it was answered.
      await expect.poll(() => desk.conversations()).toMatchObject([{ key, agent: 'bea', waits: false }]);
      expect(world.names()).toEqual(expect.arrayContaining(['handed_off', 'customer_wrote', 'answered']));

      expect(await deskElsewhere.returnToBot(key)).toBe(true);
      await does('thanks', 1);
      expect(received.at(-1)).toBe('#2 thanks');
      expect(world.names()).not.toContain('error');
    });

    it('what the desk could not take, the vendor hears of as of any failure of the bot', async () => {
      await using world = await staffed(channel, start, mountSender);
      await world.does('hi', 1);
      await world.desk.handoff(await world.key(), 'queue');
      vi.spyOn(console, 'error').mockImplementation(() => {});
      const { webhook, answer } = await world.does('crash', 0);
      expect(answer.status).toBe(failure);
      await until(() => world.heard.length === 1);
      // It was not taken, so that it is offered to the desk again where the vendor delivers it again.
      await world.send(webhook);
      await until(() => world.heard.length === 2);
      expect(world.heard).toEqual(['message crash', 'message crash']);
    });
  });
}
