import { createHash } from 'node:crypto';
import { newBody } from './body.ts';
import { nameOf } from './bot.ts';
import type { RedisClient } from './redis.ts';

/*
 * The least that a turn can do: one script takes a lease and the record, another checks the lease, saves, indexes and releases.
 */
const take = `
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return {0} end
return {1, redis.call('GET', KEYS[1])}
`;
const save = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[4])
redis.call('DEL', KEYS[2])
return 1
`;
const shaOf = (script: string) => createHash('sha1').update(script).digest('hex');
const [takeSha, saveSha] = [shaOf(take), shaOf(save)];
const partitions = 256;

export interface BareRedis {
  /** Saves what it found, text as it is. */
  turn(user: number): Promise<void>;
  /** Parses what it found, counts, and saves what comes of it. */
  withJson(user: number): Promise<void>;
  /** The sum of what the second has counted. */
  counted(): number;
  /** How large records are from now on, bytes. */
  size: number;
}

export async function bareRedis(client: RedisClient): Promise<BareRedis> {
  await Promise.all([client.scriptLoad(take), client.scriptLoad(save)]);
  const quick = client.withCommandOptions({ timeout: 0 });
  let tokens = 0;
  let counted = 0;

  const turn = async (user: number, kind: string, change: (record: string | null) => string) => {
    const name = `bench/bench/c${nameOf(user)}`;
    const at = `${kind}:{p${user % partitions}}`;
    const keys = [`${at}:record:${name}`, `${at}:lease:${name}`];
    tokens += 1;
    const token = `process.${tokens}`;
    const [taken, record] = (await quick.evalSha(takeSha, { keys, arguments: [token, '30000'] })) as [number, string | null];
    if (taken !== 1) throw new Error('The bare lease was taken.');
    const args = [token, change(record), String(Date.now() + 1_800_000), name];
    const saved = await quick.evalSha(saveSha, { keys: [...keys, `${at}:wake`], arguments: args });
    if (saved !== 1) throw new Error('The bare lease was lost.');
  };

  const bare: BareRedis = {
    size: 1_000,
    turn: (user) => turn(user, 'bare', (record) => (record?.length === bare.size ? record : 'x'.repeat(bare.size))),
    withJson: (user) =>
      turn(user, 'json', (record) => {
        const { body } = record === null ? { body: newBody() } : JSON.parse(record);
        body.count += 1;
        counted += 1;
        const text = JSON.stringify({ body });
        // As large as the others, and parsed as a whole.
        return JSON.stringify({ body, rest: 'x'.repeat(Math.max(0, bare.size - text.length - 10)) });
      }),
    counted: () => counted,
  };
  return bare;
}
