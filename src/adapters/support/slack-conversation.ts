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
  /** How often dialogs had been discarded when it was kept: another discard clears it. Absent for never. */
  readonly discards?: number | undefined;
}

/**
 * Makes `context.conversation` and `context.updateConversation` the session's own: kept by user instead of by channel, saved with the
 * turn, gone with the session and with `discard`. As in Bolt, an update shows from the next event on. Values are JSON.
 */
export function adoptConversation(context: object, turn: Turn, now: number): void {
  const bolt: BoltConversation = context;
  const { session } = turn;
  const { discards } = session.dialog;
  const begunIn = session.isNew ? undefined : session.id;
  const kept = session.variables.get(variable) as Kept | undefined;
  const expired = kept?.expiresAt !== undefined && now > kept.expiresAt;
  bolt.conversation = expired || (kept?.discards ?? 0) !== discards ? undefined : copied(kept?.value);
  bolt.updateConversation = async (conversation, expiresAt) => {
    if (turn.degraded) {
      throw new AdjournError('STORE_UNAVAILABLE', 'What the bot keeps of this conversation cannot be saved.', {
        where: turn.key,
      });
    }
    const value = copied(conversation);
    turn.update(({ id, dialog, variables }) => {
      // A turn beside the one that discards or closes must not bring back what is gone by the time its changes are saved.
      if (begunIn !== undefined && (id !== begunIn || dialog.discards !== discards)) return;
      variables.set(variable, {
        value,
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(discards === 0 ? {} : { discards }),
      });
    });
  };
}

/** A copy of a JSON value, be it a read-only view, which `structuredClone` refuses. */
function copied(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
