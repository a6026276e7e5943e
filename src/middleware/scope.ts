import cluster from 'node:cluster';
import { AdjournError } from './errors.ts';
import type { StoreCapabilities } from './store.ts';

/**
 * Checks that a store fits the number of processes. One that only this process can see earns a warning where a bot usually runs in
 * several: each of them would have sessions of its own, and close them by itself.
 * @throws AdjournError `ADJ_STORE_SCOPE` where many processes are to share it and cannot
 */
export function checkScope({ scope }: StoreCapabilities, processes: 'one' | 'many', logger: { warn(line: string): void }): void {
  if (scope !== 'process') return;
  if (processes === 'many') throw processScoped('createSessions, store');
  const place = cluster.isWorker ? 'a cluster worker' : process.env['NODE_ENV'] === 'production' ? 'production' : undefined;
  if (place === undefined) return;
  logger.warn(
    `adjourn: a store for one process only, in ${place}: processes beside this one would not share its sessions. ${hint}`,
  );
}

/** @param where which call it is about */
export function processScoped(where: string): AdjournError {
  return new AdjournError('ADJ_STORE_SCOPE', 'Other processes would not see its leases.', { where, hint });
}

const hint = 'Use redisStore, or sqlStore on a server or a file.';
