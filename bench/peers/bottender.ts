import { Bot, ConsoleConnector, type Context, MemorySessionStore } from 'bottender';
import { type Body, newBody } from '../harness/body.ts';
import { nameOf } from '../harness/bot.ts';
import type { Peer } from '../harness/peer.ts';

/** Its own channel without a vendor, of many people instead of one. */
class Connector extends ConsoleConnector {
  readonly #keyOf: (user: string) => string | null;
  constructor(keyOf: (user: string) => string | null) {
    super({ client: { sendText() {} } as never });
    this.#keyOf = keyOf;
  }
  override getUniqueSessionKey(event?: unknown): string {
    return this.#keyOf(userOf(event as Context['event'])) as string;
  }
  override async updateSession(): Promise<void> {}
}

const userOf = (event: Context['event']) => (event['rawEvent'] as { user: string }).user;

/** Enough that it forgets nobody. */
const most = 1_000_000;

function memoryStore(): Peer {
  let handled = 0;
  let sequence = 0;
  const counts = new Map<string, number>();
  const message = (user: number) => {
    sequence += 1;
    return { user: nameOf(user), message: { text: 'hello' }, id: sequence };
  };
  const sessionStore = new MemorySessionStore(most);
  const withSession = new Bot({ connector: new Connector((user) => user), sessionStore, sync: true });
  withSession.setInitialState({ body: { ...newBody() } as never });
  withSession.onEvent(async (context: Context) => {
    const { body } = context.state as unknown as { body: Body };
    context.setState({ body: { ...body, count: body.count + 1 } as never });
    handled += 1;
  });
  // Without a key it has no session.
  const without = new Bot({ connector: new Connector(() => null), sync: true });
  without.onEvent(async (context: Context) => {
    const user = userOf(context.event);
    counts.set(user, (counts.get(user) ?? 0) + 1);
    handled += 1;
  });
  const [hear, hearBare] = [withSession.createRequestHandler(), without.createRequestHandler()];
  return {
    name: 'Bottender, MemorySessionStore',
    bare: async (user) => hearBare(message(user) as never),
    turn: async (user) => hear(message(user) as never),
    handled: () => handled,
    async stored(users) {
      let sum = 0;
      for (let user = 0; user < users; user++) {
        const session = await sessionStore.read(`console:${nameOf(user)}`);
        sum += (session as unknown as { _state: { body: Body } })._state.body.count;
      }
      return sum;
    },
  };
}

export const peers: readonly (() => Peer)[] = [memoryStore];
