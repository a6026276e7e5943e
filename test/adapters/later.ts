import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StartSample } from '../../samples/host.ts';
import { type BotData, initial } from '../../samples/words.ts';
import { createSessions, type Sessions } from '../../src/index.ts';
import { type Archive, type ClosedSession, memoryArchive } from '../../src/middleware/archive.ts';
import type { Address } from '../../src/middleware/core/conversation.ts';
import type { AdjournEvent } from '../../src/middleware/events.ts';
import type { EndpointOptions } from '../../src/middleware/hooks.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { createSimulator, type Identity } from '../../src/simulator/simulator.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { type VirtualClock, virtualClock } from '../../src/testing/virtual-clock.ts';

/** How a vendor's API answers a call: `breaks` hangs up, `silence` never answers. */
export type Answer =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body: unknown }
  | 'breaks'
  | 'silence';

export interface Call {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A vendor's API of few words: it answers its calls in the order it was told to, the last answer over and over. */
export interface FewWords extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string;
  readonly calls: readonly Call[];
  /** Resolves with the next call. */
  next(): Promise<void>;
}

export async function fewWords(...answers: readonly Answer[]): Promise<FewWords> {
  const calls: Call[] = [];
  let called = Promise.withResolvers<void>();
  const server = createServer(async (req, res) => {
    let text = '';
    for await (const chunk of req) text += String(chunk);
    const answer = answers[Math.min(calls.length, answers.length - 1)] ?? 'breaks';
    calls.push({ path: req.url ?? '', headers: req.headers, text });
    if (answer === 'breaks') res.destroy();
    else if (answer !== 'silence') {
      const isText = typeof answer.body === 'string';
      res.writeHead(answer.status, { 'content-type': isText ? 'text/html' : 'application/json', ...answer.headers });
      res.end(isText ? answer.body : JSON.stringify(answer.body));
    }
    called.resolve();
    called = Promise.withResolvers();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    next: () => called.promise,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** @returns an address where nobody listens any more */
export async function nobody(): Promise<string> {
  await using gone = await fewWords();
  return gone.url;
}

/** Sessions that are closed with a text, by hand: `sweep` is the worker. */
export interface Later {
  readonly sessions: Sessions<unknown, 'desk'>;
  readonly clock: VirtualClock;
  readonly events: readonly AdjournEvent[];
  readonly archive: Archive;
  /** Lets half an hour pass, and the worker work. */
  expire(): Promise<void>;
  /** Opens a session at an address and lets it expire. @returns what the close record says, as far as there is one */
  close(address: Omit<Address, 'endpoint'>): Promise<ClosedSession | undefined>;
  /** Works on, a minute at a time, for longer than a message is tried. */
  goOn(): Promise<void>;
  /** The last close. */
  closed(key: string): Promise<ClosedSession | undefined>;
}

export function later(settings: EndpointOptions<unknown> = {}): Later {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const archive = memoryArchive();
  const nothing = () => {};
  const sessions = createSessions<unknown, 'desk'>({
    clock,
    archive,
    worker: false,
    logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    endpoints: {
      desk: { expiration: 30, closing: 'proactive', closingMessage: 'Bye.', closingMessageTo: 'all', ...settings },
    },
  });
  const events: AdjournEvent[] = [];
  sessions.on('*', (event) => void events.push(event));
  const closed = async (key: string) => (await archive.sessions({ keys: [key], limit: 1 })).sessions[0];
  const expire = async () => {
    await clock.advance(30 * 60_000);
    await sessions.sweep();
  };
  return {
    sessions,
    clock,
    events,
    archive,
    expire,
    closed,
    async goOn() {
      for (let minute = 0; minute < 5; minute += 1) {
        await clock.advance(60_000);
        await sessions.sweep();
      }
    },
    async close(address) {
      const { key, id } = await sessions.open({ ...address, endpoint: 'desk' });
      await expire();
      const last = await closed(key);
      return last?.session === id ? last : undefined;
    },
  };
}

/** A sample bot on its channel's simulated vendor, with the worker at work: Ada writes, and is silent for half an hour. */
export interface Abandoned {
  /** How often Ada was told that it was over. */
  readonly byes: number;
  /** What the closes say of their messages, by events and in the archive. */
  readonly told: readonly string[];
  readonly kept: readonly string[];
  /** What Ada is answered when she is back. */
  readonly answer: string | undefined;
}

/** How often the worker looks around, ms. */
const pollMs = 5_000;

/** Mounts a sender in a process that only runs the worker. */
export type MountSender = (sessions: Sessions<BotData>, identity: Identity, vendorUrl: string) => void;

/**
 * @param fault what the vendor's API meets with the closing message
 * @param mountSender if given, another process does the worker's work, which gets no requests
 */
export async function abandoned(
  channel: string,
  start: StartSample,
  fault?: Fault,
  mountSender?: MountSender,
): Promise<Abandoned> {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const archive = memoryArchive();
  const received: string[] = [];
  const told: string[] = [];
  const nothing = () => {};
  const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
  const endpoints = { desk: { expiration: 30, closing: 'proactive', closingMessage: 'Bye.' } } as const;
  const common = { clock, archive, logger, initial, endpoints, store: keyvStore() };
  const sessions = createSessions<BotData, string>({ ...common, ...(mountSender ? { worker: false } : {}) });
  const worker = mountSender ? createSessions<BotData, string>(common) : sessions;
  let key = '';
  sessions.on('opened', (event) => {
    key = event.key ?? '';
  });
  worker.on('closed', ({ message }) => void told.push(message));
  const simulator = await createSimulator({ clock, onReceived: ({ text }) => void received.push(text) });
  const identity = simulator.identity(channel, 'desk');
  const bot = await start({ sessions, endpoint: 'desk', identity, vendorUrl: simulator.url });
  mountSender?.(worker, identity, simulator.url);
  const says = async (text: string) => {
    const webhook = simulator.webhook(channel, 'desk', 'ada', { does: 'says', text });
    if (webhook === undefined) throw new Error('Nobody says anything here.');
    const before = received.length;
    await simulator.send(webhook, { channel, endpoint: 'desk', url: bot.url, user: 'ada' });
    await until(() => received.length > before && simulator.openCalls() === 0);
    return received.at(-1);
  };
  try {
    await says('hi');
    if (fault !== undefined) simulator.fail(channel, fault, 1);
    for (const end = clock.now() + 35 * 60_000; clock.now() < end; ) {
      await clock.advance(pollMs);
      // Asleep again: whatever was due is done with, calls to the vendor included.
      await until(() => (clock.nextWake() ?? Number.POSITIVE_INFINITY) <= clock.now() + pollMs);
    }
    const kept = (await archive.sessions({ keys: [key] })).sessions;
    const byes = received.filter((text) => text === 'Bye.').length;
    return { byes, told, kept: kept.map(({ message }) => message), answer: await says('again') };
  } finally {
    await bot.close();
    await simulator.close();
    await worker.stop();
    await sessions.close();
  }
}

/** Lets requests come and go until something has happened. */
export async function until(happened: () => boolean): Promise<void> {
  const patience = performance.now() + 10_000;
  while (!happened() && performance.now() < patience) await new Promise((resolve) => setImmediate(resolve));
  if (!happened()) throw new Error('It did not happen.');
}
