import { strict as assert } from 'node:assert';
import { type Clock, createSessions, type Sessions, type SessionsOptions, systemClock } from '../../src/index.ts';
import type { Adapter, Channel, Delivery, Send } from '../../src/middleware/adapter.ts';
import { attach } from '../../src/middleware/attach.ts';
import type { MessageActivity } from '../../src/middleware/core/activity.ts';
import type { EndpointSettings } from '../../src/middleware/core/policy.ts';
import type { Store } from '../../src/middleware/store.ts';
import type { Turn } from '../../src/middleware/turn.ts';
import { type Body, newBody } from './body.ts';

/** A channel without a vendor: what is measured is ours alone. */
const adapter: Adapter = {
  name: 'bench',
  parse: () => [],
  capabilities: {
    redeliversFor: 86_400_000,
    ackWithinMs: 10_000,
    batches: false,
    replyWindow: 0,
    idempotentSend: false,
    reservedWords: [],
  },
};

export const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A bot on that channel, whose handler counts. */
export interface Bot {
  readonly sessions: Sessions<Body>;
  /** Handlers that ran. */
  handled(): number;
  /** One message of a user; resolves when its turn is saved. */
  turn(user: number): Promise<void>;
  /** The same without adjourn: the host makes its activity and calls the handler. */
  bare(user: number): Promise<void>;
}

export interface BotOptions {
  readonly store?: Store | undefined;
  readonly settings?: EndpointSettings | undefined;
  readonly clock?: Clock | undefined;
  readonly worker?: SessionsOptions['worker'];
  readonly send?: Send | undefined;
}

export function startBot(options: BotOptions = {}): Bot {
  const { store, settings = {}, clock = systemClock, worker = {}, send } = options;
  const sessions = createSessions({
    initial: newBody,
    logger: silent,
    clock,
    worker,
    ...(store ? { store } : {}),
  });
  const channel: Channel = attach(sessions, adapter, settings, send);
  const data = new Map<number, Body>();
  let handled = 0;
  let sequence = 0;

  const handle = async (body: Body) => {
    body.count += 1;
    handled += 1;
  };

  const delivery = (user: number, run: Delivery['run']): Delivery => {
    sequence += 1;
    const host = {};
    return { ...never, activities: [messageOf(user, sequence, clock.now())], hosts: [host], host, run };
  };

  const turn = async (user: number) => {
    const { saved } = await channel.turn(delivery(user, (one) => handle((one as Turn<Body>).session.data)));
    assert(await saved, 'The turn is saved.');
  };

  return {
    sessions,
    handled: () => handled,
    turn,
    async bare(user) {
      const body = data.get(user) ?? newBody();
      data.set(user, body);
      await delivery(user, () => handle(body)).run(undefined as never);
    },
  };
}

/** Nothing but messages comes; each of them is to be run. */
const never = {
  reply: async () => {},
  pass: async () => assert.fail('A message was passed by.'),
  consumed: async () => assert.fail('A message was taken for a command.'),
  duplicate: async () => assert.fail('A message was taken for a duplicate.'),
};

/** The sum of what all stored sessions have counted. */
export async function countedIn(store: Store): Promise<number> {
  let sum = 0;
  let after: string | undefined;
  do {
    const page = await store.find({ limit: 1_000, after });
    for (const { record } of page.records) sum += (record as { session?: { data?: Body } }).session?.data?.count ?? 0;
    after = page.next;
  } while (after !== undefined);
  return sum;
}

/** User 0, whose record is there: what others may be made copies of, much faster than by turns of their own. */
export interface Model {
  readonly record: string;
  readonly wakeAt: number | null;
  /** What differs between people: the user's name, and the session's id, which ends with it in copies. */
  readonly session: string;
  /** A text of the model's as it is of another user. */
  named(text: string, user: number): string;
}

export async function modelIn(store: Store): Promise<Model> {
  const [found] = (await store.find({ keys: [keyOfUser(0)], limit: 1 })).records;
  if (found === undefined) throw new Error('There is nothing to copy.');
  const { id: session } = (found.record as { session: { id: string } }).session;
  return {
    record: JSON.stringify(found.record),
    wakeAt: found.wakeAt,
    session,
    named: (text, user) => text.replaceAll(session, session.slice(0, -8) + nameOf(user)).replaceAll(nameOf(0), nameOf(user)),
  };
}

/** The key of a user's conversation. */
export const keyOfUser = (user: number) => `bench/bench/c${nameOf(user)}`;

export const nameOf = (user: number) => String(user).padStart(8, '0');

function messageOf(user: number, sequence: number, at: number): MessageActivity {
  const name = nameOf(user);
  return {
    kind: 'message',
    channel: adapter.name,
    type: 'message',
    conversation: { id: `c${name}`, kind: 'direct' },
    user: `u${name}`,
    id: `m${sequence}`,
    at,
    text: 'hello',
    addressed: true,
  };
}
