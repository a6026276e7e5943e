import { App, type Context, type ConversationStore, LogLevel, MemoryStore, type Receiver } from '@slack/bolt';
import { slackSessions } from '../../src/adapters/slack.ts';
import { createSessions, keyvStore } from '../../src/index.ts';
import { type Body, newBody } from '../harness/body.ts';
import { countedIn, nameOf, silent } from '../harness/bot.ts';
import type { Peer } from '../harness/peer.ts';

/** Bolt without HTTP and signatures: events are handed to it as its receivers do. */
const receiver: Receiver = { init() {}, start: async () => {}, stop: async () => {} };

function app(convoStore: ConversationStore<Body> | false): App {
  return new App({
    receiver,
    convoStore,
    logLevel: LogLevel.ERROR,
    authorize: async () => ({ botToken: 'xoxb-1', botId: 'B00000001', botUserId: 'U00000001' }),
  });
}

let sequence = 0;

function eventOf(user: number) {
  sequence += 1;
  const seconds = 1_760_000_000 + Math.floor(sequence / 1_000_000);
  const at = `${seconds}.${String(sequence % 1_000_000).padStart(6, '0')}`;
  return {
    type: 'event_callback',
    token: 'none',
    team_id: 'T00000001',
    api_app_id: 'A00000001',
    event_id: `Ev${sequence}`,
    event_time: seconds,
    authorizations: [{ enterprise_id: null, team_id: 'T00000001', user_id: 'U00000001', is_bot: true }],
    event: {
      type: 'message',
      channel_type: 'im',
      channel: `D${nameOf(user)}`,
      user: `U1${nameOf(user)}`,
      text: 'hello',
      ts: at,
      event_ts: at,
    },
  };
}

const hear = (one: App, user: number) => one.processEvent({ body: eventOf(user), ack: async () => {} });

/** Without sessions the handler keeps its count by itself. */
function bareApp(done: () => void): App {
  const counts = new Map<string, number>();
  const bare = app(false);
  bare.message(async ({ message }) => {
    counts.set(message.channel, (counts.get(message.channel) ?? 0) + 1);
    done();
  });
  return bare;
}

function conversationStore(): Peer {
  let handled = 0;
  const done = () => {
    handled += 1;
  };
  const bare = bareApp(done);
  const store = new MemoryStore<Body>();
  const withStore = app(store);
  withStore.message(async ({ context }: { context: Context }) => {
    const body: Body = context['conversation'] ?? newBody();
    body.count += 1;
    await context['updateConversation'](body, Date.now() + 30 * 60_000);
    done();
  });
  return {
    name: 'Bolt, conversation store',
    bare: (user) => hear(bare, user),
    turn: (user) => hear(withStore, user),
    handled: () => handled,
    async stored(users) {
      let sum = 0;
      for (let user = 0; user < users; user++) sum += (await store.get(`D${nameOf(user)}`)).count;
      return sum;
    },
  };
}

function adjourn(): Peer {
  let handled = 0;
  const done = () => {
    handled += 1;
  };
  const bare = bareApp(done);
  const store = keyvStore();
  const sessions = createSessions({ initial: newBody, logger: silent, store });
  const withSessions = app(false);
  withSessions.use(slackSessions(sessions, { client: withSessions.client }));
  withSessions.message(async ({ context }) => {
    sessions.of(context).data.count += 1;
    done();
  });
  return {
    name: 'adjourn, on Bolt',
    bare: (user) => hear(bare, user),
    turn: (user) => hear(withSessions, user),
    handled: () => handled,
    stored: () => countedIn(store),
    close: () => sessions.close(),
  };
}

export const peers: readonly (() => Peer)[] = [adjourn, conversationStore];
