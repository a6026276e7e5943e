import type { Request, Response } from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAdjournError, type Turn } from '../../src/index.ts';
import { eventsOf, expressBot, type Notes, type ToyEvent } from './express-bot.ts';

let bot: Awaited<ReturnType<typeof expressBot>>;
/** What the desk got. */
let heard: string[];
/** The events that the bot's own handler found in its request. */
let found: string[][];
beforeEach(async () => {
  bot = await expressBot();
  heard = [];
  found = [];
});
afterEach(() => bot.close());

const says = (id: string, user: string, text: string): ToyEvent => ({ id, user, text });
const count = (turn: Turn<Notes>) => turn.reply(`#${turn.session.turnCount}`);

const own = async (req: Request, res: Response) => {
  found.push(eventsOf(req).map(({ text }) => text ?? '-'));
  const turns = eventsOf(req).flatMap((event) => bot.sessions.turn(event) ?? []);
  for (const turn of turns) await count(turn);
  res.send('the bot');
};

/** The three forms of the bot; `found` stays empty where the bot gets single events. */
const forms = {
  events: () => bot.mount(bot.events$((_event, turn) => count(turn))),
  wrap: () => bot.mount(bot.request().wrap(own)),
  plain: () => bot.mount(bot.request(), own),
};

describe.each(Object.keys(forms) as (keyof typeof forms)[])('as %s, a session of people', (form) => {
  /** Ada's session goes to a desk, which gets what she writes. */
  async function handOver(onMessage: (turn: Turn<Notes>) => unknown = () => {}) {
    const desk = bot.sessions.desk('support', {
      agents: ['bea'],
      onMessage(turn) {
        heard.push(...turn.activities.map((one) => (one.kind === 'message' ? (one.text ?? '') : one.kind)));
        return onMessage(turn as Turn<Notes>);
      },
    });
    forms[form]();
    await bot.post(says('1', 'ada', 'hi'));
    expect(await desk.handoff('toy/main/ada', 'queue')).toBe(true);
    found = [];
    return desk;
  }

  it('is answered by the channel’s empty success, without the bot', async () => {
    await handOver((turn) => turn.reply('One moment.'));
    expect(await bot.post(says('2', 'ada', 'help'))).toEqual({ status: 200, text: 'empty' });
    expect(await bot.post(says('2', 'ada', 'help'))).toEqual({ status: 200, text: 'empty' });
    expect(await bot.post(says('3', 'ada', 'discard'))).toEqual({ status: 200, text: 'empty' });
    expect([heard, found]).toEqual([['help', 'discard'], []]);
    expect(bot.told).toEqual(['ada: #1', 'ada: One moment.', 'ada: One moment.']);
  });

  it('leaves the rest of the request to the bot, which does not meet it', async () => {
    await handOver(async (turn) => turn.waitUntil(new Promise((resolve) => setImmediate(resolve))));
    const { status } = await bot.post(says('2', 'ada', 'help'), says('3', 'ben', 'hello'), says('4', 'ada', 'please'));
    expect([status, heard]).toEqual([200, ['help', 'please']]);
    expect(found).toEqual(form === 'events' ? [] : [['hello']]);
    expect(bot.told).toEqual(['ada: #1', 'ben: #1']);
  });

  it('is told to the host as a failure where the desk fails, and comes again', async () => {
    let broken = true;
    await handOver(() => {
      if (broken) throw new Error('nobody at the desk');
    });
    expect(await bot.post(says('2', 'ada', 'help'))).toEqual({ status: 500, text: 'nobody at the desk' });
    broken = false;
    expect((await bot.post(says('2', 'ada', 'help'))).status).toBe(200);
    expect([heard, found]).toEqual([['help', 'help'], []]);
  });
});

it('a host object whose turn went to a desk has no session of the bot’s', async () => {
  const asked: unknown[] = [];
  const desk = bot.sessions.desk('support', {
    agents: ['bea'],
    onMessage({ host }) {
      try {
        bot.sessions.of((host as { req: Request }).req);
      } catch (error) {
        asked.push(isAdjournError(error, 'ADJ_NO_SESSION') && error.message);
      }
    },
  });
  forms.plain();
  await bot.post(says('1', 'ada', 'hi'));
  await desk.handoff('toy/main/ada', 'queue');
  await bot.post(says('2', 'ada', 'help'));
  expect(asked).toEqual([expect.stringContaining('People answer in this session')]);
});
