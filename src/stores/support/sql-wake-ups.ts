import type { Dialect, Texts } from './sql-dialect.ts';

/** The index of wake-ups. Conversations are named as their column has them; times are epoch ms. */
export interface WakeUps {
  /** Up to `limit` conversations with `wakeAt ≤ now`, earliest first, each moved to `until`. */
  claim(now: number, limit: number, until: number): Promise<string[]>;
  /** The earliest wake-up there is. */
  earliest(): Promise<number | null>;
}

/** No stored key is a space. */
const none = ' ';

/** How often to come back to rows that others are changing at the moment. */
const patience = 10;

/** How often to clear up, ms. */
const tidyMs = 60_000;

/** Empty rows that are still in use are looked at again after this time, ms. */
const emptyMs = 60_000;

/**
 * Every message of a conversation moves its wake-up to later; the index (`look_at`) follows only when it must come earlier. So it
 * says when to look, and whoever looks too early moves it to the truth. It also brings up rows that hold no record any more, to be
 * removed.
 */
export function wakeUps(dialect: Dialect, texts: Texts): WakeUps {
  const sweep = async (conversations: readonly string[]) => {
    if (conversations.length > 0) await dialect.run(texts.sweep, { keys: conversations });
  };

  let tidied = Number.NEGATIVE_INFINITY;
  /** Whoever looks for wake-ups does so for good, so this is where to clear up. */
  const tidy = async () => {
    if (performance.now() - tidied < tidyMs) return;
    tidied = performance.now();
    for (const text of texts.tidy) await dialect.run(text);
  };

  return {
    async claim(now, limit, until) {
      await tidy();
      const due: { readonly conversation: string; readonly at: number }[] = [];
      const empty: string[] = [];
      // What a row turns out to be claimed for is never later than what it is sorted by: each round takes only rows that belong to the first ones.
      for (let stale = true; stale && due.length < limit; ) {
        const done = [...due.map((one) => one.conversation), ...empty];
        const rows = await dialect.claim(texts, {
          bound: now,
          now,
          until,
          limit: limit - due.length,
          done: done.length > 0 ? done : [none],
        });
        stale = false;
        for (const row of rows) {
          const conversation = String(row['conversation']);
          if (row['state'] === 'due') due.push({ conversation, at: Number(row['wake_at']) });
          else if (row['state'] === 'empty') empty.push(conversation);
          stale ||= row['state'] !== 'due';
        }
      }
      await sweep(empty);
      return due.sort((a, b) => a.at - b.at).map((one) => one.conversation);
    },

    async earliest() {
      for (let round = 1; ; round++) {
        const [top] = (await dialect.run(texts.earliest)).rows;
        if (top === undefined) return null;
        const at = Number(top['look_at']);
        if (top['wake_at'] === top['look_at'] || round === patience) return at;
        const rows = await dialect.claim(texts, {
          bound: at,
          now: -Number.MAX_VALUE,
          until: at + emptyMs,
          limit: 100,
          done: [none],
        });
        await sweep(rows.filter((row) => row['state'] === 'empty').map((row) => String(row['conversation'])));
      }
    },
  };
}
