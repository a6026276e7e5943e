import { AdjournError } from '../../middleware/errors.ts';
import type { Turn } from '../../middleware/turn.ts';

/** What Bolt's conversation store leaves on a context. */
interface BoltConversation {
  conversation?: unknown;
  updateConversation?: (conversation: unknown, expiresAt?: number) => Promise<unknown>;
}

/** The session variable that holds it. */
const variable = 'bolt.conversation';

interface Kept {
  readonly value: unknown;
  /** Epoch ms. */
  readonly expiresAt?: number | undefined;
}

/**
 * Makes `context.conversation` and `context.updateConversation` the session's own: kept by user instead of by channel, saved with the
 * turn, gone with the session. As in Bolt, an update shows from the next event on. Values are JSON.
 */
export function adoptConversation(context: object, turn: Turn, now: number): void {
  const bolt: BoltConversation = context;
  const kept = turn.session.variables.get(variable) as Kept | undefined;
  const expired = kept?.expiresAt !== undefined && now > kept.expiresAt;
  bolt.conversation = expired ? undefined : structuredClone(kept?.value);
  bolt.updateConversation = async (conversation, expiresAt) => {
    if (turn.degraded) {
      throw new AdjournError('STORE_UNAVAILABLE', 'What the bot keeps of this conversation cannot be saved.', {
        where: turn.key,
      });
    }
    const value = structuredClone(conversation);
    turn.update(({ variables }) => variables.set(variable, expiresAt === undefined ? { value } : { value, expiresAt }));
  };
}
