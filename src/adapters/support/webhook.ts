import type { Channel, Delivery, Reply } from '../../middleware/adapter.ts';
import type { Activity } from '../../middleware/core/activity.ts';
import { AdjournError } from '../../middleware/errors.ts';
import type { Turn } from '../../middleware/turn.ts';

/** One activity of a request, with the vendor's own object it was made from. */
export interface Item<Event = unknown> {
  readonly activity: Activity;
  readonly event: Event;
}

/**
 * What an adapter knows about the events of its webhook, whatever the host that received them.
 * @typeParam Host what the request came with (`{ req, res }` on Express); absent where a form has none
 */
export interface Webhook<Event = unknown, Host = unknown> {
  readonly channel: Channel;
  /** Within what time the vendor wants its answer, milliseconds of session time. */
  readonly ackWithinMs: number;
  /** What sending later needs beyond conversation and user; without live tokens. */
  to?(item: Item<Event>): Readonly<Record<string, unknown>> | undefined;
  /** Sends text or the vendor's own kind of message to where the event came from. */
  reply(message: unknown, item: Item<Event>, host?: Host): Promise<unknown>;
  /** Tells the user what a command did (`text`, if anything is to be told). */
  consumed(text: string | undefined, item: Item<Event>, host?: Host): Promise<unknown>;
}

/** The bot's logic for one event. */
export type EventHandler<Event, Data> = (event: Event, turn: Turn<Data>) => unknown;

/**
 * The event handler form's part for what belongs to no session: receipts, joins, edits, shapes the adapter does not know.
 * It gets the vendor's object untouched.
 */
export type SessionlessHandler<Event> = (event: Event, activity: Activity) => unknown;

/** The turns of one request, under way. */
export interface EventRun {
  /** What handlers threw, once every turn is saved or given up. Never rejects. */
  readonly failures: Promise<readonly HandlerFailure[]>;
  /** Resolves when everything that has not had its turn yet is saved for it (`inbox: 'durable'`); otherwise never. */
  readonly accepted: Promise<void>;
  /** Whether something is still to be saved that must be before it is acknowledged. */
  owes(): boolean;
}

/** What a handler threw, and at which activity. */
export interface HandlerFailure {
  readonly error: unknown;
  readonly activity: Activity;
}

/** How long a turn whose webhook may be answered early waits for a busy conversation, milliseconds. */
const patienceMs = 60_000;

/** What is left between our answer and the vendor's limit, milliseconds. */
const marginMs = 500;

/**
 * Runs one turn per event: those of one conversation one after the other, in order of arrival, different conversations side by side.
 * A handler that throws does not keep the other events from theirs.
 */
export function runEvents<Event, Data>(
  webhook: Webhook<Event>,
  items: readonly Item<Event>[],
  handler: EventHandler<Event, Data>,
  sessionless: SessionlessHandler<Event> = () => undefined,
): EventRun {
  const failures: HandlerFailure[] = [];
  const { promise: accepted, resolve } = Promise.withResolvers<void>();
  const open = new Set(items);
  const waiting = new Set(items);
  const safe = (item: Item<Event>) => {
    waiting.delete(item);
    if (waiting.size === 0 && open.size > 0) resolve();
  };
  const inOrder = async (group: readonly Item<Event>[]) => {
    for (const item of group) {
      const { activity } = item;
      try {
        const outcome = await webhook.channel.turn({
          ...eventDelivery(webhook, item, handler, sessionless),
          accepted: () => safe(item),
        });
        await outcome.saved;
      } catch (error) {
        failures.push({ error, activity });
      } finally {
        open.delete(item);
        safe(item);
      }
    }
  };
  return {
    failures: Promise.all(webhook.channel.group(items).map(inOrder)).then(() => failures),
    accepted,
    owes: () => [...waiting].some(({ activity }) => webhook.channel.keeps(activity)),
  };
}

/** The turn of one event. Activity and event are plain data: kept as they are, they make the same delivery after a crash. */
export function eventDelivery<Event, Data>(
  webhook: Webhook<Event>,
  item: Item<Event>,
  handler: EventHandler<Event, Data>,
  sessionless: SessionlessHandler<Event> = () => undefined,
): Delivery {
  const { activity, event } = item;
  return {
    ...delivery(webhook, [item], undefined),
    host: event,
    waitMs: patienceMs,
    keep: item,
    run: async (turn) => handler(event, turn as Turn<Data>),
    pass: async () => sessionless(event, activity),
  };
}

/**
 * Resolves when every turn has ended or is kept for a crash, or when the vendor's answer can wait no longer; the turns then go on.
 * A save that failed does not make it fail: the bot has answered, and the `save_failed` event tells of it.
 * @throws what the first handler threw, if it did in time: the vendor may then deliver again. All other errors are reported.
 * @throws AdjournError `LEASE_TIMEOUT` where a message must be saved first (`inbox: 'durable'`) and its conversation is busy for too long:
 * it is handled when its turn comes, and delivered again should this process die before.
 */
export async function answerInTime(
  { channel, ackWithinMs }: Pick<Webhook, 'channel' | 'ackWithinMs'>,
  run: EventRun,
): Promise<void> {
  const report = (failures: readonly HandlerFailure[]) => {
    for (const { error, activity } of failures) channel.report(error, activity);
  };
  const budget = new AbortController();
  const tooLate = channel.sleep(Math.max(0, ackWithinMs - marginMs), budget.signal).then(() => undefined);
  const failures = await Promise.race([run.failures, tooLate, run.accepted.then(() => undefined)]);
  budget.abort();
  if (failures === undefined) {
    void run.failures.then(report);
    if (run.owes()) throw unsaved();
    return;
  }
  const [first, ...others] = failures;
  report(others);
  if (first !== undefined) throw first.error;
}

function unsaved(): AdjournError {
  return new AdjournError('LEASE_TIMEOUT', 'A message could not be saved before the vendor had to be answered.', {
    hint: 'The vendor delivers it again. Its turn comes all the same, and is not repeated.',
  });
}

/** A delivery of items of one conversation, but for what runs and how long it waits. */
export function delivery<Event, Host>(
  webhook: Webhook<Event, Host>,
  items: readonly Item<Event>[],
  host: Host | undefined,
): Omit<Delivery, 'host' | 'run' | 'pass'> {
  const last = items.at(-1) as Item<Event>;
  const itemOf = (activity: Activity) => items.find((item) => item.activity === activity) ?? last;
  const reply: Reply = (message) => webhook.reply(message, last, host);
  return {
    activities: items.map((item) => item.activity),
    hosts: items.map((item) => item.event).filter((event) => typeof event === 'object' && event !== null),
    to: webhook.to?.(last),
    reply,
    consumed: (text, activity) => webhook.consumed(text, itemOf(activity), host),
    duplicate: async () => undefined,
  };
}
