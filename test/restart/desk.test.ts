import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { killAll, postToMessenger, redis, startProcess, sweep } from './process.ts';

const prefix = `desk-${randomUUID()}`;
const client = await redis();
afterEach(killAll);
afterAll(() => sweep(client, prefix));

describe.skipIf(client === undefined)('processes with a desk that are killed without warning', () => {
  it('while one chooses an agent, or hears a customer: another one goes on, and nobody gets two', async () => {
    const origin = String(Date.now());
    const first = await startProcess('./desk-bot.ts', prefix, origin, 'rule');
    const gone = first.exited();
    // It may die before it has answered.
    await postToMessenger(first, 'm1', 'help').catch(() => {});
    await gone;

    const second = await startProcess('./desk-bot.ts', prefix, origin, 'message');
    expect(await second.line()).toBe('assigned A');
    expect((await postToMessenger(second, 'm2', 'hello?')).status).toBe(200);
    expect(await second.line()).toBe('heard hello?, A 1');
    const killed = second.exited();
    await expect(postToMessenger(second, 'm3', 'die')).rejects.toThrow();
    await killed;

    const third = await startProcess('./desk-bot.ts', prefix, origin, 'lives');
    const others = await Promise.all(['u2', 'u3'].map((user) => postToMessenger(third, `${user}-1`, 'help', user)));
    expect(others.map(({ status }) => status)).toEqual([200, 200]);
    expect([await third.line(), await third.line()]).toEqual(['nobody_free undefined', 'nobody_free undefined']);
    expect((await postToMessenger(third, 'm3', 'die')).status).toBe(200);
    expect(await third.line()).toBe('heard die, A 1');
  }, 60_000);
});
