import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../middleware/clock.ts';
import { type TurnProbe, turnProbe } from '../../middleware/probe.ts';
import { begun, describe, isOver, isResting, type Progress, type Work } from './progress.ts';

/** Watches what bots do, in this process, until nothing moves without time. */
export interface Watch {
  /** The work this code is part of. */
  current(): Work | undefined;
  /** Headers that tie a webhook to its work when the bot's server gets it. */
  headers(work: Work): Readonly<Record<string, string>>;
  /** Follows `doing` as part of a piece of work that stays open until it settles. */
  follow<T>(work: Work, doing: () => Promise<T>): Promise<T>;
  /**
   * The clock for bots: whoever sleeps by it inside a turn has come to rest.
   * @param turn the turn the calling code runs in
   */
  clockFor(clock: Clock, turn: () => object | undefined): Clock;
  /**
   * The calling code waits for something that nothing but time may bring. Until the returned function is called, its turn rests.
   * @param turn the turn it runs in
   */
  park(turn: object | undefined): () => void;
  /** Something outside has changed that `isQuiet` depends on. */
  changed(): void;
  /** Resolves when everything rests. @throws Error naming what does not come to rest */
  rest(): Promise<void>;
  /** Whether a turn has not ended, be it at rest. */
  busy(): boolean;
  close(): void;
}

export interface WatchOptions {
  /** Whether nothing else is under way: calls to the vendors' APIs, but for those that only time will end. */
  readonly isQuiet: () => boolean;
  /** How long to wait for rest before giving up, real ms. @default 20000 */
  readonly patienceMs?: number | undefined;
}

const header = 'x-simulated-delivery';
/** Event-loop turns in which nothing may move before it counts as rest. */
const stillTurns = 6;

export function watch({ isQuiet, patienceMs = 20_000 }: WatchOptions): Watch {
  const context = new AsyncLocalStorage<Progress | undefined>();
  const run = crypto.randomUUID();
  const all = new Set<Progress>();
  const byHeader = new Map<string, Progress>();
  /** For turns whose context was lost on the way through a host. */
  const stray = begun({ label: 'a turn of no known delivery', user: undefined });
  let moves = 0;
  let wake = () => {};

  const changed = () => {
    moves += 1;
    wake();
  };
  const progressOf = (work: Work): Progress => {
    for (const one of all) if (one.work === work) return one;
    const made = begun(work);
    all.add(made);
    return made;
  };

  const onTurn = (message: unknown) => {
    const { phase, turn } = message as TurnProbe;
    const owner = [...all, stray].find((one) => one.turns.has(turn)) ?? context.getStore() ?? stray;
    if (owner !== stray) all.add(owner);
    if (phase === 'ended') owner.turns.delete(turn);
    else owner.turns.set(turn, phase);
    changed();
  };
  /** The bot's server got a request: from here on everything it does belongs to that delivery. */
  const onRequest = (message: unknown) => {
    const { request } = message as { request: IncomingMessage };
    const named = request.headers[header];
    if (typeof named === 'string' && named.startsWith(run)) context.enterWith(byHeader.get(named));
  };
  const park: Watch['park'] = (turn) => {
    const { sleepers } = context.getStore() ?? stray;
    const sleeper = turn ?? {};
    sleepers.set(sleeper, (sleepers.get(sleeper) ?? 0) + 1);
    changed();
    return () => {
      const left = (sleepers.get(sleeper) ?? 1) - 1;
      if (left === 0) sleepers.delete(sleeper);
      else sleepers.set(sleeper, left);
      changed();
    };
  };
  turnProbe.subscribe(onTurn);
  subscribe('http.server.request.start', onRequest);

  const atRest = () => isQuiet() && isResting(stray) && [...all].every(isResting);

  const complaint = () => {
    const restless = [...all, stray].filter((one) => !isResting(one)).map(describe);
    return [...(isQuiet() ? [] : ['a call to a vendor is open']), ...restless].join('; ');
  };

  return {
    current: () => context.getStore()?.work,
    headers(work) {
      const name = `${run} ${byHeader.size}`;
      byHeader.set(name, progressOf(work));
      return { [header]: name };
    },
    async follow(work, doing) {
      const progress = progressOf(work);
      progress.open = true;
      changed();
      try {
        return await context.run(progress, doing);
      } finally {
        progress.open = false;
        changed();
      }
    },
    clockFor: (clock, turn) => ({
      now: () => clock.now(),
      async sleep(ms, signal) {
        const wake = park(turn());
        await clock.sleep(ms, signal);
        wake();
      },
    }),
    park,
    changed,
    async rest() {
      const until = performance.now() + patienceMs;
      for (let still = 0; still < stillTurns; ) {
        const seen = moves;
        if (!atRest()) {
          still = 0;
          await moved(until, (resolve) => {
            wake = resolve;
          });
          if (performance.now() >= until) throw new Error(`Nothing came to rest for ${patienceMs / 1_000} s: ${complaint()}`);
          continue;
        }
        await new Promise((resolve) => setImmediate(resolve));
        still = moves === seen ? still + 1 : 0;
      }
      for (const one of all) if (isOver(one)) all.delete(one);
    },
    busy: () => [...all, stray].some((one) => one.turns.size > 0),
    close() {
      turnProbe.unsubscribe(onTurn);
      unsubscribe('http.server.request.start', onRequest);
    },
  };
}

/** Waits for the next change, or for the end of patience. */
async function moved(until: number, listen: (resolve: () => void) => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    listen(resolve);
    timer = setTimeout(resolve, Math.max(0, until - performance.now()));
  });
  clearTimeout(timer);
}
