import { ActivityHandler, EventFactory, type TurnContext } from 'botbuilder';
import { describe, expect, it } from 'vitest';
import { type Bot, type Context, type Setup, sdks, startBot } from './azure-bots.ts';

const agents = { replyWithin: 30 };

/** What a bot sends to an agent hub: botbuilder makes it, on the Agents SDK bots write it themselves. */
const initiation = (context: Context, sdk: string) =>
  sdk === 'botbuilder'
    ? EventFactory.createHandoffInitiation(context as unknown as TurnContext, { skill: 'plums' })
    : { type: 'event', name: 'handoff.initiate', value: { skill: 'plums' } };

describe.each(sdks)('people take over on %s', (sdk) => {
  const send = (context: Context) =>
    (context as { sendActivity(activity: unknown): Promise<unknown> }).sendActivity(initiation(context, sdk));

  /** Counts, and hands over when told so. */
  async function staffed(more: Partial<Setup> = {}, desks = ['support']) {
    const heard: unknown[] = [];
    const bot = await startBot(sdk, {
      sessions: { endpoints: { main: { expiration: 30, agents } }, worker: false },
      async logic(context, { sessions }) {
        const turn = sessions.turn(context);
        if (turn === undefined) return;
        const { text } = context.activity;
        if (text === 'to nobody in particular') await send(context);
        if (text === 'to bea') turn.session.handoff('support', { agent: 'bea' });
        if (text === 'to bea') await send(context);
        if (text === 'in vain') await send(context).catch(() => {});
        await context.sendActivity(`#${turn.session.turnCount} ${text}`);
      },
      ...more,
    });
    const [desk] = desks.map((name) =>
      bot.sessions.desk(name, {
        agents: ['bea', 'ann'],
        async onMessage(turn) {
          heard.push(turn.activity.kind === 'message' ? turn.activity.text : turn.activity.kind);
          if (turn.activity.kind === 'message') await turn.reply(`desk: ${turn.activity.text}`);
        },
      }),
    );
    const status = (state: string, id = state) =>
      bot.post(bot.activity({ type: 'event', name: 'handoff.status', id, value: { state }, from: { id: 'hub' } }));
    return { bot, desk, heard, status };
  }
  const told = ({ events }: Bot) =>
    events.flatMap((event) => (['opened', 'customer_wrote'].includes(event.type) ? [] : [event.type]));

  it('begins with the bot’s own handoff.initiate, and goes as the hub says', async () => {
    const { bot, desk, heard, status } = await staffed();
    await using _bot = bot;
    await bot.says('hi');
    await bot.says('to nobody in particular');
    expect(await desk?.conversations()).toMatchObject([{ waits: false }]);
    expect(await desk?.conversations()).not.toMatchObject([{ agent: expect.anything() }]);
    await bot.says('anybody?');
    expect((await status('accepted')).status).toBe(200);
    expect(await desk?.conversations()).toMatchObject([{ agent: 'somebody' }]);
    await bot.says('still me');
    await status('completed');
    await bot.says('and back');
    expect(heard).toEqual(['anybody?', 'still me']);
    expect(bot.said).toEqual(['#1 hi', '#2 to nobody in particular', 'desk: anybody?', 'desk: still me', '#3 and back']);
    expect(told(bot)).toEqual(['handed_off', 'assigned', 'handed_back']);
    await status('accepted');
    await bot.says('a repetition changes nothing');
    expect(bot.said.at(-1)).toBe('#4 a repetition changes nothing');
    expect(bot.errors).toEqual([]);
  });

  it('fails where the hub says so: the bot goes on', async () => {
    const { bot, status } = await staffed();
    await using _bot = bot;
    await bot.says('to nobody in particular');
    await status('failed');
    await bot.says('well then');
    expect(bot.said).toEqual(['#1 to nobody in particular', '#2 well then']);
    expect(told(bot)).toEqual(['handed_off', 'handed_back']);
  });

  it('keeps to what the bot has chosen itself', async () => {
    const { bot, desk } = await staffed({}, ['support', 'sales']);
    await using _bot = bot;
    await desk?.presence('bea', 'online');
    await bot.says('to bea');
    await bot.sessions.sweep();
    expect(await desk?.conversations()).toMatchObject([{ agent: 'bea' }]);
  });

  it('goes outside where there are several desks to choose from, and hands nothing over that could not be sent', async () => {
    const { bot } = await staffed({}, ['support', 'sales']);
    await using _bot = bot;
    bot.fails('blocked');
    await bot.says('in vain');
    await bot.says('to nobody in particular');
    expect(bot.said).toEqual(['#1 in vain', '#2 to nobody in particular']);
    expect(bot.events.flatMap((event) => (event.type === 'handed_off' ? [event.desk] : []))).toEqual(['outside']);
  });

  it('leaves the bot’s own listeners out of it, and answers an invoke in their place', async () => {
    const listened: string[] = [];
    const listeners = new ActivityHandler();
    listeners.onMessage(async ({ activity }, next) => {
      listened.push(activity.text);
      await next();
    });
    listeners.onEvent(async (_context, next) => {
      listened.push('event');
      await next();
    });
    const logic: Setup['logic'] = async (context, { sessions }) => {
      await listeners.run(context as unknown as TurnContext);
      const text = context.activity.text ?? context.activity.name;
      if (sessions.turn(context)) await context.sendActivity(`#${text}`);
    };
    const { bot, desk, heard } = await staffed({ logic, options: { clicks: ['adaptiveCard/action', 'page/order'] } });
    await using _bot = bot;
    await bot.says('hi');
    await desk?.handoff(bot.events[0]?.key ?? '', 'queue');
    await bot.says('help');
    const value = { action: { type: 'Action.Execute', verb: 'pay' }, trigger: 'manual' };
    const taken = await bot.post(bot.activity({ id: 'f:1', type: 'invoke', name: 'adaptiveCard/action', value }));
    expect([taken.status, JSON.parse(taken.text)]).toEqual([200, expect.objectContaining({ statusCode: 200 })]);
    expect((await bot.post(bot.activity({ id: 'e:1', type: 'event', name: 'page/order', value: {} }))).status).toBe(200);
    // What is no act of the user's reaches the bot as ever.
    await bot.does({ does: 'types' });
    expect([heard, listened]).toEqual([['help', 'postback', 'postback'], ['hi']]);
    expect(bot.said).toEqual(['#hi', 'desk: help']);
    expect(bot.errors).toEqual([]);
  });
});

it('a hand-over inside a long-running message of the Agents SDK counts as well', async () => {
  await using bot = await startBot('agents-hosting', {
    longRunningMessages: true,
    async logic(context, { sessions }) {
      const turn = sessions.turn(context);
      await (context as { sendActivity(activity: unknown): Promise<unknown> }).sendActivity(initiation(context, 'agents'));
      await turn?.reply('One moment.');
    },
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  bot.sessions.on('handed_off', () => resolve());
  await bot.says('a person, please');
  await promise;
  expect(bot.said).toEqual(['One moment.']);
});
