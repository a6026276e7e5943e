import { type App, Assistant } from '@slack/bolt';
import { describe, expect, it } from 'vitest';
import { slackSessions } from '../../src/adapters/slack.ts';
import {
  type AdjournEvent,
  createSessions,
  isAdjournError,
  keyvStore,
  type Sessions,
  type SessionsOptions,
} from '../../src/index.ts';
import { type TurnProbe, turnProbe } from '../../src/middleware/probe.ts';
import { slackVendor } from '../../src/simulator/channels/slack.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { identity, workspace } from './slack-workspace.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

interface Data {
  seen: string[];
}

function sessionsOf(options: SessionsOptions<Data, 'desk'> = {}) {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const sessions = createSessions({
    endpoints: { desk: { expiration: 30 } },
    initial: (): Data => ({ seen: [] }),
    clock,
    logger: quiet,
    ...options,
  });
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

const ada = slackVendor.person('ada');
const dm = `D${ada.slice(1)}`;
const team = identity.account;
const bot = identity.extra['botUser'] ?? '';

/** Resolves when some turn has to wait for its conversation. */
function waiting(): Promise<void> {
  return new Promise((resolve) => {
    const listener = (message: unknown) => {
      if ((message as TurnProbe).phase !== 'waiting') return;
      turnProbe.unsubscribe(listener);
      resolve();
    };
    turnProbe.subscribe(listener);
  });
}

function eventsOf(sessions: Sessions<Data, 'desk'>): AdjournEvent[] {
  const events: AdjournEvent[] = [];
  sessions.on('*', (event) => void events.push(event));
  return events;
}

function post(text: string, ts: string, more: Readonly<Record<string, unknown>> = {}) {
  return { type: 'message', channel: 'C07DECK0001', channel_type: 'channel', user: ada, text, ts, event_ts: ts, team, ...more };
}

function command(name: string, text = '', more: Readonly<Record<string, string>> = {}) {
  const body = {
    team_id: team,
    channel_id: dm,
    user_id: ada,
    command: name,
    text,
    api_app_id: 'A1',
    trigger_id: `${name}-${text}`,
    is_enterprise_install: 'false',
    ...more,
  };
  return slackVendor.raw(body, {}, identity);
}

function interaction(payload: Readonly<Record<string, unknown>>) {
  const base = { team: { id: team }, user: { id: ada, team_id: team }, is_enterprise_install: false, enterprise: null };
  return slackVendor.raw({ payload: { ...base, ...payload } }, {}, identity);
}
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

describe('commands', () => {
  /** Opens two dialogs on `open`, else tells which are open. */
  const dialogs = (sessions: Sessions<Data, 'desk'>) => (app: App) => {
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
    const { clock, sessions } = sessionsOf();
    await using slack = await workspace(clock, dialogs(sessions));
    await slack.deliver(slack.webhook(says('open')));
    expect((await slack.deliver(slack.webhook(act))).status).toBe(200);
    await slack.deliver(slack.webhook(says('?')));
    expect(slack.said).toEqual(['order>size', acknowledgement, left]);
    expect(slack.errors).toEqual([]);
  });

  it('answer a slash command in the acknowledgement, for its user alone', async () => {
    const { clock, sessions } = sessionsOf();
    await using slack = await workspace(clock, dialogs(sessions));
    expect(await slack.deliver(command('/discard', 'all'))).toEqual({ status: 200, text: 'All discarded.' });
    expect(slack.received).toEqual([]);
  });

  it('acknowledge without words where none are configured', async () => {
    const { clock, sessions } = sessionsOf({ endpoints: { desk: { commands: { acknowledge: false } } } });
    await using slack = await workspace(clock, dialogs(sessions));
    expect(await slack.deliver(command('/discard'))).toEqual({ status: 200, text: '' });
    await slack.deliver(slack.webhook({ does: 'taps', payload: 'discard' }));
    expect(slack.said).toEqual([]);
  });

  it('are taken from a submitted form, which names no channel, and told to its user', async () => {
    const { clock, sessions } = sessionsOf();
    await using slack = await workspace(clock, dialogs(sessions));
    await slack.deliver(slack.webhook(says('open')));
    const view = { id: 'V1', callback_id: 'discard', state: { values: {} } };
    expect(await slack.deliver(interaction({ type: 'view_submission', trigger_id: 'v1', view }))).toEqual({
      status: 200,
      text: '',
    });
    await slack.deliver(slack.webhook(says('?')));
    expect(slack.received).toMatchObject([
      { to: ada, text: 'order>size' },
      { to: ada, text: 'Discarded.' },
      { to: ada, text: 'order' },
    ]);
  });

  it('need the bot to be spoken to in a channel', async () => {
    const { clock, sessions } = sessionsOf();
    const events = eventsOf(sessions);
    await using slack = await workspace(clock, dialogs(sessions));
    await slack.deliver(slack.event(post('discard', '1793613600.000100'), 'Ev1'));
    await slack.deliver(slack.event(post(`<@${bot}> discard`, '1793613601.000200'), 'Ev2'));
    expect(slack.said).toEqual(['-', 'Discarded.']);
    expect(events.filter(({ type }) => type === 'command')).toHaveLength(1);
  });
});

describe('what cannot wait', () => {
  /** Works on `slow` until released; a slash command counts beside it. */
  const busy = (sessions: Sessions<Data, 'desk'>, released: Promise<void>) => (app: App) => {
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
    const { clock, sessions } = sessionsOf();
    const { promise, resolve } = Promise.withResolvers<void>();
    await using slack = await workspace(clock, busy(sessions, promise));
    await slack.post(slack.webhook(says('slow')));
    const queued = waiting();
    const noted = slack.post(command('/note', 'milk'));
    await queued;
    await clock.advance(2_500);
    expect(await noted).toEqual({ status: 200, text: 'noted, beside another turn' });
    resolve();
    await slack.rest();
    await slack.deliver(slack.webhook(says('now')));
    expect(slack.said).toEqual(['noted, beside another turn', '#1 ', '#3 milk']);
    expect(slack.errors).toEqual([]);
  });

  it('is a session command by slash behind a slow turn', async () => {
    const { clock, sessions } = sessionsOf();
    const { promise, resolve } = Promise.withResolvers<void>();
    await using slack = await workspace(clock, busy(sessions, promise));
    await slack.post(slack.webhook(says('slow')));
    const queued = waiting();
    const refreshed = slack.post(slack.webhook({ does: 'refreshes' }));
    await queued;
    await clock.advance(2_500);
    expect(await refreshed).toEqual({ status: 200, text: 'Refreshed.' });
    resolve();
    await slack.rest();
    await slack.deliver(slack.webhook(says('now')));
    expect(slack.said).toEqual(['Refreshed.', '#1 ', '#1 ']);
  });

  it('is not an event: it waits for the slow turn, and has the session to itself', async () => {
    const { clock, sessions } = sessionsOf();
    const { promise, resolve } = Promise.withResolvers<void>();
    await using slack = await workspace(clock, busy(sessions, promise));
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
    const { clock, sessions } = sessionsOf();
    const { promise, resolve } = Promise.withResolvers<void>();
    const exclusive: (boolean | undefined)[] = [];
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk', processBeforeResponse: true }));
      app.message(async ({ context, message }) => {
        exclusive.push(sessions.turn(context)?.exclusive);
        if ('text' in message && message.text === 'slow') await promise;
      });
    };
    await using slack = await workspace(clock, mount, { processBeforeResponse: true });
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

describe('delivered again', () => {
  it('is handled once, and a slash command still gets its acknowledgement', async () => {
    const { clock, sessions } = sessionsOf();
    const events = eventsOf(sessions);
    await using slack = await workspace(clock, counting(sessions));
    const message = slack.webhook(says('one'));
    const order = command('/order', 'tea');
    await slack.deliver(message);
    await slack.deliver(slackVendor.redelivery(message, 1));
    await slack.deliver(order);
    expect(await slack.deliver(order)).toEqual({ status: 200, text: '' });
    await slack.deliver(slack.webhook(says('two')));
    expect(slack.said).toEqual(['#1 one', '#2 ran', '#3 one|two']);
    expect(events.filter(({ type }) => type === 'duplicate')).toHaveLength(2);
  });

  it('is told by the post, not by the event id, which Slack may change', async () => {
    const { clock, sessions } = sessionsOf();
    await using slack = await workspace(clock, counting(sessions));
    for (const id of ['Ev1', 'Ev2', 'Ev3']) await slack.deliver(slack.event(post('one', '1793613600.000100'), id));
    expect(slack.said).toEqual(['#1 one']);
  });

  it('runs again after a crash, in a process that shares the store', async () => {
    const store = keyvStore();
    const before = sessionsOf({ store });
    const failing = (app: App) => {
      app.use(slackSessions(before.sessions, { endpoint: 'desk' }));
      app.message(async () => Promise.reject(new Error('out of memory')));
    };
    await using first = await workspace(before.clock, failing);
    const message = first.webhook(says('one'));
    await first.deliver(message);
    expect(first.errors).toHaveLength(1);

    const after = sessionsOf({ store });
    await using second = await workspace(after.clock, counting(after.sessions));
    await second.deliver(slackVendor.redelivery(message, 1));
    await second.deliver(slackVendor.redelivery(message, 2));
    expect(second.said).toEqual(['#1 one']);
  });
});

describe('a post that comes as message and as app_mention', () => {
  const pair = (sessions: Sessions<Data, 'desk'>) => (app: App) => {
    app.use(slackSessions(sessions, { endpoint: 'desk' }));
    app.message(async ({ context, say }) => void (await say(`message #${sessions.of(context).turnCount}`)));
    app.event('app_mention', async ({ context, say }) => void (await say(`mention #${sessions.of(context).turnCount}`)));
  };
  const forms = (text: string, ts: string) => [
    post(`<@${bot}> ${text}`, ts),
    { ...post(`<@${bot}> ${text}`, ts, { type: 'app_mention' }), channel_type: undefined },
  ];

  it('touches the session once, and both listeners run', async () => {
    const { clock, sessions } = sessionsOf();
    await using slack = await workspace(clock, pair(sessions));
    const [message, mention] = forms('hello', '1793613600.000100');
    await Promise.all([slack.post(slack.event(message ?? {}, 'Ev1')), slack.post(slack.event(mention ?? {}, 'Ev2'))]);
    await slack.rest();
    await slack.deliver(slack.event(post('again', '1793613601.000100'), 'Ev3'));
    expect(slack.said.slice(0, 2).sort()).toEqual(['mention #1', 'message #1']);
    expect(slack.said.slice(2)).toEqual(['message #2']);
  });

  it('gives a command once', async () => {
    const { clock, sessions } = sessionsOf();
    await using slack = await workspace(clock, pair(sessions));
    await slack.deliver(slack.event(post('hello', '1793613599.000100'), 'Ev0'));
    const [message, mention] = forms('discard', '1793613600.000100');
    await slack.deliver(slack.event(mention ?? {}, 'Ev1'));
    await slack.deliver(slack.event(message ?? {}, 'Ev2'));
    expect(slack.said).toEqual(['message #1', 'Discarded.']);
  });
});

describe('signatures', () => {
  it.each(['wrong', 'none', 'stale'] as const)('%s: refused by Bolt, and nothing opens', async (signature) => {
    const { clock, sessions } = sessionsOf();
    const events = eventsOf(sessions);
    await using slack = await workspace(clock, counting(sessions));
    expect((await slack.deliver(slack.webhook(says('discard')), signature)).status).toBe(401);
    expect((await slack.deliver(command('/discard'), signature)).status).toBe(401);
    expect([events, slack.said]).toEqual([[], []]);
  });
});

describe('what is no activity', () => {
  it.each(['edits', 'unsends', 'reacts', 'joins'] as const)(
    '%s: reaches the bot without a session and keeps none alive',
    async (does) => {
      const { clock, sessions } = sessionsOf();
      const errors: unknown[] = [];
      const mount = (app: App) => {
        app.use(slackSessions(sessions, { endpoint: 'desk' }));
        app.event(/.*/, async ({ context, event, say }) => {
          const turn = sessions.turn(context);
          if (turn) return void (await say(`#${turn.session.turnCount}`));
          errors.push(event.type);
          sessions.of(context);
        });
      };
      await using slack = await workspace(clock, mount);
      await slack.deliver(slack.webhook(says('one')));
      await clock.advance(20 * 60_000);
      await slack.deliver(slack.webhook({ does }));
      await clock.advance(10 * 60_000);
      await slack.deliver(slack.webhook(says('two')));
      expect(slack.said).toEqual(['#1', '#1']);
      expect(errors).toHaveLength(1);
      expect(slack.errors).toHaveLength(1);
      const [refusal] = slack.errors as [Error & { original?: unknown }];
      expect(isAdjournError(refusal.original ?? refusal, 'ADJ_NO_SESSION')).toBe(true);
      expect(refusal.message).toMatch(/is no activity of the user/);
    },
  );

  it('passes everything through that belongs to another workspace', async () => {
    const { clock, sessions } = sessionsOf();
    const events = eventsOf(sessions);
    const turns: unknown[] = [];
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk', accounts: ['T0ELSEWHERE'] }));
      app.message(async ({ context }) => void turns.push(sessions.turn(context)));
    };
    await using slack = await workspace(clock, mount);
    await slack.deliver(slack.webhook(says('discard')));
    expect([turns, events]).toEqual([[undefined], []]);
  });
});

describe('listeners', () => {
  it('that throw go to app.error, and what they changed before is kept', async () => {
    const { clock, sessions } = sessionsOf();
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk' }));
      app.message(async ({ context, message, say }) => {
        const { data } = sessions.of(context);
        data.seen.push('text' in message ? String(message.text) : '');
        if (data.seen.at(-1) === 'crash') throw new Error('as asked');
        await say(data.seen.join('|'));
      });
    };
    await using slack = await workspace(clock, mount);
    for (const text of ['one', 'crash', 'two']) await slack.deliver(slack.webhook(says(text)));
    expect(slack.said).toEqual(['one', 'one|crash|two']);
    expect(slack.errors.map((error) => (error as Error).message)).toEqual(['as asked']);
  });

  it('share one session side by side', async () => {
    const { clock, sessions } = sessionsOf();
    const mount = (app: App) => {
      app.use(slackSessions(sessions, { endpoint: 'desk' }));
      for (const name of ['a', 'b']) app.message(/^one$/, async ({ context }) => void sessions.of(context).data.seen.push(name));
      app.message(
        '?',
        async ({ context, say }) =>
          void (await say(`#${sessions.of(context).turnCount} ${sessions.of(context).data.seen.sort()}`)),
      );
    };
    await using slack = await workspace(clock, mount);
    await slack.deliver(slack.webhook(says('one')));
    await slack.deliver(slack.webhook(says('?')));
    expect(slack.said).toEqual(['#2 a,b']);
  });

  it('far from the context find their turn, and reply through it', async () => {
    const { clock, sessions } = sessionsOf();
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
    await using slack = await workspace(clock, mount);
    await slack.deliver(slack.webhook(says('one')));
    expect(slack.received).toMatchObject([
      { to: ada, text: '#1' },
      { to: ada, text: 'in a thread' },
    ]);
  });

  it('may hand Bolt another event of the same conversation inside their turn', async () => {
    const { clock, sessions } = sessionsOf();
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
    await using slack = await workspace(clock, mount);
    await slack.deliver(slack.webhook(says('outer')));
    expect(slack.said).toEqual(['outer|inner']);
  });

  it('answer fifty overlapping messages in order, once each', async () => {
    const { clock, sessions } = sessionsOf();
    await using slack = await workspace(clock, counting(sessions));
    await Promise.all(Array.from({ length: 50 }, () => slack.post(slack.webhook(says('x')))));
    await slack.rest();
    const numbers = slack.said.map((text) => Number(/^#(\d+)/.exec(text)?.[1]));
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  });
});

describe('places', () => {
  it('find the direct session from a form, a shortcut and the home tab, which name no channel', async () => {
    const { clock, sessions } = sessionsOf();
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
    await using slack = await workspace(clock, mount);
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
    expect(slack.received).toMatchObject([{ to: ada, text: 'Which one?' }]);
    expect(slack.errors).toEqual([]);
  });

  it('keep threads apart from their channel; scope thread joins everybody, the first message included', async () => {
    const told = async (scope: 'user' | 'thread') => {
      const { clock, sessions } = sessionsOf({ endpoints: { desk: { scope } } });
      await using slack = await workspace(clock, counting(sessions));
      const root = '1793613600.000100';
      await slack.deliver(slack.event(post('a', root), 'Ev1'));
      await slack.deliver(slack.event(post('b', '1793613601.000100', { thread_ts: root }), 'Ev2'));
      await slack.deliver(
        slack.event(post('c', '1793613602.000100', { thread_ts: root, user: slackVendor.person('bo') }), 'Ev3'),
      );
      await slack.deliver(slack.event(post('d', '1793613603.000100'), 'Ev4'));
      return slack.said;
    };
    expect(await told('user')).toEqual(['#1 a', '#1 b', '#1 c', '#2 a|d']);
    expect(await told('thread')).toEqual(['#1 a', '#2 a|b', '#3 a|b|c', '#1 d']);
  });

  it('give each assistant thread a session of its own, before the assistant takes the event', async () => {
    const { clock, sessions } = sessionsOf();
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
    await using slack = await workspace(clock, mount);
    const thread = (thread_ts: string, ts: string) => post('hi', ts, { channel: dm, channel_type: 'im', thread_ts });
    const start = {
      type: 'assistant_thread_started',
      assistant_thread: { user_id: ada, context: {}, channel_id: dm, thread_ts: '1.000001' },
      event_ts: '1793613600.000001',
    };
    await slack.deliver(slack.event(start, 'Ev0'));
    await slack.deliver(slack.event(thread('1.000001', '1793613600.000100'), 'Ev1'));
    await slack.deliver(slack.event(thread('1.000001', '1793613601.000100'), 'Ev2'));
    await slack.deliver(slack.event(thread('2.000001', '1793613602.000100'), 'Ev3'));
    expect(started).toEqual([undefined]);
    expect(slack.said).toEqual(['#1', '#2', '#1']);
    expect(slack.errors).toEqual([]);
  });
});

describe('an installation', () => {
  it('for a whole organisation is one place, and is written to later with the token its authorize finds', async () => {
    const { clock, sessions } = sessionsOf();
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
    await using slack = await workspace(clock, mount, { authorize });
    const grid = (team_id: string, event: Readonly<Record<string, unknown>>, id: string) => {
      const made = slack.event(event, id);
      const authorizations = [{ enterprise_id: 'E1', team_id: null, user_id: bot, is_bot: true, is_enterprise_install: true }];
      return { ...made, body: { ...made.body, team_id, enterprise_id: 'E1', authorizations } };
    };
    await slack.deliver(grid('T1', post('a', '1793613600.000100'), 'Ev1'));
    await slack.deliver(grid('T2', post('b', '1793613601.000100'), 'Ev2'));
    expect(slack.said).toEqual(['#1', '#2']);
    const [key = ''] = keys;
    expect(keys).toEqual(new Set([`slack/desk/E1%3AC07DECK0001/${ada}`]));

    asked.length = 0;
    await sessions.run(key, (turn) => turn.reply('Your order has shipped.'));
    expect(slack.received.at(-1)).toMatchObject({ to: 'C07DECK0001', text: 'Your order has shipped.' });
    expect(asked).toEqual([
      { enterpriseId: 'E1', teamId: 'T2', isEnterpriseInstall: true, conversationId: 'C07DECK0001', userId: ada },
    ]);
  });

  it('leaves no token in the store', async () => {
    const store = keyvStore();
    const { clock, sessions } = sessionsOf({ store });
    await using slack = await workspace(clock, counting(sessions));
    await slack.deliver(slack.webhook(says('one')));
    const { records } = await store.find({});
    expect(records.map(({ record }) => record['address'])).toEqual([
      expect.objectContaining({ user: ada, to: { teamId: team, isEnterpriseInstall: false, channel: dm, user: ada } }),
    ]);
    expect(JSON.stringify(records)).not.toContain(identity.token);
  });

  it('that has one token is written to later by the client it was given', async () => {
    const { clock, sessions } = sessionsOf();
    await using slack = await workspace(clock, counting(sessions));
    await slack.deliver(slack.webhook(says('one')));
    await sessions.run(`slack/desk/${team}%3A${ada}`, (turn) => turn.reply('Your order has shipped.'));
    expect(slack.said).toEqual(['#1 one', 'Your order has shipped.']);
  });
});
