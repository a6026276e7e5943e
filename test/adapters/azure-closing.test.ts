import Keyv from 'keyv';
import { describe, expect, it } from 'vitest';
import { azureSender } from '../../src/adapters/azure.ts';
import { outcomeOf } from '../../src/adapters/support/azure-outcome.ts';
import { isTrusted } from '../../src/adapters/support/azure-service.ts';
import { createSessions, type EndpointSettings, keyvStore, type SessionsOptions } from '../../src/index.ts';
import { type Bot, type Context, type Data, sdks, startBot } from './azure-bots.ts';

const minutes = 60_000;
const settings: EndpointSettings = { expiration: 30, closing: 'proactive', closingMessage: 'Bye' };

async function counts(context: Context, { sessions }: Bot): Promise<void> {
  const turn = sessions.turn(context);
  if (turn !== undefined) await context.sendActivity(`#${turn.session.turnCount} ${context.activity.text ?? ''}`);
}

const closes = ({ events }: Bot) => events.flatMap((event) => (event.type === 'closed' ? [event] : []));

/** The worker talks to the Bot Connector by real HTTP, while virtual time stands still. */
async function closed(bot: Bot, times = 1) {
  while (closes(bot).length < times) await new Promise(setImmediate);
  return closes(bot).map(({ message }) => message);
}

describe.each(sdks)('closing by itself, on %s', (sdk) => {
  const start = (more: SessionsOptions<Data, string> = {}, options = {}) =>
    startBot(sdk, { logic: counts, sessions: { endpoints: { main: settings }, ...more }, options });

  it('tells the person once, at the deadline, while the conversation is held', async () => {
    await using bot = await start();
    await bot.says('a');
    await bot.clock.advance(30 * minutes - 1);
    expect(bot.said).toEqual(['#1 a']);
    await bot.clock.advance(1);
    expect(await closed(bot)).toEqual(['sent']);
    expect(closes(bot)).toMatchObject([{ reason: 'inactivity', closedAt: bot.clock.now(), messageId: expect.any(String) }]);
    await bot.clock.advance(60 * minutes);
    await bot.says('b');
    expect(bot.said).toEqual(['#1 a', 'Bye', '#1 b']);
    expect(bot.errors).toEqual([]);
  });

  it('is silent towards whoever has blocked the bot, until they write again', async () => {
    const store = keyvStore(new Keyv());
    await using bot = await start({ store });
    const unreachable = async () => (await store.find({ prefix: 'azure/' })).records.map(({ record }) => record['unreachable']);
    await bot.says('a');
    bot.fails('blocked');
    await bot.clock.advance(30 * minutes);
    expect(await closed(bot)).toEqual(['failed:ConversationBlockedByUser']);
    expect(await unreachable()).toEqual(['ConversationBlockedByUser']);
    await bot.says('b');
    expect(await unreachable()).toEqual([undefined]);
    expect(bot.said).toEqual(['#1 a', '#1 b']);
    expect(bot.errors).toEqual([]);
  });

  it('says nothing again after a call that failed and may have arrived', async () => {
    await using bot = await start();
    await bot.says('a');
    bot.fails('500-delivered');
    await bot.clock.advance(30 * minutes);
    expect(await closed(bot)).toEqual(['unknown']);
    await bot.says('b');
    bot.fails('timeout');
    await bot.clock.advance(30 * minutes);
    expect(await closed(bot, 2)).toEqual(['unknown', 'unknown']);
    await bot.clock.advance(30 * minutes);
    expect(bot.said).toEqual(['#1 a', 'Bye', '#1 b']);
  });

  it('says it later where the Bot Connector is busy', async () => {
    await using bot = await start();
    const { promise: deferred, resolve } = Promise.withResolvers<void>();
    bot.sessions.on('closed', () => resolve());
    await bot.says('a');
    bot.fails('429');
    await bot.clock.advance(30 * minutes);
    for (let waited = 0; closes(bot).length === 0 && waited < 2_000; waited += 100) await bot.clock.advance(100);
    await deferred;
    expect(closes(bot)).toMatchObject([{ message: 'sent' }]);
    expect(bot.said).toEqual(['#1 a', 'Bye']);
  });

  it('keeps to the time for which a relayed network takes messages', async () => {
    const endpoints = { short: { ...settings, expiration: '23h' }, long: { ...settings, expiration: '25h' } } as const;
    const endpoint = ({ conversation }: { conversation?: { id: string } | undefined }) =>
      conversation?.id.endsWith('-us') ? 'short' : 'long';
    await using bot = await start({ endpoints }, { endpoint });
    const { id } = bot.reference.conversation;
    await bot.post(bot.activity({ id: 'm1', channelId: 'facebook', text: 'a' }));
    await bot.post(bot.activity({ id: 'm2', channelId: 'facebook', text: 'b', conversation: { id: `${id}-2` } }));
    await bot.post(bot.activity({ id: 'm3', channelId: 'telegram', text: 'c', conversation: { id: `${id}-3` } }));
    await bot.clock.advance(25 * 60 * minutes);
    expect((await closed(bot, 3)).toSorted()).toEqual(['failed:window', 'sent', 'sent']);
  });

  it('trusts no service URL but the ones it is told of', async () => {
    await using bot = await start({}, { serviceHosts: [] });
    await bot.says('a');
    await bot.clock.advance(30 * minutes);
    expect(await closed(bot)).toEqual(['failed:service_url']);
    expect(bot.said).toEqual(['#1 a']);
  });

  it('works from another process, which gets no requests', async () => {
    const store = keyvStore(new Keyv());
    await using bot = await start({ store, worker: false });
    const { clock } = bot;
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const other = createSessions({ store, clock, logger, endpoints: { main: settings }, worker: false });
    const messages: unknown[] = [];
    other.on('closed', ({ message }) => void messages.push(message));
    azureSender(other, { endpoint: 'main', ...bot.worker() });
    await bot.says('a');
    await clock.advance(30 * minutes);
    expect([await other.sweep(), await other.sweep()]).toEqual([1, 0]);
    expect(messages).toEqual(['sent']);
    await bot.says('b');
    expect(bot.said).toEqual(['#1 a', 'Bye', '#1 b']);
  });
});

describe('what became of a send', () => {
  it.each([
    [
      { statusCode: 404, code: 'ConversationNotFound' },
      { outcome: 'refused', reason: 'ConversationNotFound' },
    ],
    [{ statusCode: 401 }, { outcome: 'refused', reason: '401' }],
    [
      { status: 403, response: { data: { error: { code: 'BotNotInRoster' } } } },
      { outcome: 'refused', reason: 'BotNotInRoster', unreachable: true },
    ],
    [{ response: { status: 400, data: 'a page' } }, { outcome: 'refused', reason: '400' }],
    [
      { statusCode: 412, code: 'PreconditionFailed' },
      { outcome: 'retry', reason: 'PreconditionFailed' },
    ],
    [
      { status: 429, response: { headers: new Headers({ 'retry-after': '7' }) } },
      { outcome: 'retry', reason: '429', afterMs: 7_000 },
    ],
    [
      { statusCode: 503, code: 'ServiceUnavailable' },
      { outcome: 'unknown', reason: '503' },
    ],
    [{ statusCode: 408 }, { outcome: 'unknown', reason: '408' }],
    [{ code: 'ECONNREFUSED' }, { outcome: 'retry', reason: 'connection' }],
    [{ cause: { code: 'ENOTFOUND' } }, { outcome: 'retry', reason: 'connection' }],
    [{ code: 'ECONNRESET' }, { outcome: 'unknown', reason: 'no_answer' }],
    [
      { errorCode: 'invalid_client', status: 500 },
      { outcome: 'retry', reason: 'token' },
    ],
    [undefined, { outcome: 'unknown', reason: 'no_answer' }],
  ])('%j', (error, outcome) => {
    const thrown = error === undefined ? undefined : Object.assign(new Error('It failed.'), error);
    expect(outcomeOf(thrown)).toEqual(outcome);
  });
});

describe('a service URL', () => {
  it.each([
    ['https://smba.trafficmanager.net/emea/', true],
    ['https://facebook.botframework.com/', true],
    ['https://smba.infra.gov.teams.microsoft.us/gov/', true],
    ['https://relay.example.org:8443/x', true],
    ['http://Relay.Example.org/', true],
    ['http://facebook.botframework.com/', false],
    ['https://evilbotframework.com/', false],
    ['https://botframework.com.example.net/', false],
    ['https://botframework.com@example.net/', false],
    ['ftp://relay.example.org/', false],
    ['http://127.0.0.1:3978/', false],
    ['urn:botframework:websocket', false],
    ['nonsense', false],
  ])('%s: %s', (url, trusted) => expect(isTrusted(url, ['Relay.example.org'])).toBe(trusted));
});
