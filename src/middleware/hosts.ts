import { types } from 'node:util';
import { AdjournError } from './errors.ts';
import type { Turn } from './turn.ts';

/** Remembers which turn belongs to which host object (Bolt's context, `TurnContext`, a request, one event of a batch). */
export interface Hosts {
  bind(hosts: readonly object[], turn: Turn): void;
  /** Notes why these host objects have no session. */
  explain(hosts: readonly object[], reason: string): void;
  find(host: object): Turn | undefined;
  /** @throws AdjournError `ADJ_NO_SESSION` with the reason, `ADJ_SEVERAL_CONVERSATIONS` */
  get(host: object): Turn;
}

interface Entry {
  /** The latest turn; of each conversation, where there are several. */
  turns: Turn | Map<string, Turn> | undefined;
  reason: string;
}

export function hostRegistry(): Hosts {
  // A weak map would keep all that hangs on a turn, its host among it, until the next full collection.
  const mine = Symbol('adjourn');
  /** Of host objects that take no property, and of proxies, which botbuilder revokes when its turn is over. */
  const others = new WeakMap<object, Entry>();
  const known = (host: object): Entry | undefined =>
    types.isProxy(host) ? others.get(host) : ((host as { [mine]?: Entry })[mine] ?? others.get(host));
  const entryOf = (host: object): Entry => {
    const before = known(host);
    if (before !== undefined) return before;
    const entry = { turns: undefined, reason: '' };
    if (types.isProxy(host) || !Reflect.defineProperty(host, mine, { value: entry })) others.set(host, entry);
    return entry;
  };
  const find = (host: object): Turn | undefined => {
    const turns = known(host)?.turns;
    if (!(turns instanceof Map)) return turns;
    throw new AdjournError('ADJ_SEVERAL_CONVERSATIONS', `This request holds events of ${turns.size} conversations.`, {
      hint: 'Ask with one event of it, or use an event handler.',
    });
  };
  const add = (entry: Entry, turn: Turn): void => {
    const { turns } = entry;
    if (turns instanceof Map) turns.set(turn.key, turn);
    else if (turns === undefined || turns.key === turn.key) entry.turns = turn;
    else {
      entry.turns = new Map([
        [turns.key, turns],
        [turn.key, turn],
      ]);
    }
  };
  return {
    bind(hosts, turn) {
      for (const host of hosts) add(entryOf(host), turn);
    },
    explain(hosts, reason) {
      for (const host of hosts) entryOf(host).reason = reason;
    },
    find,
    get(host) {
      const turn = find(host);
      if (turn !== undefined) return turn;
      const reason = known(host)?.reason;
      throw new AdjournError('ADJ_NO_SESSION', reason || 'It never passed an adjourn middleware.', {
        hint: reason
          ? 'Use sessions.turn(host), which answers undefined here.'
          : 'Mount the middleware before the code that asks.',
      });
    },
  };
}
