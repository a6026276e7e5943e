import { setTimeout as sleep } from 'node:timers/promises';
import { AdjournError, bare, isAdjournError } from '../../middleware/errors.ts';
import { oneByOne } from './one-by-one.ts';
import type { Script } from './redis-script.ts';

/** What is used of a node-redis 5 or 6 client, also of its cluster client. */
export interface RedisLike extends Scriptable {
  /** Where it tells false, commands would wait for the connection to come back. */
  readonly isReady?: boolean | undefined;
  /** A client whose commands wait to be written for at most `timeout` milliseconds, 0: as long as it takes. */
  withCommandOptions?(options: { timeout: number; typeMapping: Record<never, never> }): Scriptable;
  /** Another client for the same server, not yet connected. */
  duplicate(): RedisSubscriber;
  on(event: RedisEvent, listener: () => void): unknown;
  off(event: RedisEvent, listener: () => void): unknown;
}

/** A cluster's client tells of its nodes, any other of itself. */
type RedisEvent = 'error' | 'node-error' | 'node-ready';

/** A connection that listens. */
export interface RedisSubscriber {
  on(event: RedisEvent, listener: () => void): unknown;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  destroy(): unknown;
}

interface Scriptable {
  evalSha(sha: string, options: ScriptInput): Promise<unknown>;
  eval(script: string, options: ScriptInput): Promise<unknown>;
}

interface ScriptInput {
  keys: string[];
  arguments: string[];
}

/** A part of a question that is put to many partitions. */
export interface Part {
  readonly partition: number;
  readonly keys: readonly string[];
  readonly args?: readonly string[];
}

/** Calls to Redis. */
export interface RedisCalls {
  /** Settles when Redis has answered or the connection broke, however late. Rejects with the client's own error. */
  send(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** Waits for an answer, but not for ever. @throws AdjournError `STORE_UNAVAILABLE` */
  answered(where: string, sent: Promise<unknown>): Promise<unknown>;
  /** Both. @throws AdjournError `STORE_UNAVAILABLE` */
  run(where: string, script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /**
   * Puts a question to many partitions: in one call where one server has them all, in a cluster with a call for each partition.
   * @returns the answers in order of the parts
   * @throws AdjournError `STORE_UNAVAILABLE`
   */
  all(script: Script, args: readonly string[], parts: readonly Part[]): Promise<readonly unknown[]>;
  close(): void;
}

/** How long to leave a cluster that is rearranging itself alone before asking again, milliseconds. */
const pauseMs = 50;

export function redisCalls(client: RedisLike, timeoutMs: number): RedisCalls {
  // node-redis 6 gives each command a timer of its own unless told not to, which halves the throughput; ours are cheaper.
  const quick = client.withCommandOptions?.({ timeout: 0, typeMapping: {} }) ?? client;
  /** While the connection is away, what would wait longer than we do must not be run at last. */
  const brief = client.withCommandOptions?.({ timeout: timeoutMs, typeMapping: {} }) ?? client;
  let isOneServer = true;
  let nodeIsAway = false;

  const nodeLeft = () => {
    nodeIsAway = true;
  };
  const nodeCame = () => {
    nodeIsAway = false;
  };
  // Outages are told by the calls that fail; an error nobody listens for would end the process.
  client.on('error', unheard);
  client.on('node-error', nodeLeft);
  client.on('node-ready', nodeCame);

  /** Calls that are sent again: whatever concerns the same conversation comes after them, so that the order stays. */
  const repeating = oneByOne();

  const send = async (script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> => {
    const [about = ''] = keys;
    const input = { keys: [...keys], arguments: [...args] };
    const until = performance.now() + timeoutMs;
    const once = () => {
      const redis = nodeIsAway || client.isReady === false ? brief : quick;
      return redis.evalSha(script.sha, input);
    };
    const again = async (error: unknown): Promise<unknown> => {
      if (refusal(error) === 'NOSCRIPT') return quick.eval(script.source, input);
      if (!passing.has(refusal(error)) && !(script.repeatable && isBroken(error))) throw error;
      if (performance.now() > until) throw error;
      await sleep(pauseMs);
      return once().catch(again);
    };
    if (repeating.isBusy(about)) return repeating(about, () => once().catch(again));
    return once().catch((error) => repeating(about, () => again(error)));
  };

  const answered = (where: string, sent: Promise<unknown>): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(unavailable(where, new Error(`No answer within ${timeoutMs} ms.`))), timeoutMs);
      sent.then(
        (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        (error: unknown) => {
          clearTimeout(timer);
          reject(unavailable(where, error));
        },
      );
    });

  const run: RedisCalls['run'] = (where, script, keys, args) => answered(where, send(script, keys, args));

  const together = async (script: Script, args: readonly string[], parts: readonly Part[]): Promise<readonly unknown[]> => {
    const keys = parts.flatMap((one) => one.keys);
    return (await run('redis', script, keys, [...args, ...parts.flatMap((one) => one.args ?? [])])) as unknown[];
  };

  return {
    send,
    answered,
    run,
    async all(script, args, parts) {
      if (parts.length === 0) return [];
      if (isOneServer) {
        try {
          return await together(script, args, parts);
        } catch (error) {
          if (!isAdjournError(error) || refusal(error.cause) !== 'CROSSSLOT') throw error;
          isOneServer = false;
        }
      }
      const answers: unknown[] = [];
      const groups = Map.groupBy(parts.entries(), ([, part]) => part.partition);
      await Promise.all(
        Array.from(groups.values(), async (group) => {
          const given = await together(
            script,
            args,
            group.map(([, part]) => part),
          );
          for (const [index, [at]] of group.entries()) answers[at] = given[index];
        }),
      );
      return answers;
    },
    close() {
      client.off('error', unheard);
      client.off('node-error', nodeLeft);
      client.off('node-ready', nodeCame);
    },
  };
}

const unheard = () => {};

/** Refusals of a server that did nothing and will soon do better: a slot on its way, a node being replaced, data being loaded. */
const passing: ReadonlySet<string | undefined> = new Set(['TRYAGAIN', 'CLUSTERDOWN', 'MASTERDOWN', 'LOADING']);

/** The first word of an error that Redis answered with. */
function refusal(error: unknown): string | undefined {
  return error instanceof Error ? /^[A-Z]+(?= )/.exec(error.message)?.[0] : undefined;
}

/** Whether the connection broke before the answer came. */
function isBroken(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.message === 'Socket closed unexpectedly' || ('code' in error && brokenCodes.has(error.code));
}

const brokenCodes: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT']);

function unavailable(where: string, cause: unknown): AdjournError {
  const isClosed = cause instanceof Error && cause.message === 'The client is closed';
  return new AdjournError('STORE_UNAVAILABLE', 'Redis did not answer as it should.', {
    where,
    hint: isClosed ? 'Call client.connect() before the first turn, and close the client after the store.' : undefined,
    cause: bare(cause),
  });
}
