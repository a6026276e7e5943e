import type { Request, Response } from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MessengerWebhook, parseMessenger } from '../../src/adapters/messenger.ts';
import type { AgentSettings, Desk } from '../../src/index.ts';
import { answer, batch, type MetaBot, type MetaChannelName, metaBot, type Notes } from './meta-bot.ts';

const minute = 60_000;
const agents: AgentSettings = { replyWithin: 30, closeAfter: 60 };

/** A bot whose people answer at one desk of ours; what the desk gets, and how a webhook gets to the bot. */
async function staffed(channel: MetaChannelName, settings: AgentSettings = agents) {
  const bot = await metaBot(channel, { endpoints: { main: { agents: settings } }, worker: false });
  const heard: string[] = [];
  const desk: Desk = bot.sessions.desk('support', {
    agents: ['bea'],
    onMessage: ({ activity }) => void heard.push(activity.kind === 'message' ? (activity.text ?? '') : activity.kind),
  });
  const handler = bot.events$((_event, turn) => answer(turn), { appId: '512200991' });
  const hears = async (webhook: Parameters<MetaBot['request']>[0]) =>
    expect((await handler.fetch(bot.request(webhook))).status).toBe(200);
  const key = () => bot.events.find(({ type }) => type === 'opened')?.key ?? '';
  const dueTimes = async () =>
    (await bot.sessions.explain(key())).timers.map(({ what, at }) => `${what} +${(at - bot.clock.now()) / minute}`);
  return { bot, desk, heard, hears, key, dueTimes, says: (text: string) => hears(bot.does('ada', text)) };
}

describe('who wrote what a page sent', () => {
  const page = '448201573960012';
  const event = (more: object) => ({ sender: { id: '7' }, recipient: { id: page }, timestamp: 1_793_613_600_000, ...more });
  const echo = (app?: unknown) => ({ mid: 'm_1', is_echo: true, text: 'x', ...(app === undefined ? {} : { app_id: app }) });
  const said = (one: object, appIds?: readonly string[], object = 'page', list = 'messaging') => {
    const webhook = { object, entry: [{ id: page, [list]: [event(one)] }] };
    const [activity] = parseMessenger(webhook as MessengerWebhook, appIds);
    return activity?.kind === 'lifecycle'
      ? [activity.means, activity.agent].filter((one) => one !== undefined)
      : [activity?.kind];
  };
  const inbox = '263902037430900';

  it.each([
    ['our own app', 512200991, [], []],
    ['another app', 77, [], ['agent_replied', '77']],
    ['another app, as text', '77', [], ['agent_replied', '77']],
    ['the inbox', Number(inbox), ['agent_replied', inbox], ['agent_replied', inbox]],
    ['Instagram’s inbox', '1217981644879628', ['agent_replied', '1217981644879628'], ['agent_replied', '1217981644879628']],
    ['no app', undefined, [], ['agent_replied', 'page']],
    ['nobody', null, [], []],
    ['a list', [77], [], []],
  ])('%s: without the bot’s id, and with it', (_name, app, without, withId) => {
    expect(said({ message: echo(app) })).toEqual(without);
    expect(said({ message: echo(app) }, ['512200991'])).toEqual(withId);
    expect(said({ message: echo(app) }, ['512200991'], 'page', 'standby')).toEqual(withId);
  });

  it.each(['', 'tides', ['512200991', '']])('is refused to be told by what is no id: %j', async (appId) => {
    const bot = await metaBot('messenger');
    expect(() => bot.plain({ appId })).toThrow(expect.objectContaining({ code: 'ADJ_CONFIG_INVALID' }));
    await bot.close();
  });

  it('is not known on Instagram where the echo names no app', () => {
    expect(said({ message: echo() }, ['512200991'], 'instagram')).toEqual([]);
    expect(said({ message: echo(77) }, ['512200991'], 'instagram')).toEqual(['agent_replied', '77']);
  });

  it('is several bots where several ids are ours; a text that announced a close is always ours', () => {
    expect(said({ message: echo(77) }, ['512200991', '77'])).toEqual([]);
    expect(said({ message: { ...echo(88), metadata: 'adjourn:1f0c' } }, ['512200991'])).toEqual([]);
  });

  it.each([
    ['pass_thread_control', '512200991', '77', [], ['handed_back']],
    ['pass_thread_control', 512200991, inbox, ['handed_back'], ['handed_back']],
    ['pass_thread_control', inbox, '512200991', ['handed_off', inbox], ['handed_off', inbox]],
    ['pass_thread_control', '77', '512200991', [], ['handed_off', '77']],
    ['take_thread_control', '77', null, [], ['handed_off', '77']],
    ['take_thread_control', '512200991', '77', [], ['handed_back']],
    ['take_thread_control', null, '512200991', [], []],
    ['request_thread_control', inbox, '512200991', [], []],
  ])('%s to %s from %s: without the bot’s id, and with it', (what, new_owner_app_id, previous_owner_app_id, without, withId) => {
    expect(said({ [what]: { new_owner_app_id, previous_owner_app_id } })).toEqual(without);
    expect(said({ [what]: { new_owner_app_id, previous_owner_app_id } }, ['512200991'])).toEqual(withId);
  });
});

describe('a person in the page’s inbox', () => {
  let world: Awaited<ReturnType<typeof staffed>>;
  beforeEach(async () => {
    world = await staffed('messenger');
  });
  afterEach(() => world.bot.close());

  const page = (list: 'messaging' | 'standby', ...events: readonly object[]) => {
    const { bot } = world;
    const entry = { id: bot.identity.account, time: bot.clock.now(), [list]: events };
    return world.hears(bot.raw({ object: 'page', entry: [entry] }));
  };
  const ids = () => ({
    sender: { id: world.bot.simulator.person('messenger', 'ada') },
    recipient: { id: world.bot.identity.account },
    timestamp: world.bot.clock.now(),
  });
  const control = (what: string, from: string, to: string) =>
    page('messaging', { ...ids(), [what]: { previous_owner_app_id: from, new_owner_app_id: to } });
  const echo = (list: 'messaging' | 'standby', mid: string, app: string) => {
    const { sender: recipient, recipient: sender, timestamp } = ids();
    return page(list, { sender, recipient, timestamp, message: { mid, text: 'Bea here.', is_echo: true, app_id: app } });
  };

  it('takes the thread, is timed while they have it, and gives it back', async () => {
    const { bot, heard, says, dueTimes } = world;
    await says('hi');
    await echo('messaging', 'm_own', '512200991');
    expect(await dueTimes()).toEqual(['expires +30']);
    await control('take_thread_control', '512200991', '263902037430900');
    await bot.clock.advance(minute);
    await page('standby', { ...ids(), message: { mid: 'm_1', text: 'discard' } });
    expect(await dueTimes()).toEqual(['overdue +30']);
    await echo('standby', 'm_2', '263902037430900');
    expect(await dueTimes()).toEqual(['agent_inactivity +60']);
    await control('pass_thread_control', '263902037430900', '512200991');
    await says('and you?');
    expect([bot.received, heard]).toEqual([['ada: #1 hi', 'ada: #2 and you?'], []]);
    expect(bot.events.map(({ type }) => type).filter((type) => type !== 'opened')).toEqual([
      'assigned',
      'customer_wrote',
      'answered',
      'handed_back',
    ]);
  });

  it('loses the thread without a word from Meta, which the next message shows', async () => {
    const { bot, says } = world;
    await says('hi');
    await control('pass_thread_control', '512200991', '263902037430900');
    await bot.clock.advance(25 * 60 * minute);
    await says('still there?');
    expect(bot.received).toEqual(['ada: #1 hi', 'ada: #2 still there?']);
  });

  it('answers without taking the thread: what comes to us goes to the desk', async () => {
    const { bot, desk, heard, says, key } = world;
    await says('hi');
    await echo('messaging', 'm_1', '263902037430900');
    await says('thanks');
    await echo('messaging', 'm_1', '263902037430900');
    expect([bot.received, heard]).toEqual([['ada: #1 hi'], ['thanks']]);
    expect(bot.events.filter(({ type }) => type === 'answered')).toHaveLength(1);
    expect(await desk.conversations()).toMatchObject([{ key: key(), agent: '263902037430900' }]);
  });
});

describe('a person with the phone of a business', () => {
  it('answers: the bot is silent in that conversation, by whatever name Meta gives the customer', async () => {
    const { bot, heard, hears, says, dueTimes } = await staffed('whatsapp');
    const person = bot.simulator.person('whatsapp', 'ada');
    const phone = person.slice('DE.1'.length);
    const echo = (id: string, to: object) => {
      const one = {
        from: '4930',
        id,
        timestamp: String(bot.clock.now() / 1_000),
        type: 'text',
        text: { body: 'refresh' },
        ...to,
      };
      const value = { messaging_product: 'whatsapp', metadata: { phone_number_id: bot.identity.account }, message_echoes: [one] };
      const entry = [{ id: '551', changes: [{ field: 'smb_message_echoes', value }] }];
      return hears(bot.raw({ object: 'whatsapp_business_account', entry }));
    };
    await says('hi');
    await hears(bot.does('bo', 'hello'));
    await bot.clock.advance(minute);
    await echo('wamid.E1', { to: phone });
    await says('thanks');
    expect(await dueTimes()).toEqual(['overdue +30']);
    await bot.clock.advance(minute);
    await echo('wamid.E2', { to: phone, to_user_id: person });
    expect(await dueTimes()).toEqual(['agent_inactivity +60']);
    await hears(bot.does('bo', 'and me?'));
    expect(heard).toEqual(['thanks']);
    expect(bot.received).toEqual(['ada: #1 hi', 'bo: #1 hello', 'bo: #2 and me?']);
    expect(bot.events.flatMap((event) => (event.type === 'answered' ? [event.agent] : []))).toEqual([
      'business phone',
      'business phone',
    ]);
    await bot.close();
  });
});

describe.each([
  ['messenger', '10/2018278'],
  ['whatsapp', '131047'],
] as const)('a desk on %s', (channel, code) => {
  it('is told what Meta says to a reply after 24 hours, and the customer still waits', async () => {
    const { bot, desk, says, key, dueTimes } = await staffed(channel, { replyWithin: '3d' });
    await says('hi');
    await desk.handoff(key(), 'queue');
    await bot.clock.advance(25 * 60 * minute);
    bot.simulator.fail(channel, 'window', 1);
    const failed = desk.reply(key(), { agent: 'bea', message: 'Sorry, we slept.' });
    await expect(failed).rejects.toMatchObject({ code: 'ADJ_SEND_FAILED', message: expect.stringContaining(`refused: ${code}`) });
    expect(bot.received).toEqual(['ada: #1 hi']);
    expect(await dueTimes()).toEqual(['overdue +2820']);
    await desk.reply(key(), { agent: 'bea', message: 'Here I am.' });
    expect(bot.received).toEqual(['ada: #1 hi', 'ada: Here I am.']);
    expect(bot.events.filter(({ type }) => type === 'answered')).toHaveLength(1);
    await bot.close();
  });

  it.each(['wrap', 'plain'] as const)(
    'has its conversations kept from the bot’s own handler (%s); others in the batch go there',
    async (form) => {
      const { bot, desk, heard, says, key } = await staffed(channel);
      const bodies: number[] = [];
      const own = async (req: Request, res: Response) => {
        const listed = JSON.stringify(req.body).match(/"(?:mid|wamid|id)":"(?:m_|wamid)/g) ?? [];
        bodies.push(listed.length);
        await answer(turnOf(req));
        res.sendStatus(200);
      };
      const turnOf = (req: Request) => {
        const turn = bot.sessions.turn(req);
        if (turn === undefined) throw new Error('The bot was called without a turn.');
        return turn as typeof turn & { session: { data: Notes } };
      };
      const sessions = bot.plain({ appId: '512200991' });
      bot.mount((web) => web.use('/hook', ...(form === 'wrap' ? [sessions.wrap(own)] : [sessions, own])));
      await says('hi');
      await desk.handoff(key(), 'queue');
      expect(await bot.post(bot.does('ada', 'help'))).toBe(200);
      expect(await bot.post(batch(bot.does('ada', 'please'), bot.does('bo', 'me too')))).toBe(200);
      expect(await bot.post(bot.does('ada', { does: 'taps', payload: 'yes' }))).toBe(200);
      expect([heard, bodies]).toEqual([['help', 'please', 'postback'], [1]]);
      expect(bot.received).toEqual(['ada: #1 hi', 'bo: #1 me too']);
      expect(bot.failures).toEqual([]);
      await bot.close();
    },
  );
});
