import type { RedisLike, RedisSubscriber } from './redis-calls.ts';

/** A lease that another process handed to a waiter of ours. */
export interface Handover {
  readonly token: string;
  /** When, by Redis's clock, epoch ms. */
  readonly at: number;
  /** The record's value; empty where there is none. */
  readonly value: string;
}

/** Hears what is handed to this process. Opens its connection when somebody first waits, and a new one after each that broke. */
export interface HandoverChannel {
  /** Whether messages arrive. */
  readonly isOpen: boolean;
  /** Sees to it that messages arrive, soon. */
  open(): void;
  close(): void;
}

/**
 * @param heard told of every handover
 * @param changed told when the connection is there, or broke: messages may have been missed
 */
export function handoverChannel(
  client: RedisLike,
  channel: string,
  heard: (handover: Handover) => void,
  changed: () => void,
): HandoverChannel {
  let subscriber: RedisSubscriber | undefined;
  let isOpen = false;
  let closed = false;

  const drop = (broken: RedisSubscriber): void => {
    if (subscriber !== broken) return;
    subscriber = undefined;
    isOpen = false;
    broken.destroy();
    if (!closed) changed();
  };

  const connect = async (): Promise<void> => {
    const fresh = client.duplicate();
    subscriber = fresh;
    // It would try again by itself, but in its own time, and a cluster's client does not say when it is back.
    fresh.on('error', () => drop(fresh));
    fresh.on('node-error', () => drop(fresh));
    try {
      await fresh.connect();
      await fresh.subscribe(channel, (message) => heard(parsed(message)));
    } catch {
      return drop(fresh);
    }
    if (subscriber !== fresh) return;
    isOpen = true;
    changed();
  };

  return {
    get isOpen() {
      return isOpen;
    },
    open() {
      if (subscriber === undefined && !closed) void connect();
    },
    close() {
      closed = true;
      if (subscriber !== undefined) drop(subscriber);
    },
  };
}

function parsed(message: string): Handover {
  const end = message.indexOf('\n');
  const [token = '', at] = message.slice(0, end).split(' ');
  return { token, at: Number(at), value: message.slice(end + 1) };
}
