import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { messengerSender } from '../../src/adapters/messenger.ts';
import { whatsappSender } from '../../src/adapters/whatsapp.ts';
import { createSessions, keyvStore } from '../../src/index.ts';
import { type Archive, type ClosedSession, memoryArchive } from '../../src/middleware/archive.ts';
import { answer, type MetaBot, type MetaOptions, metaBot } from './meta-bot.ts';
import { type FakeGraph, fakeGraph } from './meta-graph.ts';

const minute = 60_000;
const settings = { closing: 'proactive', closingMessage: 'Bye' } as const;

describe.each(['messenger', 'whatsapp'] as const)('a proactive close on %s', (channel) => {
  let bot: MetaBot;
  let archive: Archive;
  let key: string;

  /** Starts the bot; ada writes to it once. */
  async function start(
    more: MetaOptions = {},
    others: Parameters<typeof metaBot>[1] = {},
  ): Promise<(text: string) => Promise<void>> {
    archive = memoryArchive();
    bot = await metaBot(channel, { archive, ...others });
    const handler = bot.events$((_event, turn) => answer(turn), { ...settings, ...more });
    const says = async (text: string) => {
      expect((await handler.fetch(bot.request(bot.does('ada', text)))).status).toBe(200);
    };
    await says('hi');
    key = bot.events.find(({ type }) => type === 'opened')?.key ?? '';
    return says;
  }
  afterEach(() => bot.close());

  const told = (type: string) => bot.events.filter((event) => event.type === type);
  const closed = async () => (await archive.sessions({ keys: [key] })).sessions.map(({ message }) => message);

  it('says goodbye once, at the deadline, and answers in a new session after it', async () => {
    const says = await start();
    await bot.clock.advance(30 * minute - 1);
    expect(bot.received).toEqual(['ada: #1 hi']);
    await bot.clock.advance(1);
    expect(bot.received).toEqual(['ada: #1 hi', 'ada: Bye']);
    await bot.clock.advance(120 * minute);
    await says('hi again');
    expect(bot.received).toEqual(['ada: #1 hi', 'ada: Bye', 'ada: #1 hi again']);
    expect((await archive.sessions({ keys: [key] })).sessions).toEqual([
      expect.objectContaining({ message: 'sent', messageId: expect.any(String), reason: 'inactivity' }),
    ]);
  });

  it('is silent where the window of 24 hours has closed', async () => {
    await start({ expiration: '24h' });
    await bot.clock.advance(25 * 60 * minute);
    expect([bot.received, await closed()]).toEqual([['ada: #1 hi'], ['skipped:window']]);
  });

  it.each([
    ['window', channel === 'messenger' ? 'failed:10/2018278' : 'failed:131047', []],
    ['blocked', channel === 'messenger' ? 'failed:551/1545041' : 'failed:131026', []],
    ['500', 'unknown', []],
    ['timeout', 'unknown', []],
    ['500-delivered', 'unknown', ['ada: Bye']],
    ['429', 'sent', ['ada: Bye']],
  ] as const)('meets "%s" once and says what happened', async (fault, message, received) => {
    await start();
    bot.simulator.fail(channel, fault, 1);
    await bot.clock.advance(120 * minute);
    expect([bot.received.slice(1), await closed()]).toEqual([received, [message]]);
  });

  it('leaves a contact alone who cannot be reached, until they write again', async () => {
    const says = await start({ closingMessageTo: 'all', warnings: [{ before: 5, message: 'Still there?' }] });
    bot.simulator.fail(channel, 'blocked', 1);
    await bot.clock.advance(35 * minute);
    const blocked = channel === 'messenger' ? '551/1545041' : '131026';
    expect(told('warned').map((event) => 'message' in event && event.message)).toEqual([`failed:${blocked}`]);
    expect([bot.received, await closed()]).toEqual([['ada: #1 hi'], [`skipped:${blocked}`]]);
    await says('back');
    await bot.clock.advance(35 * minute);
    expect(bot.received.slice(1)).toEqual(['ada: #1 back', 'ada: Still there?', 'ada: Bye']);
    expect(await closed()).toEqual(['sent', `skipped:${blocked}`]);
  });

  it('is done by a process that has the sender alone', async () => {
    const store = keyvStore();
    await start({}, { store, worker: false });
    await bot.clock.advance(30 * minute);
    expect(bot.received).toEqual(['ada: #1 hi']);

    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const worker = createSessions({ store, clock: bot.clock, logger, archive, endpoints: { main: settings } });
    const messages: string[] = [];
    worker.on('closed', ({ message }) => void messages.push(message));
    const options = { endpoint: 'main', accessToken: bot.identity.token, graphBaseUrl: bot.simulator.url } as const;
    if (channel === 'messenger') messengerSender(worker, options);
    else whatsappSender(worker, options);
    await bot.clock.advance(minute);
    expect([bot.received.slice(1), messages, await closed()]).toEqual([['ada: Bye'], ['sent'], ['sent']]);
    await worker.stop();
  });
});

describe('what Meta says later', () => {
  let graph: FakeGraph;
  let bot: MetaBot;
  let archive: Archive;
  beforeEach(async () => {
    archive = memoryArchive();
    graph = await fakeGraph();
  });
  afterEach(async () => {
    graph.close();
    await bot.close();
  });

  /** Ada's session is closed with a text. @returns takes webhooks */
  async function closes(channel: 'messenger' | 'whatsapp'): Promise<(body: object) => Promise<void>> {
    bot = await metaBot(channel, { graph, archive });
    const handler = bot.events$(() => {}, { ...settings, closingMessageTo: 'all' });
    await handler.fetch(bot.request(bot.does('ada', 'hi')));
    await bot.clock.advance(30 * minute);
    expect(graph.calls).toHaveLength(1);
    return async (body) => expect((await handler.fetch(bot.request(bot.raw(body)))).status).toBe(200);
  }
  const key = () => bot.events.find(({ type }) => type === 'opened')?.key ?? '';
  const kept = async (): Promise<ClosedSession | undefined> => (await archive.sessions({ keys: [key()] })).sessions[0];
  const failures = () => bot.events.flatMap((event) => (event.type === 'send_failed' ? [[event.session, event.message]] : []));

  const person = () => bot.simulator.person('whatsapp', 'ada');
  const statuses = (...list: readonly object[]) => {
    const common = { id: 'wamid.1', timestamp: String(bot.clock.now() / 1_000), recipient_user_id: person() };
    const value = {
      messaging_product: 'whatsapp',
      metadata: { phone_number_id: bot.identity.account },
      statuses: list.map((status) => ({ ...common, ...status })),
    };
    return { object: 'whatsapp_business_account', entry: [{ id: '551', changes: [{ field: 'messages', value }] }] };
  };
  /** What the closing message was sent with, as WhatsApp gives it back. */
  const marked = () => ({ biz_opaque_callback_data: graph.calls[0]?.body['biz_opaque_callback_data'] });

  it('a failed delivery lands on the close', async () => {
    const hears = await closes('whatsapp');
    const session = (await kept())?.session;
    expect((await kept())?.message).toBe('sent');
    await hears(statuses({ ...marked(), status: 'sent' }, { ...marked(), status: 'failed', errors: [{ code: 131047 }] }));
    expect([(await kept())?.message, failures()]).toEqual(['failed:131047', [[session, 'failed:131047']]]);
    // Statuses come in any order.
    await hears(statuses({ ...marked(), status: 'sent' }));
    expect((await kept())?.message).toBe('failed:131047');
  });

  it('somebody who has blocked the number gets no more texts', async () => {
    const hears = await closes('whatsapp');
    await hears(statuses({ ...marked(), status: 'failed', errors: [{ code: 131026 }] }));
    await bot.sessions.open({ channel: 'whatsapp', endpoint: 'main', user: person() });
    await bot.clock.advance(30 * minute);
    expect((await kept())?.message).toMatch(/^skipped:(?!window)/);
    expect(graph.calls).toHaveLength(1);
  });

  it('a delivery settles what was unknown', async () => {
    graph.meet('break');
    const hears = await closes('whatsapp');
    expect((await kept())?.message).toBe('unknown');
    await hears(statuses({ ...marked(), status: 'delivered' }));
    expect([(await kept())?.message, failures()]).toEqual(['sent', []]);
  });

  it('so does an echo on Messenger', async () => {
    graph.meet({ status: 500 });
    const hears = await closes('messenger');
    expect((await kept())?.message).toBe('unknown');
    const { metadata } = (graph.calls[0]?.body['message'] ?? {}) as { metadata?: string };
    const echo = {
      sender: { id: bot.identity.account },
      recipient: { id: bot.simulator.person('messenger', 'ada') },
      timestamp: bot.clock.now(),
      message: { mid: 'm_echo', text: 'Bye', is_echo: true, metadata },
    };
    await hears({ object: 'page', entry: [{ id: bot.identity.account, time: bot.clock.now(), messaging: [echo] }] });
    expect((await kept())?.message).toBe('sent');
  });

  it('the fate of the bot’s own messages is the bot’s own business', async () => {
    const hears = await closes('whatsapp');
    const session = (await kept())?.session;
    const failed = { status: 'failed', errors: [{ code: 131026 }] };
    await hears(statuses(failed, { ...failed, biz_opaque_callback_data: session }));
    await bot.sessions.open({ channel: 'whatsapp', endpoint: 'main', user: person() });
    expect([(await kept())?.message, failures(), bot.opened()]).toEqual(['sent', [], 2]);
    await bot.clock.advance(30 * minute);
    expect((await kept())?.message).toBe('skipped:window');
  });
});
