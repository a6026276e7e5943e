import { LineBotClient, messagingApi } from '@line/bot-sdk';
import { describe, expect, it } from 'vitest';
import { start } from '../../samples/line/bot.ts';
import { lineSender, lineSessions } from '../../src/adapters/line.ts';
import { isAdjournError } from '../../src/index.ts';
import { type Answer, abandoned, fewWords, later, nobody } from './later.ts';
import { lineBot } from './line-bot.ts';
import { peopleOf } from './people.ts';

const clientAt = (url: string) => new messagingApi.MessagingApiClient({ channelAccessToken: 'secret', baseURL: url });
const person = 'U00000000000000000000000000000001';
const ada = { channel: 'line', user: person, conversation: { id: person, kind: 'direct' } } as const;

const pushed: Answer = { status: 200, body: { sentMessages: [{ id: '700', quoteToken: 'q' }] } };
const refusal = (status: number, message: string): Answer => ({ status, body: { message } });
const before: Answer = {
  status: 409,
  headers: { 'x-line-accepted-request-id': '1' },
  body: { message: 'The retry key is already accepted', sentMessages: [{ id: '700' }] },
};

describe('a closing message', () => {
  it.each([
    ['MessagingApiClient', clientAt],
    ['LineBotClient', (url: string) => LineBotClient.fromChannelAccessToken({ channelAccessToken: 'secret', apiBaseURL: url })],
  ])('is pushed by a %s under a key of its own', async (_name, client) => {
    await using api = await fewWords(pushed);
    const desk = later();
    lineSender(desk.sessions, { endpoint: 'desk', client: client(api.url) });
    expect(await desk.close(ada)).toMatchObject({ message: 'sent', messageId: '700' });
    await desk.close(ada);
    const [first, second] = api.calls;
    expect(first?.path).toBe('/v2/bot/message/push');
    expect(JSON.parse(first?.text ?? '')).toEqual({ to: person, messages: [{ type: 'text', text: 'Bye.' }] });
    const keys = [first, second].map((call) => call?.headers['x-line-retry-key']);
    expect(keys).toEqual(Array(2).fill(expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)));
    expect(keys[0]).not.toBe(keys[1]);
  });

  it('goes to the group it was about', async () => {
    await using api = await fewWords(pushed);
    const desk = later();
    lineSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url) });
    await desk.close({ ...ada, conversation: { id: 'C1', kind: 'shared' } });
    expect(JSON.parse(api.calls[0]?.text ?? '')).toMatchObject({ to: 'C1' });
  });

  it.each([
    ['400', refusal(400, 'The request body has 1 error(s)'), 'failed:400', false],
    ['a person nobody knows', refusal(400, 'Failed to send messages'), 'failed:undeliverable', true],
    ['401', refusal(401, 'Authentication failed'), 'failed:401', false],
    ['403', refusal(403, 'Access to this API is not available'), 'failed:403', false],
    ['413', refusal(413, 'Payload too large'), 'failed:413', false],
    ['the end of the month’s messages', refusal(429, 'You have reached your monthly limit.'), 'failed:quota', false],
  ])('that meets %s is not sent again', async (_name, answer, message, gone) => {
    await using api = await fewWords(answer, pushed);
    const desk = later();
    lineSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url) });
    expect(await desk.close(ada)).toMatchObject({ message });
    expect(await desk.close(ada)).toMatchObject({ message: gone ? 'skipped:undeliverable' : 'sent' });
    expect(api.calls).toHaveLength(gone ? 1 : 2);
  });

  it.each([
    ['a rate limit', refusal(429, 'The API rate limit has been exceeded. Try again later.'), pushed],
    ['500', refusal(500, 'Internal Server Error'), pushed],
    ['500, though it had been sent', refusal(500, 'Internal Server Error'), before],
    ['503', { status: 503, body: '' }, pushed],
    ['a broken connection', 'breaks', pushed],
    ['a broken connection, though it had been sent', 'breaks', before],
  ] as const)('that met %s is sent again under the same key', async (_name, first, second) => {
    await using api = await fewWords(first, second);
    const desk = later();
    lineSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url) });
    const { key } = await desk.sessions.open({ ...ada, endpoint: 'desk' });
    await desk.expire();
    expect([await desk.closed(key), api.calls.length]).toEqual([undefined, 1]);
    await desk.goOn();
    expect(await desk.closed(key)).toMatchObject({ message: 'sent', messageId: '700' });
    expect(new Set(api.calls.map(({ headers }) => headers['x-line-retry-key'])).size).toBe(1);
    expect(api.calls).toHaveLength(2);
  });

  it('that LINE does not answer in time is sent again under the same key', async () => {
    await using api = await fewWords('silence', before);
    const desk = later();
    lineSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url) });
    const { key } = await desk.sessions.open({ ...ada, endpoint: 'desk' });
    const called = api.next();
    const expired = desk.expire();
    await called;
    await desk.clock.advance(15_000);
    await expired;
    await desk.goOn();
    expect([await desk.closed(key), api.calls.length]).toMatchObject([{ message: 'sent', messageId: '700' }, 2]);
  });

  it('that LINE fails to answer for good is unknown in the end; one that reached nobody has failed', async () => {
    await using api = await fewWords(refusal(500, 'Internal Server Error'));
    for (const [url, message] of [
      [api.url, 'unknown'],
      [await nobody(), 'failed:connection'],
    ] as const) {
      const desk = later();
      lineSender(desk.sessions, { endpoint: 'desk', client: clientAt(url) });
      const { key } = await desk.sessions.open({ ...ada, endpoint: 'desk' });
      await desk.expire();
      await desk.goOn();
      expect(await desk.closed(key)).toMatchObject({ message });
    }
  });
});

describe('a sender', () => {
  it('tells the bot what became of a reply outside of requests', async () => {
    await using api = await fewWords(refusal(403, 'Access to this API is not available'));
    const desk = later();
    lineSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url) });
    const { key } = await desk.sessions.open({ ...ada, endpoint: 'desk' });
    const reply = desk.sessions.run(key, (turn) => turn.reply('Your order has shipped.'));
    await expect(reply).rejects.toSatisfy((error) => isAdjournError(error, 'ADJ_SEND_FAILED'));
  });

  it('is not to be had without a client', () => {
    const options = { endpoint: 'desk', client: {} as never } as const;
    expect(() => lineSender(later().sessions, options)).toThrow(expect.objectContaining({ code: 'ADJ_CONFIG_INVALID' }));
  });
});

describe('a session that is left', () => {
  it.each([
    [undefined, 'sent', 1],
    ['429', 'sent', 1],
    ['500', 'sent', 1],
    ['500-delivered', 'sent', 1],
    ['timeout', 'sent', 1],
    ['window', 'failed:undeliverable', 0],
    // LINE takes what it does not deliver.
    ['blocked', 'sent', 0],
  ] as const)('meets %s: %s, told %i times, and the next message opens a new one', async (fault, message, byes) => {
    const left = await abandoned('line', start, fault);
    expect(left).toEqual({ byes, told: [message], kept: [message], answer: '#1 again' });
  });

  it('is closed with a text by another process, which gets no requests', async () => {
    const left = await abandoned('line', start, undefined, peopleOf('line').mountSender);
    expect(left).toEqual({ byes: 1, told: ['sent'], kept: ['sent'], answer: '#1 again' });
  });
});

it('writes nothing to those who have left, until they are back', async () => {
  const settings = { expiration: 30, closing: 'proactive', closingMessage: 'Bye.', closingMessageTo: 'all' } as const;
  const bot = await lineBot(settings, { worker: false });
  bot.mount(lineSessions(bot.sessions, bot.options, () => {}));
  const user = bot.simulator.person('line', 'ada');
  const lifecycle = (type: string) => ({
    type,
    mode: 'active',
    timestamp: bot.clock.now(),
    source: { type: 'user', userId: user },
  });
  const closes = () => bot.events.flatMap((event) => (event.type === 'closed' ? [[event.reason, event.message]] : []));
  /** The bot begins a session with Ada, who does not answer. */
  const ignored = async () => {
    await bot.sessions.open({ channel: 'line', endpoint: 'chat', user });
    await bot.clock.advance(30 * 60_000);
    await bot.sessions.sweep();
    return closes().at(-1);
  };
  await bot.does('ada', 'hi');
  await bot.raw({ destination: bot.identity.account, events: [lifecycle('unfollow')] });
  expect(closes()).toEqual([['user_command', 'off']]);
  expect(await ignored()).toEqual(['inactivity', 'skipped:unfollow']);
  await bot.raw({ destination: bot.identity.account, events: [lifecycle('follow')] });
  expect(await ignored()).toEqual(['inactivity', 'sent']);
  expect(bot.received).toEqual(['ada: Bye.']);
  await bot.close();
});
