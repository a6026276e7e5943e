import type { App } from '@slack/bolt';
import { describe, expect, it } from 'vitest';
import { slackSessions } from '../../src/adapters/slack.ts';
import { keyvStore } from '../../src/index.ts';
import { slackVendor } from '../../src/simulator/channels/slack.ts';
import { bot, command, counting, type DeskSessions, desk, event, eventsOf, posted, says, workspace } from './slack-workspace.ts';

describe('delivered again', () => {
  it('is handled once, and a slash command still gets its acknowledgement', async () => {
    const { clock, sessions } = desk();
    const events = eventsOf(sessions);
    await using slack = await workspace({ clock }, counting(sessions));
    const message = slack.webhook(says('one'));
    const order = command('/order', 'tea');
    await slack.deliver(message);
    await slack.deliver(slackVendor.redelivery(message, 1));
    await slack.deliver(order);
    expect(await slack.deliver(order)).toMatchObject({ status: 200, text: '' });
    await slack.deliver(slack.webhook(says('two')));
    expect(slack.said).toEqual(['#1 one', '#2 ran', '#3 one|two']);
    expect(events.filter(({ type }) => type === 'duplicate')).toHaveLength(2);
  });

  it('is told by the post, not by the event id, which Slack may change', async () => {
    const { clock, sessions } = desk();
    await using slack = await workspace({ clock }, counting(sessions));
    for (const id of ['Ev1', 'Ev2', 'Ev3']) await slack.deliver(event(id, posted('one', '1793613600.000100')));
    expect(slack.said).toEqual(['#1 one']);
  });

  it('runs again after a crash, in a process that shares the store', async () => {
    const store = keyvStore();
    const before = desk({ store });
    const failing = (app: App) => {
      app.use(slackSessions(before.sessions, { endpoint: 'desk' }));
      app.message(async () => Promise.reject(new Error('out of memory')));
    };
    await using first = await workspace(before, failing);
    const message = first.webhook(says('one'));
    await first.deliver(message);
    expect(first.errors).toHaveLength(1);

    const after = desk({ store });
    await using second = await workspace(after, counting(after.sessions));
    await second.deliver(slackVendor.redelivery(message, 1));
    await second.deliver(slackVendor.redelivery(message, 2));
    expect(second.said).toEqual(['#1 one']);
  });
});

describe('a post that comes as message and as app_mention', () => {
  const pair = (sessions: DeskSessions) => (app: App) => {
    app.use(slackSessions(sessions, { endpoint: 'desk' }));
    app.message(async ({ context, say }) => void (await say(`message #${sessions.of(context).turnCount}`)));
    app.event('app_mention', async ({ context, say }) => void (await say(`mention #${sessions.of(context).turnCount}`)));
  };
  const forms = (text: string, ts: string) =>
    [posted(`<@${bot}> ${text}`, ts), posted(`<@${bot}> ${text}`, ts, { type: 'app_mention', channel_type: undefined })] as const;

  it('touches the session once, and both listeners run', async () => {
    const { clock, sessions } = desk();
    await using slack = await workspace({ clock }, pair(sessions));
    const [message, mention] = forms('hello', '1793613600.000100');
    await Promise.all([slack.post(event('Ev1', message)), slack.post(event('Ev2', mention))]);
    await slack.rest();
    await slack.deliver(event('Ev3', posted('again', '1793613601.000100')));
    expect(slack.said.slice(0, 2).sort()).toEqual(['mention #1', 'message #1']);
    expect(slack.said.slice(2)).toEqual(['message #2']);
  });

  it('gives a command once', async () => {
    const { clock, sessions } = desk();
    await using slack = await workspace({ clock }, pair(sessions));
    await slack.deliver(event('Ev0', posted('hello', '1793613599.000100')));
    const [message, mention] = forms('discard', '1793613600.000100');
    await slack.deliver(event('Ev1', mention));
    await slack.deliver(event('Ev2', message));
    expect(slack.said).toEqual(['message #1', 'Discarded.']);
  });
});

describe('signatures', () => {
  it.each(['wrong', 'none', 'stale'] as const)('%s: refused by Bolt, and nothing opens', async (signature) => {
    const { clock, sessions } = desk();
    const events = eventsOf(sessions);
    await using slack = await workspace({ clock }, counting(sessions));
    expect((await slack.deliver(slack.webhook(says('discard')), signature)).status).toBe(401);
    expect((await slack.deliver(command('/discard'), signature)).status).toBe(401);
    expect([events, slack.said]).toEqual([[], []]);
  });
});

describe('what is no activity', () => {
  it.each(['edits', 'unsends', 'reacts', 'joins'] as const)(
    '%s: reaches the bot without a session and keeps none alive',
    async (does) => {
      const { clock, sessions } = desk();
      const passed: unknown[] = [];
      const mount = (app: App) => {
        app.use(slackSessions(sessions, { endpoint: 'desk' }));
        app.event(/.*/, async ({ context, body }) => {
          const turn = sessions.turn(context);
          if (turn) return void (await turn.reply(`#${turn.session.turnCount}`));
          passed.push(body.event.type);
          sessions.of(context);
        });
      };
      await using slack = await workspace({ clock }, mount);
      await slack.deliver(slack.webhook(says('one')));
      await clock.advance(20 * 60_000);
      await slack.deliver(slack.webhook({ does }));
      await clock.advance(10 * 60_000);
      await slack.deliver(slack.webhook(says('two')));
      expect(slack.said).toEqual(['#1', '#1']);
      expect(passed).toHaveLength(1);
      expect(slack.errors).toMatchObject([
        { code: 'ADJ_NO_SESSION', message: expect.stringMatching(/is no activity of the user/) },
      ]);
    },
  );

  it('passes everything through that belongs to another workspace', async () => {
    const { clock, sessions } = desk();
    const events = eventsOf(sessions);
    const turns: unknown[] = [];
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk', accounts: ['T0ELSEWHERE'] }));
      app.message(async ({ context }) => void turns.push(sessions.turn(context)));
    };
    await using slack = await workspace({ clock }, mount);
    await slack.deliver(slack.webhook(says('discard')));
    expect([turns, events]).toEqual([[undefined], []]);
  });
});
