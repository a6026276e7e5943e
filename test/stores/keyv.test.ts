import { getEventListeners } from 'node:events';
import { Keyv as Keyv5 } from 'keyv';
import { Keyv as Keyv6 } from 'keyv6';
import { describe, expect, test } from 'vitest';
import { AdjournError } from '../../src/middleware/errors.ts';
import type { Store, StoredRecord } from '../../src/middleware/store.ts';
import { type KeyvLike, keyvStore } from '../../src/stores/keyv.ts';
import { FailingMap } from './failing.ts';

const now = { now: 0, leaseMs: 60_000, waitMs: 0 };

/** Both releases, each over an adapter of the test's own making. */
const keyvs: readonly (readonly [string, (adapter: object) => KeyvLike])[] = [
  ['Keyv 5.6', (adapter) => new Keyv5({ store: adapter })],
  ['Keyv 6', (adapter) => new Keyv6({ store: adapter })],
];

/** An adapter with promises and events, over a map; `before` may fail, wait or report. */
function adapterOn(
  map: Map<string, unknown>,
  before: (key: string, adapter: Emitter, doing: 'get' | 'set' | 'delete') => Promise<'lose' | undefined>,
) {
  const listeners: ((error: unknown) => void)[] = [];
  const adapter = {
    opts: { dialect: 'sqlite', url: '' },
    on: (_: string, listener: (error: unknown) => void) => listeners.push(listener),
    emit: (_: string, error: unknown) => {
      for (const listener of listeners) listener(error);
    },
    get: async (key: string) => ((await before(key, adapter, 'get')) === 'lose' ? undefined : map.get(key)),
    set: async (key: string, value: unknown) => {
      if ((await before(key, adapter, 'set')) !== 'lose') map.set(key, value);
    },
    delete: async (key: string) => ((await before(key, adapter, 'delete')) === 'lose' ? false : map.delete(key)),
    clear: async () => map.clear(),
    has: async (key: string) => map.has(key),
    async *iterator() {
      yield* map;
    },
  };
  return adapter;
}

type Emitter = { emit(event: string, error: unknown): void };

const fine = async () => undefined;

async function put(store: Store, key: string, record: StoredRecord): Promise<void> {
  const { lease } = await store.begin(key, now);
  await store.commit(lease, record, null);
}

async function failureOf(promise: Promise<unknown>): Promise<AdjournError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AdjournError)) throw new Error(`Expected a coded error, got ${String(error)}`);
  return error;
}

describe.each(keyvs)('%s', (_, keyvOn) => {
  test('an adapter that reports an error and answers "missing" is an outage', async () => {
    let failing = false;
    const store = keyvStore(
      keyvOn(
        adapterOn(new Map(), async (_key, adapter) => {
          if (!failing) return undefined;
          adapter.emit('error', new Error('connection lost'));
          return 'lose';
        }),
      ),
    );
    await put(store, 'a', { n: 1 });
    const { lease } = await store.begin('held', now);
    failing = true;
    const error = await failureOf(store.begin('a', now));
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', where: 'a', cause: new Error('connection lost') });
    expect((await failureOf(store.save(lease, { n: 2 }, null))).code).toBe('STORE_UNAVAILABLE');
    expect((await failureOf(store.commit(lease, null, null))).code).toBe('STORE_UNAVAILABLE');
    failing = false;
    expect((await store.begin('a', now)).record).toEqual({ n: 1 });
  });

  test('of calls that run side by side only those that failed are refused', async () => {
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
    const store = keyvStore(
      keyvOn(
        adapterOn(new Map(), async (key, adapter) => {
          await turn();
          if (!key.includes('bad')) return undefined;
          adapter.emit('error', new Error('no route'));
          await turn();
          return 'lose';
        }),
      ),
    );
    await put(store, 'warm', {});
    const outcomes = await Promise.allSettled(['ok1', 'bad1', 'ok2', 'bad2'].map((key) => store.begin(key, now)));
    expect(outcomes.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  });

  test('a miss is not believed while errors are reported that belong to no call', async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<'lose'>();
    let quiet = true;
    const adapter = adapterOn(new Map(), async () => {
      if (quiet) return undefined;
      asked.resolve();
      return answer.promise;
    });
    const store = keyvStore(keyvOn(adapter));
    await put(store, 'warm', {});
    quiet = false;
    const begun = failureOf(store.begin('a', now));
    await asked.promise;
    adapter.emit('error', new Error('socket closed'));
    answer.resolve('lose');
    expect((await begun).code).toBe('STORE_UNAVAILABLE');
  });

  test('a backend that silently keeps nothing is found out at the first use', async () => {
    const store = keyvStore(keyvOn(adapterOn(new Map(), async () => 'lose')));
    const error = await failureOf(store.begin('a', now));
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', hint: expect.stringContaining('hides an outage') });
  });

  test('no answer is an outage, too', async () => {
    let hanging = false;
    const store = keyvStore(keyvOn(adapterOn(new Map(), async () => (hanging ? new Promise(() => {}) : undefined))), {
      timeoutMs: 30,
    });
    await put(store, 'a', { n: 1 });
    hanging = true;
    expect((await failureOf(store.begin('a', now))).code).toBe('STORE_UNAVAILABLE');
    hanging = false;
    expect((await store.begin('a', now)).record).toEqual({ n: 1 });
  });

  test('nobody takes over in the middle of a save, even if the lease lapses', async () => {
    const slow = Promise.withResolvers<void>();
    let writing = false;
    const keyv = keyvOn(
      adapterOn(new Map(), async (_key, _adapter, doing) => {
        if (writing && doing === 'set') await slow.promise;
        return undefined;
      }),
    );
    const store = keyvStore(keyv, { timeoutMs: 10_000 });
    const { lease } = await store.begin('a', { ...now, leaseMs: 20 });
    writing = true;
    const committed = store.commit(lease, { n: 1 }, null);
    expect((await failureOf(store.begin('a', { ...now, waitMs: 60 }))).code).toBe('LEASE_TIMEOUT');
    expect((await failureOf(store.begin('a', now))).code).toBe('LEASE_TIMEOUT');
    const next = store.begin('a', { ...now, waitMs: 10_000 });
    slow.resolve();
    await committed;
    expect((await next).record).toEqual({ n: 1 });
  });

  test('what is given up or lapses in the middle of a save is handed over once the save has landed', async () => {
    const saves: PromiseWithResolvers<void>[] = [];
    let slow = false;
    const keyv = keyvOn(
      adapterOn(new Map(), async (_key, _adapter, doing) => {
        if (!slow || doing !== 'set') return undefined;
        saves.push(Promise.withResolvers());
        await saves.at(-1)?.promise;
        return undefined;
      }),
    );
    const store = keyvStore(keyv, { timeoutMs: 10_000 });
    const given = await store.begin('given', now);
    const lapsing = await store.begin('lapsing', { ...now, leaseMs: 20 });
    slow = true;
    const saved = [store.save(given.lease, { n: 1 }, null), store.save(lapsing.lease, { n: 2 }, null)];
    await store.release(given.lease);
    expect((await failureOf(store.renew(given.lease))).code).toBe('LEASE_LOST');
    const next = ['given', 'lapsing'].map((key) => store.begin(key, { ...now, waitMs: 10_000 }));
    expect((await failureOf(store.begin('lapsing', { ...now, waitMs: 60 }))).code).toBe('LEASE_TIMEOUT');
    for (const save of saves) save.resolve();
    await Promise.all(saved);
    expect((await Promise.all(next)).map((one) => one.record)).toEqual([{ n: 1 }, { n: 2 }]);
    expect((await failureOf(store.renew(lapsing.lease))).code).toBe('LEASE_LOST');
  });

  test('what is saved while the backend is being listed outranks the list', async () => {
    const map = new Map<string, unknown>();
    const listed = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const adapter = {
      ...adapterOn(map, fine),
      async *iterator() {
        const then = [...map];
        listed.resolve();
        await goOn.promise;
        yield* then;
      },
    };
    const before = keyvStore(keyvOn(adapterOn(map, fine)));
    for (const key of ['moved', 'gone', 'kept']) {
      const { lease } = await before.begin(key, now);
      await before.commit(lease, {}, 10);
    }
    const store = keyvStore(keyvOn(adapter));
    const claimed = store.claimDue(10, 10, 1_000);
    await listed.promise;
    for (const [key, record] of [
      ['moved', {}],
      ['gone', null],
      ['new', {}],
    ] as const) {
      const { lease } = await store.begin(key, now);
      await store.commit(lease, record, 20);
    }
    goOn.resolve();
    expect(await claimed).toEqual(['kept']);
    expect((await store.claimDue(20, 10, 1_000)).sort()).toEqual(['moved', 'new']);
    expect((await store.find({})).records.map((one) => one.key)).toEqual(['kept', 'moved', 'new']);
  });

  test('a record that goes while it is being listed spoils no list', async () => {
    const map = new Map<string, unknown>();
    let lists = 0;
    const adapter = {
      ...adapterOn(map, fine),
      async *iterator() {
        if (++lists === 1) yield ['keyv:gone', undefined];
        yield* map;
      },
    };
    const store = keyvStore(keyvOn(adapter));
    await put(store, 'a', {});
    expect((await store.find({})).records.map((one) => one.key)).toEqual(['a']);
  });

  test('keys that only differ in what UTF-8 cannot say stay apart', async () => {
    const bytes = (key: string) => Buffer.from(key).toString();
    const plain = adapterOn(new Map(), fine);
    const adapter = {
      ...plain,
      get: (key: string) => plain.get(bytes(key)),
      set: (key: string, value: unknown) => plain.set(bytes(key), value),
    };
    const store = keyvStore(keyvOn(adapter));
    await put(store, '\ud800', { n: 1 });
    await put(store, '\ud801', { n: 2 });
    expect((await store.begin('\ud800', now)).record).toEqual({ n: 1 });
    expect((await store.begin('\ud801', now)).record).toEqual({ n: 2 });
  });

  test("the Keyv's own time to live does not touch our records", async () => {
    const map = new Map<string, unknown>();
    const keyv = keyvOn(adapterOn(map, fine)) as KeyvLike & { ttl: number };
    keyv.ttl = 1;
    await put(keyvStore(keyv), 'a', { n: 1 });
    expect([...map.values()].map((value) => JSON.parse(String(value)).expires)).toEqual([undefined]);
  });

  test('foreign values in the same Keyv are left alone', async () => {
    const keyv = keyvOn(adapterOn(new Map(), fine));
    await keyv.set('user:1', 'somebody else');
    await keyv.set('adjourn', 'adjourn1:["fake"]\n{}');
    const store = keyvStore(keyv);
    await put(store, 'a', { n: 1 });
    expect((await store.find({})).records.map((one) => one.key)).toEqual(['a']);
  });

  test('a record of a newer version, and what is no record at all, is refused without quoting it', async () => {
    const map = new Map<string, unknown>();
    const store = keyvStore(keyvOn(adapterOn(map, fine)));
    const values = {
      'adjourn2:["a",1,null]\n{"secret":1}': 'newer version',
      'adjourn1:["a",1,null]\n{"secret": ': 'damaged',
      'adjourn1:["a",1,null]\n["secret"]': 'damaged',
      'adjourn1:["a","secret",null]\n{}': 'damaged',
      'adjourn1:["other secret",1,null]\n{}': 'Another key',
      'secret words': 'damaged',
    };
    await put(store, 'a', {});
    const [at] = [...map.keys()];
    for (const [value, message] of Object.entries(values)) {
      map.set(String(at), JSON.stringify({ value }));
      const error = await failureOf(store.begin('a', now));
      expect(error.code, value).toBe('ADJ_RECORD_INVALID');
      expect(error.message).toContain(message);
      expect(`${error.message} ${String(error.cause)}`).not.toContain('secret');
      expect(map.get(String(at))).toBe(JSON.stringify({ value }));
    }
  });

  test('without an iterator single conversations work, wake-ups and listings are refused', async () => {
    const { iterator: _, ...bare } = adapterOn(new Map(), fine);
    const store = keyvStore(keyvOn(bare));
    await put(store, 'a', { n: 1 });
    expect((await store.find({ keys: ['a'] })).records).toHaveLength(1);
    for (const asked of [store.find({}), store.claimDue(0, 1, 1)]) {
      expect(await failureOf(asked)).toMatchObject({ code: 'ADJ_CONFIG_INVALID', hint: expect.stringContaining('iterator') });
    }
  });

  test('says whether its records outlive the process', async () => {
    expect(keyvStore(keyvOn(new Map())).capabilities).toEqual({ scope: 'process', durable: false });
    expect(keyvStore(keyvOn(adapterOn(new Map(), fine))).capabilities).toEqual({ scope: 'process', durable: true });
    expect(keyvStore(keyvOn(adapterOn(new Map(), fine)), { durable: false }).capabilities.durable).toBe(false);
  });
});

test('two conversations whose keys the Keyv makes equal do not read each other', async () => {
  const store = keyvStore(new Keyv6({ sanitize: { keys: true } }));
  await put(store, 'slack/bot/C--1', { mine: true });
  expect((await failureOf(store.begin('slack/bot/C1', now))).code).toBe('ADJ_RECORD_INVALID');
});

test('a Keyv 5 that was told to keep its errors to itself is told otherwise', async () => {
  const map = new FailingMap();
  const store = keyvStore(new Keyv5({ store: map, emitErrors: false }));
  await put(store, 'a', { n: 1 });
  const { lease } = await store.begin('a', now);
  map.failing = true;
  expect((await failureOf(store.commit(lease, null, null))).code).toBe('STORE_UNAVAILABLE');
});

test('a value that makes Keyv 5 stop listing is named as the reason', async () => {
  const map = new Map<string, unknown>();
  const store = keyvStore(new Keyv5({ store: map }));
  await put(store, 'a', { n: 1 });
  map.set('keyv:theirs', 'not JSON, secret');
  const error = await failureOf(store.find({}));
  expect(error).toMatchObject({ code: 'ADJ_RECORD_INVALID', hint: expect.stringContaining('namespace of its own') });
  expect(error.message).not.toContain('secret');
  expect((await store.find({ keys: ['a'] })).records).toHaveLength(1);
  map.delete('keyv:theirs');
  expect((await store.find({})).records).toHaveLength(1);
});

test('a damaged value does not stop Keyv 6 from listing the others', async () => {
  const map = new Map<string, unknown>();
  const store = keyvStore(new Keyv6({ store: map }));
  await put(store, 'a', { n: 1 });
  map.set('theirs', { value: 'not JSON, secret', expires: undefined });
  expect((await store.find({})).records.map((one) => one.key)).toEqual(['a']);
});

test('who comes after a lapse goes behind those who wait, even if the process was too busy to notice the lapse', async () => {
  const store = keyvStore();
  await store.begin('a', { ...now, leaseMs: 20 });
  const order: string[] = [];
  const wait = async (name: string) => {
    const { lease } = await store.begin('a', { ...now, waitMs: 10_000 });
    order.push(name);
    await store.release(lease);
  };
  const first = wait('first');
  for (const end = performance.now() + 30; performance.now() < end; );
  await Promise.all([first, wait('second')]);
  expect(order).toEqual(['first', 'second']);
});

test('a caller that gives up while its record is being read leaves the conversation free', async () => {
  const store = keyvStore();
  const caller = new AbortController();
  const begun = failureOf(store.begin('a', { ...now, signal: caller.signal }));
  caller.abort();
  expect((await begun).code).toBe('LEASE_TIMEOUT');
  expect((await store.begin('a', now)).record).toBeNull();
});

test('nothing of a waiter stays on its signal', async () => {
  const store = keyvStore();
  const { signal } = new AbortController();
  const { lease } = await store.begin('a', now);
  const next = store.begin('a', { ...now, waitMs: 10_000, signal });
  const brief = failureOf(store.begin('a', { ...now, waitMs: 1, signal }));
  await brief;
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  await store.release(lease);
  await next;
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

test('an object that is no Keyv is refused by name of what it lacks', async () => {
  expect(() => keyvStore(new Map() as unknown as KeyvLike)).toThrowError(
    /ADJ_CONFIG_INVALID: keyvStore: The object has no method getRaw/,
  );
});
