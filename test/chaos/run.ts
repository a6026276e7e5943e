import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClosedSession } from '../../src/middleware/archive.ts';
import type { FoundPage, Store } from '../../src/middleware/store.ts';
import { type Backend, openBackend } from './backend.ts';
import { type Bots, type Deaths, startBots } from './bots.ts';
import { pacedClock } from './clock.ts';
import { readJournals, type Written } from './journal.ts';
import { type Plan, type PlanOptions, planOf, seeded } from './plan.ts';
import { type Acknowledgement, type Closing, startVendor } from './vendor.ts';

/** How much faster than real time sessions live, and how short. */
const factor = 4;
export const expirationMs = 24_000;
const leaseMs = 4_000;

export interface RunOptions extends PlanOptions {
  readonly backend: Backend;
  /** Where journals and compiled code go. */
  readonly folder: string;
  /** What else happens meanwhile. */
  readonly meanwhile?: (bots: Bots) => Promise<void>;
  /** Clocks that are wrong, by process, milliseconds of session time. */
  readonly skewsMs?: readonly number[];
}

/** What is left to look at after a run. */
export interface Remains {
  readonly plan: Plan;
  readonly entries: readonly Written[];
  readonly acknowledged: ReadonlyMap<string, readonly Acknowledgement[]>;
  readonly closings: readonly Closing[];
  readonly deaths: Deaths;
  /** Closed sessions by conversation, newest first. */
  readonly archive: ReadonlyMap<string, readonly ClosedSession[]>;
  /** Records that still hold a session, or work, after everything should be over. */
  readonly unsettled: readonly string[];
  /** Conversations that somebody still holds. */
  readonly held: readonly string[];
  /** Session time of a moment since the start, epoch ms. */
  timeOf(sinceStart: number): number;
}

/** How long sessions and what follows them may take to come to their end when nobody writes any more, real milliseconds. */
const settleMs = 45_000;

/** Starts bots, carries out a plan, lets everything settle, stops the bots. */
export async function run(options: RunOptions): Promise<Remains> {
  const { backend, folder, seed, forMs, processes, skewsMs = [] } = options;
  const plan = planOf(options);
  const journals = join(folder, 'journals');
  await mkdir(journals, { recursive: true });
  const pace = { from: Date.now(), factor };
  const clock = pacedClock(pace);
  let startedAt = Date.now();
  const timeOf = (sinceStart: number) => Math.round(pace.from + (startedAt + sinceStart - pace.from) * factor);
  const vendor = await startVendor(timeOf, seeded(seed + 1));
  const opened = await openBackend(backend);
  const bots = await startBots(
    Array.from({ length: processes }, (_, n) => ({
      backend,
      pace: { ...pace, skewMs: skewsMs[n] ?? 0 },
      graph: vendor.graph,
      journals,
      leaseMs,
      expiration: `${expirationMs / 1_000}s`,
    })),
    join(folder, 'compiled'),
  );
  try {
    startedAt = Date.now();
    const at = async (sinceStart: number) => sleep(Math.max(0, startedAt + sinceStart - Date.now()));
    const kills = plan.kills.map(async (kill) => {
      await at(kill.at);
      await bots.all[kill.process]?.restart();
    });
    const deliveries = plan.deliveries.map(async (delivery) => {
      await at(delivery.at);
      await vendor.deliver(delivery, bots.all, startedAt + forMs + settleMs);
    });
    await Promise.all([...kills, options.meanwhile?.(bots)]);
    await Promise.all(deliveries);
    const keys = await settle(opened.store);
    await bots.stop();
    const archive = new Map<string, readonly ClosedSession[]>();
    for (const { key } of keys) archive.set(key, (await opened.archive.sessions({ keys: [key], limit: 10_000 })).sessions);
    return {
      plan,
      entries: await readJournals(journals),
      acknowledged: vendor.acknowledged,
      closings: vendor.closings,
      deaths: bots.deaths,
      archive,
      unsettled: keys.filter(isUnsettled).map(({ key, record }) => `${key}: ${JSON.stringify(record)}`),
      held: await heldOf(
        opened.store,
        keys.map(({ key }) => key),
        clock.now(),
      ),
      timeOf,
    };
  } finally {
    bots.kill();
    await vendor.close();
    await opened.store.close();
    await opened.close();
  }
}

type Found = FoundPage['records'][number];

function isUnsettled({ record }: Found): boolean {
  return record['session'] !== undefined || record['outbox'] !== undefined || record['inbox'] !== undefined;
}

async function settle(store: Store): Promise<readonly Found[]> {
  const until = Date.now() + settleMs;
  for (;;) {
    const records = await everything(store);
    if (!records.some(isUnsettled) || Date.now() > until) return records;
    await sleep(500);
  }
}

async function everything(store: Store): Promise<Found[]> {
  const found: Found[] = [];
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await store.find({ limit: 500, ...(after === undefined ? {} : { after }) });
    found.push(...page.records);
    after = page.next;
  }
  return found;
}

async function heldOf(store: Store, keys: readonly string[], now: number): Promise<string[]> {
  const held: string[] = [];
  for (const key of keys) {
    try {
      const { lease } = await store.begin(key, { now, leaseMs: 1_000, waitMs: 0 });
      await store.release(lease);
    } catch (error) {
      held.push(`${key}: ${String(error)}`);
    }
  }
  return held;
}
