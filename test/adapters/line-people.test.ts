import type { Request, Response } from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lineSessions } from '../../src/adapters/line.ts';
import type { Desk } from '../../src/index.ts';
import { lineBot } from './line-bot.ts';

const minute = 60_000;

describe('people take over on LINE', () => {
  let bot: Awaited<ReturnType<typeof lineBot>>;
  let desk: Desk;
  let heard: string[];
  beforeEach(async () => {
    bot = await lineBot({ expiration: 30, agents: { replyWithin: 30, closeAfter: 60 } }, { worker: false });
    heard = [];
    desk = bot.sessions.desk('support', {
      agents: ['bea'],
      async onMessage(turn) {
        heard.push(turn.activity.kind === 'message' ? (turn.activity.text ?? '') : turn.activity.kind);
        await turn.reply('One moment.');
      },
    });
  });
  afterEach(() => bot.close());

  const key = () => bot.events.find(({ type }) => type === 'opened')?.key ?? '';
  /** Answers every event with its turn. */
  const answers = () =>
    lineSessions(bot.sessions, bot.options, async (_event, turn) => void (await turn.reply(`#${turn.session.turnCount}`)));
  let ids = 0;
  /** What happens to Ada's chat, as LINE tells its modules. */
  const chat = (type: string, more: object = {}) =>
    bot.raw({
      destination: bot.identity.account,
      events: [
        {
          type,
          mode: 'standby',
          timestamp: bot.clock.now(),
          source: { type: 'user', userId: bot.simulator.person('line', 'ada') },
          webhookEventId: `01PEOPLE${++ids}`,
          deliveryContext: { isRedelivery: false },
          ...more,
        },
      ],
    });
  const dueTimes = async () =>
    (await bot.sessions.explain(key())).timers.map(({ what, at }) => `${what} +${(at - bot.clock.now()) / minute}`);

  it('by reply token and push: the desk answers in the turn for nothing, and pays later', async () => {
    bot.mount(answers());
    await bot.does('ada', 'hi');
    await desk.handoff(key(), 'queue');
    expect((await bot.does('ada', 'help')).status).toBe(200);
    await desk.reply(key(), { agent: 'bea', message: [{ type: 'text', text: 'Bea here.' }] });
    expect([heard, bot.received]).toEqual([['help'], ['ada: #1', 'ada: One moment.', 'ada: Bea here.']]);
    expect(await bot.pushes()).toBe(1);
  });

  it.each(['wrap', 'plain'] as const)('as %s, the bot meets none of it', async (form) => {
    const found: number[] = [];
    const own = (req: Request, res: Response) => {
      found.push(req.body.events.length);
      res.sendStatus(200);
    };
    const sessions = lineSessions(bot.sessions, bot.options);
    bot.mount(...(form === 'wrap' ? [sessions.wrap(own)] : [sessions, own]));
    await bot.does('ada', 'hi');
    await desk.handoff(key(), 'queue');
    expect((await bot.does('ada', 'help')).status).toBe(200);
    expect((await bot.send(bot.together(bot.webhookOf('ada', 'please'), bot.webhookOf('bo', 'hello')))).status).toBe(200);
    expect([heard, found]).toEqual([
      ['help', 'please'],
      [1, 1],
    ]);
  });

  it('in another module: Ada waits for an answer there, until the chat comes back', async () => {
    bot.mount(answers());
    await bot.does('ada', 'hi');
    await chat('deactivated');
    await bot.clock.advance(minute);
    await chat('message', { message: { id: '9', type: 'text', text: 'discard' } });
    expect(await dueTimes()).toEqual(['overdue +30']);
    await chat('activated', { mode: 'active', chatControl: { expireAt: bot.clock.now() + minute } });
    expect(await dueTimes()).toEqual(['expires +30']);
    await bot.does('ada', 'and you?');
    expect([heard, bot.received]).toEqual([[], ['ada: #1', 'ada: #2']]);
  });

  it('in another module: a group goes there with everybody in it', async () => {
    bot.mount(answers());
    const group = (type: string, user: string | undefined, more: object = {}) =>
      chat(type, { mode: 'active', source: { type: 'group', groupId: 'C7', ...(user ? { userId: user } : {}) }, ...more });
    const text = { message: { id: '1', type: 'text', text: 'hi' } };
    await group('message', 'Uada', text);
    await group('message', 'Ubo', { message: { ...text.message, id: '2' } });
    await group('deactivated', undefined);
    expect((await desk.conversations()).map(({ key: one, agent }) => [one.slice(-4), agent]).sort()).toEqual([
      ['/Ubo', 'somebody'],
      ['Uada', 'somebody'],
    ]);
    await group('activated', undefined);
    expect(await desk.conversations()).toEqual([]);
  });

  it('in another module, as the primary channel sees it: by what is on standby, and what is not any more', async () => {
    bot.mount(answers());
    await bot.does('ada', 'hi');
    await chat('postback', { postback: { data: 'pay' } });
    expect(bot.names().slice(-2)).toEqual(['assigned', 'customer_wrote']);
    await bot.does('ada', 'and you?');
    expect(bot.names().at(-1)).toBe('handed_back');
    expect([heard, bot.received]).toEqual([[], ['ada: #1', 'ada: #2']]);
  });
});
