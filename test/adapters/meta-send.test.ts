import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { personOf, receiverOf } from '../../src/adapters/support/meta-person.ts';
import { type MetaBot, metaBot, until } from './meta-bot.ts';

const codes = {
  messenger: {
    window: '400, code 10, subcode 2018278',
    blocked: '400, code 551, subcode 1545041',
    '429': '429, code 613',
    '500': '500, code 2',
  },
  whatsapp: { window: '400, code 131047', blocked: '400, code 131026', '429': '429, code 130429', '500': '500, code 131000' },
};

describe.each(['messenger', 'whatsapp'] as const)('%s', (channel) => {
  let bot: MetaBot;
  beforeEach(async () => {
    bot = await metaBot(channel);
  });
  afterEach(() => bot.close());

  /** What `turn.reply` throws, or gives back. */
  async function reply(message: unknown, more?: Parameters<MetaBot['events$']>[1]): Promise<unknown> {
    let outcome: unknown;
    const handler = bot.events$(async (_event, turn) => {
      outcome = await turn.reply(message).catch((error) => error);
    }, more);
    expect((await handler.fetch(bot.request(bot.does('ada', 'a secret')))).status).toBe(200);
    return outcome;
  }

  it.each(['window', 'blocked', '429', '500'] as const)(
    'tells what Meta answered to a send (%s), without text or token',
    async (fault) => {
      bot.simulator.fail(channel, fault, 1);
      const error = await reply('another secret');
      expect(error).toMatchObject({
        code: 'ADJ_SEND_FAILED',
        where: `${channel} ${bot.identity.account}`,
        cause: { status: Number(codes[channel][fault].slice(0, 3)) },
      });
      expect(String(error)).toContain(`answered ${codes[channel][fault]}.`);
      expect(JSON.stringify([String(error), error])).not.toMatch(new RegExp(`secret|${bot.identity.token}`));
    },
  );

  it('says that a message may have arrived when nobody answered', async () => {
    bot.simulator.fail(channel, 'timeout', 1);
    expect(String(await reply('hi'))).toMatch(/ADJ_SEND_FAILED.*did not answer.*may have arrived/);
  });

  it('takes a token for each account', async () => {
    const asked: string[] = [];
    const accessToken = async (account: string) => {
      asked.push(account);
      return bot.identity.token;
    };
    expect(await reply('hi', { accessToken })).toMatchObject(
      channel === 'messenger' ? { message_id: expect.any(String) } : { messages: [{ id: expect.stringMatching(/^wamid\./) }] },
    );
    expect([asked, bot.received]).toEqual([[bot.identity.account], ['ada: hi']]);
    expect(await reply('hi', { accessToken: 'stale' })).toMatchObject({
      cause: { code: 190 },
      hint: expect.stringContaining('token'),
    });
  });

  it('takes the vendor’s own messages', async () => {
    const message =
      channel === 'messenger'
        ? { attachment: { type: 'image', payload: { url: 'https://media.invalid/a.png' } } }
        : { type: 'image', image: { link: 'https://media.invalid/a.png' } };
    await reply(message);
    await reply(
      channel === 'messenger'
        ? { message: { text: 'whole' }, messaging_type: 'MESSAGE_TAG', tag: 'HUMAN_AGENT' }
        : { type: 'text', text: { body: 'whole' } },
    );
    expect(bot.received).toEqual(['ada: [image]', 'ada: whole']);
  });

  it('does not fail a request for an acknowledgement that could not be sent', async () => {
    bot.simulator.fail(channel, '500', 1);
    const handler = bot.events$(() => {});
    expect((await handler.fetch(bot.request(bot.does('ada', 'refresh')))).status).toBe(200);
    expect(bot.events.map(({ type }) => type)).toEqual(expect.arrayContaining(['opened', 'error']));
  });

  it('sends later, outside any request, to where the person wrote from or to an address of the bot’s own', async () => {
    const handler = bot.events$(() => {}, { accounts: [bot.identity.account] });
    await handler.fetch(bot.request(bot.does('ada', 'hi')));
    const key = bot.events.find(({ type }) => type === 'opened')?.key ?? '';
    await bot.sessions.run(key, (turn) => turn.reply('your order is ready'));
    const { key: other } = await bot.sessions.open({ channel, endpoint: 'main', user: bot.simulator.person(channel, 'bo') });
    await bot.sessions.run(other, (turn) => turn.reply('hello'));
    await until(() => bot.received.length === 2);
    expect(bot.received).toEqual(['ada: your order is ready', 'bo: hello']);
  });
});

describe('a person on WhatsApp', () => {
  const [scoped, parent, phone] = ['DE.41207755019936620155', 'DE.ENT.41207755019936620155', '491700000111'];

  it.each([
    [[undefined, scoped, phone], { user: scoped, alias: phone }],
    [[phone, scoped], { user: scoped, alias: phone }],
    [[phone, phone], { user: phone }],
    [[scoped], { user: scoped }],
    [[parent], { user: parent }],
    [['', 5, null], {}],
  ])('%o is %o', (ids, person) => expect(personOf(...ids)).toEqual(person));

  it('is written to by phone number where one is known, else by the business-scoped id', () => {
    expect(receiverOf({ user: scoped, alias: phone })).toEqual({ to: phone });
    expect(receiverOf({ user: phone })).toEqual({ to: phone });
    expect(receiverOf({ user: scoped })).toEqual({ recipient: scoped });
  });
});
