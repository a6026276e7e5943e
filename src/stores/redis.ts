import { AdjournError, isAdjournError } from '../middleware/errors.ts';
import type { FindQuery, Lease, Store, StoredRecord } from '../middleware/store.ts';
import { damaged, toRecord, toText } from './support/records.ts';
import { type RedisLike, redisCalls } from './support/redis-calls.ts';
import { redisIndex } from './support/redis-index.ts';
import { placesUnder } from './support/redis-keys.ts';
import { redisLeases } from './support/redis-leases.ts';
import { read } from './support/redis-partition-scripts.ts';
import * as scripts from './support/redis-scripts.ts';

export type { RedisLike };

export interface RedisStoreOptions {
  /** What all keys and channels begin with. @default 'adjourn' */
  readonly prefix?: string | undefined;
  /** How long one call may take before it counts as an outage, milliseconds. @default 2000 */
  readonly timeoutMs?: number | undefined;
}

/**
 * Conversations in Redis 6.2 or later, Valkey, or a cluster of them, for bots that run in many processes. Beginning a turn is one
 * call, ending it another. Who finds a conversation busy is served in order of arrival, whatever process it waits in: the lease comes
 * by message when it is given up, over a second connection that is opened when somebody first waits.
 *
 * The client stays the caller's to connect and to close; it gets a listener for errors, so that an outage is told by the calls that
 * suffer from it and ends no process. Records are as durable as the server is set up to be, and it must not evict keys
 * (`maxmemory-policy noeviction`). The user needs the commands of the scripts, `EVALSHA`, `EVAL`, and the channels
 * `<prefix>:handover:*`.
 * @throws AdjournError `ADJ_CONFIG_INVALID` if it is no client of node-redis 5 or 6, or the prefix holds a brace.
 */
export function redisStore(client: RedisLike, options: RedisStoreOptions = {}): Store {
  const { prefix = 'adjourn', timeoutMs = 2_000 } = options;
  checkClient(client);
  const places = placesUnder(prefix);
  const calls = redisCalls(client, timeoutMs);
  const leases = redisLeases(client, calls, places);
  const index = redisIndex(calls, places);

  const write = async (lease: Lease, record: StoredRecord | null, wakeAt: number | null, keep: boolean): Promise<void> => {
    const { key, token, leaseMs } = lease;
    const place = places.of(key);
    const text = record === null ? '' : toText(key, record);
    const at = wakeAt !== null && Number.isFinite(wakeAt) ? String(wakeAt) : '';
    const sent = calls.send(
      scripts.save,
      [...place.keys, ...place.sets],
      [token, places.channels, place.name, at, text, keep ? '1' : '0'],
    );
    try {
      if ((await calls.answered(key, sent)) === 0) throw lost(key);
    } catch (error) {
      if (!keep && isAdjournError(error, 'STORE_UNAVAILABLE')) leases.abandon(place, token, leaseMs, sent);
      throw error;
    }
  };

  const release = async ({ key, token, leaseMs }: Lease): Promise<void> => {
    leases.end(token);
    const place = places.of(key);
    const sent = calls.send(scripts.leave, place.keys, [token, places.channels, '']);
    try {
      await calls.answered(key, sent);
    } catch (error) {
      leases.abandon(place, token, leaseMs, sent);
      throw error;
    }
  };

  return {
    capabilities: { scope: 'shared', durable: true },

    async begin(key, wanted) {
      const { token, value } = await leases.take(places.of(key), wanted);
      const lease = { key, token, leaseMs: wanted.leaseMs };
      try {
        return { ...decoded(key, value), lease };
      } catch (error) {
        await release(lease);
        throw error;
      }
    },

    async commit(lease, record, wakeAt) {
      leases.end(lease.token);
      try {
        await write(lease, record, wakeAt, false);
      } catch (error) {
        // What could not be written as JSON was never sent.
        if (isAdjournError(error, 'ADJ_RECORD_INVALID')) await release(lease);
        throw error;
      }
    },

    save: (lease, record, wakeAt) => write(lease, record, wakeAt, true),

    async renew({ key, token, leaseMs }) {
      leases.end(token);
      const renewed = await calls.run(key, scripts.renew, places.of(key).keys, [token, String(Math.ceil(leaseMs))]);
      if (renewed === 0) throw lost(key);
    },

    release,
    claimDue: (now, limit, claimMs) => index.claim(now, limit, now + claimMs),
    nextWake: () => index.earliest(),

    async find(query) {
      const { limit = 100 } = query;
      const keys =
        query.keys === undefined ? await index.keys(query.prefix ?? '', query.after, limit + 1) : among(query.keys, query);
      const page = keys.slice(0, limit).map((key) => places.of(key));
      const parts = page.map(({ partition, name, keys: [record], sets: [wakeUps] }) => ({
        partition,
        keys: [record, wakeUps],
        args: [name],
      }));
      const found = (await calls.all(read, [], parts)) as (readonly [string | null, string | null])[];
      const records = page.flatMap(({ key }, at) => {
        const [value, wakeAt] = found[at] ?? [null, null];
        const { record } = decoded(key, value);
        return record === null ? [] : [{ key, record, wakeAt: wakeAt === null ? null : Number(wakeAt) }];
      });
      const next = keys.length > limit ? page.at(-1)?.key : undefined;
      return { records, ...(next === undefined ? {} : { next }) };
    },

    async close() {
      await leases.close();
      calls.close();
    },
  };
}

/** A value as it lies in Redis: its format and revision, a line break, the record's JSON. */
function decoded(key: string, value: string | null): { readonly record: StoredRecord | null; readonly revision: number } {
  if (value === null) return { record: null, revision: 0 };
  const [head, form, revision] = /^adjourn(\d+) (\d+)\n/.exec(value) ?? [];
  if (head === undefined) throw damaged(key);
  if (form !== '1') throw damaged(key, 'A newer version of adjourn wrote this record.');
  return { record: toRecord(key, value.slice(head.length)), revision: Number(revision) };
}

function among(keys: readonly string[], { prefix = '', after }: FindQuery): string[] {
  const wanted = [...new Set(keys)].filter((key) => key.startsWith(prefix) && (after === undefined || key > after));
  return wanted.sort();
}

function lost(key: string): AdjournError {
  return new AdjournError('LEASE_LOST', 'The lease lapsed and went to another holder.', { where: key });
}

function checkClient(client: RedisLike): void {
  const missing = (['evalSha', 'eval', 'duplicate', 'on', 'off'] as const).find((name) => typeof client[name] !== 'function');
  if (missing === undefined) return;
  throw new AdjournError('ADJ_CONFIG_INVALID', `The object has no method ${missing}.`, {
    where: 'redisStore',
    hint: 'Give it what createClient or createCluster of node-redis 5 or 6 returns.',
  });
}
