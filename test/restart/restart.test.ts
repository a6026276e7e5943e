import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { killAll, postToMessenger, redis, startProcess, sweep } from './process.ts';

const namespace = `restart-${randomUUID()}`;
const client = await redis();
afterEach(killAll);
afterAll(() => sweep(client, namespace));

/** Starts the bot over the durable Keyv of this test. */
async function startBot() {
  const bot = await startProcess('./bot.ts', namespace);
  const post = (mid: string, text: string) => postToMessenger(bot, mid, text);
  return { ...bot, post };
}

describe.skipIf(client === undefined)('a process that is killed without warning', () => {
  it('leaves every session, every variable and every id it has seen to the next one', async () => {
    const first = await startBot();
    expect((await first.post('m1', 'one')).status).toBe(200);
    const [, , id] = (await first.line()).split(' ');
    await first.kill();

    const second = await startBot();
    expect((await second.post('m1', 'one')).status).toBe(200);
    expect((await second.post('m2', 'two')).status).toBe(200);
    expect(await second.line()).toBe(`#2 one two ${id}`);

    const exited = second.exited();
    const cut = second.post('m3', 'die');
    await expect(cut).rejects.toThrow();
    expect(await second.line()).toBe(`#3 one two die ${id}`);
    await exited;

    const third = await startBot();
    expect((await third.post('m4', 'four')).status).toBe(200);
    expect(await third.line()).toBe(`#3 one two four ${id}`);
  }, 30_000);
});
