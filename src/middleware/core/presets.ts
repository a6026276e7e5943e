import type { EndpointSettings } from './policy.ts';

const kore71 = Object.freeze({
  expiration: 15,
  expirationRange: Object.freeze({ min: 15, max: 15 }),
  closing: 'lazy',
  discardEndsSession: true,
} as const satisfies EndpointSettings);

/**
 * Session behaviour of known platforms, to be spread into endpoint settings: `{ ...presets.kore, closingMessage: 'Bye' }`.
 * A setting that the platform would not take (3 minutes under `kore`) is refused.
 */
export const presets = Object.freeze({
  /** Cognigy: 30 minutes, 0 = never, closes lazily, no commands. */
  cognigy: Object.freeze({ expiration: 30, closing: 'lazy', commands: false } as const satisfies EndpointSettings),
  /** Kore.ai 7.1: 15 minutes, fixed; always a new session; discard ends it. */
  kore71,
  /** Kore.ai 7.2: as 7.1, but the same intent continues the session, however late. Needs `classifyReturn`. */
  kore72: Object.freeze({ ...kore71, continueWithin: null } as const satisfies EndpointSettings),
  /** Kore.ai 8.0: 15 minutes, 5 to 60; closes proactively, with a closing message if one is set. */
  kore80: Object.freeze({
    ...kore71,
    expirationRange: Object.freeze({ min: 5, max: 60 }),
    closing: 'proactive',
  } as const satisfies EndpointSettings),
  /** Kore.ai today: 15 minutes, 5 to 20160; discard and discard all keep the session. */
  kore: Object.freeze({
    expiration: 15,
    expirationRange: Object.freeze({ min: 5, max: 20_160 }),
    closing: 'proactive',
    discardEndsSession: false,
  } as const satisfies EndpointSettings),
  /** AntBuddy: the user's silence ends nothing; no commands. */
  antbuddy: Object.freeze({ expiration: 0, closing: 'proactive', commands: false } as const satisfies EndpointSettings),
});
