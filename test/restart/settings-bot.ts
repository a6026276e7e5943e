import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { createSessions, type SetOptions, type SettingsChange, type Store } from 'adjourn';
import { messengerSessions } from 'adjourn/messenger';
import { redisStore } from 'adjourn/stores/redis';
import { sqlStore } from 'adjourn/stores/sql';
import pg from 'pg';
import { createClient } from 'redis';

/**
 * One of several bot processes over one store: `node settings-bot.ts <redis|postgres> <url> <prefix>`. Prints its port, and does what
 * it is asked by HTTP: writes as people do, once or without end; changes settings, and dies in the middle of it.
 */
const [kind, url = '', prefix = ''] = process.argv.slice(2);

async function openStore(): Promise<Store> {
  if (kind === 'redis') return redisStore(await createClient({ url }).connect(), { prefix });
  return sqlStore(new pg.Pool({ connectionString: url, max: 5 }), { prefix });
}

const inner = await openStore();
/** After so many more conversations are saved, the process is killed. */
let left = Number.POSITIVE_INFINITY;
const store: Store = {
  ...inner,
  async commit(lease, record, wakeAt) {
    await inner.commit(lease, record, wakeAt);
    if (lease.key.startsWith('messenger/') && --left === 0) process.kill(process.pid, 'SIGKILL');
  },
};

const failures: string[] = [];
let turns = 0;
const sessions = createSessions({
  store,
  endpoints: { main: { expiration: 30, closing: 'proactive' } },
  leaseMs: 1_000,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
});
for (const name of ['error', 'degraded', 'save_failed'] as const)
  sessions.on(name, ({ code, key }) => failures.push(`${name} ${code} ${key ?? ''}`));

const options = { endpoint: 'main', appSecret: 'secret', verifyToken: 'verify', accessToken: 'token' } as const;
const webhook = messengerSessions(sessions, options, async () => {
  turns += 1;
});

let messages = 0;
async function write(user: string): Promise<void> {
  const at = Date.now();
  const message = { mid: `m-${process.pid}-${++messages}`, text: 'hi' };
  const entry = {
    id: '1001',
    time: at,
    messaging: [{ sender: { id: user }, recipient: { id: '1001' }, timestamp: at, message }],
  };
  const body = JSON.stringify({ object: 'page', entry: [entry] });
  const signature = `sha256=${createHmac('sha256', 'secret').update(body).digest('hex')}`;
  const headers = { 'x-hub-signature-256': signature, 'content-type': 'application/json' };
  const { status } = await webhook.fetch(new Request('http://bot/', { method: 'POST', body, headers }));
  if (status !== 200) failures.push(`answered ${status}`);
}

/** People who go on writing. */
async function load(users: readonly string[]): Promise<void> {
  for (;;) {
    await Promise.all(users.map(write));
    await pause(50);
  }
}

interface Asked {
  readonly users: readonly string[];
  readonly change: SettingsChange<'main'>;
  readonly options: SetOptions;
  readonly dieAfter?: number;
}

async function answer(path: string, { users, change, options, dieAfter }: Asked): Promise<unknown> {
  switch (path) {
    case '/write':
      return Promise.all(users.map(write));
    case '/load':
      load(users).catch((error) => failures.push(String(error)));
      return 'ok';
    case '/set':
      left = dieAfter ?? Number.POSITIVE_INFINITY;
      return sessions.settings.set(change, options);
    default: {
      const { effectiveMs } = await sessions.explain('messenger/main/nobody');
      return { minutes: effectiveMs / 60_000, turns, failures };
    }
  }
}

const server = createServer(async (req: IncomingMessage, res) => {
  try {
    const body = await text(req);
    res.end(JSON.stringify((await answer(req.url ?? '/', body === '' ? {} : JSON.parse(body))) ?? null));
  } catch (error) {
    res.writeHead(500).end(String(error));
  }
});
server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as { port: number }).port}`));
