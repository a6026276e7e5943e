import type { Adapter, AdapterOptions, Capabilities, Delivery, Outcome } from '../../src/middleware/adapter.ts';
import { attach } from '../../src/middleware/attach.ts';
import type { Activity } from '../../src/middleware/core/activity.ts';
import type { AdjournEvent } from '../../src/middleware/events.ts';
import { type SessionsOptions, sessionsOver } from '../../src/middleware/sessions.ts';
import type { Store } from '../../src/middleware/store.ts';
import type { Turn } from '../../src/middleware/turn.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { type VirtualClock, virtualClock } from '../../src/testing/virtual-clock.ts';

export interface Data {
  count: number;
  list?: string[];
}

export const silent = { debug() {}, info() {}, warn() {}, error() {} };

const capabilities: Capabilities = {
  redeliversFor: 3_600_000,
  ackWithinMs: 3_000,
  batches: true,
  replyWindow: 0,
  idempotentSend: false,
  reservedWords: ['stop'],
};

/** A channel without a vendor: activities are handed to the engine as they are. */
const toyAdapter: Adapter<Activity> = { name: 'toy', parse: (activity) => [activity], capabilities };

export interface ToyOptions extends AdapterOptions {
  readonly capabilities?: Partial<Capabilities>;
}

/** The engine behind a channel without a vendor, with everything it does written down. */
export function toyBot(options: SessionsOptions<Data> & { readonly toy?: ToyOptions; readonly store?: Store } = {}) {
  const clock: VirtualClock = (options.clock as VirtualClock | undefined) ?? virtualClock({ start: '2026-11-02T10:00:00Z' });
  const sessions = sessionsOver<Data, string>(options.store ?? keyvStore(), {
    initial: () => ({ count: 0 }),
    logger: silent,
    ...options,
    clock,
  });
  const events: AdjournEvent[] = [];
  sessions.on('*', (event) => events.push(event));
  const channel = attach(
    sessions,
    { ...toyAdapter, capabilities: { ...capabilities, ...options.toy?.capabilities } },
    { endpoint: 'main', ...options.toy },
  );
  const told: string[] = [];
  let ids = 0;

  const message = (text: string, more: Partial<Activity> = {}): Activity =>
    ({
      kind: 'message',
      type: 'message',
      channel: 'toy',
      conversation: { id: 'ada', kind: 'direct' },
      user: 'ada',
      id: `m${++ids}`,
      at: clock.now(),
      text,
      addressed: true,
      ...more,
    }) as Activity;
  const delivery = (
    activities: readonly Activity[],
    run: (turn: Turn<Data>) => unknown,
    more: Partial<Delivery> = {},
  ): Delivery => ({
    activities,
    hosts: [],
    host: undefined,
    reply: async (text) => told.push(String(text)),
    run: async (turn) => run(turn as Turn<Data>),
    pass: async () => told.push('passed'),
    consumed: async (text) => told.push(`consumed: ${text}`),
    duplicate: async () => told.push('duplicate'),
    ...more,
  });
  const deliver = (
    activity: Activity,
    run: (turn: Turn<Data>) => unknown = answer,
    more: Partial<Delivery> = {},
  ): Promise<Outcome> => channel.turn(delivery([activity], run, more));
  const says = (text: string, run?: (turn: Turn<Data>) => unknown, more?: Partial<Delivery>) => deliver(message(text), run, more);
  /** The sample answer: which turn of the session this is. */
  const answer = (turn: Turn<Data>) =>
    turn.reply(`#${turn.session.turnCount} ${turn.activity.kind === 'message' ? turn.activity.text : turn.activity.kind}`);
  const names = () => events.map(({ type }) => type);
  return { sessions, channel, clock, events, names, told, message, delivery, deliver, says };
}

/** A promise to be settled from outside. */
export function gate<T = void>() {
  return Promise.withResolvers<T>();
}
