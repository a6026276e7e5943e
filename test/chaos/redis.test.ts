import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createClient } from 'redis';
import { expect, test } from 'vitest';
import { isThere, lost, redisUrl } from '../stores/redis-server.ts';
import { aroundMs, chaosOn, forMs } from './chaos.ts';

const there = await isThere();
if (!there) console.warn(`LEFT OUT: chaos on Redis, ${lost}.`);

test.runIf(there || process.env['CI'])(
  'a minute of deaths over Redis: nothing acknowledged is lost, nothing happens twice',
  async () => {
    expect(there, lost).toBe(true);
    const prefix = `adjourn-chaos-${randomUUID()}`;
    try {
      const { violations, summary } = await chaosOn((folder) => ({
        kind: 'redis',
        url: redisUrl.href,
        prefix,
        archive: join(folder, 'archive.db'),
      }));
      expect(violations).toEqual([]);
      expect(summary.killed).toBeGreaterThan(forMs / 2_000);
    } finally {
      await removed(prefix);
    }
  },
  forMs + aroundMs,
);

async function removed(prefix: string): Promise<void> {
  const client = await createClient({ url: redisUrl.href }).connect();
  const keys = await client.keys(`${prefix}*`);
  if (keys.length > 0) await client.del(keys);
  client.destroy();
}
