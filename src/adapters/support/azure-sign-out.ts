import { AdjournError } from '../../middleware/errors.ts';
import type { AzureTurnContext } from '../azure.ts';

type SignOut = (userId: string, connectionName: string, channelId: string) => Promise<unknown>;

/** What a `CloudAdapter` of botbuilder, or of the Agents SDK, puts into every turn. */
type TokenClient = { readonly signOutUser: SignOut } | { readonly signOut: SignOut };

/**
 * Signs the person of a turn out of one of the bot's OAuth connections. Their token lies with Azure, which knows no sessions:
 * without this a new session begins signed in.
 *
 * ```ts
 * adapter.use(azureSessions(sessions), async (context, next) => {
 *   if (sessions.turn(context)?.session.turnCount === 1) await signOut(context, 'graph');
 *   await next();
 * });
 * ```
 * @param connection its name, as the bot's OAuth prompt has it
 * @throws AdjournError `ADJ_CONFIG_INVALID` where the turn has no such client or names no person; and what Azure's token service says
 */
export async function signOut(
  context: Pick<AzureTurnContext, 'activity' | 'adapter' | 'turnState'>,
  connection: string,
): Promise<void> {
  const { activity, adapter, turnState } = context;
  const client = turnState?.get(Reflect.get(adapter, 'UserTokenClientKey')) as TokenClient | undefined;
  const user = activity.from?.id;
  if (client === undefined || user === undefined || activity.channelId === undefined) {
    throw new AdjournError('ADJ_CONFIG_INVALID', 'Nobody can be signed out in this turn.', {
      where: `connection ${connection}`,
      hint: 'Sign out in a turn of a person, on a CloudAdapter.',
    });
  }
  if ('signOutUser' in client) await client.signOutUser(user, connection, activity.channelId);
  else await client.signOut(user, connection, activity.channelId);
}
