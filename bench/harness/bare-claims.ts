import { createHash } from 'node:crypto';
import type { Postgres } from './postgres.ts';
import type { RedisClient } from './redis.ts';
import { inFlight } from './rounds.ts';

/* The least that closing what is due can do, with as many others stored as adjourn has. Both give sessions closed a second. */

const portion = 100;
const scripts = {
  claim: `
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, name in ipairs(due) do redis.call('ZADD', KEYS[1], 'XX', ARGV[2], name) end
return due
`,
  take: `
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', 30000) then return false end
return redis.call('GET', KEYS[1])
`,
  close: `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
return redis.call('ZREM', KEYS[3], ARGV[2])
`,
};

/** @param stored how many there are; `count` of them are due */
export async function bareClaimsOnRedis(client: RedisClient, stored: number, count: number, record: string): Promise<number> {
  const quick = client.withCommandOptions({ timeout: 0 });
  for (let first = 0; first < stored; first += 2_000) {
    const users = Array.from({ length: Math.min(2_000, stored - first) }, (_, one) => first + one);
    const writes = [
      client.mSet(users.flatMap((user) => [`bare:record:${user}`, record])),
      client.zAdd(
        'bare:wake',
        users.map((user) => ({ score: user < count ? user : 10 ** 9, value: `${user}` })),
      ),
    ];
    await Promise.all(writes);
  }
  const sha = Object.fromEntries(
    Object.entries(scripts).map(([name, text]) => [name, createHash('sha1').update(text).digest('hex')]),
  );
  await Promise.all(Object.values(scripts).map((text) => client.scriptLoad(text)));
  const closeOne = async (name: string): Promise<void> => {
    const keys = [`bare:record:${name}`, `bare:lease:${name}`];
    await quick.evalSha(sha['take'] ?? '', { keys, arguments: [name] });
    const closed = await quick.evalSha(sha['close'] ?? '', { keys: [...keys, 'bare:wake'], arguments: [name, name] });
    if (closed !== 1) throw new Error('The bare session was not closed.');
  };
  const from = performance.now();
  for (let closed = 0; closed < count; ) {
    const due = (await quick.evalSha(sha['claim'] ?? '', {
      keys: ['bare:wake'],
      arguments: [`${count}`, `${10 ** 9}`, `${portion}`],
    })) as string[];
    await inFlight(due.length, portion, (index) => closeOne(due[index] ?? ''));
    closed += due.length;
  }
  return count / ((performance.now() - from) / 1_000);
}

/** @param stored how many there are; `count` of them are due */
export async function bareClaimsOnPostgres(
  { prefix, say, pool }: Postgres,
  stored: number,
  count: number,
  record: string,
): Promise<number> {
  const table = `${prefix}_bare`;
  await say(`CREATE TABLE ${table} (conversation bigint PRIMARY KEY, record text, due double precision)`);
  await say(`INSERT INTO ${table} SELECT n, '${record.replaceAll("'", "''")}', CASE WHEN n < ${count} THEN n ELSE 1e9 END
    FROM generate_series(0, ${stored - 1}) n`);
  await say(`CREATE INDEX ON ${table} (due)`);
  await say(`VACUUM ANALYZE ${table}`);
  const client = await pool.connect();
  const from = performance.now();
  let closed = 0;
  while (closed < count) {
    const claimed = await client.query({
      name: 'bare claim',
      text: `UPDATE ${table} SET due = 1e9 WHERE conversation IN (
        SELECT conversation FROM ${table} WHERE due < $1 ORDER BY due LIMIT ${portion} FOR UPDATE SKIP LOCKED) RETURNING conversation, record`,
      values: [count],
    });
    const names = claimed.rows.map(({ conversation }) => conversation);
    const gone = await client.query({
      name: 'bare close',
      text: `DELETE FROM ${table} WHERE conversation = ANY($1::bigint[])`,
      values: [names],
    });
    closed += gone.rowCount ?? 0;
    if (names.length === 0) throw new Error('The bare sessions were not all due.');
  }
  client.release();
  return count / ((performance.now() - from) / 1_000);
}
