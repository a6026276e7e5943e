import type { Adapter } from '../src/middleware/adapter.ts';

/** A channel without a vendor: what is measured is ours alone. */
export const adapter: Adapter = {
  name: 'bench',
  parse: () => [],
  capabilities: {
    redeliversFor: 60_000,
    ackWithinMs: 10_000,
    batches: false,
    replyWindow: 0,
    idempotentSend: false,
    reservedWords: [],
  },
};
