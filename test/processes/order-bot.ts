import { setTimeout as sleep } from 'node:timers/promises';
import { createSessions } from 'adjourn';
import { attach } from '../../src/middleware/attach.ts';
import type { MessageActivity } from '../../src/middleware/core/activity.ts';
import type { Turn } from '../../src/middleware/turn.ts';
import type { Command, Message, Report } from './fleet.ts';
import { type Backend, open } from './order-stores.ts';

/**
 * A bot in a process of its own, one of several over one store: `node order-bot.ts <store> <where> <prefix>`.
 * Messages come from the parent process, and what becomes of them goes back there.
 */
const { store, calls } = await open(process.argv.slice(2) as unknown as Backend);
/** Told when a message of the conversation, by key, has asked for its place. */
const asking = new Map<string, () => void>();
const sessions = createSessions({
  store: {
    ...store,
    begin(key, options) {
      const begun = store.begin(key, options);
      asking.get(key)?.();
      return begun;
    },
  },
  initial: () => ({ order: [] as number[] }),
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  worker: false,
});
const channel = attach(
  sessions,
  {
    name: 'toy',
    parse: () => [],
    capabilities: {
      redeliversFor: 3_600_000,
      ackWithinMs: 60_000,
      batches: false,
      replyWindow: 0,
      idempotentSend: false,
      reservedWords: [],
    },
  },
  { endpoint: 'main' },
);
let go = Promise.withResolvers<void>();
const now = () => performance.timeOrigin + performance.now();

function tell(...reports: Report[]): void {
  process.send?.(reports);
}

/** What has ended is told by and by: telling must not hold up those who come next. */
const ended: Report[] = [];
setInterval(() => {
  if (ended.length > 0) tell(...ended.splice(0));
}, 100);

async function take({ id, conversation, n, logicMs, holds }: Message): Promise<void> {
  const activity: MessageActivity = {
    kind: 'message',
    type: 'message',
    channel: 'toy',
    conversation: { id: conversation, kind: 'direct' },
    user: conversation,
    id,
    at: Date.now(),
    text: `${n}`,
    addressed: true,
  };
  let began = Number.NaN;
  let worked = Number.NaN;
  let order: readonly number[] = [];
  const { verdict, saved } = await channel.turn({
    activities: [activity],
    hosts: [],
    host: undefined,
    reply: async () => {},
    async run(turn) {
      began = now();
      if (holds) {
        tell({ did: 'begin', id });
        await go.promise;
      }
      await sleep(logicMs);
      const { data } = (turn as Turn<{ order: number[] }>).session;
      data.order.push(n);
      order = [...data.order];
      worked = now();
    },
    pass: async () => {},
    consumed: async () => {},
    duplicate: async () => {},
  });
  const isSaved = await saved;
  ended.push({ did: 'end', id, verdict, isSaved, began, worked, ended: now(), order });
}

process.on('message', async (command: Command) => {
  switch (command.do) {
    case 'take': {
      const { message } = command;
      const key = `toy/main/${encodeURIComponent(message.conversation)}`;
      const asked = new Promise<void>((resolve) => asking.set(key, resolve));
      const taken = take(message);
      await asked;
      // Calls of one process stay in order: once this one is answered, the message has its place.
      const probe = { now: Date.now(), leaseMs: 1_000, waitMs: 0 };
      await store.begin(key, probe).then(
        ({ lease }) => store.release(lease),
        () => {},
      );
      tell({ did: 'arrive', id: message.id });
      return taken;
    }
    case 'go':
      go.resolve();
      go = Promise.withResolvers<void>();
      return;
    case 'count':
      return tell({ did: 'count', calls: calls() });
  }
});
process.on('disconnect', () => process.exit());
tell({ did: 'start' });
