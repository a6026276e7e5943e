import type { App } from '@slack/bolt';
import { describe, expect, it } from 'vitest';
import { slackSessions } from '../../src/adapters/slack.ts';
import {
  bot,
  command,
  type DeskSessions,
  desk,
  dm,
  event,
  eventsOf,
  interaction,
  posted,
  says,
  waiting,
  workspace,
} from './slack-workspace.ts';

describe('commands', () => {
  /** Opens two dialogs on `open`, else tells which are open. */
  const dialogs = (sessions: DeskSessions) => (app: App) => {
    app.use(slackSessions(sessions, { endpoint: 'desk' }));
    app.message(async ({ context, message, say }) => {
      const { dialog } = sessions.of(context);
      if ('text' in message && message.text === 'open') for (const id of ['order', 'size']) dialog.push(id);
      await say(dialog.stack.map(({ id }) => id).join('>') || '-');
    });
  };

  it.each([
    ['as text', says('discard'), 'Discarded.', 'order'],
    ['as a button', { does: 'taps', payload: 'discard_all' } as const, 'All discarded.', '-'],
    ['as a slash command', { does: 'refreshes' } as const, 'Refreshed.', '-'],
  ])('are taken %s, acknowledged and kept from the bot', async (_form, act, acknowledgement, left) => {
    const { clock, sessions } = desk();
    await using slack = await workspace({ clock }, dialogs(sessions));
    await slack.deliver(slack.webhook(says('open')));
    expect((await slack.deliver(slack.webhook(act))).status).toBe(200);
    await slack.deliver(slack.webhook(says('?')));
    expect(slack.said).toEqual(['order>size', acknowledgement, left]);
    expect(slack.errors).toEqual([]);
  });

  it('answer a slash command in the acknowledgement, for its user alone', async () => {
    const { clock, sessions } = desk();
    await using slack = await workspace({ clock }, dialogs(sessions));
    expect(await slack.deliver(command('/discard', 'all'))).toMatchObject({ status: 200, text: 'All discarded.' });
    expect(slack.said).toEqual(['All discarded.']);
  });

  it('acknowledge without words where none are configured', async () => {
    const { clock, sessions } = desk({ endpoints: { desk: { commands: { acknowledge: false } } } });
    await using slack = await workspace({ clock }, dialogs(sessions));
    expect(await slack.deliver(command('/discard'))).toMatchObject({ status: 200, text: '' });
    await slack.deliver(slack.webhook({ does: 'taps', payload: 'discard' }));
    expect(slack.said).toEqual([]);
  });

  it('are taken from a submitted form, which names no channel, and told to its user', async () => {
    const { clock, sessions } = desk();
    await using slack = await workspace({ clock }, dialogs(sessions));
    await slack.deliver(slack.webhook(says('open')));
    const view = { id: 'V1', callback_id: 'discard', state: { values: {} } };
    expect(await slack.deliver(interaction({ type: 'view_submission', trigger_id: 'v1', view }))).toMatchObject({
      status: 200,
      text: '',
    });
    await slack.deliver(slack.webhook(says('?')));
    expect(slack.received).toMatchObject([
      { user: 'ada', text: 'order>size' },
      { user: 'ada', text: 'Discarded.' },
      { user: 'ada', text: 'order' },
    ]);
  });

  it('are not read in the caption of a file', async () => {
    const { clock, sessions } = desk();
    await using slack = await workspace({ clock }, dialogs(sessions));
    const file = { subtype: 'file_share', files: [{ id: 'F1' }], channel: dm, channel_type: 'im' };
    await slack.deliver(event('Ev1', posted('discard', '1793613600.000100', file)));
    expect(slack.said).toEqual(['-']);
  });

  it('need the bot to be spoken to in a channel', async () => {
    const { clock, sessions } = desk();
    const events = eventsOf(sessions);
    await using slack = await workspace({ clock }, dialogs(sessions));
    await slack.deliver(event('Ev1', posted('discard', '1793613600.000100')));
    await slack.deliver(event('Ev2', posted(`<@${bot}> discard`, '1793613601.000200')));
    expect(slack.said).toEqual(['-', 'Discarded.']);
    expect(events.filter(({ type }) => type === 'command')).toHaveLength(1);
  });
});

describe('what cannot wait', () => {
  /** Works on `slow` until released; a slash command counts beside it. */
  const busy = (sessions: DeskSessions, released: Promise<void>) => (app: App) => {
    app.use(slackSessions(sessions, { endpoint: 'desk' }));
    app.message(async ({ context, message, say }) => {
      const session = sessions.of(context);
      if ('text' in message && message.text === 'slow') await released;
      await say(`#${session.turnCount} ${session.data.seen.join('|')}`);
    });
    app.command('/note', async ({ ack, command, context }) => {
      const turn = sessions.turn(context);
      turn?.update((session) => session.data.seen.push(command.text));
      await ack(`noted, ${turn?.exclusive ? 'alone' : 'beside another turn'}`);
    });
  };

  it('is a slash command behind a slow turn: acknowledged in time, its change saved after that turn', async () => {
    const { clock, sessions } = desk();
    const { promise, resolve } = Promise.withResolvers<void>();
    await using slack = await workspace({ clock }, busy(sessions, promise));
    await slack.post(slack.webhook(says('slow')));
    const queued = waiting();
    const noted = slack.post(command('/note', 'milk'));
    await queued;
    await clock.advance(2_500);
    expect(await noted).toMatchObject({ status: 200, text: 'noted, beside another turn' });
    resolve();
    await slack.rest();
    await slack.deliver(slack.webhook(says('now')));
    expect(slack.said).toEqual(['noted, beside another turn', '#1 ', '#3 milk']);
    expect(slack.errors).toEqual([]);
  });

  it('is a session command by slash behind a slow turn', async () => {
    const { clock, sessions } = desk();
    const { promise, resolve } = Promise.withResolvers<void>();
    await using slack = await workspace({ clock }, busy(sessions, promise));
    await slack.post(slack.webhook(says('slow')));
    const queued = waiting();
    const refreshed = slack.post(slack.webhook({ does: 'refreshes' }));
    await queued;
    await clock.advance(2_500);
    expect(await refreshed).toMatchObject({ status: 200, text: 'Refreshed.' });
    resolve();
    await slack.rest();
    await slack.deliver(slack.webhook(says('now')));
    expect(slack.said).toEqual(['Refreshed.', '#1 ', '#1 ']);
  });

  it('is not an event: it waits for the slow turn, and has the session to itself', async () => {
    const { clock, sessions } = desk();
    const { promise, resolve } = Promise.withResolvers<void>();
    await using slack = await workspace({ clock }, busy(sessions, promise));
    await slack.post(slack.webhook(says('slow')));
    const queued = waiting();
    expect((await slack.post(slack.webhook(says('second')))).status).toBe(200);
    await queued;
    await clock.advance(59_000);
    expect(slack.said).toEqual([]);
    resolve();
    await slack.rest();
    expect(slack.said).toEqual(['#1 ', '#2 ']);
  });

  it('is an event, too, where Bolt acknowledges after the turn', async () => {
    const { clock, sessions } = desk();
    const { promise, resolve } = Promise.withResolvers<void>();
    const exclusive: (boolean | undefined)[] = [];
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk', processBeforeResponse: true }));
      app.message(async ({ context, message }) => {
        exclusive.push(sessions.turn(context)?.exclusive);
        if ('text' in message && message.text === 'slow') await promise;
      });
    };
    await using slack = await workspace({ clock }, mount, { processBeforeResponse: true });
    const first = slack.post(slack.webhook(says('slow')));
    const queued = waiting();
    const second = slack.post(slack.webhook(says('second')));
    await queued;
    await clock.advance(2_500);
    resolve();
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
    expect(exclusive).toEqual([true, false]);
  });
});
