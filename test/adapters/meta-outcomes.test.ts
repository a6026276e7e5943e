import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MetaBot, type MetaChannelName, metaBot } from './meta-bot.ts';
import { type FakeGraph, fakeGraph, type Meets } from './meta-graph.ts';

const minute = 60_000;
const settings = { closing: 'proactive', closingMessage: 'Bye', closingMessageTo: 'all' } as const;

/** What Meta says, and what the close record says then. */
type Case = readonly [said: Meets, message: string];

const codes = (status: number, list: readonly (number | readonly [number, number])[]): Case[] =>
  list.map((one) => {
    const [code, error_subcode] = typeof one === 'number' ? [one] : one;
    const error = { message: `(#${code}) No.`, type: 'OAuthException', code, ...(error_subcode && { error_subcode }) };
    return [{ status, error }, `failed:${[one].flat().join('/')}`];
  });

const unknown = (cases: readonly Case[]): Case[] => cases.map(([said]) => [said, 'unknown']);

const table: Readonly<
  Record<MetaChannelName, Readonly<Record<'refused' | 'unreachable' | 'throttled' | 'uncertain', readonly Case[]>>>
> = {
  messenger: {
    refused: [
      ...codes(400, [
        [10, 2018278],
        [10, 2534022],
        [10, 2018065],
      ]), // the window is closed
      ...codes(400, [[100, 2018300], 2018300, [100, 2018321], [100, 2534037]]), // not our turn
      ...codes(401, [190]), // credentials
      ...codes(403, [[200, 2018028], 10, 3, [10, 1893063], [100, 2534029], 2022]),
      ...codes(400, [100, [100, 2018109], 424242]), // a request that no repetition makes right
      ...codes(400, [[613, 2018338]]), // too much for this person
      [{ status: 404 }, 'failed:404'],
    ],
    unreachable: codes(400, [551, [551, 1545041], [200, 1545041], [10, 2018108], [100, 2018001], [100, 2534014]]),
    throttled: [...codes(400, [4, 17, 32, 613, [613, 2534040]]), [{ status: 429 }, 'failed:429']],
    uncertain: unknown([
      ...codes(400, [1, 2, 1200]),
      ...codes(500, [2, 4, 424242]),
      [{ status: 502 }, ''],
      [{ status: 408 }, ''],
    ]),
  },
  whatsapp: {
    refused: [
      ...codes(400, [131047, 470]), // the window is closed
      ...codes(401, [0, 190]), // credentials
      ...codes(403, [3, 10, 200, 299, 131005, 131031, 368, 131042, 133010, 131045, 130497]),
      ...codes(400, [100, 131008, 131009, 131051, 132000, 132016, 424242]), // a request that no repetition makes right
      [{ status: 413 }, 'failed:413'],
    ],
    unreachable: codes(400, [131026, 131021, 131030, 130472, 131062, 137000]),
    throttled: [...codes(400, [4, 80007, 130429, 131056, 131048]), [{ status: 429 }, 'failed:429']],
    uncertain: unknown([
      ...codes(400, [1, 2, 131000, 131016, 131057, 133004]),
      ...codes(503, [131016, 130429, 424242]),
      [{ status: 500 }, ''],
    ]),
  },
};

describe.each(['messenger', 'whatsapp'] as const)('%s: what the vendor says to a closing message', (channel) => {
  let graph: FakeGraph;
  let bot: MetaBot;
  beforeEach(async () => {
    graph = await fakeGraph();
    bot = await metaBot(channel, { graph });
  });
  afterEach(async () => {
    graph.close();
    await bot.close();
  });

  /** What became of the closing messages so far. */
  const messages = () => bot.events.flatMap((event) => (event.type === 'closed' ? [event.message] : []));

  /** Ada writes; half an hour later she is told goodbye, and Meta says `said` to it. */
  async function says(said: Meets, more: object = {}): Promise<void> {
    const handler = bot.events$(() => {}, { ...settings, ...more });
    expect((await handler.fetch(bot.request(bot.does('ada', 'hi')))).status).toBe(200);
    graph.meet(said);
    await bot.clock.advance(35 * minute);
  }

  /** The bot begins a session of its own accord; it ends without another word. */
  async function nextClose(): Promise<string | undefined> {
    await bot.sessions.open({ channel, endpoint: 'main', user: bot.simulator.person(channel, 'ada') });
    await bot.clock.advance(31 * minute);
    return messages()[1];
  }

  it.each(table[channel].refused)('%j: not sent, and not tried again', async (said, message) => {
    await says(said);
    expect([messages(), graph.calls.length]).toEqual([[message], 1]);
    expect(await nextClose()).toBe('skipped:window');
    expect(graph.calls).toHaveLength(1);
  });

  it.each(table[channel].unreachable)('%j: nothing reaches this person', async (said, message) => {
    await says(said);
    expect([messages(), graph.calls.length]).toEqual([[message], 1]);
    expect(await nextClose()).toBe(message.replace('failed:', 'skipped:'));
    expect(graph.calls).toHaveLength(1);
  });

  it.each(table[channel].throttled)('%j: tried again, for a while', async (said, message) => {
    await says(said);
    expect([messages(), graph.calls.length]).toEqual([[message], 3]);
  });

  it.each(table[channel].uncertain)('%j: perhaps sent, and never again', async (said, message) => {
    await says(said);
    expect([messages(), graph.calls.length]).toEqual([[message], 1]);
  });

  it.each(['break', 'silence'] as const)('%s: perhaps sent, and never again', async (said) => {
    await says(said);
    expect([messages(), graph.calls.length]).toEqual([['unknown'], 1]);
  });

  it('is tried again where nobody takes the connection, or no token can be had', async () => {
    let asked = 0;
    const accessToken = () => {
      asked += 1;
      // Now nobody listens there any more.
      if (asked === 2) graph.close();
      if (asked < 3) throw new Error('The vault is locked.');
      return 'open sesame';
    };
    await says({ status: 200 }, { accessToken });
    expect([messages(), asked, graph.calls.length]).toEqual([['failed:connection'], 3, 0]);
  });

  it('goes through once the vendor takes it', async () => {
    const handler = bot.events$(() => {}, settings);
    await handler.fetch(bot.request(bot.does('ada', 'hi')));
    graph.meet({ status: 429, error: { code: 4 } });
    await bot.clock.advance(30 * minute);
    graph.meet({ status: 200 });
    await bot.clock.advance(5 * minute);
    expect([messages(), graph.calls.length]).toEqual([['sent'], 2]);
    expect(bot.events.find(({ type }) => type === 'closed')).toMatchObject({
      messageId: channel === 'messenger' ? 'm_2' : 'wamid.2',
    });
  });

  it('is written in the vendor’s words, with the close it announces', async () => {
    await says({ status: 200 });
    const person = bot.simulator.person(channel, 'ada');
    const closed = bot.events.find((event) => event.type === 'closed');
    const mark = `adjourn:${closed?.session}`;
    const { account, token } = bot.identity;
    expect(graph.calls).toEqual([
      channel === 'messenger'
        ? {
            path: '/v25.0/me/messages',
            token,
            body: { recipient: { id: person }, messaging_type: 'UPDATE', message: { text: 'Bye', metadata: mark } },
          }
        : {
            path: `/v25.0/${account}/messages`,
            token,
            body: {
              messaging_product: 'whatsapp',
              recipient_type: 'individual',
              to: person.slice('DE.1'.length),
              type: 'text',
              text: { body: 'Bye' },
              biz_opaque_callback_data: mark,
            },
          },
    ]);
  });

  it('carries no mark where it announces no close', async () => {
    bot.events$(() => {}, { accounts: [bot.identity.account] });
    const { key } = await bot.sessions.open({ channel, endpoint: 'main', user: bot.simulator.person(channel, 'ada') });
    const id = await bot.sessions.run(key, (turn) => turn.reply('your order is ready'));
    expect(id).toBe(channel === 'messenger' ? 'm_1' : 'wamid.1');
    expect(JSON.stringify(graph.calls)).not.toContain('adjourn:');
    expect(graph.calls[0]?.body['messaging_type']).toBe(channel === 'messenger' ? 'UPDATE' : undefined);
  });
});

it('a WhatsApp number that nobody has named cannot send', async () => {
  const graph = await fakeGraph();
  const bot = await metaBot('whatsapp', { graph });
  bot.events$(() => {});
  const { key } = await bot.sessions.open({ channel: 'whatsapp', endpoint: 'main', user: '491700000111' });
  const failed = await bot.sessions.run(key, (turn) => turn.reply('hi').catch((error) => String(error)));
  expect([failed, graph.calls]).toEqual([expect.stringMatching(/ADJ_SEND_FAILED.*refused: no_account/), []]);
  graph.close();
  await bot.close();
});
