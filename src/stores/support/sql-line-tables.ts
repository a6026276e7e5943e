import type { BeginOptions } from '../../middleware/store.ts';
import type { Dialect, Row, Texts } from './sql-dialect.ts';

/** What waiting needs of the database. Conversations are named as their column has them. */
export interface LineTables {
  newToken(): string;
  /** Takes the lease if it is free and nobody waits, or else, if the caller would wait, a ticket. */
  arrive(conversation: string, token: string, options: BeginOptions): Promise<Taken | Ticket | undefined>;
  /** Takes the lease if it is free, past those with later tickets. */
  advance(conversation: string, options: BeginOptions, ticket: number): Promise<Taken | undefined>;
  /** Takes up a lease that was handed over, if it has not lapsed. */
  takeUp(conversation: string, token: string, leaseMs: number): Promise<Taken | undefined>;
  /** Gives back a lease nobody wants any more; if that fails, later. */
  giveUp(lease: Pick<Taken, 'conversation' | 'token' | 'leaseMs'>): Promise<void>;
  /** Makes a lease last its full time. */
  renew(conversation: string, token: string, leaseMs: number): Promise<unknown>;
  look(conversations: readonly string[]): Promise<ReadonlyMap<string, Seen>>;
  leave(place: Place): Promise<void>;
  passed(conversation: string, ticket: number): Promise<void>;
  /** Keeps all tickets of this process valid. */
  beat(): Promise<void>;
  /** Keeps newcomers behind those who wait. */
  mark(conversation: string): Promise<void>;
  /** Begins to hear of other processes' releases; false where the database does not tell. */
  listen(): Promise<boolean>;
  /** Stops that. */
  hush(): void;
}

/** Somebody's place in line, whether it was noted or not; without a ticket where nobody knows. */
export interface Place {
  readonly conversation: string;
  readonly token: string;
  readonly ticket: number | undefined;
}

/** A place in line as it was given out. */
export interface Ticket {
  readonly ticket: number;
  /** The database's time less ours, on `performance.now()`, and what it took to ask; NaN where the database does not hand over. */
  readonly aheadMs: number;
}

/** A conversation as who waits for it sees it. */
export interface Seen {
  /** The first valid ticket in line. */
  readonly first: number | undefined;
  /** The last ticket that was served. */
  readonly served: number;
  /** Whose the lease is, or was last. */
  readonly holder: string | undefined;
  /** How long the lease still lasts, ms. */
  readonly leftMs: number;
}

export interface Taken {
  readonly conversation: string;
  readonly token: string;
  readonly leaseMs: number;
  readonly row: Row;
}

/** What the tables cannot do by themselves. */
export interface LineParts {
  /** This process's own name, of digits and lower-case letters. */
  readonly process: string;
  /** Gives a lease back, now or as soon as the database answers; after `leaseMs` it is not needed any more. */
  giveUp(conversation: string, token: string, leaseMs: number): Promise<void>;
  readonly channels: readonly string[];
  heard(channel: string, said: string): void;
}

/** A row that was made for a lease, and whose process died, is looked at after this time, ms, and removed. */
const orphanMs = 60 * 60_000;

export function lineTables(dialect: Dialect, texts: Texts, { process, giveUp, channels, heard }: LineParts): LineTables {
  let issued = 0;

  const newToken = () => `${process}:${++issued}`;

  const take = async (
    conversation: string,
    token: string,
    { now, leaseMs, waitMs }: BeginOptions,
    ticket: number,
  ): Promise<Taken | Ticket | undefined> => {
    const waits = ticket === 0 && waitMs > 0 ? 1 : 0;
    const askedAt = performance.now();
    try {
      const row = await dialect.take(texts, {
        key: conversation,
        token,
        process,
        leaseMs,
        ticket,
        waits,
        lookAt: now + orphanMs,
      });
      if (row === undefined) return undefined;
      if (row['taken'] === true || row['taken'] === 1) return { conversation, token, leaseMs, row };
      return { ticket: Number(row['ticket']), aheadMs: Number(row['at']) - askedAt };
    } catch (error) {
      // The database may have heard us all the same.
      void giveUp(conversation, token, leaseMs);
      throw error;
    }
  };

  return {
    newToken,

    arrive: (conversation, token, options) => take(conversation, token, options, 0),

    async advance(conversation, options, ticket) {
      const taken = await take(conversation, newToken(), options, ticket);
      return taken !== undefined && 'token' in taken ? taken : undefined;
    },

    async takeUp(conversation, token, leaseMs) {
      const [row] = (await dialect.run(texts.takeUp, { key: conversation, token, leaseMs })).rows;
      return row && { conversation, token, leaseMs, row };
    },

    giveUp: ({ conversation, token, leaseMs }) => giveUp(conversation, token, leaseMs),

    renew: (conversation, token, leaseMs) => dialect.run(texts.renew, { key: conversation, token, leaseMs }),

    async look(conversations) {
      const { rows } = await dialect.run(texts.look, { keys: conversations });
      return new Map(
        rows.map(({ conversation, first, served, holder, left_ms }) => [
          String(conversation),
          {
            first: first === null ? undefined : Number(first),
            served: Number(served),
            holder: holder === null ? undefined : String(holder),
            leftMs: Number(left_ms),
          },
        ]),
      );
    },

    async leave({ conversation, token, ticket }) {
      await dialect.run(texts.leave, { key: conversation, token });
      if (ticket !== undefined) await dialect.run(texts.unmark, { key: conversation, ticket });
    },

    async passed(conversation, ticket) {
      if (texts.passed !== '') await dialect.run(texts.passed, { key: conversation, ticket });
    },

    async beat() {
      await dialect.run(texts.beat, { process });
    },

    async mark(conversation) {
      await dialect.run(texts.mark, { key: conversation });
    },

    listen: async () => dialect.listen?.(channels, heard) ?? false,
    hush: () => dialect.hush?.(),
  };
}
