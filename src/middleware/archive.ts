import type { Closed } from './core/effect.ts';

/** A closed session, as it is kept for good. */
export interface ClosedSession extends Omit<Closed, 'type' | 'at'> {
  readonly channel: string;
  readonly endpoint: string;
  /** The conversation it was part of. */
  readonly key: string;
  readonly user?: string | undefined;
}

/** Where closed sessions go. Delivered by outbox: `put` may come twice for the same session, and must keep one. */
export interface Archive {
  put(closed: ClosedSession): Promise<void>;
  /** A later report on the closing message (a delivery status); it may come before the session does. */
  amend(session: string, message: Closed['message']): Promise<void>;
  /** The closed sessions of a conversation, newest first. */
  list(query: {
    readonly key: string;
    readonly limit?: number | undefined;
    readonly before?: number | undefined;
  }): Promise<readonly ClosedSession[]>;
}

/** Closed sessions in this process's memory, for tests and small bots. */
export function memoryArchive(): Archive {
  const sessions = new Map<string, ClosedSession>();
  const early = new Map<string, Closed['message']>();
  return {
    async put(closed) {
      if (sessions.has(closed.session)) return;
      sessions.set(closed.session, { ...structuredClone(closed), message: early.get(closed.session) ?? closed.message });
      early.delete(closed.session);
    },
    async amend(session, message) {
      const closed = sessions.get(session);
      if (closed) sessions.set(session, { ...closed, message });
      else early.set(session, message);
    },
    async list({ key, limit = 100, before = Number.POSITIVE_INFINITY }) {
      const found = [...sessions.values()].filter((one) => one.key === key && one.closedAt < before);
      return found
        .sort((a, b) => b.closedAt - a.closedAt || b.endedAt - a.endedAt)
        .slice(0, limit)
        .map((one) => structuredClone(one));
    },
  };
}
