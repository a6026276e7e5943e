import type { App } from '@slack/bolt';
import { describe, expect, it } from 'vitest';
import { slackSessions } from '../../src/adapters/slack.ts';
import { AdjournError, keyvStore } from '../../src/index.ts';
import { counting, desk, event, posted, says, workspace } from './slack-workspace.ts';

describe('a direct conversation', () => {
  it('keeps its session from message to message, and starts anew after its time', async () => {
    const { clock, sessions } = desk();
    await using slack = await workspace({ clock }, counting(sessions));
    await slack.deliver(slack.webhook(says('one')));
    await clock.advance(30 * 60_000 - 1);
    await slack.deliver(slack.webhook(says('two')));
    await clock.advance(30 * 60_000);
    await slack.deliver(slack.webhook(says('three')));
    expect(slack.said).toEqual(['#1 one', '#2 one|two', '#1 three']);
    expect(slack.errors).toEqual([]);
  });
});

describe('listeners', () => {
  it('that throw go to app.error, and what they changed before is kept', async () => {
    const { clock, sessions } = desk();
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk' }));
      app.message(async ({ context, message, say }) => {
        const { data } = sessions.of(context);
        data.seen.push('text' in message ? String(message.text) : '');
        if (data.seen.at(-1) === 'crash') throw new Error('as asked');
        await say(data.seen.join('|'));
      });
    };
    await using slack = await workspace({ clock }, mount);
    for (const text of ['one', 'crash', 'two']) await slack.deliver(slack.webhook(says(text)));
    expect(slack.said).toEqual(['one', 'one|crash|two']);
    expect(slack.errors.map((error) => (error as Error).message)).toEqual(['as asked']);
  });

  it('share one session side by side', async () => {
    const { clock, sessions } = desk();
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk' }));
      for (const name of ['a', 'b']) app.message(/^one$/, async ({ context }) => void sessions.of(context).data.seen.push(name));
      app.message(
        '?',
        async ({ context, say }) =>
          void (await say(`#${sessions.of(context).turnCount} ${sessions.of(context).data.seen.sort()}`)),
      );
    };
    await using slack = await workspace({ clock }, mount);
    await slack.deliver(slack.webhook(says('one')));
    await slack.deliver(slack.webhook(says('?')));
    expect(slack.said).toEqual(['#2 a,b']);
  });

  it('far from the context find their turn, and reply through it', async () => {
    const { clock, sessions } = desk();
    const farAway = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      const turn = sessions.current();
      await turn?.reply(`#${turn.session.turnCount}`);
      await turn?.reply({ text: 'in a thread', thread_ts: '1793613600.000100' });
    };
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk' }));
      app.message(farAway);
    };
    await using slack = await workspace({ clock }, mount);
    await slack.deliver(slack.webhook(says('one')));
    expect(slack.received).toMatchObject([
      { user: 'ada', text: '#1' },
      { user: 'ada', text: 'in a thread' },
    ]);
  });

  it('may hand Bolt another event of the same conversation inside their turn', async () => {
    const { clock, sessions } = desk();
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk' }));
      app.message('outer', async ({ context, body, say }) => {
        sessions.of(context).data.seen.push('outer');
        const { event } = body;
        await app.processEvent({
          body: { ...body, event_id: 'EvInner', event: { ...event, ts: '1793613600.000900', text: 'inner' } },
          ack: async () => {},
        });
        await say(sessions.of(context).data.seen.join('|'));
      });
      app.message('inner', async ({ context }) => void sessions.of(context).data.seen.push('inner'));
    };
    await using slack = await workspace({ clock }, mount);
    await slack.deliver(slack.webhook(says('outer')));
    expect(slack.said).toEqual(['outer|inner']);
  });

  it('answer fifty overlapping messages in order, once each', async () => {
    const { clock, sessions } = desk();
    await using slack = await workspace({ clock }, counting(sessions));
    await Promise.all(Array.from({ length: 50 }, () => slack.post(slack.webhook(says('x')))));
    await slack.rest();
    const numbers = slack.said.map((text) => Number(/^#(\d+)/.exec(text)?.[1]));
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  });
});

describe('what the bot keeps by context.updateConversation', () => {
  /** Remembers what it hears; `until …` for that many minutes. */
  const remembering =
    ({ clock, sessions }: ReturnType<typeof desk>) =>
    (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk' }));
      app.message(async ({ context, message, say }) => {
        const text = 'text' in message ? String(message.text) : '';
        const minutes = Number(/^until (\d+)/.exec(text)?.[1]);
        await say(JSON.stringify(context['conversation'] ?? null));
        await context['updateConversation']({ text }, minutes ? clock.now() + minutes * 60_000 : undefined);
      });
    };

  it('lives and ends with the session', async () => {
    const { clock, sessions } = desk();
    await using slack = await workspace({ clock }, remembering({ clock, sessions }));
    await slack.deliver(slack.webhook(says('one')));
    await slack.deliver(slack.webhook(says('two')));
    await clock.advance(30 * 60_000);
    await slack.deliver(slack.webhook(says('three')));
    expect(slack.said).toEqual(['null', '{"text":"one"}', 'null']);
  });

  it('is each user’s own in a channel', async () => {
    const { clock, sessions } = desk();
    await using slack = await workspace({ clock }, remembering({ clock, sessions }));
    await slack.deliver(event('Ev1', posted('a', '1793613600.000100')));
    await slack.deliver(event('Ev2', posted('b', '1793613601.000100', { user: 'U0BO' })));
    await slack.deliver(event('Ev3', posted('c', '1793613602.000100')));
    expect(slack.said).toEqual(['null', 'null', '{"text":"a"}']);
  });

  it('is changed by an update alone', async () => {
    const { clock, sessions } = desk();
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk' }));
      app.message(async ({ context, say }) => {
        await say(JSON.stringify(context['conversation'] ?? null));
        if (context['conversation']) context['conversation'].count += 1;
        else await context['updateConversation']({ count: 0 });
      });
    };
    await using slack = await workspace({ clock }, mount);
    for (const text of ['one', 'two', 'three']) await slack.deliver(slack.webhook(says(text)));
    expect(slack.said).toEqual(['null', '{"count":0}', '{"count":0}']);
  });

  it('expires when the bot says so', async () => {
    const { clock, sessions } = desk();
    await using slack = await workspace({ clock }, remembering({ clock, sessions }));
    await slack.deliver(slack.webhook(says('until 5')));
    await clock.advance(5 * 60_000);
    await slack.deliver(slack.webhook(says('until 5')));
    await clock.advance(5 * 60_000 + 1);
    await slack.deliver(slack.webhook(says('late')));
    expect(slack.said).toEqual(['null', '{"text":"until 5"}', 'null']);
  });

  it('fails loudly while the store is out', async () => {
    const store = keyvStore();
    const begin: typeof store.begin = async () => Promise.reject(new AdjournError('STORE_UNAVAILABLE', 'out'));
    const { clock, sessions } = desk({ store: { ...store, begin } });
    await using slack = await workspace({ clock }, remembering({ clock, sessions }));
    await slack.deliver(slack.webhook(says('one')));
    expect(slack.said).toEqual(['null']);
    expect(slack.errors).toMatchObject([{ code: 'STORE_UNAVAILABLE' }]);
  });
});
