import type { App } from '@slack/bolt';
import { describe, expect, it } from 'vitest';
import { slackSessions } from '../../src/adapters/slack.ts';
import type { Webhook } from '../../src/simulator/simulator.ts';
import {
  command,
  type DeskSessions,
  desk,
  dm,
  event,
  eventsOf,
  interaction,
  posted,
  says,
  workspace,
} from './slack-workspace.ts';

/** Writes down which of the bot's listeners ran. */
const listening = (sessions: DeskSessions, ran: string[]) => (app: App) => {
  app.use(slackSessions(sessions, { endpoint: 'desk', client: app.client }));
  const note =
    (what: string) =>
    async ({ ack }: { ack?: (() => Promise<void>) | undefined }) => {
      ran.push(what);
      await ack?.();
    };
  app.message(async ({ message, say }) => {
    ran.push('message');
    await say(`bot: ${'text' in message ? message.text : ''}`);
  });
  app.event('app_mention', async () => void ran.push('app_mention'));
  app.event('reaction_added', async () => void ran.push('reaction_added'));
  app.action(/.*/, note('action'));
  app.command(/.*/, note('command'));
  app.shortcut(/.*/, note('shortcut'));
  app.view(/.*/, note('view'));
};

async function staffed() {
  const { clock, sessions } = desk();
  const ran: string[] = [];
  const heard: string[] = [];
  const events = eventsOf(sessions);
  const people = sessions.desk('support', {
    agents: ['bea'],
    async onMessage(turn) {
      const { activity } = turn;
      heard.push(`${activity.type} ${activity.kind === 'message' ? activity.text : ''}`.trim());
      await turn.reply('desk');
    },
  });
  const slack = await workspace({ clock }, listening(sessions, ran));
  const handOver = async () => {
    for (const { type, key } of events) if (type === 'opened') await people.handoff(key ?? '', 'queue');
    ran.length = 0;
  };
  return { slack, ran, heard, handOver, people };
}

const view = { id: 'V1', callback_id: 'order', state: { values: {} } };
/** What Slack wants acknowledged, by the name it goes by. */
const acknowledged: readonly [string, Webhook][] = [
  [
    'block_actions',
    interaction({
      type: 'block_actions',
      trigger_id: 't1',
      channel: { id: dm },
      container: { type: 'message', channel_id: dm, message_ts: '1793613600.000900' },
      actions: [{ type: 'button', action_id: 'pay', value: 'pay', action_ts: '1793613601.000100' }],
    }),
  ],
  ['/order', command('/order', 'plums')],
  ['shortcut', interaction({ type: 'shortcut', callback_id: 'order', trigger_id: 't2', action_ts: '1793613602.000100' })],
  ['view_submission', interaction({ type: 'view_submission', trigger_id: 't3', view })],
];

describe('people take over on Slack', () => {
  it.each(acknowledged)(
    'what must be acknowledged is: %s reaches the desk and none of the bot’s listeners',
    async (type, webhook) => {
      const { slack, ran, heard, handOver } = await staffed();
      await using _slack = slack;
      await slack.deliver(slack.webhook(says('hi')));
      await handOver();
      expect(await slack.deliver(webhook)).toMatchObject({ status: 200, text: '' });
      expect([heard, ran]).toEqual([[type], []]);
      expect(slack.said).toEqual(['bot: hi', 'desk']);
      expect(slack.errors).toEqual([]);
    },
  );

  it('a post that comes as message and as mention reaches the desk once; what is no act of the user’s reaches the bot', async () => {
    const { slack, ran, heard, handOver, people } = await staffed();
    await using _slack = slack;
    await slack.deliver(event('Ev1', posted('hi', '1793613600.000100')));
    await handOver();
    const text = '<@U0BOT> help';
    await slack.deliver(event('Ev2', posted(text, '1793613601.000100')));
    await slack.deliver(event('Ev3', { ...posted(text, '1793613601.000100'), type: 'app_mention' }));
    await slack.deliver(
      event('Ev4', {
        type: 'reaction_added',
        user: 'U0ADA',
        reaction: 'eyes',
        item: { type: 'message', channel: 'C07DECK0001', ts: '1793613601.000100' },
        event_ts: '1793613602.000100',
      }),
    );
    expect([heard, ran]).toEqual([[`message ${text}`], ['reaction_added']]);
    const [conversation] = await people.conversations();
    await people.reply(conversation?.key ?? '', { agent: 'bea', message: { text: 'Bea here.' } });
    expect(slack.said).toEqual(['bot: hi', 'desk', 'Bea here.']);
  });
});
