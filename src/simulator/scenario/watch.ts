import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../middleware/clock.ts';
import { type TurnProbe, turnProbe } from '../../middleware/probe.ts';
import type { Doing, TurnPhase } from './sight.ts';

/** Watches what bots do in this operating-system process. */
export interface Watch {
  /** The name of the work this code is part of. */
  current(): string | undefined;
  /** Whatever `doing` does belongs to that work. */
  within<T>(work: string, doing: () => T): T;
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
  /** Something has moved that others watch. */
  changed(): void;
  /** How often something has moved. */
  moves(): number;
  /** Resolves when nothing has moved for a moment. */
  still(): Promise<void>;
  doings(): readonly Doing[];
  close(): void;
}

/** What is known of a piece of work. */
interface Progress {
  readonly work: string | undefined;
  readonly turns: Map<object, TurnPhase>;
  /** The turns that wait for virtual time, with how many sleeps each. */
  readonly sleepers: Map<object, number>;
}

/** The header that ties a webhook to its work when the bot's server gets it. */
export const workHeader = 'x-simulated-delivery';

/** Event-loop turns in which nothing may move before it counts as still. */
const stillTurns = 6;

/** @param moved told of every move */
export function watch(moved: () => void): Watch {
  const context = new AsyncLocalStorage<Progress>();
  const byName = new Map<string, Progress>();
  const stray = begun(undefined);
  const all = new Set([stray]);
  let moves = 0;

  const changed = () => {
    moves += 1;
    moved();
  };
  const progressOf = (work: string): Progress => {
    const found = byName.get(work) ?? begun(work);
    byName.set(work, found);
    all.add(found);
    return found;
  };

  const onTurn = (message: unknown) => {
    const { phase, turn } = message as TurnProbe;
    const owner = [...all].find((one) => one.turns.has(turn)) ?? context.getStore() ?? stray;
    all.add(owner);
    if (phase === 'ended') owner.turns.delete(turn);
    else owner.turns.set(turn, phase);
    changed();
  };
  /** The bot's server got a request: from here on everything it does belongs to that delivery. */
  const onRequest = (message: unknown) => {
    const { request } = message as { request: IncomingMessage };
    const work = request.headers[workHeader];
    if (typeof work === 'string') context.enterWith(progressOf(work));
  };
  const park: Watch['park'] = (turn) => {
    const progress = context.getStore() ?? stray;
    const { sleepers } = progress;
    const sleeper = turn ?? {};
    all.add(progress);
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

  return {
    current: () => context.getStore()?.work,
    within: (work, doing) => context.run(progressOf(work), doing),
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
    moves: () => moves,
    async still() {
      for (let still = 0; still < stillTurns; ) {
        const seen = moves;
        await new Promise((resolve) => setImmediate(resolve));
        still = moves === seen ? still + 1 : 0;
      }
    },
    doings() {
      for (const one of all) if (one.turns.size + one.sleepers.size === 0) all.delete(one);
      return [...all].map(({ work, turns, sleepers }) => ({ work, turns: [...turns.values()], sleepers: sleepers.size }));
    },
    close() {
      turnProbe.unsubscribe(onTurn);
      unsubscribe('http.server.request.start', onRequest);
    },
  };
}

function begun(work: string | undefined): Progress {
  return { work, turns: new Map(), sleepers: new Map() };
}
