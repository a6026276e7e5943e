import { randomUUID } from 'node:crypto';
import type { BeginOptions } from '../../middleware/store.ts';
import type { Dialect, Row, Texts } from './sql-dialect.ts';

/** What waiting needs of the database. Conversations are named as their column has them. */
export interface LineTables {
  /** Takes the lease if it is free and nobody waits, or else, if the caller would wait, a ticket. */
  arrive(conversation: string, options: BeginOptions): Promise<Taken | number | undefined>;
  /** Takes the lease if it is free, past those with later tickets. */
  advance(conversation: string, options: BeginOptions, ticket: number): Promise<Taken | undefined>;
  /** Gives back a lease nobody wants any more. */
  giveUp(taken: Taken): void;
  look(conversation: string): Promise<Seen>;
  leave(conversation: string, ticket: number): Promise<void>;
  passed(conversation: string, ticket: number): Promise<void>;
  /** Keeps tickets valid, and newcomers behind them. */
  beat(conversation: string, tickets: readonly number[]): Promise<void>;
  /** Begins to hear of other processes' releases; false where the database does not tell. */
  listen(): Promise<boolean>;
  /** Stops that. */
  hush(): void;
}

/** A conversation as who waits for it sees it. */
export interface Seen {
  /** The first valid ticket in line. */
  readonly first: number | undefined;
  /** The last ticket that was served. */
  readonly served: number;
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
  /** Gives a lease back, now or as soon as the database answers; after `leaseMs` it is not needed any more. */
  giveUp(conversation: string, token: string, leaseMs: number): void;
  /** Another process has given the conversation up. */
  released(conversation: string): void;
  readonly channel: string;
}

/** A row that was made for a lease, and whose process died, is looked at after this time, ms, and removed. */
const orphanMs = 60 * 60_000;

export function lineTables(dialect: Dialect, texts: Texts, { giveUp, released, channel }: LineParts): LineTables {
  const issuer = randomUUID();
  let issued = 0;

  const take = async (conversation: string, { now, leaseMs, waitMs }: BeginOptions, ticket: number) => {
    const token = `${issuer}:${++issued}`;
    const waits = ticket === 0 && waitMs > 0 ? 1 : 0;
    try {
      const row = await dialect.take(texts, { key: conversation, token, leaseMs, ticket, waits, lookAt: now + orphanMs });
      if (row === undefined) return undefined;
      return row['taken'] === true || row['taken'] === 1 ? { conversation, token, leaseMs, row } : Number(row['ticket']);
    } catch (error) {
      // The database may have heard us all the same.
      giveUp(conversation, token, leaseMs);
      throw error;
    }
  };

  return {
    arrive: (conversation, options) => take(conversation, options, 0),

    async advance(conversation, options, ticket) {
      const taken = await take(conversation, options, ticket);
      return typeof taken === 'object' ? taken : undefined;
    },

    giveUp: ({ conversation, token, leaseMs }) => giveUp(conversation, token, leaseMs),

    async look(conversation) {
      const { first, served, left_ms } = (await dialect.run(texts.look, { key: conversation })).rows[0] ?? {};
      return {
        first: first === null || first === undefined ? undefined : Number(first),
        served: Number(served ?? 0),
        leftMs: Number(left_ms ?? 0),
      };
    },

    async leave(conversation, ticket) {
      await dialect.run(texts.leave, { key: conversation, ticket });
      await dialect.run(texts.unmark, { key: conversation, ticket });
    },

    async passed(conversation, ticket) {
      await dialect.run(texts.passed, { key: conversation, ticket });
    },

    async beat(conversation, tickets) {
      await dialect.run(texts.beat, { key: conversation, tickets });
      await dialect.run(texts.mark, { key: conversation, ticket: Math.max(...tickets) });
    },

    listen: async () => dialect.listen?.(channel, released) ?? false,
    hush: () => dialect.hush?.(),
  };
}
