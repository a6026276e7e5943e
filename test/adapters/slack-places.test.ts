import { type App, Assistant } from '@slack/bolt';
import { describe, expect, it } from 'vitest';
import { slackSessions } from '../../src/adapters/slack.ts';
import { isAdjournError, keyvStore } from '../../src/index.ts';
import { slackVendor } from '../../src/simulator/channels/slack.ts';
import {
  ada,
  bot,
  command,
  counting,
  desk,
  dm,
  event,
  eventsOf,
  identity,
  interaction,
  posted,
  says,
  team,
  workspace,
} from './slack-workspace.ts';

describe('places', () => {
  it('find the direct session from a form, a shortcut and the home tab, which name no channel', async () => {
    const { clock, sessions } = desk();
    const turns: string[] = [];
    const note = (context: object) => {
      const { data, turnCount } = sessions.of(context);
      data.seen.push('x');
      turns.push(`#${turnCount} ${data.seen.length}`);
    };
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk' }));
      app.message(async ({ context }) => note(context));
      app.view('order', async ({ ack, context }) => {
        note(context);
        await ack();
      });
      app.shortcut('new', async ({ ack, context }) => {
        note(context);
        await ack();
        await sessions.turn(context)?.reply('Which one?');
      });
      app.action('home', async ({ ack, context }) => {
        note(context);
        await ack();
      });
    };
    await using slack = await workspace({ clock }, mount);
    await slack.deliver(slack.webhook(says('one')));
    await slack.deliver(
      interaction({ type: 'view_submission', trigger_id: 'v1', view: { id: 'V1', callback_id: 'order', state: { values: {} } } }),
    );
    await slack.deliver(interaction({ type: 'shortcut', trigger_id: 's1', callback_id: 'new', action_ts: '1793613600.000100' }));
    await slack.deliver(
      interaction({
        type: 'block_actions',
        trigger_id: 'b1',
        container: { type: 'view' },
        actions: [{ type: 'button', action_id: 'home' }],
      }),
    );
    expect(turns).toEqual(['#1 1', '#2 2', '#3 3', '#4 4']);
    expect(slack.received).toMatchObject([{ user: 'ada', text: 'Which one?' }]);
    expect(slack.errors).toEqual([]);
  });

  it('keep threads apart from their channel; scope thread joins everybody, the first message included', async () => {
    const told = async (scope: 'user' | 'thread') => {
      const { clock, sessions } = desk({ endpoints: { desk: { scope } } });
      await using slack = await workspace({ clock }, counting(sessions));
      const root = '1793613600.000100';
      await slack.deliver(event('Ev1', posted('a', root)));
      await slack.deliver(event('Ev2', posted('b', '1793613601.000100', { thread_ts: root })));
      await slack.deliver(event('Ev3', posted('c', '1793613602.000100', { thread_ts: root, user: slackVendor.person('bo') })));
      await slack.deliver(event('Ev4', posted('d', '1793613603.000100')));
      return slack.said;
    };
    expect(await told('user')).toEqual(['#1 a', '#1 b', '#1 c', '#2 a|d']);
    expect(await told('thread')).toEqual(['#1 a', '#2 a|b', '#3 a|b|c', '#1 d']);
  });

  it('are answered where they are: in the thread, and by person where the bot may not be in the channel', async () => {
    const { clock, sessions } = desk();
    const answers: unknown[] = [];
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk' }));
      app.message(async ({ context }) => void answers.push(await sessions.turn(context)?.reply('Here.')));
      app.command('/order', async ({ ack, context }) => {
        await ack();
        answers.push(await sessions.turn(context)?.reply('For you.'));
      });
    };
    await using slack = await workspace({ clock }, mount);
    await slack.deliver(event('Ev1', posted('a', '1793613601.000100', { thread_ts: '1793613600.000100' })));
    const between = command('/order');
    await slack.deliver({ ...between, body: { ...between.body, channel_id: 'D0BOANDCY' } });
    expect(answers).toMatchObject([
      { channel: 'C07DECK0001', message: { text: 'Here.', thread_ts: '1793613600.000100' } },
      { channel: dm, message: { text: 'For you.' } },
    ]);
  });

  it('give each assistant thread a session of its own, before the assistant takes the event', async () => {
    const { clock, sessions } = desk();
    const started: unknown[] = [];
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk' }));
      app.assistant(
        new Assistant({
          threadContextStore: { get: async () => ({}), save: async () => {} },
          threadStarted: async ({ context }) => void started.push(sessions.turn(context)),
          userMessage: async ({ context, say }) => void (await say(`#${sessions.of(context).turnCount}`)),
        }),
      );
    };
    await using slack = await workspace({ clock }, mount);
    const thread = (thread_ts: string, ts: string) => posted('hi', ts, { channel: dm, channel_type: 'im', thread_ts });
    const start = {
      type: 'assistant_thread_started',
      assistant_thread: { user_id: ada, context: {}, channel_id: dm, thread_ts: '1.000001' },
      event_ts: '1793613600.000001',
    };
    await slack.deliver(event('Ev0', start));
    await slack.deliver(event('Ev1', thread('1.000001', '1793613600.000100')));
    await slack.deliver(event('Ev2', thread('1.000001', '1793613601.000100')));
    await slack.deliver(event('Ev3', thread('2.000001', '1793613602.000100')));
    expect(started).toEqual([undefined]);
    expect(slack.said).toEqual(['#1', '#2', '#1']);
    expect(slack.errors).toEqual([]);
  });
});

describe('an installation', () => {
  it('for a whole organisation is one place, and is written to later with the token its authorize finds', async () => {
    const { clock, sessions } = desk();
    const asked: unknown[] = [];
    const authorize = async (source: unknown) => {
      asked.push(source);
      return { botToken: identity.token, botId: 'B1', botUserId: bot };
    };
    const keys = new Set<string>();
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk', authorize }));
      app.message(async ({ context, say }) => {
        const turn = sessions.turn(context);
        keys.add(turn?.key ?? '');
        await say(`#${turn?.session.turnCount}`);
      });
    };
    await using slack = await workspace({ clock }, mount, { authorize });
    const grid = (team_id: string, one: Readonly<Record<string, unknown>>, id: string) => {
      const made = event(id, one);
      const authorizations = [{ enterprise_id: 'E1', team_id: null, user_id: bot, is_bot: true, is_enterprise_install: true }];
      return { ...made, body: { ...made.body, team_id, enterprise_id: 'E1', authorizations } };
    };
    await slack.deliver(grid('T1', posted('a', '1793613600.000100'), 'Ev1'));
    await slack.deliver(grid('T2', posted('b', '1793613601.000100'), 'Ev2'));
    expect(slack.said).toEqual(['#1', '#2']);
    const [key = ''] = keys;
    expect(keys).toEqual(new Set([`slack/desk/E1%3AC07DECK0001/${ada}`]));

    asked.length = 0;
    await sessions.run(key, (turn) => turn.reply('Your order has shipped.'));
    expect(slack.received.at(-1)).toMatchObject({ user: 'C07DECK0001', text: 'Your order has shipped.' });
    expect(asked).toEqual([
      { enterpriseId: 'E1', teamId: 'T2', isEnterpriseInstall: true, conversationId: 'C07DECK0001', userId: ada },
    ]);
  });

  it('is written to with its own token, by whatever client there is, and not before there is one', async () => {
    const store = keyvStore();
    const before = desk({ store });
    await using slack = await workspace(before, counting(before.sessions));
    await slack.deliver(slack.webhook(says('one')));

    const later = desk({ store });
    const key = `slack/desk/${team}%3A${ada}`;
    const authorize = async () => ({ botToken: 'xoxb-found' });
    slackSessions(later.sessions, { endpoint: 'desk', authorize });
    const early = later.sessions.run(key, (turn) => turn.reply('Too early.'));
    await expect(early).rejects.toSatisfy((error) => isAdjournError(error, 'ADJ_NO_SENDER'));

    const sent: unknown[] = [];
    const client = { chat: { postMessage: async (message: object) => sent.push(message) } };
    const third = desk({ store });
    slackSessions(third.sessions, { endpoint: 'desk', authorize, client });
    await third.sessions.run(key, (turn) => turn.reply('Shipped.'));
    expect(sent).toEqual([{ channel: dm, text: 'Shipped.', token: 'xoxb-found', team_id: team }]);
  });

  it('is where the bot may begin: the person then continues its session', async () => {
    const { clock, sessions } = desk();
    const events = eventsOf(sessions);
    await using slack = await workspace({ clock }, counting(sessions));
    const conversation = { id: `${team}:${ada}`, kind: 'direct' } as const;
    const { key } = await sessions.open({ channel: 'slack', endpoint: 'desk', conversation, user: ada });
    await sessions.run(key, (turn) => turn.reply('Welcome.'));
    await slack.deliver(slack.webhook(says('one')));
    expect(slack.received.map(({ user, text }) => [user, text])).toEqual([
      ['ada', 'Welcome.'],
      ['ada', '#1 one'],
    ]);
    expect(events.filter(({ type }) => type === 'opened')).toMatchObject([{ key, startReason: 'bot' }]);
  });

  it('leaves no token in the store', async () => {
    const store = keyvStore();
    const { clock, sessions } = desk({ store });
    await using slack = await workspace({ clock }, counting(sessions));
    await slack.deliver(slack.webhook(says('one')));
    const { records } = await store.find({});
    expect(records.map(({ record }) => record['address'])).toEqual([
      expect.objectContaining({ user: ada, to: { teamId: team, isEnterpriseInstall: false, channel: dm, user: ada } }),
    ]);
    expect(JSON.stringify(records)).not.toContain(identity.token);
  });

  it('that has one token is written to later by the client it was given', async () => {
    const { clock, sessions } = desk();
    await using slack = await workspace({ clock }, counting(sessions));
    await slack.deliver(slack.webhook(says('one')));
    await sessions.run(`slack/desk/${team}%3A${ada}`, (turn) => turn.reply('Your order has shipped.'));
    expect(slack.said).toEqual(['#1 one', 'Your order has shipped.']);
  });
});
