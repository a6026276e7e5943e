import {
  type Activity,
  ActivityTypes,
  AutoSaveStateMiddleware,
  BotAdapter,
  ConversationState,
  MemoryStorage,
  type ResourceResponse,
  TurnContext,
} from 'botbuilder';
import { azureSessions } from '../../src/adapters/azure.ts';
import { createSessions, keyvStore } from '../../src/index.ts';
import { type Body, newBody } from '../harness/body.ts';
import { countedIn, nameOf, silent } from '../harness/bot.ts';
import type { Peer } from '../harness/peer.ts';

/** The host without HTTP and tokens: an activity meets the middlewares, then the bot. */
class Host extends BotAdapter {
  hear(user: number, bot: (context: TurnContext) => Promise<void>): Promise<void> {
    return this.runMiddleware(new TurnContext(this, activityOf(user) as Activity), bot);
  }
  override async sendActivities(): Promise<ResourceResponse[]> {
    return [];
  }
  override async updateActivity(): Promise<void> {}
  override async deleteActivity(): Promise<void> {}
  override async continueConversation(): Promise<void> {}
}

let sequence = 0;

function activityOf(user: number): Partial<Activity> {
  sequence += 1;
  const name = nameOf(user);
  return {
    type: ActivityTypes.Message,
    id: `m${sequence}`,
    timestamp: new Date(),
    channelId: 'webchat',
    serviceUrl: 'https://connector.example',
    from: { id: `u${name}`, name: 'Ada' },
    recipient: { id: 'bot', name: 'Bot' },
    conversation: { id: `c${name}`, name: '', isGroup: false, conversationType: 'personal' },
    text: 'hello',
  };
}

/** Without sessions the handler keeps its count by itself. */
function bareHost(done: () => void): Peer['bare'] {
  const counts = new Map<string, number>();
  const bare = new Host();
  return (user) =>
    bare.hear(user, async ({ activity }) => {
      counts.set(activity.conversation.id, (counts.get(activity.conversation.id) ?? 0) + 1);
      done();
    });
}

function conversationState(): Peer {
  let handled = 0;
  const done = () => {
    handled += 1;
  };
  const storage = new MemoryStorage();
  const state = new ConversationState(storage);
  const body = state.createProperty<Body>('body');
  const host = new Host();
  host.use(new AutoSaveStateMiddleware(state));
  return {
    name: 'botbuilder, ConversationState',
    bare: bareHost(done),
    turn: (user) =>
      host.hear(user, async (context) => {
        (await body.get(context, newBody())).count += 1;
        done();
      }),
    handled: () => handled,
    async stored(users) {
      const names = Array.from({ length: users }, (_, user) => `webchat/conversations/c${nameOf(user)}/`);
      const items = Object.values(await storage.read(names));
      return items.reduce((sum, { body: { count } }) => sum + count, 0);
    },
  };
}

function adjourn(): Peer {
  let handled = 0;
  const done = () => {
    handled += 1;
  };
  const store = keyvStore();
  const sessions = createSessions({ initial: newBody, logger: silent, store });
  const host = new Host();
  host.use(azureSessions(sessions, {}));
  return {
    name: 'adjourn, on botbuilder',
    bare: bareHost(done),
    turn: (user) =>
      host.hear(user, async (context) => {
        sessions.of(context).data.count += 1;
        done();
      }),
    handled: () => handled,
    stored: () => countedIn(store),
    close: () => sessions.close(),
  };
}

export const peers: readonly (() => Peer)[] = [adjourn, conversationState];
