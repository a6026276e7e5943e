import type { Delivery } from './adapter.ts';
import type { Activity } from './core/activity.ts';
import type { Address } from './core/conversation.ts';
import type { Policy } from './core/policy.ts';
import { type Item, item } from './intake.ts';

/** One delivery on its way to a turn: everything that is known before the conversation's lease is taken. */
export interface Job extends Place {
  readonly delivery: Delivery;
  /** The activity the delivery begins with. */
  readonly about: Activity;
  readonly items: readonly Item[];
  readonly address: Address;
  /** Its name in the record's inbox, where it was saved before it was acknowledged. */
  readonly receivedAs?: string | undefined;
}

export interface Place {
  readonly channel: string;
  readonly endpoint: string;
  readonly key: string;
  readonly policy: Policy;
  /** Taken before the job waited for anything, session time. */
  readonly arrivedAt: number;
  /** How long to wait for a busy conversation, milliseconds. */
  readonly waitMs: number;
}

/** Work that has no vendor waiting for it may wait this long for a busy conversation, ms. */
export const patienceMs = 60_000;

export function newJob(delivery: Delivery, about: Activity, place: Place): Job {
  const { channel, endpoint } = place;
  return {
    ...place,
    delivery,
    about,
    items: delivery.activities.map(item),
    address: { channel, endpoint, conversation: about.conversation, via: about.via, user: about.user, to: delivery.to },
  };
}

/** Fingerprints that tell a redelivery of something still running. */
export function idsOf({ items }: Job): string[] {
  return items.flatMap(({ id }) => (id === undefined ? [] : [id]));
}
