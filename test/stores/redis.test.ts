import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Store } from '../../src/middleware/store.ts';
import { type RedisLike, redisStore } from '../../src/stores/redis.ts';
import { impatient, patient, rejects } from '../kit/store-model.ts';
import { createClient, freshPrefix, isThere, lost, type Redis, redisOn } from './redis-server.ts';

const isLeftOut = !process.env['CI'] && !(await isThere());
if (isLeftOut) console.warn(`LEFT OUT: redisStore: ${lost}`);

/** A test with a prefix of its own. */
function check(title: string, work: (redis: Redis, prefix: string) => Promise<void>): void {
  test.skipIf(isLeftOut)(title, async () => {
    const prefix = freshPrefix();
    const redis = await redisOn(createClient, prefix);
    try {
      await work(redis, prefix);
    } finally {
      await redis.dispose();
    }
  });
}

async function turn(store: Store, key: string, record = {}): Promise<void> {
  const { lease } = await store.begin(key, patient);
  await store.commit(lease, record, 10);
}

/** Waits until everything this store has sent has been done. */
async function arrived(store: Store, key: string): Promise<void> {
  await rejects(store.begin(key, impatient), 'LEASE_TIMEOUT');
}

describe('round trips', () => {
  /** Counts what `work` sends to Redis about this test's keys, beside what scripts do. */
  async function sentDuring(redis: Redis, prefix: string, work: () => Promise<void>): Promise<string[]> {
    const sent: string[] = [];
    const monitor = redis.plain.duplicate();
    await monitor.connect();
    await monitor.monitor((line) => {
      if (line.includes(prefix) && !line.includes(' lua] ')) sent.push(line.split('"')[1] ?? '');
    });
    await work();
    // Redis tells the monitor in order, so once it has told of this it has told of all before.
    await redis.plain.exists(`${prefix}:the end`);
    await expect.poll(() => sent.at(-1)).toBe('EXISTS');
    monitor.destroy();
    return sent.slice(0, -1);
  }

  check('a turn costs two, also at the start, the end and the re-arming of a session', async (redis, prefix) => {
    const store = await redis.store();
    await turn(store, 'warm');
    const sent = await sentDuring(redis, prefix, async () => {
      for (const record of [{ n: 1 }, { n: 2 }, null]) {
        const { lease } = await store.begin('a', patient);
        await store.commit(lease, record, record && 10);
      }
    });
    expect(sent).toEqual(Array(6).fill('EVALSHA'));
  });

  check('a turn that was waited for in another process costs no more', async (redis, prefix) => {
    const [one, other] = await twoThatListen(redis);
    const sent = await sentDuring(redis, prefix, async () => {
      const holder = await one.begin('a', patient);
      const waits = Array.from({ length: 9 }, () => turn(other, 'a'));
      await one.commit(holder.lease, {}, null);
      await Promise.all(waits);
    });
    expect(sent).toEqual(Array(20).fill('EVALSHA'));
  });

  check('who waits for one holder asks nothing meanwhile', async (redis, prefix) => {
    const [one, other] = await twoThatListen(redis);
    const holder = await one.begin('a', patient);
    const next = other.begin('a', patient);
    await arrived(other, 'a');
    // Longer than anybody would wait between two looks.
    expect(await sentDuring(redis, prefix, () => sleep(1_500))).toEqual([]);
    await one.release(holder.lease);
    expect((await next).record).toBeNull();
  });
});

describe('the queue', () => {
  check('a waiter whose process died costs the others less than a second, however many it left', async (redis, prefix) => {
    const [one, third] = await twoThatListen(redis);
    const doomed = await redisOn(createClient, prefix);
    const dying = await doomed.store();
    const holder = await one.begin('a', patient);
    const dead = Array.from({ length: 3 }, () => dying.begin('a', patient).catch(() => 'dead'));
    await arrived(dying, 'a');
    const next = third.begin('a', patient);
    const last = one.begin('a', patient);
    await arrived(third, 'a');
    doomed.gate.shut();
    const from = performance.now();
    await one.commit(holder.lease, { n: 1 }, null);
    const { record, lease } = await next;
    const took = performance.now() - from;
    expect(record).toEqual({ n: 1 });
    expect(took).toBeGreaterThan(700);
    expect(took).toBeLessThan(1_000);
    await third.release(lease);
    await one.release((await last).lease);
    expect(await Promise.all(dead)).toEqual(['dead', 'dead', 'dead']);
    await doomed.dispose();
  });

  check('a waiter that misses its message finds out, and keeps its place', async (redis) => {
    const [one, other] = await twoThatListen(redis);
    const holder = await one.begin('a', patient);
    const order: string[] = [];
    const wait = async (store: Store, name: string) => {
      const { lease } = await store.begin('a', patient);
      order.push(name);
      await store.release(lease);
    };
    const waits: Promise<void>[] = [];
    for (const [store, name] of [
      [other, 'first'],
      [one, 'second'],
      [other, 'third'],
    ] as const) {
      waits.push(wait(store, name));
      await arrived(store, 'a');
    }
    for (const id of await redis.listeners()) await redis.plain.sendCommand(['CLIENT', 'KILL', 'ID', id]);
    await one.release(holder.lease);
    await Promise.all(waits);
    expect(order).toEqual(['first', 'second', 'third']);
  });

  check('a message that comes before the answer to the question is not lost', async (redis, prefix) => {
    const client = await redis.client();
    const slow = Promise.withResolvers<void>();
    const { evalSha } = client;
    let isSlow = false;
    client.withCommandOptions = () => client;
    client.evalSha = async (sha, input) => {
      const answer = await evalSha.call(client, sha, input);
      if (isSlow) await slow.promise;
      return answer;
    };
    const late = redisStore(client, { prefix });
    const one = await redis.store();
    const warm = await one.begin('warm', impatient);
    const warmed = late.begin('warm', patient);
    await expect.poll(() => redis.listeners()).toHaveLength(1);
    await one.release(warm.lease);
    await late.release((await warmed).lease);

    const holder = await one.begin('a', impatient);
    isSlow = true;
    const next = late.begin('a', patient);
    await expect.poll(() => redis.keys('queue:a')).toHaveLength(1);
    await one.commit(holder.lease, { n: 1 }, null);
    // What was published before this has been delivered before this is answered.
    await client.ping();
    slow.resolve();
    expect((await next).record).toEqual({ n: 1 });
    await late.close();
  });

  check('a process that stood still while the lease came and went does not believe the message', async (redis, prefix) => {
    const [one, other] = await twoThatListen(redis);
    const holder = await one.begin('a', patient);
    const next = other.begin('a', patient);
    const order: string[] = [];
    const behind = ['second', 'third'].map(async (name) => {
      const { lease } = await other.begin('a', patient);
      order.push(name);
      await other.release(lease);
    });
    await arrived(other, 'a');
    const elsewhere = new URL('redis-elsewhere.ts', import.meta.url).pathname;
    const args = ['--conditions=@adjourn/source', elsewhere, redis.directUrl, prefix, JSON.stringify(holder.lease)];
    execFileSync(process.execPath, args, { stdio: 'inherit', timeout: 15_000 });
    const from = performance.now();
    const { record, lease } = await next;
    expect(record).toEqual({ by: 'another process' });
    expect(performance.now() - from).toBeGreaterThan(300);
    // They were taken for dead together with the first one, and have their places again.
    await one.begin('a', { ...patient, waitMs: 20 }).catch(() => order.push('nobody else'));
    await other.release(lease);
    await Promise.all(behind);
    expect(order).toEqual(['nobody else', 'second', 'third']);
  });

  check('nothing is left of leases and waiters that are done', async (redis, prefix) => {
    const [one, other] = await twoThatListen(redis);
    const holder = await one.begin('a', patient);
    const waits = [turn(other, 'a'), turn(one, 'a'), turn(other, 'a')];
    const quitter = new AbortController();
    const quits = rejects(other.begin('a', { ...patient, signal: quitter.signal }), 'LEASE_TIMEOUT');
    await arrived(other, 'a');
    quitter.abort();
    await one.commit(holder.lease, {}, 10);
    await Promise.all([...waits, quits]);
    const kinds = (await redis.keys()).map((key) => key.slice(prefix.length).replace(/\d+/, 'N')).sort();
    expect(kinds).toEqual([':{pN}:names', ':{pN}:names', ':{pN}:record:a', ':{pN}:record:warm', ':{pN}:wake']);
  });
});

describe('an outage', () => {
  check('scripts that Redis has forgotten are sent again', async (redis) => {
    const [one, other] = await twoThatListen(redis);
    for (let n = 1; n <= 3; n++) {
      await redis.plain.scriptFlush();
      const holder = await one.begin('a', patient);
      const next = other.begin('a', patient);
      await arrived(other, 'a');
      await redis.plain.scriptFlush();
      await one.commit(holder.lease, { n }, n);
      const begun = await next;
      expect(begun.record).toEqual({ n });
      await redis.plain.scriptFlush();
      await other.renew(begun.lease);
      await redis.plain.scriptFlush();
      expect((await other.find({ keys: ['a'] })).records).toHaveLength(1);
      expect(await other.claimDue(n, 1, 100)).toEqual(['a']);
      expect(await other.nextWake()).toBe(n + 100);
      await other.release(begun.lease);
    }
  });

  check('a short cut is waited out, by callers and by waiters', async (redis) => {
    const [one, other] = await twoThatListen(redis);
    const holder = await one.begin('a', patient);
    const next = other.begin('a', patient);
    await arrived(other, 'a');
    redis.gate.shut();
    await sleep(50);
    const commit = one.commit(holder.lease, { n: 1 }, null);
    await redis.reconnect();
    await commit;
    expect((await next).record).toEqual({ n: 1 });
  });

  check('calls that a cut hit keep their places before later ones', async (redis, prefix) => {
    const client = await redis.client();
    const { evalSha } = client;
    let cut = 0;
    client.withCommandOptions = () => client;
    client.evalSha = async (sha, input) => {
      if (cut-- > 0) throw new Error('Socket closed unexpectedly');
      return evalSha.call(client, sha, input);
    };
    const store = redisStore(client, { prefix });
    const holder = await store.begin('a', patient);
    const order: string[] = [];
    const wait = async (name: string) => {
      const { lease } = await store.begin('a', patient);
      order.push(name);
      await store.release(lease);
    };
    cut = 3;
    const waits = ['one', 'two', 'three'].map(wait);
    // They have failed, and will be sent again in a moment.
    await expect.poll(() => cut).toBe(0);
    waits.push(wait('four'), wait('five'));
    await arrived(store, 'a');
    await expect.poll(() => redis.listeners()).toHaveLength(1);
    await store.release(holder.lease);
    await Promise.all(waits);
    expect(order).toEqual(['one', 'two', 'three', 'four', 'five']);
    await store.close();
  });

  check('a lease that came when nobody waited for it any more is given back', async (redis, prefix) => {
    const client = await redis.client();
    const slow = Promise.withResolvers<void>();
    let held = 0;
    const stalling: RedisLike = {
      evalSha: async (sha, input) => {
        if (held++ === 0) await slow.promise;
        return client.evalSha(sha, input);
      },
      eval: (source, input) => client.eval(source, input),
      duplicate: () => client.duplicate(),
      on: (event, listener) => client.on(event, listener),
      off: (event, listener) => client.off(event, listener),
    };
    const store = redisStore(stalling, { prefix, timeoutMs: 30 });
    await rejects(store.begin('a', patient), 'STORE_UNAVAILABLE');
    slow.resolve();
    const other = await redis.store();
    await other.release((await other.begin('a', { ...patient, waitMs: 5_000 })).lease);
    await store.close();
  });

  check('a client that is not connected is told so', async (redis, prefix) => {
    const store = redisStore(createClient(redis.url), { prefix });
    await expect(store.begin('a', impatient)).rejects.toThrow(/STORE_UNAVAILABLE: a: .*client\.connect\(\)/);
  });

  check('a connection error ends no process', async (redis, prefix) => {
    const client = createClient(redis.url);
    await client.connect();
    const store = redisStore(client, { prefix });
    await turn(store, 'a');
    redis.gate.shut();
    await rejects(store.begin('a', impatient), 'STORE_UNAVAILABLE');
    redis.gate.open();
    await client.ping();
    await turn(store, 'a');
    await store.close();
    client.destroy();
  });
});

describe('in Redis', () => {
  check('all keys of one conversation carry one tag, and a cluster could tell them apart', async (redis, prefix) => {
    const store = await redis.store();
    for (let n = 0; n < 60; n++) {
      const holder = await store.begin(`{u${n}}`, patient);
      await store.save(holder.lease, {}, 10);
      void store.begin(`{u${n}}`, patient).catch(() => {});
      await arrived(store, `{u${n}}`);
    }
    const tags = new Map<string, Set<string>>();
    for (const key of await redis.keys()) {
      const [, tag = '', user] = /^[^{]*\{(p\d+)\}:\w+(?::\{(u\d+)\})?$/.exec(key) ?? [];
      expect(tag, key).not.toBe('');
      if (user !== undefined) tags.set(user, (tags.get(user) ?? new Set()).add(tag));
    }
    expect([...tags.values()].every((one) => one.size === 1)).toBe(true);
    expect(tags.size).toBe(60);
    expect(new Set([...tags.values()].flatMap((one) => [...one])).size).toBeGreaterThan(40);
    expect(prefix).not.toContain('{');
  });

  check('a record of a newer version, and what is no record at all, is refused without quoting it', async (redis) => {
    const store = await redis.store();
    const values = {
      'adjourn2 1\n{"secret":1}': 'newer version',
      'adjourn1 1\n{"secret": ': 'damaged',
      'adjourn1 1\n["secret"]': 'damaged',
      'adjourn1 secret\n{}': 'damaged',
      'secret words': 'damaged',
    };
    await turn(store, 'a');
    const [at = ''] = await redis.keys('record:a');
    for (const [value, message] of Object.entries(values)) {
      await redis.plain.set(at, value);
      const error = await store.begin('a', impatient).then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(error?.message).toMatch(/^ADJ_RECORD_INVALID: a: /);
      expect(error?.message).toContain(message);
      expect(`${error?.message} ${String(error?.cause)}`).not.toContain('secret');
      expect(await redis.plain.get(at)).toBe(value);
    }
  });

  check('a record that changed behind the back of its holder is not overwritten', async (redis) => {
    const store = await redis.store();
    await turn(store, 'a', { n: 1 });
    const { lease } = await store.begin('a', impatient);
    const [at = ''] = await redis.keys('record:a');
    await redis.plain.set(at, 'adjourn1 7\n{"n":7}');
    await rejects(store.save(lease, { n: 2 }, null), 'LEASE_LOST');
    await rejects(store.commit(lease, { n: 2 }, null), 'LEASE_LOST');
    expect(await store.begin('a', impatient)).toMatchObject({ record: { n: 7 }, revision: 7 });
  });

  check('keys that only differ in what UTF-8 cannot say stay apart, and come back whole', async (redis) => {
    const store = await redis.store();
    const keys = ['\ud800', '\ud801', '\\ud800', '\\\ud800', '\\', '\ufffd', 'a\udc00b', '\u{1F512}'];
    for (const key of keys) await turn(store, key, { key });
    const { records } = await store.find({});
    expect(records.map(({ key }) => key).sort()).toEqual([...keys].sort());
    expect(records.every(({ key, record }) => record['key'] === key)).toBe(true);
    expect((await store.claimDue(10, 100, 1)).sort()).toEqual([...keys].sort());
  });

  check('more is due, and there is more to list, than is read of one partition at a time', async (redis) => {
    const store = await redis.store();
    const inOnePartition = redis.namesakes(40);
    for (const [n, key] of inOnePartition.entries()) {
      const { lease } = await store.begin(key, impatient);
      await store.commit(lease, {}, 100 - n);
    }
    expect((await store.find({ limit: 30 })).records.map(({ key }) => key)).toEqual([...inOnePartition].sort().slice(0, 30));
    expect(await store.claimDue(100, 30, 1_000)).toEqual([...inOnePartition].reverse().slice(0, 30));
    expect(await store.claimDue(100, 30, 1_000)).toHaveLength(10);
  });
});

describe('refuses', () => {
  test('an object that is no client, by name of what it lacks', () => {
    expect(() => redisStore(new Map() as unknown as RedisLike)).toThrowError(
      /ADJ_CONFIG_INVALID: redisStore: The object has no method evalSha/,
    );
  });

  test('a prefix that would choose the node of a cluster', () => {
    expect(() => redisStore(createClient('redis://127.0.0.1'), { prefix: 'a{b}' })).toThrowError(/ADJ_CONFIG_INVALID: .*brace/);
  });
});

/** Two stores over one backend whose second connections are there already. */
async function twoThatListen(redis: Redis): Promise<[Store, Store]> {
  const [one, other] = [await redis.store(), await redis.store()];
  for (const [holding, waiting] of [
    [one, other],
    [other, one],
  ] as const) {
    const { lease } = await holding.begin('warm', impatient);
    const next = waiting.begin('warm', patient);
    await expect.poll(async () => (await redis.listeners()).length).toBe(waiting === other ? 1 : 2);
    await holding.commit(lease, {}, null);
    await waiting.release((await next).lease);
  }
  return [one, other];
}
