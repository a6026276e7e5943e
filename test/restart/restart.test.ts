import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createClient } from '@redis/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const namespace = `restart-${randomUUID()}`;
const redis = createClient({ url: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379', socket: { reconnectStrategy: false } });
const running = new Set<ChildProcess>();
let reachable = true;

beforeAll(async () => {
  redis.on('error', () => {});
  await redis.connect().catch(() => {
    reachable = false;
  });
});

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});

afterAll(async () => {
  if (!reachable) return;
  for await (const keys of redis.scanIterator({ MATCH: `*${namespace}*` })) if (keys.length > 0) await redis.del(keys);
  await redis.close();
});

/** Starts the bot in a process of its own, over the durable Keyv of this test. */
async function startBot() {
  const script = new URL('./bot.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=@adjourn/source', script, namespace], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('The bot ended early.');
    return String(value);
  };
  const port = Number((await line()).split(' ')[1]);
  const post = (mid: string, text: string) => {
    const at = Date.now();
    const message = { sender: { id: '2001' }, recipient: { id: '1001' }, timestamp: at, message: { mid, text } };
    const body = JSON.stringify({ object: 'page', entry: [{ id: '1001', time: at, messaging: [message] }] });
    const signature = `sha256=${createHmac('sha256', 'secret').update(body).digest('hex')}`;
    return fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      body,
      headers: { 'x-hub-signature-256': signature, 'content-type': 'application/json' },
    });
  };
  return {
    post,
    line,
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
    exited: () => once(child, 'exit'),
  };
}

describe('a process that is killed without warning', () => {
  it('leaves every session, every variable and every id it has seen to the next one', async ({ skip }) => {
    if (!reachable) {
      if (process.env['CI']) throw new Error('Redis does not answer: the restart test was left out.');
      skip('Redis does not answer.');
    }
    const first = await startBot();
    expect((await first.post('m1', 'one')).status).toBe(200);
    const [, , id] = (await first.line()).split(' ');
    await first.kill();

    const second = await startBot();
    expect((await second.post('m1', 'one')).status).toBe(200);
    expect((await second.post('m2', 'two')).status).toBe(200);
    expect(await second.line()).toBe(`#2 one two ${id}`);

    const cut = second.post('m3', 'die');
    expect(await second.line()).toBe(`#3 one two die ${id}`);
    await expect(cut).rejects.toThrow();
    await second.exited();

    const third = await startBot();
    expect((await third.post('m4', 'four')).status).toBe(200);
    expect(await third.line()).toBe(`#3 one two four ${id}`);
  }, 30_000);
});
