import { AdjournError } from '../../middleware/errors.ts';
import type { Sessions } from '../../middleware/sessions.ts';
import type { Turn } from '../../middleware/turn.ts';

/** The `Storage` of botbuilder and of the Agents SDK. */
export interface HostStorage {
  read(keys: string[]): Promise<object>;
  write(changes: object): Promise<unknown>;
  delete(keys: string[]): Promise<unknown>;
}

/** What becomes of the state that a {@link sessionStorage} keeps. */
export interface SessionStorageOptions {
  /**
   * Whether `discard` and `discard all` clear it. The dialogs of a host lie in it as one stack that only the host can take apart, so both
   * clear all of them, and whatever else lies in the same state. `keep` is for state without dialogs, such as a
   * `ConversationState` with a namespace of its own: it goes with the session alone.
   * @default 'clear'
   */
  readonly onDiscard?: 'clear' | 'keep' | undefined;
}

/**
 * Lets the host's own state follow the session: a `Storage` for `ConversationState` and its dialogs, and for the `storage` of an
 * `AgentApplication`.
 *
 * ```ts
 * const state = new ConversationState(sessionStorage(sessions, new MemoryStorage()));
 * ```
 * Whatever is kept under a key is kept under `key#<session>` of the turn that asks: a new session finds nothing, in a group everybody has
 * state of their own, and who still runs when their session ends or is discarded writes to what nobody reads any more. State of users
 * (`…/users/…`) and of their sign-in (`auth/…`) stays as it is. Turns without a session, such as those for joins and receipts, share
 * `key#none`.
 *
 * Load and save it inside the turn: mount `azureSessions` before `AutoSaveStateMiddleware` and its like. What a session leaves is deleted
 * by the process that ends it, if that has seen it written; after a restart, or with several processes, some stays until the inner
 * storage drops it by a time to live of its own.
 * @throws AdjournError from its methods: `STORE_UNAVAILABLE` in a degraded turn, since nobody knows which session's state it would be;
 * from `write` and `delete` also `ADJ_TURN_SHARED` in a turn that runs beside another one, `ADJ_TURN_ENDED` after the turn, and what
 * aborted `turn.signal`.
 */
export function sessionStorage<Inner extends HostStorage, Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  inner: Inner,
  { onDiscard = 'clear' }: SessionStorageOptions = {},
): Pick<Inner, keyof HostStorage> {
  const written = leftovers((keys) => inner.delete(keys));
  sessions.on('closed', ({ session }) => written.clear(session));
  sessions.on('command', ({ session }) => {
    if (session !== undefined && onDiscard === 'clear') written.clear(session);
  });
  const keyFor = (turn: Turn<Data> | undefined) => {
    if (turn === undefined) return (key: string) => `${key}#none`;
    const { id, dialog } = turn.session;
    const age = onDiscard === 'clear' && dialog.discards > 0 ? `.${dialog.discards}` : '';
    return (key: string) => `${key}#${id}${age}`;
  };

  /** The inner keys by the host's. */
  const mapped = (keys: readonly string[]): Map<string, string> => {
    if (keys.every(isOfUser)) return new Map(keys.map((key) => [key, key]));
    const turn = sessions.current();
    if (turn?.degraded) {
      throw new AdjournError('STORE_UNAVAILABLE', 'Which session this state belongs to is not known.', { where: turn.key });
    }
    const keyOf = keyFor(turn);
    return new Map(keys.map((key) => [key, isOfUser(key) ? key : keyOf(key)]));
  };

  /** Changes belong to a turn that may still change things; it stays open until they are done. */
  const change = async (keys: readonly string[], work: (mappedKeys: Map<string, string>) => Promise<unknown>): Promise<void> => {
    const innerKeys = mapped(keys);
    const turn = sessions.current();
    if (turn === undefined || keys.every(isOfUser)) return void (await work(innerKeys));
    if (!turn.exclusive) {
      throw new AdjournError('ADJ_TURN_SHARED', 'Another turn of this conversation has the state.', {
        where: turn.key,
        hint: 'Do not save it where turn.exclusive is false.',
      });
    }
    turn.signal.throwIfAborted();
    const { promise: done, resolve } = Promise.withResolvers<void>();
    turn.waitUntil(done);
    written.add(
      turn.session.id,
      [...innerKeys].filter(([key]) => !isOfUser(key)).map(([, innerKey]) => innerKey),
    );
    await work(innerKeys).finally(resolve);
  };

  const storage: HostStorage = {
    async read(keys) {
      const innerKeys = mapped(keys);
      const found = await inner.read([...innerKeys.values()]);
      const entries = keys.map((key) => [key, Reflect.get(found, innerKeys.get(key) ?? key)] as const);
      return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
    },
    write: (changes) =>
      change(Object.keys(changes), (innerKeys) =>
        inner.write(Object.fromEntries(Object.entries(changes).map(([key, item]) => [innerKeys.get(key), item]))),
      ),
    delete: (keys) => change(keys, (innerKeys) => inner.delete([...innerKeys.values()])),
  };
  return storage as Pick<Inner, keyof HostStorage>;
}

/** Both SDKs name the state of a user so, and that of a user within a conversation by the conversation first. */
function isOfUser(key: string): boolean {
  return /(?:^|\/)users\//.test(key.split('/conversations/', 1)[0] ?? '') || /^(?:auth|proactive)\//.test(key);
}

/** Keys that sessions of this process have written, to be deleted when they end. */
interface Leftovers {
  add(session: string, keys: readonly string[]): void;
  clear(session: string): void;
}

/** Sessions may end in other processes, which nobody tells this one. */
const mostSessions = 10_000;

function leftovers(remove: (keys: string[]) => Promise<unknown>): Leftovers {
  const bySession = new Map<string, Set<string>>();
  return {
    add(session, keys) {
      const known = bySession.get(session) ?? new Set();
      for (const key of keys) known.add(key);
      bySession.delete(session);
      bySession.set(session, known);
      const [oldest] = bySession.keys();
      if (bySession.size > mostSessions && oldest !== undefined) bySession.delete(oldest);
    },
    clear(session) {
      const keys = bySession.get(session);
      bySession.delete(session);
      // A failure leaves only what nobody can reach any more.
      if (keys !== undefined) void remove([...keys]).catch(() => {});
    },
  };
}
