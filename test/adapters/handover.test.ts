import type { NextFunction, Request, Response } from 'express';
import { describe, expect, it } from 'vitest';
import { lineSessions } from '../../src/adapters/line.ts';
import { slackSessions } from '../../src/adapters/slack.ts';
import type { Desk, Sessions, Turn } from '../../src/index.ts';
import { textOf } from '../middleware/desk-bot.ts';
import { startBot } from './azure-bots.ts';
import { lineBot } from './line-bot.ts';
import { metaBot } from './meta-bot.ts';
import { command, desk as slackDesk, workspace } from './slack-workspace.ts';
import { deliver, empty, forms, twilioWorld, twiml } from './twilio-world.ts';

/**
 * While people own a session, the host's own logic does not run, the desk hears what customers write, and the vendor gets the answer it
 * gets where nothing is to be said.
 */
function people<Data, Endpoint extends string>(sessions: Sessions<Data, Endpoint>) {
  const heard: string[] = [];
  let key = '';
  const desk: Desk = sessions.desk('support', {
    agents: ['Kim'],
    onMessage(turn) {
      key = turn.key;
      heard.push(textOf(turn));
    },
  });
  return {
    heard,
    replies: (message: string) => desk.reply(key, { agent: 'Kim', message }),
    back: () => desk.returnToBot(key),
    /** The bot's logic: it answers, and hands over when it is asked to. */
    async answer(turn: Turn<Data>) {
      const text = textOf(turn);
      if (text === 'person') turn.session.handoff('support', 'queue');
      await turn.reply(`bot: ${text}`);
    },
  };
}

describe('Slack', () => {
  it('gets its acknowledgement, for messages, buttons and slash commands', async () => {
    const { clock, sessions } = slackDesk();
    const { heard, replies, back, answer } = people(sessions);
    await using slack = await workspace({ clock }, (app) => {
      app.use(slackSessions(sessions, { endpoint: 'desk', client: app.client }));
      app.message(async ({ context }) => {
        const turn = sessions.turn(context);
        if (turn) await answer(turn);
      });
      app.action(/.*/, async ({ ack }) => ack());
      app.command(/.*/, async ({ ack }) => ack('bot'));
    });
    const says = (text: string) => slack.deliver(slack.webhook({ does: 'says', text }));
    await says('person');
    expect(await says('hello?')).toMatchObject({ status: 200, text: '' });
    expect(await slack.deliver(slack.webhook({ does: 'taps', payload: 'discard' }))).toMatchObject({ status: 200, text: '' });
    expect(await slack.deliver(command('/discard', 'all'))).toMatchObject({ status: 200, text: '' });
    expect(heard).toEqual(['hello?', 'postback', 'postback']);
    await replies('Kim here.');
    await back();
    await says('and now?');
    expect(slack.said).toEqual(['bot: person', 'Kim here.', 'bot: and now?']);
    expect(slack.errors).toEqual([]);
  });
});

describe.each(['botbuilder', 'agents-hosting'] as const)('Azure on %s', (sdk) => {
  it('gets 200 and no activity', async () => {
    let desk: ReturnType<typeof people> | undefined;
    await using bot = await startBot(sdk, {
      async logic(context, { sessions }) {
        const turn = sessions.turn(context);
        if (turn) await desk?.answer(turn as Turn);
      },
    });
    desk = people(bot.sessions as Sessions);
    await bot.says('person');
    await bot.says('hello?');
    await bot.says('discard');
    expect(desk.heard).toEqual(['hello?', 'discard']);
    await desk.replies('Kim here.');
    await desk.back();
    await bot.says('and now?');
    expect(bot.said).toEqual(['bot: person', 'Kim here.', 'bot: and now?']);
    expect(bot.errors).toEqual([]);
  });
});

describe.each(forms)('Twilio, %s', (form) => {
  it('gets empty TwiML', async () => {
    const world = twilioWorld();
    const { heard, back } = people(world.sessions);
    try {
      const url = await world.listen(form, (req, res) => {
        const turn = world.sessions.turn(req);
        if (req.body.Body === 'person') turn?.session.handoff('support', 'queue');
        twiml(res, `bot: ${req.body.Body}`);
      });
      await deliver(url, 'person');
      expect(await deliver(url, 'hello?')).toEqual(empty);
      expect(await deliver(url, 'discard')).toEqual(empty);
      expect(heard).toEqual(['hello?', 'discard']);
      await back();
      expect((await deliver(url, 'and now?')).text).toContain('bot: and now?');
    } finally {
      world.stop();
    }
  });
});

describe.each(['event handler', 'plain'] as const)('LINE, %s', (form) => {
  it('gets 200, and no reply', async () => {
    const bot = await lineBot();
    const { heard, replies, back, answer } = people(bot.sessions);
    try {
      const plain = async (req: Request, res: Response, next: NextFunction) => {
        try {
          for (const event of req.body.events) {
            const turn = bot.sessions.turn(event);
            if (turn) await answer(turn);
          }
          res.sendStatus(200);
        } catch (error) {
          next(error);
        }
      };
      if (form === 'plain') bot.mount(lineSessions(bot.sessions, bot.options), plain);
      else bot.mount(lineSessions(bot.sessions, bot.options, (_event, turn) => answer(turn)));
      await bot.does('ada', 'person');
      expect(await bot.does('ada', 'hello?')).toMatchObject({ status: 200 });
      expect(await bot.does('ada', 'discard')).toMatchObject({ status: 200 });
      // Somebody else's event in the same request is the bot's.
      await bot.send(bot.together(bot.webhookOf('ada', 'still there?'), bot.webhookOf('bob', 'hi')));
      expect(heard).toEqual(['hello?', 'discard', 'still there?']);
      await replies('Kim here.');
      await back();
      await bot.does('ada', 'and now?');
      expect(bot.received).toEqual(['ada: bot: person', 'bob: bot: hi', 'ada: Kim here.', 'ada: bot: and now?']);
    } finally {
      await bot.close();
    }
  });
});

describe.each([
  ['messenger', 'event handler'],
  ['messenger', 'plain'],
  ['whatsapp', 'event handler'],
  ['whatsapp', 'plain'],
] as const)('%s, %s', (channel, form) => {
  it('gets 200, and sends nothing', async () => {
    const bot = await metaBot(channel);
    const { heard, replies, back, answer } = people(bot.sessions);
    try {
      bot.mount((web) => {
        if (form === 'event handler') web.use(bot.events$((_event, turn) => answer(turn)));
        else {
          web.use(bot.plain(), async (req: Request, res: Response, next: NextFunction) => {
            const turn = bot.sessions.turn(req);
            if (turn === undefined) return next();
            await answer(turn);
            res.sendStatus(200);
          });
        }
      });
      await bot.post(bot.does('ada', 'person'));
      expect(await bot.post(bot.does('ada', 'hello?'))).toBe(200);
      expect(await bot.post(bot.does('ada', 'discard'))).toBe(200);
      expect(heard).toEqual(['hello?', 'discard']);
      await replies('Kim here.');
      await back();
      await bot.post(bot.does('ada', 'and now?'));
      expect(bot.received).toEqual(['ada: bot: person', 'ada: Kim here.', 'ada: bot: and now?']);
      expect(bot.failures).toEqual([]);
    } finally {
      await bot.close();
    }
  });
});
