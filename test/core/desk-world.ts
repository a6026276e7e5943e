import type { ConversationRecord } from '../../src/middleware/core/conversation.ts';
import type { DeskChange } from '../../src/middleware/core/desk.ts';
import { deskDue } from '../../src/middleware/core/desk-clock.ts';
import {
  agentsOf,
  callsForOffers,
  chosen,
  type DeskRecord,
  doubtfulPlaces,
  freeAgents,
  hasFree,
  inUse,
  newDesk,
  present,
  reserved,
  roundRobin,
  seen,
  waiting,
  waitingPlaces,
  withOffers,
} from '../../src/middleware/core/desk-record.ts';
import { dueOf } from '../../src/middleware/core/due.ts';
import type { SessionEvent } from '../../src/middleware/core/effect.ts';
import { agentRulesFor } from '../../src/middleware/core/expiry.ts';
import type { ConversationEvent } from '../../src/middleware/core/happening.ts';
import type { Policy } from '../../src/middleware/core/policy.ts';
import { transition } from '../../src/middleware/core/transition.ts';
import { control, frozen, message } from './given.ts';

/** What happened, and what brought it about: the desk itself, an agent, or the customer. */
export interface Told {
  readonly key: string;
  readonly by: 'desk' | 'agent' | 'customer';
  readonly event: SessionEvent;
}

/**
 * Conversations and one desk, with every step of the shell taken by hand: so that any of them can come before or after any other, and
 * whoever is in the middle of something can die.
 */
export function deskWorld(policy: Policy, capacities: ReadonlyMap<string, number>, start: number) {
  const records = new Map<string, ConversationRecord>();
  /** Who holds a conversation, and what they are about to save: their seat is kept already. */
  const pending = new Map<string, ConversationRecord>();
  const pendingTold = new Map<string, Told[]>();
  const told: Told[] = [];
  let desk: DeskRecord = newDesk();
  let now = start;
  let sessions = 0;
  let messages = 0;

  const step = (record: ConversationRecord | undefined, event: ConversationEvent) =>
    transition(frozen(record ?? null), frozen(event), frozen(policy), now);

  const commit = (key: string, by: Told['by'], event: ConversationEvent): boolean => {
    if (pending.has(key)) return false;
    const next = step(records.get(key), event);
    records.set(key, next.record);
    told.push(...next.events.map((one) => ({ key, by, event: one })));
    return true;
  };

  const hold = (key: string, by: Told['by'], change: DeskChange) => {
    const next = step(records.get(key), { type: 'desk', change });
    pending.set(key, next.record);
    pendingTold.set(
      key,
      next.events.map((event) => ({ key, by, event })),
    );
  };

  const looked = (key: string, isSure = false) => {
    const { session, ended } = records.get(key) ?? {};
    const next = seen(frozen(desk), key, { session, ended }, isSure);
    desk = callsForOffers(desk, next, key) ? withOffers(next) : next;
  };

  /** The desk sees how a conversation stands; then that is done. */
  const delivers = (key: string): boolean => {
    const ids = (records.get(key)?.outbox ?? []).map(({ id }) => id);
    looked(key);
    return ids.length > 0 && commit(key, 'desk', { type: 'delivered', ids, left: [], profiles: [] });
  };

  const beside = (key: string) => {
    const { [key]: _own, ...places } = desk.places;
    return agentsOf({ ...desk, places }, capacities);
  };

  /** Does the first thing that is due. @returns whether anything was */
  const attend = (key: string, offered = false): boolean => {
    const record = records.get(key);
    if (record === undefined || pending.has(key)) return false;
    const due = dueOf(record, policy, now);
    const { session } = record;
    const atDesk =
      offered && session?.handover?.wait?.stuck && (due.do === 'nothing' || due.do === 'deliver')
        ? deskDue(session, agentRulesFor(session, policy), now, true)
        : undefined;
    const first = atDesk ?? due;
    switch (first.do) {
      case 'assign': {
        if (session === undefined) return false;
        const agent = roundRobin(freeAgents(beside(key), first));
        if (agent === undefined) desk = waiting(desk, key, session, first, now);
        else desk = chosen(reserved(desk, key, session, agent, now), agent, now);
        hold(key, 'desk', agent === undefined ? { do: 'stick' } : { do: 'assign', desk: 'd', agent, chosenBy: 'desk' });
        return true;
      }
      case 'escalate':
        return commit(key, 'desk', { type: 'desk', change: { do: 'escalate' } });
      case 'warn_agent':
        return commit(key, 'desk', { type: 'desk', change: { do: 'warn' } });
      case 'miss':
        return commit(key, 'desk', { type: 'desk', change: { do: 'miss' } });
      case 'deliver':
        return delivers(key);
      case 'finalise':
        return commit(key, 'desk', { type: 'finalised' });
      case 'close':
        return commit(key, 'desk', { type: 'closing', closing: first.closing }) && commit(key, 'desk', { type: 'cleared' });
      case 'forget':
        return records.delete(key);
      default:
        return false;
    }
  };

  const world = {
    records,
    pending,
    told,
    get desk() {
      return desk;
    },
    get now() {
      return now;
    },
    passes(ms: number) {
      now += ms;
    },
    writes(key: string, refresh = false): void {
      const activity = refresh ? control('refresh') : message('hi');
      const fresh = { id: `${key}-${++sessions}`, data: {} };
      commit(key, 'customer', { type: 'arrived', activity, arrivedAt: now, fresh, id: `m${++messages}` });
      commit(key, 'customer', { type: 'returned', counts: true });
    },
    changes(key: string, change: DeskChange) {
      commit(key, 'agent', { type: 'desk', change });
    },
    ends(key: string) {
      commit(key, 'agent', { type: 'ended', reason: 'agent' });
    },
    /** An agent takes a conversation: their seat is kept, the rest is still to be saved. */
    takes(key: string, agent: string) {
      const session = records.get(key)?.session;
      if (session === undefined || pending.has(key) || session.handover?.agent === agent) return;
      const one = beside(key).find(({ id }) => id === agent);
      if (one === undefined || !one.online || one.load >= one.capacity) return;
      desk = reserved(desk, key, session, agent, now);
      hold(key, 'agent', { do: 'assign', desk: 'd', agent, chosenBy: 'agent' });
    },
    attend,
    saves(key: string) {
      const next = pending.get(key);
      if (next === undefined) return;
      records.set(key, next);
      told.push(...(pendingTold.get(key) ?? []));
      pending.delete(key);
    },
    /** Whoever holds the conversation dies, or loses their lease: what they were about to save is refused. */
    dies(key: string) {
      pending.delete(key);
    },
    looks: (key: string) => void delivers(key),
    presence(agent: string, online: boolean) {
      const next = present(desk, agent, online);
      desk = online && waitingPlaces(next).length > 0 ? withOffers(next) : next;
    },
    /** What the desk does when it is woken. */
    tidies() {
      for (const key of doubtfulPlaces(desk, now)) {
        if (pending.has(key)) desk = inUse(desk, key, now);
        else looked(key, true);
      }
      const { offers } = desk;
      if (offers === undefined) return;
      let missed = false;
      for (const key of waitingPlaces(desk)) {
        if (!hasFree(desk, key, capacities)) continue;
        if (pending.has(key)) missed = true;
        // Anything else that is due comes first; then it is tried once.
        for (let steps = 0; steps < 3 && attend(key); steps++) world.saves(key);
        if (attend(key, true)) world.saves(key);
      }
      const { offers: called, ...rest } = desk;
      desk = !missed && called === offers ? rest : { ...rest, offers: called };
    },
    /** Everything that anybody could still do has been done. */
    rests() {
      for (let [again, rounds] = [true, 0]; again; rounds++) {
        if (rounds > 100) throw new Error('It does not come to rest.');
        again = false;
        for (const key of records.keys()) {
          world.saves(key);
          if (attend(key)) again = true;
          world.saves(key);
          if (delivers(key)) again = true;
        }
        if (desk.offers !== undefined) {
          world.tidies();
          again = true;
        }
      }
    },
  };
  return world;
}

export type World = ReturnType<typeof deskWorld>;

/** What the conversations themselves say of who has how many. */
export function trueLoads({ records }: World): Map<string, number> {
  const loads = new Map<string, number>();
  for (const { session } of records.values()) {
    const agent = session?.handover?.agent;
    if (agent !== undefined) loads.set(agent, (loads.get(agent) ?? 0) + 1);
  }
  return loads;
}
