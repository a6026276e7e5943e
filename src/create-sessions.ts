import { type Sessions, type SessionsOptions, sessionsOver } from './middleware/sessions.ts';
import { keyvStore } from './stores/keyv.ts';

/**
 * Conversation sessions for a bot: mount them with the adapters of its channels.
 *
 * @example
 * const sessions = createSessions({ initial: () => ({ cart: [] as string[] }), endpoints: { support: { expiration: '2h' } } });
 * @throws AdjournError `ADJ_CONFIG_INVALID` naming the endpoint and the value, `ADJ_STORE_SCOPE` for a store that many processes cannot share
 */
export function createSessions<Data = Record<string, unknown>, const Endpoint extends string = string>(
  options: SessionsOptions<Data, Endpoint> = {},
): Sessions<Data, Endpoint> {
  return sessionsOver(options.store ?? keyvStore(), options);
}
