import twilio from 'twilio';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Desk } from '../../src/index.ts';
import { type FewWords, fewWords } from './later.ts';
import { counting, deliver, empty, forms, say, twilioWorld, type World } from './twilio-world.ts';

describe.each(forms)('people take over on Twilio, %s', (form) => {
  let world: World;
  let api: FewWords;
  let desk: Desk;
  let heard: string[];
  let ran: number;
  let url: string;
  beforeEach(async () => {
    world = twilioWorld();
    api = await fewWords({ status: 201, body: { sid: 'SM1', status: 'queued' } });
    const client = twilio(`AC${'0'.repeat(32)}`, 'secret');
    client.api.baseUrl = api.url;
    heard = [];
    ran = 0;
    desk = world.sessions.desk('support', {
      agents: ['bea'],
      async onMessage(turn) {
        heard.push(turn.activity.kind === 'message' ? (turn.activity.text ?? '') : turn.activity.kind);
        await turn.reply('One moment.');
      },
    });
    const handler = counting(world);
    url = await world.listen(
      form,
      (req, res, next) => {
        ran += 1;
        return handler(req, res, next);
      },
      { client },
    );
  });
  afterEach(async () => {
    world.stop();
    await api[Symbol.asyncDispose]();
  });

  it('answers with an empty TwiML, while the desk writes by REST from the number that was texted', async () => {
    expect(await say(url, 'hi')).toEqual(['#1 hi']);
    const { key = '' } = world.events[0] ?? {};
    await desk.handoff(key, 'queue');
    expect(await deliver(url, 'a person')).toEqual(empty);
    expect(await deliver(url, 'discard')).toEqual(empty);
    expect([heard, ran]).toEqual([['a person', 'discard'], 1]);
    await desk.reply(key, { agent: 'bea', message: { body: 'Bea here.', mediaUrl: ['https://bot.example/a.png'] } });
    const sent = api.calls.map(({ text }) => Object.fromEntries(new URLSearchParams(text)));
    expect(sent.map(({ Body }) => Body)).toEqual(['One moment.', 'One moment.', 'Bea here.']);
    expect(new Set(sent.map(({ From, To }) => `${From} ${To}`)).size).toBe(1);
    await desk.returnToBot(key);
    expect(await say(url, 'thanks')).toEqual(['#2 thanks']);
  });
});
