import type {
  Adapter,
  AdapterOptions,
  Capabilities,
  Delivery,
  Outcome,
  Send,
  SendOutcome,
} from '../../src/middleware/adapter.ts';
import { memoryArchive } from '../../src/middleware/archive.ts';
import { attach } from '../../src/middleware/attach.ts';
import type { Activity } from '../../src/middleware/core/activity.ts';
import type { AdjournEvent, EventName } from '../../src/middleware/events.ts';
import type { EndpointOptions } from '../../src/middleware/hooks.ts';
import { type SessionsOptions, sessionsOver } from '../../src/middleware/sessions.ts';
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

/** What a vendor was asked to send. */
export interface Asked {
  readonly text: unknown;
  /** `10:30:00` of the day. */
  readonly at: string;
  readonly key: string;
  readonly closeId: string | undefined;
  readonly user: string | undefined;
}

/** How a vendor answers: an outcome, a failure, or `'hangs'` for no answer at all. */
export type Answer = SendOutcome | Error | 'hangs';

/** A vendor that takes every message, unless it is told otherwise: the next sends get `answers`, in order. */
export function toyVendor(clock: Pick<VirtualClock, 'now'>, answers: Answer[] = []) {
  const asked: Asked[] = [];
  const send: Send = async (address, text, { idempotencyKey, closeId }) => {
    asked.push({ text, at: timeOf(clock.now()), key: idempotencyKey, closeId, user: address.user });
    const answer = answers.shift() ?? { outcome: 'sent', id: `v${asked.length}` };
    if (answer === 'hangs') return new Promise(() => {});
    if (answer instanceof Error) throw answer;
    return answer;
  };
  /** Texts with the time they were asked for. */
  const texts = () => asked.map(({ at, text }) => `${at} ${text}`);
  return { send, asked, answers, texts };
}

/** `10:29:59` of an instant, with milliseconds where there are any. */
export function timeOf(at: number): string {
  return new Date(at).toISOString().slice(11, 23).replace('.000', '');
}

/** Every message has an id of its own, whichever process it goes to. */
let messages = 0;

/** The engine behind a channel without a vendor, with everything it does written down. */
export function toyBot(
  options: SessionsOptions<Data> & { readonly toy?: ToyOptions | undefined; readonly send?: Send | undefined } = {},
) {
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
    options.send,
  );
  const told: string[] = [];

  const message = (text: string, more: Partial<Activity> = {}): Activity =>
    ({
      kind: 'message',
      type: 'message',
      channel: 'toy',
      conversation: { id: 'ada', kind: 'direct' },
      user: 'ada',
      id: `m${++messages}`,
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
    reply: async (text) => {
      channel.said({ text: String(text) });
      return told.push(String(text));
    },
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

export interface ClosingBotOptions extends SessionsOptions<Data> {
  readonly toy?: ToyOptions;
  /** How the vendor answers the first sends. */
  readonly answers?: Answer[];
}

/** A bot that closes proactively, with a vendor that takes messages and an archive. One user, Ada; the day begins at 10:00. */
export function closingBot(settings: EndpointOptions<Data> = {}, { answers, ...more }: ClosingBotOptions = {}) {
  const clock = (more.clock as VirtualClock | undefined) ?? virtualClock({ start: '2026-11-02T10:00:00Z' });
  const vendor = toyVendor(clock, answers);
  const archive = more.archive ?? memoryArchive();
  const endpoints = { main: { closing: 'proactive' as const, ...settings } };
  const bot = toyBot({ endpoints, ...more, clock, archive, send: vendor.send });
  const eventsOf = <Name extends EventName>(name: Name) =>
    bot.events.filter((event): event is Extract<AdjournEvent, { type: Name }> => event.type === name);
  return {
    ...bot,
    vendor,
    archive,
    eventsOf,
    /** Lets time pass until a time of the day. */
    until: (time: string) => bot.clock.advanceTo(`2026-11-02T${time}Z`),
    /** Closed sessions of Ada, newest first. */
    closes: async () => (await archive.sessions({ keys: [adaKey] })).sessions,
  };
}

export const adaKey = 'toy/main/ada';

/** A promise to be settled from outside. */
export function gate<T = void>() {
  return Promise.withResolvers<T>();
}
