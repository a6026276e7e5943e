import { Bot, type Context, MemorySessionStorage, type SessionFlavor, session } from 'grammy';
import { type Body, newBody } from '../harness/body.ts';
import type { Peer } from '../harness/peer.ts';

let sequence = 0;

function updateOf(user: number) {
  sequence += 1;
  return {
    update_id: sequence,
    message: {
      message_id: sequence,
      date: 1_760_000_000,
      chat: { id: user + 1, type: 'private', first_name: 'Ada' },
      from: { id: user + 1, is_bot: false, first_name: 'Ada' },
      text: 'hello',
    },
  } as const;
}

function bot<C extends Context>(): Bot<C> {
  const botInfo = { id: 1, is_bot: true, first_name: 'Bot', username: 'bench_bot' } as never;
  return new Bot<C>('1:none', { botInfo });
}

function sessions(): Peer {
  let handled = 0;
  const counts = new Map<number, number>();
  const bare = bot<Context>();
  bare.on('message', (context) => {
    counts.set(context.chat.id, (counts.get(context.chat.id) ?? 0) + 1);
    handled += 1;
  });
  const storage = new MemorySessionStorage<Body>();
  const withSessions = bot<Context & SessionFlavor<Body>>();
  withSessions.use(session({ initial: newBody, storage }));
  withSessions.on('message', (context) => {
    context.session.count += 1;
    handled += 1;
  });
  return {
    name: 'grammY, session',
    bare: (user) => bare.handleUpdate(updateOf(user)),
    turn: (user) => withSessions.handleUpdate(updateOf(user)),
    handled: () => handled,
    stored: async () => storage.readAllValues().reduce((sum, { count }) => sum + count, 0),
  };
}

export const peers: readonly (() => Peer)[] = [sessions];
