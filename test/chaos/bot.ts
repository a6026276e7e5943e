import { openSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSessions, type Duration, type Turn } from 'adjourn';
import { messengerSessions } from 'adjourn/messenger';
import { whatsappSessions } from 'adjourn/whatsapp';
import { type Backend, openBackend } from './backend.ts';
import { type Pace, pacedClock } from './clock.ts';
import type { Entry } from './journal.ts';

/** A bot in a process of its own, told by one JSON argument what to do. Prints its port. */
export interface BotOptions {
  readonly backend: Backend;
  readonly pace: Pace;
  /** Where the vendor's API is. */
  readonly graph: string;
  /** The folder where it writes down what it does, line by line, before it goes on: lines outlive a SIGKILL. */
  readonly journals: string;
  readonly leaseMs: number;
  /** Of session time. */
  readonly expiration: Duration;
}

const options: BotOptions = JSON.parse(process.argv[2] ?? '{}');
const journal = openSync(join(options.journals, `${process.pid}.journal`), 'a');
const write = (entry: Entry) => writeSync(journal, `${JSON.stringify({ at: Date.now(), ...entry })}\n`);

const { store, archive, close } = await openBackend(options.backend);
const settings = {
  expiration: options.expiration,
  closing: 'proactive',
  closingMessage: 'Bye.',
} as const;
const sessions = createSessions({
  store,
  archive,
  processes: 'many',
  clock: pacedClock(options.pace),
  leaseMs: options.leaseMs,
  initial: () => ({ log: [] as [message: string, run: string, turn: number][] }),
  endpoints: { messenger: { ...settings, inbox: 'durable' }, whatsapp: settings },
  organization: {
    onClosing: (_session, { id }) => void write({ what: 'closing', session: id }),
    onClose: (session, { id }) => void write({ what: 'close', session: id, log: session.data.log }),
  },
  logger: { debug() {}, info() {}, warn() {}, error() {} },
});
sessions.on('*', (event) => {
  if (event.type === 'error') write({ what: 'error', code: event.code, key: event.key ?? '', error: String(event.error) });
  else if (event.type === 'closed') write({ what: 'closed', session: event.session, reason: event.reason });
  else if (event.type === 'save_failed') write({ what: 'save_failed', session: event.session, code: event.code });
});

/** What a message tells the bot to do: `<id> <milliseconds of work> <word>`. */
let runs = 0;
const handle = async (text: string, turn: Turn<{ log: [string, string, number][] }>) => {
  const [id = '', workMs, word] = text.split(' ');
  const run = `${process.pid}.${++runs}`;
  const { session, degraded, exclusive } = turn;
  const { previous, startReason, isNew } = session;
  write({
    what: 'began',
    run,
    message: id,
    key: turn.key,
    session: session.id,
    startReason,
    isNew,
    degraded,
    exclusive,
    ...(previous && { previous: previous.id }),
  });
  await sleep(Number(workMs));
  if (word === 'throw' && runs % 2 === 1) {
    write({ what: 'threw', run });
    throw new Error('The bot failed.');
  }
  turn.update((current) => {
    current.data.log.push([id, run, current.turnCount]);
    if (word === 'close') current.close();
  });
  write({ what: 'returned', run, aborted: turn.signal.aborted });
};

const meta = { appSecret: 'secret', accessToken: 'token', graphBaseUrl: options.graph };
const messenger = messengerSessions(sessions, meta, (event, turn) => handle(event.message?.text ?? '', turn));
const whatsapp = whatsappSessions(sessions, meta, (event, turn) => handle(event.message?.text?.body ?? '', turn));

const server = createServer((req, res) => {
  const webhook = req.url === '/messenger' ? messenger : whatsapp;
  webhook(req, res, (error) => res.writeHead(error ? 500 : 404).end());
});
server.listen(0, '127.0.0.1', () => {
  console.log(`port ${(server.address() as { port: number }).port}`);
  flushCompileCache();
});

process.on('disconnect', () => process.exit());
process.on('SIGTERM', async () => {
  server.close();
  server.closeAllConnections();
  await sessions.close();
  await close();
  process.exit();
});
