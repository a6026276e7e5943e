import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import type { Lease } from '../../src/middleware/store.ts';
import { redisStore } from '../../src/stores/redis.ts';

/**
 * Another process, run while the test's own stands still: gives up a lease that somebody waits for, lets the time pass in which the
 * waiter should have shown up, and takes the lease itself.
 */
const [url, prefix, lease] = process.argv.slice(2);
assert(url !== undefined && prefix !== undefined && lease !== undefined);
const client = createClient({ url });
await client.connect();
const store = redisStore(client, { prefix });
await store.commit(JSON.parse(lease) as Lease, { by: 'the first holder' }, null);
await sleep(1_100);
const taken = await store.begin('a', { now: 0, leaseMs: 1_500, waitMs: 0 });
await store.save(taken.lease, { by: 'another process' }, null);
client.destroy();
