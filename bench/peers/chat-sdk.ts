import { createMemoryState } from '@chat-adapter/state-memory';
import { type Adapter, Chat, type ConcurrencyStrategy, Message, parseMarkdown } from 'chat';
import { type Body, newBody } from '../harness/body.ts';
import { nameOf } from '../harness/bot.ts';
import type { Peer } from '../harness/peer.ts';

/** A channel without a vendor, as far as a turn uses one. */
const adapter = {
  name: 'bench',
  userName: 'bot',
  initialize: async () => {},
  isDM: () => true,
  channelIdFromThreadId: (threadId: string) => threadId,
} as unknown as Adapter;

let sequence = 0;
const threadOf = (user: number) => `bench:c${nameOf(user)}`;
const formatted = parseMarkdown('hello');

function messageOf(user: number): Message {
  sequence += 1;
  const author = { userId: `u${nameOf(user)}`, userName: 'ada', fullName: 'Ada Lovelace', isBot: false, isMe: false };
  return new Message({
    id: `m${sequence}`,
    threadId: threadOf(user),
    text: 'hello',
    formatted,
    raw: {},
    author,
    metadata: { dateSent: new Date(), edited: false },
    attachments: [],
  });
}

function chat(concurrency: ConcurrencyStrategy) {
  return new Chat<{ bench: Adapter }, Body & Record<string, unknown>>({
    adapters: { bench: adapter },
    state: createMemoryState(),
    userName: 'bot',
    logger: 'silent',
    concurrency,
  });
}

function queueAndState(): Peer {
  let handled = 0;
  const counts = new Map<string, number>();
  const bare = chat('concurrent');
  bare.onDirectMessage(async ({ id }) => {
    counts.set(id, (counts.get(id) ?? 0) + 1);
    handled += 1;
  });
  const queued = chat('queue');
  queued.onDirectMessage(async (thread) => {
    const body = (await thread.state) ?? newBody();
    await thread.setState({ ...body, count: body.count + 1 });
    handled += 1;
  });
  const ready = Promise.all([bare.initialize(), queued.initialize()]);
  return {
    name: 'Chat SDK, queue and thread state',
    async bare(user) {
      await ready;
      // Looking whether a message was there before is part of what is measured, so the host does not.
      await bare.processMessage(adapter, threadOf(user), messageOf(user), { deduplicate: false });
    },
    async turn(user) {
      await ready;
      await queued.processMessage(adapter, threadOf(user), messageOf(user));
    },
    handled: () => handled,
    async stored(users) {
      let sum = 0;
      for (let user = 0; user < users; user++) sum += (await queued.thread(threadOf(user)).state)?.count ?? Number.NaN;
      return sum;
    },
    close: () => Promise.all([bare.shutdown(), queued.shutdown()]),
  };
}

export const peers: readonly (() => Peer)[] = [queueAndState];
