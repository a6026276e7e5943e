import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createClient } from '@redis/client';

const running = new Set<ChildProcess>();

/** A bot in a process of its own. It prints `port <n>` first. */
export interface BotProcess {
  readonly url: string;
  /** The next line it prints. @throws Error if it has ended */
  line(): Promise<string>;
  /** SIGKILL: without warning. */
  kill(): Promise<void>;
  exited(): Promise<unknown>;
}

/** @param script a TypeScript file beside this one */
export async function startProcess(script: string, ...args: string[]): Promise<BotProcess> {
  const path = new URL(script, import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=@adjourn/source', path, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('The bot ended early.');
    return String(value);
  };
  const port = (await line()).split(' ')[1];
  const exited = () => once(child, 'exit');
  return {
    url: `http://127.0.0.1:${port}`,
    line,
    async kill() {
      const gone = exited();
      child.kill('SIGKILL');
      await gone;
    },
    exited,
  };
}

/** A text message to a bot on Messenger, signed with `secret`. */
export function postToMessenger({ url }: BotProcess, mid: string, text: string, user = '2001'): Promise<Response> {
  const at = Date.now();
  const message = { sender: { id: user }, recipient: { id: '1001' }, timestamp: at, message: { mid, text } };
  const body = JSON.stringify({ object: 'page', entry: [{ id: '1001', time: at, messaging: [message] }] });
  const signature = `sha256=${createHmac('sha256', 'secret').update(body).digest('hex')}`;
  return fetch(url, { method: 'POST', body, headers: { 'x-hub-signature-256': signature, 'content-type': 'application/json' } });
}

export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** The Redis behind the durable Keyv of these tests; undefined where none answers, which is a failure in CI. */
export async function redis() {
  const client = createClient({
    url: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379',
    socket: { reconnectStrategy: false },
  });
  client.on('error', () => {});
  try {
    return await client.connect();
  } catch (error) {
    if (process.env['CI']) throw new Error('Redis does not answer: the restart tests were left out.', { cause: error });
    console.warn('LEFT OUT: restart tests, since Redis does not answer.');
    return undefined;
  }
}

/** Removes what a test has left in Redis. */
export async function sweep(client: Awaited<ReturnType<typeof redis>>, namespace: string): Promise<void> {
  if (client === undefined) return;
  for await (const keys of client.scanIterator({ MATCH: `*${namespace}*` })) if (keys.length > 0) await client.del(keys);
  await client.close();
}
