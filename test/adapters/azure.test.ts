import Keyv from 'keyv';
import { describe, expect, it } from 'vitest';
import { isAdjournError, keyvStore } from '../../src/index.ts';
import { type Bot, type Context, sdks, startBot } from './azure-bots.ts';

/** Answers with the number of the turn. */
async function counts(context: Context, { sessions }: Bot): Promise<void> {
  const turn = sessions.turn(context);
  if (turn !== undefined) await context.sendActivity(`#${turn.session.turnCount} ${context.activity.text ?? ''}`.trim());
}

const minutes = 60_000;
const closedBy = ({ events }: Bot) => events.flatMap((event) => (event.type === 'closed' ? [event.reason] : []));
const startsOf = ({ events }: Bot) => events.flatMap((event) => (event.type === 'opened' ? [event.startReason] : []));

describe.each(sdks)('azureSessions on %s', (sdk) => {
  it('gives the handler the session of the context it gets', async () => {
    await using bot = await startBot(sdk, {
      async logic(context, { sessions }) {
        const session = sessions.of(context);
        session.data.seen.push(context.activity.text ?? '');
        await sessions.turn(context)?.reply(session.data.seen.join());
      },
    });
    await bot.says('pear');
    await bot.says('plum');
    expect(bot.said).toEqual(['pear', 'pear,plum']);
  });

  it('ends a session after its expiration, to the millisecond', async () => {
    await using bot = await startBot(sdk, { logic: counts });
    await bot.says('a');
    await bot.clock.advance(30 * minutes - 1);
    await bot.says('b');
    await bot.clock.advance(30 * minutes);
    await bot.says('c');
    expect(bot.said).toEqual(['#1 a', '#2 b', '#1 c']);
    expect(closedBy(bot)).toEqual(['inactivity']);
  });

  it('is not kept awake by what is no act of the user', async () => {
    await using bot = await startBot(sdk, { logic: counts });
    await bot.says('a');
    await bot.clock.advance(29 * minutes);
    for (const does of ['types', 'reads', 'reacts', 'edits', 'unsends', 'joins'] as const) await bot.does({ does });
    await bot.clock.advance(1 * minutes);
    await bot.says('b');
    expect(bot.said).toEqual(['#1 a', '#1 b']);
  });

  it('has settings for each channel id', async () => {
    await using bot = await startBot(sdk, {
      logic: counts,
      sessions: { endpoints: { teams: { expiration: 10 }, web: { expiration: 60 } } },
      options: {
        endpoint: ({ channelId }) => (channelId === 'msteams' ? 'teams' : channelId === 'webchat' ? 'web' : undefined),
      },
    });
    const copilot = [{ type: 'ProductInfo', id: 'COPILOT' }];
    const from = (channelId: string, id: string, entities?: object[]) =>
      bot.post(bot.activity({ channelId, id, text: id, entities }));
    await from('msteams', 't1');
    await from('webchat', 'w1');
    await from('telegram', 'none of ours');
    await bot.clock.advance(10 * minutes - 1);
    await from('msteams', 't2', copilot);
    await bot.clock.advance(10 * minutes);
    await from('msteams', 't3');
    await from('webchat', 'w2');
    expect(bot.said).toEqual(['#1 t1', '#1 w1', '#2 t2', '#1 t3', '#2 w2']);
    expect(bot.events.map(({ endpoint }) => endpoint)).toEqual(['teams', 'web', 'teams', 'teams']);
  });

  it('takes commands, tells the user, and leaves the handler out of it', async () => {
    await using bot = await startBot(sdk, { logic: counts });
    await bot.says('a');
    await bot.says('Discard All');
    await bot.says('b');
    await bot.does({ does: 'taps', payload: 'REFRESH' });
    await bot.says('c');
    expect(bot.said).toEqual(['#1 a', 'All discarded.', '#2 b', 'Refreshed.', '#1 c']);
    expect(startsOf(bot)).toEqual(['first', 'refresh']);
  });

  it('refreshes at once, and hands over what comes with the refresh', async () => {
    await using bot = await startBot(sdk, { logic: counts });
    await bot.says('a');
    await bot.does({ does: 'refreshes' });
    await bot.post(bot.activity({ id: 'r2', text: 'back again', channelData: { refresh: true } }));
    await bot.post(bot.activity({ id: 'r3', value: { refresh: true, page: '/plums' } }));
    await bot.post(bot.activity({ id: 'r4', type: 'event', name: 'refresh' }));
    expect(bot.said).toEqual(['#1 a', 'Refreshed.', '#1 back again', '#1', 'Refreshed.']);
    expect(closedBy(bot)).toEqual(['refresh', 'refresh', 'refresh', 'refresh']);
  });

  it('answers an invoke it takes, and leaves others to the bot', async () => {
    await using bot = await startBot(sdk, { logic: counts });
    const click = bot.activity({
      id: 'f:1',
      type: 'invoke',
      name: 'adaptiveCard/action',
      value: { action: { type: 'Action.Execute', verb: 'discard' }, trigger: 'manual' },
    });
    const taken = await bot.post(click);
    expect([taken.status, JSON.parse(taken.text)]).toEqual([200, expect.objectContaining({ statusCode: 200 })]);
    expect((await bot.post(click)).status).toBe(200);
    expect(bot.said).toEqual(['Discarded.']);
    expect(bot.events.map(({ type }) => type)).toEqual(['command', 'duplicate']);

    const unanswered = await bot.post(bot.activity({ id: 'f:2', type: 'invoke', name: 'task/fetch', value: {} }));
    expect(unanswered.status).toBe(501);
    expect(startsOf(bot)).toEqual([]);
  });

  it('counts the invokes and events that the bot names as clicks', async () => {
    await using bot = await startBot(sdk, { logic: counts, options: { clicks: ['task/submit', 'page/order'] } });
    await bot.post(bot.activity({ id: 'f:1', type: 'invoke', name: 'task/submit', value: { fruit: 'plum' } }));
    await bot.post(bot.activity({ id: 'e:1', type: 'event', name: 'page/order', value: { fruit: 'pear' } }));
    await bot.post(bot.activity({ id: 'e:2', type: 'event', name: 'page/scrolled' }));
    expect(bot.said).toEqual(['#1', '#2']);
  });

  it('handles a redelivery once', async () => {
    await using bot = await startBot(sdk, { logic: counts });
    const first = await bot.says('a');
    const again = await bot.post(first);
    const reposted = { ...first.body, id: 'a new activity id' };
    const resent = await bot.post({ ...first, body: reposted });
    expect([again, resent].map(({ status, text }) => [status, text])).toEqual([
      [200, ''],
      [200, ''],
    ]);
    expect(bot.said).toEqual(['#1 a']);
    expect(bot.events.map(({ type }) => type)).toEqual(['opened', 'duplicate', 'duplicate']);
  });

  it('brings what the handler throws to onTurnError, drops its changes, and runs a redelivery', async () => {
    let broken = true;
    await using bot = await startBot(sdk, {
      async logic(context, { sessions }) {
        const session = sessions.of(context);
        session.data.seen.push('change');
        if (broken) throw new Error('broken');
        await context.sendActivity(`#${session.turnCount} ${session.data.seen.length}`);
      },
    });
    const failed = await bot.says('a');
    expect(bot.errors).toEqual([expect.objectContaining({ message: 'broken' })]);
    broken = false;
    await bot.post(failed);
    expect(bot.said).toEqual(['#1 1']);
    expect(bot.events.map(({ type }) => type)).toEqual(['opened']);
  });

  it('answers fifty overlapping messages once each, in one session', async () => {
    await using bot = await startBot(sdk, {
      async logic(context, { sessions }) {
        const turn = sessions.turn(context);
        await new Promise(setImmediate);
        turn?.session.data.seen.push('x');
        await context.sendActivity(`#${turn?.session.turnCount} ${turn?.session.data.seen.length}`);
      },
    });
    await Promise.all(Array.from({ length: 50 }, (_, index) => bot.says(`m${index}`)));
    expect(bot.said).toEqual(Array.from({ length: 50 }, (_, index) => `#${index + 1} ${index + 1}`));
  });

  it('waits almost fifteen seconds for a busy conversation, then runs beside the other turn', async () => {
    const { promise: work, resolve: finish } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    await using bot = await startBot(sdk, {
      sessions: { worker: false },
      async logic(context, { sessions }) {
        const turn = sessions.turn(context);
        const { text = '' } = context.activity;
        begin();
        if (text === 'slow') await work;
        turn?.update(({ data }) => data.seen.push(text));
        await context.sendActivity(`${text} ${turn?.exclusive} ${turn?.session.data.seen.join()}`);
      },
    });
    const slow = bot.says('slow');
    await begun;
    const quick = bot.says('quick');
    while (bot.clock.nextWake() !== bot.clock.now() + 14_500) await new Promise(setImmediate);
    await bot.clock.advance(14_500);
    await quick;
    finish();
    await slow;
    await bot.says('last');
    expect(bot.said).toEqual(['quick false ', 'slow true slow', 'last true slow,quick,last']);
  });

  it('answers within the response where the activity asks for it', async () => {
    await using bot = await startBot(sdk, { logic: counts });
    const ask = async (text: string) => {
      const { status, text: body } = await bot.post(bot.activity({ id: text, text, deliveryMode: 'expectReplies' }));
      return [status, JSON.parse(body).activities.map((one: { text: string }) => one.text)];
    };
    expect(await ask('a')).toEqual([200, ['#1 a']]);
    expect(await ask('discard')).toEqual([200, ['Discarded.']]);
    expect(await ask('discard')).toEqual([200, []]);
  });

  it('keeps people, channels and reply chains apart', async () => {
    await using bot = await startBot(sdk, { logic: counts });
    const { id } = bot.reference.conversation;
    const group = (channelId: string, chain: string, user: string) =>
      bot.post(
        bot.activity({
          id: `${channelId}${chain}${user}${bot.events.length}`,
          text: user,
          channelId,
          from: { id: user },
          conversation: { id: `${id}${chain}`, isGroup: true },
        }),
      );
    await group('msteams', '', 'ada');
    await group('msteams', '', 'bo');
    await group('telegram', '', 'ada');
    await group('msteams', '', 'ada');
    expect(bot.said).toEqual(['#1 ada', '#1 bo', '#1 ada', '#2 ada']);
    await group('msteams', ';messageid=17', 'ada');
    expect(startsOf(bot)).toEqual(['first', 'first', 'first', 'first']);
    expect(new Set(bot.events.map(({ key }) => key)).size).toBe(4);
  });

  it('keeps ids for later, and neither tokens nor what the channel sent', async () => {
    const store = keyvStore(new Keyv());
    await using bot = await startBot(sdk, { logic: counts, sessions: { store, endpoints: { main: {} } } });
    await bot.post(
      bot.activity({ id: 's1', channelId: 'slack', text: 'a', channelData: { ApiToken: 'live-token', SlackMessage: {} } }),
    );
    const [opened] = bot.events;
    await bot.sessions.run(opened?.key ?? '', async (turn) => {
      await turn.reply('the job is done');
    });
    expect(bot.said).toEqual(['#1 a', 'the job is done']);
    const kept = JSON.stringify(await store.find({ prefix: 'azure/' }));
    expect(kept).toContain(bot.reference.conversation.id);
    expect(kept).not.toMatch(/live-token|SlackMessage|activityId/);
  });

  it('holds the request until the turn is saved, and replies afterwards by a turn of its own', async () => {
    const { promise: job, resolve: finish } = Promise.withResolvers<void>();
    await using bot = await startBot(sdk, {
      sessions: { worker: false },
      async logic(context, { sessions }) {
        const turn = sessions.turn(context);
        turn?.waitUntil(job.then(() => turn.reply('done')));
        await context.sendActivity('working');
      },
    });
    const answered = bot.says('a');
    while (bot.said.length === 0 || bot.clock.nextWake() !== bot.clock.now() + 14_500) await new Promise(setImmediate);
    const { promise: replied, resolve } = Promise.withResolvers<void>();
    bot.sessions.on('opened', () => resolve());
    await bot.clock.advance(14_500);
    await answered;
    finish();
    await replied;
    expect(bot.said).toEqual(['working', 'done']);
  });
});

describe.each(sdks)('turns the bot begins itself, on %s', (sdk) => {
  it('join the running turn of their conversation', async () => {
    await using bot = await startBot(sdk, {
      async logic(context, { sessions, begins, reference }) {
        const { session } = sessions.turn(context) ?? {};
        if (session === undefined) return;
        session.data.seen.push('outer');
        await begins(reference, async (inner) => {
          const joined = sessions.of(inner);
          joined.data.seen.push('inner');
          await inner.sendActivity(`${joined.id === session.id} ${joined.turnCount}`);
        });
        await context.sendActivity(session.data.seen.join());
      },
    });
    await bot.says('a');
    await bot.says('b');
    expect(bot.said).toEqual(['true 1', 'outer,inner', 'true 2', 'outer,inner,outer,inner']);
  });

  it('get the live session, without being activity', async () => {
    await using bot = await startBot(sdk, { logic: counts });
    const first = await bot.says('a');
    const note = async (context: Context) => {
      bot.sessions.of(context).data.seen.push('note');
      await context.sendActivity(`noted, turn ${bot.sessions.of(context).turnCount}`);
    };
    await bot.clock.advance(20 * minutes);
    await bot.begins({ ...bot.reference, activityId: first.id }, note);
    await bot.clock.advance(10 * minutes);
    await bot.says('b');
    expect(bot.said).toEqual(['#1 a', 'noted, turn 1', '#1 b']);
    expect(bot.events.map(({ type }) => type)).toEqual(['opened', 'closed', 'opened']);
  });

  it('find no session where none is live', async () => {
    await using bot = await startBot(sdk, { logic: counts });
    let reason: unknown;
    await bot.begins(bot.reference, async (context) => {
      try {
        bot.sessions.of(context);
      } catch (error) {
        reason = error;
      }
      await context.sendActivity('hello');
    });
    expect(bot.said).toEqual(['hello']);
    expect(isAdjournError(reason, 'ADJ_NO_SESSION')).toBe(true);
    expect(bot.events).toEqual([]);
  });
});

describe.each([
  ['begins at once', 0],
  ['begins after the request was answered', 50],
])('longRunningMessages of the Agents SDK, where the work %s', (_when, ticksToConnect) => {
  it('answers at once and works on in the session of the message', async () => {
    const { promise: patience, resolve: goOn } = Promise.withResolvers<void>();
    await using bot = await startBot('agents-hosting', {
      longRunningMessages: true,
      ticksToConnect,
      async logic(context, { sessions }) {
        if (context.activity.text === 'slow') await patience;
        const session = sessions.of(context);
        session.data.seen.push(context.activity.text ?? '');
        await context.sendActivity(`#${session.turnCount} ${session.data.seen.join()}`);
      },
    });
    const told = async (times: number) => {
      while (bot.said.length < times) await new Promise(setImmediate);
    };
    await bot.says('slow');
    expect(bot.said).toEqual([]);
    goOn();
    await told(1);
    await bot.says('quick');
    await told(2);
    expect(bot.said).toEqual(['#1 slow', '#2 slow,quick']);
    await bot.sessions.close();
    expect([bot.events.map(({ type }) => type), bot.errors]).toEqual([['opened'], []]);
  });
});
