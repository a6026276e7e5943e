import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from 'redis';
import type { RedisLike } from '../../src/stores/redis.ts';
import { placesUnder } from '../../src/stores/support/redis-keys.ts';
import { keyOfUser, type Model } from './bot.ts';
import { Missing } from './case.ts';
import { freePort } from './ports.ts';

const clientOf = (port: number) => createClient({ url: `redis://127.0.0.1:${port}` });
export type RedisClient = ReturnType<typeof clientOf>;

/** A Redis of our own, so that nobody else's commands are counted, without persistence. */
export interface Redis {
  readonly port: number;
  /** A new client for it, or for what stands in front of it. */
  connect(port?: number): Promise<RedisClient>;
  /** Script calls so far, as the server counts them. */
  calls(): Promise<number>;
  /** Bytes the server has in use. */
  bytes(): Promise<number>;
  stop(): Promise<void>;
}

/** @throws Missing where no redis-server is installed */
export async function startRedis(): Promise<Redis> {
  if (spawnSync('redis-server', ['--version']).status !== 0) throw new Missing('no redis-server is installed');
  const port = await freePort();
  const server = spawn('redis-server', ['--port', `${port}`, '--save', '', '--bind', '127.0.0.1'], { stdio: 'ignore' });
  await listening(port);
  const clients: RedisClient[] = [];
  const connected = async (to = port) => {
    const client = clientOf(to);
    client.on('error', () => {});
    await client.connect();
    clients.push(client);
    return client;
  };
  const control = await connected();
  const info = async (section: string) => String(await control.sendCommand(['INFO', section]));
  return {
    port,
    connect: connected,
    async calls() {
      const stats = await info('commandstats');
      return [...stats.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)].reduce((sum, [, calls]) => sum + Number(calls), 0);
    },
    bytes: async () => Number(/^used_memory:(\d+)/m.exec(await info('memory'))?.[1]),
    async stop() {
      for (const client of clients) client.destroy();
      server.kill();
      await once(server, 'exit');
    },
  };
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const socket = connect(port, '127.0.0.1');
    const answer = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(
      () => false,
    );
    socket.destroy();
    if (answer) return;
    await pause(50);
  }
  throw new Error('The redis-server of the bench does not answer.');
}

/** A client that counts the answers a store gets by it, so that calls before the end of a turn can be told from those after it. */
export function counting(client: RedisClient): { readonly client: RedisLike; answered(): number } {
  let calls = 0;
  type Scripts = Pick<RedisLike, 'evalSha' | 'eval'>;
  const counted = (to: Scripts): Scripts => ({
    async evalSha(...args) {
      const answer = await to.evalSha(...args);
      calls += 1;
      return answer;
    },
    eval: (...args) => to.eval(...args),
  });
  const like: RedisLike = {
    ...counted(client),
    withCommandOptions: (options) => counted(client.withCommandOptions(options)),
    duplicate: () => client.duplicate(),
    on: (event, listener) => client.on(event, listener),
    off: (event, listener) => client.off(event, listener),
  };
  return { client: like, answered: () => calls };
}

/** Stores users from one number to another as copies of user 0; what the store finds is the same as after their turns. */
export async function seedRedis(client: RedisClient, prefix: string, model: Model, from: number, to: number): Promise<void> {
  const places = placesUnder(prefix);
  const value = (await client.get(places.of(keyOfUser(0)).keys[0])) ?? '';
  const portion = 2_000;
  for (let first = from; first < to; first += portion) {
    const records: string[] = [];
    const sets = new Map<string, { score: number; value: string }[]>();
    for (let user = first; user < Math.min(to, first + portion); user++) {
      const place = places.of(keyOfUser(user));
      records.push(place.keys[0], model.named(value, user));
      if (model.wakeAt !== null) append(sets, place.sets[0], { score: model.wakeAt, value: place.name });
      append(sets, place.sets[1], { score: 0, value: place.name });
    }
    await Promise.all([client.mSet(records), ...Array.from(sets, ([key, members]) => client.zAdd(key, members))]);
  }
}

function append<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
