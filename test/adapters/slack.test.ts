import type { App } from '@slack/bolt';
import { describe, expect, it } from 'vitest';
import { slackSessions } from '../../src/adapters/slack.ts';
import { createSessions, isAdjournError, type Sessions, type SessionsOptions } from '../../src/index.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { identity, type Workspace, workspace } from './slack-workspace.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

interface Data {
  seen: string[];
}

function sessionsOf(options: SessionsOptions<Data, 'desk'> = {}) {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const sessions = createSessions({ endpoints: { desk: { expiration: 30 } }, initial: (): Data => ({ seen: [] }), clock, logger: quiet, ...options });
  return { clock, sessions };
}

/** Answers every message, action and command with the number of its turn. */
function counting(sessions: Sessions<Data, 'desk'>) {
  return (app: App) => {
    app.use(slackSessions(sessions, { endpoint: 'desk', client: app.client }));
    app.message(async ({ context, message, say }) => {
      const session = sessions.of(context);
      session.data.seen.push('text' in message ? String(message.text) : '');
      await say(`#${session.turnCount} ${session.data.seen.join('|')}`);
    });
    app.action(/.*/, async ({ ack, context, respond }) => {
      await ack();
      await respond(`#${sessions.of(context).turnCount} tapped`);
    });
    app.command(/.*/, async ({ ack, context }) => {
      await ack(`#${sessions.of(context).turnCount} ran`);
    });
  };
}

const says = (text: string) => ({ does: 'says', text }) as const;

describe('a direct conversation', () => {
  it('keeps its session from message to message, and starts anew after its time', async () => {
    const { clock, sessions } = sessionsOf();
    await using slack = await workspace(clock, counting(sessions));
    await slack.deliver(slack.webhook(says('one')));
    await clock.advance(30 * 60_000 - 1);
    await slack.deliver(slack.webhook(says('two')));
    await clock.advance(30 * 60_000);
    await slack.deliver(slack.webhook(says('three')));
    expect(slack.said).toEqual(['#1 one', '#2 one|two', '#1 three']);
    expect(slack.errors).toEqual([]);
  });
});
