import type { App } from '@slack/bolt';
import { expect, it } from 'vitest';
import { slackSessions } from '../../src/adapters/slack.ts';
import { ada, command, type DeskSessions, desk, event, posted, says, waiting, workspace } from './slack-workspace.ts';

const minutes = 60_000;

/** Remembers what people say in `context.conversation`, and answers with all of it. The word `hold` waits for `held`. */
function remembering(sessions: DeskSessions, held: Promise<void> = Promise.resolve(), hold = () => {}) {
  return (app: App) => {
    app.use(slackSessions(sessions, { endpoint: 'desk', client: app.client }));
    app.message(async ({ context, message, say }) => {
      const text = 'text' in message ? String(message.text) : '';
      const heard = [...((context['conversation'] as string[] | undefined) ?? []), text];
      if (text === 'hold') {
        hold();
        await held;
      }
      await context['updateConversation']?.(heard);
      await say(heard.join());
    });
    app.command(/.*/, async ({ ack, context, command: { text } }) => {
      const heard = [...((context['conversation'] as string[] | undefined) ?? []), text];
      await context['updateConversation']?.(heard);
      await ack(heard.join());
    });
  };
}

it('makes what Bolt keeps of a conversation the session’s own', async () => {
  const { clock, sessions } = desk();
  await using place = await workspace({ clock }, remembering(sessions));
  for (const text of ['a', 'b', 'discard', 'c', 'd', 'refresh', 'e']) await place.deliver(place.webhook(says(text)));
  await clock.advance(30 * minutes);
  await place.deliver(place.webhook(says('f')));
  expect(place.said).toEqual(['a', 'a,b', 'Discarded.', 'c', 'c,d', 'Refreshed.', 'e', 'f']);
  await sessions.close();
});

it('keeps it by user: the discard of one leaves the others alone', async () => {
  const { clock, sessions } = desk();
  await using place = await workspace({ clock }, remembering(sessions));
  let count = 0;
  const say = (user: string, text: string) => {
    const ts = `${clock.now() / 1_000 + ++count}.000100`;
    return place.deliver(event(`Ev${count}`, posted(text, ts, { user, type: text === 'discard' ? 'app_mention' : 'message' })));
  };
  for (const [user, text] of [
    [ada, 'a'],
    ['U07BO', 'x'],
    [ada, 'discard'],
    [ada, 'b'],
    ['U07BO', 'y'],
  ] as const) {
    await say(user, text);
  }
  expect(place.said).toEqual(['a', 'x', 'Discarded.', 'b', 'x,y']);
  await sessions.close();
});

it('does not bring it back by a turn that began before a discard', async () => {
  const { clock, sessions } = desk({ worker: false });
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: holding, resolve: hold } = Promise.withResolvers<void>();
  await using place = await workspace({ clock }, remembering(sessions, held, hold));
  await place.deliver(place.webhook(says('a')));
  const slow = place.post(place.webhook(says('hold')));
  await holding;
  const waits = waiting();
  const discard = place.post(command('/discard'));
  await waits;
  const waitsToo = waiting();
  const beside = place.post(command('/note', 'old'));
  await waitsToo;
  await clock.advance(2_500);
  await Promise.all([discard, beside]);
  release();
  await slow;
  await place.rest();
  await place.deliver(place.webhook(says('b')));
  expect(place.said.at(-1)).toBe('b');
  await sessions.close();
});
