import { isAdjournError } from '../../middleware/errors.ts';
import { type Opener, type OpenStore, StoreError } from './opened.ts';
import { openRedis } from './redis.ts';
import { openMysql, openPostgres } from './servers.ts';
import { openSqlite } from './sqlite.ts';

const openers: Readonly<Record<string, Opener>> = {
  'sqlite:': openSqlite,
  'redis:': openRedis,
  'rediss:': openRedis,
  'postgres:': openPostgres,
  'postgresql:': openPostgres,
  'mysql:': openMysql,
  'mariadb:': openMysql,
};

const known = 'memory, sqlite:FILE, redis://HOST:PORT, postgres://USER@HOST:PORT/DATABASE, mysql://USER@HOST:PORT/DATABASE';

/** @throws StoreError for a URL of no store that is known here */
export function openerOf(url: string): Opener {
  const [scheme = ''] = /^[a-z]+:/.exec(url) ?? [];
  const opener = Object.hasOwn(openers, scheme) ? openers[scheme] : undefined;
  if (opener === undefined) throw new StoreError(`--store ${shown(url)}: no such store is known; known are ${known}.`);
  return opener;
}

/** @throws StoreError if it cannot be used, AdjournError `ADJ_PEER_MISSING` */
export async function openStore(url: string, run: string): Promise<OpenStore> {
  let opened: OpenStore | undefined;
  try {
    opened = await openerOf(url)(url, run);
    // Makes the tables, where there are any.
    await opened.store.nextWake();
    return opened;
  } catch (error) {
    await opened?.store.close();
    await opened?.close();
    if (error instanceof StoreError || isAdjournError(error, 'ADJ_PEER_MISSING')) throw error;
    const advice = 'Start it, or give the URL of one that this user may use.';
    throw new StoreError(`--store ${shown(url)} cannot be used: ${reasonOf(error)}. ${advice}`, { cause: error });
  }
}

/** A URL without its password. */
export function shown(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^@/]*@/, '$1');
}

/** What the driver said, without what was said about it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return reasonOf(error.cause);
  const [first] = error instanceof AggregateError ? error.errors : [];
  return first === undefined ? error.message.replace(/\.$/, '') : reasonOf(first);
}
