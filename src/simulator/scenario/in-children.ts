import type { Store } from '../../middleware/store.ts';
import type { Child, Children } from './children.ts';
import type { Plan } from './process.ts';
import type { OpenVenue, PlacedProcess, Venue, World } from './venue.ts';
import { within } from './within.ts';

/** A place in a store for one run. */
export interface Place {
  readonly store: Store;
  /** What children make their store and cast of; JSON. */
  readonly given: unknown;
  /** Removes what the run has put there, where it is not to stay, and closes the connection. */
  close(): Promise<void>;
}

/** How long a process may take to start or to answer, real ms: however busy the machine is, it is stuck after that. */
const answerMs = 60_000;

/** How long it may take to stop, real ms. */
const stopMs = 5_000;

/** Every process is an operating-system process of its own, over a store that outlives it. */
export function inChildren(children: Children, openPlace: () => Promise<Place>): Venue {
  return {
    canDie: true,
    async open(world): Promise<OpenVenue> {
      const place = await openPlace();
      return {
        store: place.store,
        start: async (rank, plan) => started(await children.take(), children, world, rank, plan, place.given),
        close: () => within(answerMs, 'The store was not cleared', place.close()),
      };
    },
  };
}

async function started(
  child: Child,
  children: Children,
  { clock, moved, tell, saved }: World,
  rank: number,
  plan: Plan,
  given: unknown,
): Promise<PlacedProcess> {
  const { calls } = child;
  const time = clock.ranked(rank);
  const sleepers = new Map<number, AbortController>();
  const awaken = () => {
    for (const one of sleepers.values()) one.abort();
    sleepers.clear();
  };
  const after = <T>(done: T): T => {
    moved();
    return done;
  };

  child.listen({
    moved,
    told: (event, work) => after(tell(event, work)),
    saved: (wakeAt) => after(saved(wakeAt)),
    sleeps(sleeper, until) {
      const calledOff = new AbortController();
      sleepers.set(sleeper, calledOff);
      void time.sleep(until - clock.now(), calledOff.signal).then(() => {
        if (!sleepers.delete(sleeper)) return;
        calls.tell('wake', sleeper);
        moved();
      });
      moved();
    },
    calledOff(sleeper) {
      const sleeping = sleepers.get(sleeper);
      sleepers.delete(sleeper);
      sleeping?.abort();
      moved();
    },
    ended() {
      awaken();
      moved();
    },
  });
  const end = async () => {
    awaken();
    await child.kill();
  };
  const soon = <T>(answer: Promise<T>) => within(answerMs, 'A process did not answer', answer);
  try {
    const urls = await soon(calls.call('start', plan, clock.now(), given));
    return {
      urls,
      // What belongs to a piece of work, and looks, are waited for as long as for everything to rest.
      runner: { look: () => calls.call('look'), moveTo: (now) => soon(calls.call('moveTo', now)) },
      opens: (...args) => calls.call('opens', ...args),
      holds: (...args) => calls.call('holds', ...args),
      desk: (...args) => calls.call('desk', ...args),
      erases: (...args) => calls.call('erases', ...args),
      configure: (...args) => calls.call('configure', ...args),
      worker: (turns) => soon(calls.call('worker', turns)),
      store: (turns) => soon(calls.call('store', turns)),
      hears: (at) => after(calls.tell('hears', at)),
      explain: (key) => soon(calls.call('explain', key)),
      profile: (...args) => soon(calls.call('profile', ...args)),
      kill: end,
      async close() {
        const isOver = await within(stopMs, 'A process did not stop', calls.call('stop')).catch(() => false);
        if (!isOver) await end();
        else {
          awaken();
          children.giveBack(child);
        }
        return isOver;
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}
