import type { Adapter, AdapterOptions, Channel, Delivery, Outcome, Send } from './adapter.ts';
import { type Activity, keyOf } from './core/activity.ts';
import { deskElsewhere } from './desk-room.ts';
import type { Engine } from './engine.ts';
import { heed } from './heed.ts';
import { hasTurn, reasonWithout } from './intake.ts';
import { newJob, type Place } from './job.ts';
import { overhear } from './outside.ts';
import type { Running } from './running.ts';
import { senderKey } from './sending.ts';
import type { Sessions } from './sessions.ts';
import { type Said, spoken } from './transcript.ts';
import type { Turn } from './turn.ts';

/**
 * Where `createSessions` leaves the engine for the adapters. A registered symbol: the ESM and the CommonJS copy of this
 * package find each other's.
 */
export const engineKey = Symbol.for('adjourn.engine');

/** Acknowledgements leave this long before the vendor gives up, ms. */
const marginMs = 500;

/**
 * Mounts an adapter on sessions: for adapters, not for bots.
 * @param send sends to a stored address outside any request
 * @throws AdjournError `ADJ_CONFIG_INVALID`, `ADJ_NO_ENDPOINT`
 */
export function attach<Request, Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  adapter: Adapter<Request>,
  options: AdapterOptions,
  send?: Send,
): Channel {
  const engine = engineOf(sessions);
  const { name, capabilities } = adapter;
  const route = engine.settings.mount(adapter, options);
  const served = senderKey(name, typeof options.endpoint === 'function' ? undefined : options.endpoint);
  if (send) engine.senders.set(served, send);

  engine.mounted();

  /** Where an activity's turn happens; undefined where it has none. */
  const placeOf = (activity: Activity): Omit<Place, 'arrivedAt' | 'waitMs'> | undefined => {
    const endpoint = route(activity);
    if (endpoint === undefined || !hasTurn(activity)) return undefined;
    const policy = engine.settings.policy(name, endpoint);
    const key = keyOf(activity, endpoint, policy.scope);
    return key === undefined ? undefined : { channel: name, endpoint, key, policy };
  };

  const withoutTurn = async (delivery: Delivery, about: Activity | undefined): Promise<Outcome> => {
    const endpoint = about && route(about);
    if (about?.kind === 'lifecycle' && endpoint !== undefined) await heed(engine, endpoint, delivery, about);
    if (about) engine.hosts.explain(delivery.hosts, reasonWithout(about, endpoint));
    await delivery.pass();
    return passed;
  };

  /** The host calls its middleware again inside the turn: waiting for our own lease would never end. */
  const joined = async (delivery: Delivery, { turn }: Running): Promise<Outcome> => {
    engine.hosts.bind(delivery.hosts, turn);
    const work = delivery.run(turn);
    turn.waitUntil(work.catch(() => {}));
    await work;
    return { verdict: 'run', saved: Promise.resolve(true) };
  };

  const arrived = (delivery: Delivery, arrivedAt: number): Promise<Outcome> => {
    const [about] = delivery.activities;
    const place = about && placeOf(about);
    if (about === undefined || place === undefined) return withoutTurn(delivery, about);
    const current = engine.current(place.key);
    if (current !== undefined) return joined(delivery, current);
    const waitMs = delivery.waitMs ?? capabilities.ackWithinMs - marginMs;
    return engine.take(newJob(delivery, about, { ...place, waitMs, arrivedAt }));
  };

  const turn = async (delivery: Delivery): Promise<Outcome> => {
    const arrivedAt = engine.clock.now();
    const settled = engine.settled();
    if (settled !== undefined) await settled;
    return arrived(delivery, arrivedAt);
  };

  const fixed = typeof options.endpoint === 'function' ? undefined : (options.endpoint ?? name);
  /** Two adapters of one channel may hear the same client. */
  const isOurs = ({ channel, endpoint, activity }: Turn) => channel === name && endpoint === (fixed ?? route(activity));
  /** Inside a turn it is saved with it; outside, the conversation is looked up, which only transcripts are worth. */
  const note = async (said: Said, to?: Parameters<Channel['said']>[1]): Promise<void> => {
    if (engine.stage.isQuiet()) return;
    const line = spoken(said, 'bot', engine.clock.now());
    const here = engine.current();
    const isHere = here !== undefined && isOurs(here.turn) && (to === undefined || isAbout(here.turn.activity, to));
    const activity: Activity | undefined =
      to === undefined || 'kind' in to ? (to as Activity | undefined) : { kind: 'lifecycle', type: 'said', channel: name, ...to };
    const endpoint = activity && route(activity);
    const policy = endpoint === undefined ? undefined : engine.settings.policy(name, endpoint);
    const key = activity && policy && endpoint !== undefined ? keyOf(activity, endpoint, policy.scope) : undefined;
    const running = isHere ? here : key === undefined ? undefined : engine.current(key);
    if (running !== undefined && running.draft.state !== 'ended') running.said.push(line);
    else if (key !== undefined && policy?.history.transcripts) await overhear(engine, key, line);
  };

  const batch: Channel['batch'] = async (deliveries, run) => {
    const settled = engine.settled();
    if (settled !== undefined) await settled;
    const keyed = deliveries.map((delivery) => ({ delivery, key: keyIn(placeOf, delivery) }));
    // All processes take several leases in the same order, so that no two wait for each other.
    const ordered = keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ delivery }) => delivery);
    const turns: Turn[] = [];
    const outcomes: Outcome[] = [];
    let left = false;
    const next = async (index: number): Promise<void> => {
      const delivery = ordered[index];
      if (delivery === undefined) {
        if (left) await run(turns);
        return;
      }
      let entered = false;
      const enter = async (one?: Turn) => {
        entered = true;
        left = true;
        if (one) turns.push(one);
        await next(index + 1);
      };
      outcomes.push(await turn({ ...delivery, run: enter, pass: enter }));
      if (!entered) await next(index + 1);
    };
    await next(0);
    const verdicts = new Set(outcomes.map(({ verdict }) => verdict));
    const verdict = (['run', 'pass', 'consume', 'drop'] as const).find((one) => verdicts.has(one)) ?? 'pass';
    return { verdict, saved: Promise.all(outcomes.map(({ saved }) => saved)).then((all) => all.every(Boolean)) };
  };

  return {
    turn,
    batch,
    group(items) {
      const groups = new Map<unknown, (typeof items)[number][]>();
      for (const one of items) {
        const key: unknown = placeOf(one.activity)?.key ?? one;
        groups.set(key, [...(groups.get(key) ?? []), one]);
      }
      return [...groups.values()];
    },
    said: (said, to) => void note(said, to).catch((error) => engine.report(error, { channel: name, endpoint: fixed ?? name })),
    desk: () => deskElsewhere(engine),
    keeps: (activity) => placeOf(activity)?.policy.inbox === 'durable',
    replays: (replay) => void engine.replays.set(served, replay),
    sleep: (ms, signal) => engine.clock.sleep(ms, signal),
    report: (error, activity) =>
      engine.report(error, {
        channel: name,
        endpoint: (activity && route(activity)) ?? name,
        key: activity && placeOf(activity)?.key,
        user: activity?.user,
      }),
  };
}

/** Whether something that went there went to whom the activity is from: by either name, or without one to all of a conversation. */
function isAbout({ account, user, alias, conversation }: Activity, to: NonNullable<Parameters<Channel['said']>[1]>): boolean {
  if (to.account !== undefined && to.account !== account) return false;
  if (to.user !== undefined && to.user !== user && to.user !== alias) return false;
  const isNamedByUser = to.conversation === undefined || to.conversation.id === to.user;
  return isNamedByUser ? conversation?.kind === 'direct' : to.conversation?.id === conversation?.id;
}

const passed: Outcome = { verdict: 'pass', saved: Promise.resolve(true) };

function keyIn(placeOf: (activity: Activity) => { readonly key: string } | undefined, delivery: Delivery): string {
  const [first] = delivery.activities;
  return (first && placeOf(first)?.key) ?? '';
}

/** The engine behind sessions: for the parts of this package, not for bots. */
export function engineOf<Data, Endpoint extends string>(sessions: Sessions<Data, Endpoint>): Engine {
  return (sessions as unknown as Record<typeof engineKey, Engine>)[engineKey];
}
