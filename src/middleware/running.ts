import type { Draft } from './draft.ts';
import { AdjournError } from './errors.ts';
import { sessionView } from './session-view.ts';
import type { Utterance } from './transcript.ts';
import type { Session, Turn } from './turn.ts';
import type { Vault } from './vault.ts';

/** What a turn shows beside its session. */
export type TurnParts = Pick<Turn, 'activities' | 'activity' | 'channel' | 'endpoint' | 'host' | 'degraded' | 'lateBy' | 'reply'>;

/** One turn while its handler runs. */
export interface Running {
  readonly turn: Turn;
  readonly draft: Draft;
  /** Changes asked for by `turn.update` in a shared turn, to be applied once the lease comes. */
  readonly updates: readonly ((session: Session) => void)[];
  /** What was said to the user so far. */
  readonly said: Utterance[];
  /** Whether something was given to `waitUntil` that has not settled. */
  pending(): boolean;
  /** Resolves when the handler and everything given to `waitUntil` have settled; rejects with the first failure among them. */
  over(): Promise<void>;
  /** Whether the handler or something given to `waitUntil` has failed so far. */
  failed(): boolean;
  /** Aborts `turn.signal`. */
  abort(reason: Error): void;
  /** No more changes from here on: whoever tries gets `ADJ_TURN_ENDED`. */
  end(): void;
}

/**
 * Starts a handler.
 * @param within runs the handler in the turn's async context
 */
export function startTurn<T>(
  parts: TurnParts,
  draft: Draft,
  within: (running: Running, handler: () => Promise<T>) => Promise<T>,
  work: (turn: Turn) => Promise<T>,
  vault: Vault,
): { readonly running: Running; readonly returned: Promise<T> } {
  const waiting = new Set<Promise<unknown>>();
  const updates: ((session: Session) => void)[] = [];
  /** Most handlers never ask for it, and it costs more than all the rest of a turn's frame. */
  let controller: AbortController | undefined;
  let aborted: { readonly reason: Error } | undefined;
  const session = sessionView<unknown>(draft, vault);
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown) => {
    failure ??= { error };
  };
  const writable = () => {
    if (draft.state === 'ended')
      throw new AdjournError('ADJ_TURN_ENDED', 'The turn is over.', { where: draft.key, hint: 'Call it inside the handler.' });
  };
  const turn: Turn = {
    ...parts,
    session,
    key: draft.key,
    exclusive: draft.state !== 'shared',
    get signal() {
      controller ??= new AbortController();
      if (aborted) controller.abort(aborted.reason);
      return controller.signal;
    },
    waitUntil(promise) {
      writable();
      const settled: Promise<unknown> = promise.catch(fail).finally(() => waiting.delete(settled));
      waiting.add(settled);
    },
    update(change) {
      writable();
      if (draft.state === 'shared') updates.push(change);
      else change(session);
    },
    fail(error) {
      writable();
      fail(error);
    },
  };
  const running: Running = {
    turn,
    draft,
    updates,
    said: [],
    pending: () => waiting.size > 0,
    failed: () => failure !== undefined,
    async over() {
      await returned.catch(fail);
      while (waiting.size > 0) await Promise.all(waiting);
      if (failure) throw failure.error;
    },
    abort(reason) {
      aborted ??= { reason };
      controller?.abort(reason);
    },
    end() {
      draft.state = 'ended';
      freeze(draft.record.session?.data);
    },
  };
  const returned = within(running, async () => work(turn));
  return { running, returned };
}

/** References to the bot's data that outlive the turn must not be written in vain. */
function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
}
