import { stillWanted, type Wanted } from './desk-clock.ts';
import type { EndedSession, SessionState } from './session.ts';

/** What a desk keeps for all processes: who is there, and who has which conversation. Plain data, never changed in place. */
export interface DeskRecord {
  /** Format of the record; a reader that does not know it must refuse it. */
  readonly v: 1;
  /** Agents who are online. */
  readonly online: readonly string[];
  /** Whom the desk chose, and when last, epoch ms. */
  readonly chosen: Readonly<Record<string, number>>;
  /** Conversations that people own, or are about to, by key. */
  readonly places: Readonly<Record<string, Place>>;
  /** Set while those that wait for somebody are to be offered again; counts, so that no call for it is lost. */
  readonly offers?: number | undefined;
}

/** A conversation, as the desk saw it last. */
export interface Place {
  readonly session: string;
  /** When people took over; absent: the desk has only kept seats for it. */
  readonly since?: number | undefined;
  /** Whose it is; absent: it is in the queue. */
  readonly agent?: string | undefined;
  /** Who is to be found for it, where nobody was free. */
  readonly wanted?: Wanted | undefined;
  /** Kept for agents who are about to have it. */
  readonly seats?: readonly Seat[] | undefined;
}

/** Counts against an agent's capacity until the conversation says itself whose it is. */
export interface Seat {
  readonly agent: string;
  /** The session it is for, and what its `deskRevision` will be. */
  readonly session: string;
  readonly revision: number;
  /** When it was kept, or found in use, epoch ms. */
  readonly at: number;
}

/** An agent, as a rule of assignment sees them. */
export interface Agent {
  readonly id: string;
  readonly online: boolean;
  /** How many conversations they may have at once. */
  readonly capacity: number;
  /** How many they have. */
  readonly load: number;
  /** When the desk last gave them one, epoch ms; absent for never. */
  readonly chosenAt?: number | undefined;
}

/** What the desk must know of a conversation. */
export interface Standing {
  /** Its live session. */
  readonly session?: SessionState | undefined;
  readonly ended?: EndedSession | undefined;
}

export function newDesk(): DeskRecord {
  return { v: 1, online: [], chosen: {}, places: {} };
}

/** A seat that nobody has used for this long is looked into: whoever kept it may have died. Milliseconds. */
const seatDoubtMs = 60_000;

/** The agents of a desk, in the order they are configured. */
export function agentsOf(record: DeskRecord, capacities: ReadonlyMap<string, number>): Agent[] {
  const load = new Map<string, number>();
  for (const { agent, seats = [] } of Object.values(record.places)) {
    for (const id of new Set([agent, ...seats.map((seat) => seat.agent)])) {
      if (id !== undefined) load.set(id, (load.get(id) ?? 0) + 1);
    }
  }
  return [...capacities].map(([id, capacity]) => ({
    id,
    online: record.online.includes(id),
    capacity,
    load: load.get(id) ?? 0,
    ...(Object.hasOwn(record.chosen, id) ? { chosenAt: record.chosen[id] } : {}),
  }));
}

/** Those who can take one more. */
export function freeAgents(agents: readonly Agent[], { only, exclude }: Wanted): Agent[] {
  const isAsked = (id: string) => (only === undefined || id === only) && !exclude.includes(id);
  return agents.filter(({ id, online, load, capacity }) => online && load < capacity && isAsked(id));
}

/** The next in the row: who was chosen longest ago, and the first of those who never were. */
export function roundRobin(free: readonly Agent[]): string | undefined {
  return leastBy(free, ({ chosenAt = Number.NEGATIVE_INFINITY }) => [chosenAt])?.id;
}

/** Who has the fewest conversations; among equals the next in the row. */
export function leastBusy(free: readonly Agent[]): string | undefined {
  return leastBy(free, ({ load, chosenAt = Number.NEGATIVE_INFINITY }) => [load, chosenAt])?.id;
}

/** Keeps a seat for an agent, before the conversation is saved as theirs. */
export function reserved(record: DeskRecord, key: string, session: SessionState, agent: string, now: number): DeskRecord {
  const place = record.places[key] ?? { session: session.id };
  const seat: Seat = { agent, session: session.id, revision: (session.deskRevision ?? 0) + 1, at: now };
  return { ...record, places: { ...record.places, [key]: { ...place, seats: [...(place.seats ?? []), seat] } } };
}

/** The desk chose an agent: somebody else is the next in the row. */
export function chosen(record: DeskRecord, agent: string, now: number): DeskRecord {
  const latest = Math.max(now, 1 + Math.max(0, ...Object.values(record.chosen)));
  return { ...record, chosen: { ...record.chosen, [agent]: latest } };
}

/** Nobody was free for a conversation: the desk remembers who is wanted. */
export function waiting(
  record: DeskRecord,
  key: string,
  session: SessionState,
  { only, exclude }: Wanted,
  now: number,
): DeskRecord {
  const wanted = only === undefined ? { exclude } : { only, exclude };
  const place = record.places[key] ?? { session: session.id };
  const since = place.since ?? session.handover?.since ?? now;
  return { ...record, places: { ...record.places, [key]: { ...place, since, wanted } } };
}

/**
 * The desk after a look at how a conversation stands.
 * @param isSure nobody else can be about to save the conversation: seats that are not used never will be
 */
export function seen(record: DeskRecord, key: string, { session, ended }: Standing, isSure = false): DeskRecord {
  const { [key]: before, ...others } = record.places;
  const isUsed = (seat: Seat) =>
    seat.session === ended?.id || (seat.session === session?.id && seat.revision <= (session.deskRevision ?? 0));
  const left = isSure ? [] : (before?.seats ?? []).filter((seat) => !isUsed(seat));
  const seats = left.length === 0 ? {} : { seats: left };
  const { handover } = session ?? {};
  if (session === undefined || handover === undefined) {
    const [first] = left;
    return { ...record, places: first === undefined ? others : { ...others, [key]: { session: first.session, ...seats } } };
  }
  const wanted = stillWanted(session);
  const place: Place = {
    session: session.id,
    since: handover.since,
    ...(handover.agent === undefined ? {} : { agent: handover.agent }),
    ...(wanted === undefined ? {} : { wanted }),
    ...seats,
  };
  return { ...record, places: { ...others, [key]: place } };
}

/**
 * Whether those who wait are to be offered again after a look at one conversation: it let an agent go, or nobody had noted yet
 * that it waits itself.
 */
export function callsForOffers(before: DeskRecord, after: DeskRecord, key: string): boolean {
  const [then, now] = [before.places[key], after.places[key]];
  const agentsIn = (place: Place | undefined) => [place?.agent, ...(place?.seats ?? []).map(({ agent }) => agent)];
  const stay = agentsIn(now);
  const isLetGo = agentsIn(then).some((agent) => agent !== undefined && !stay.includes(agent));
  const isNew = now?.wanted !== undefined && then?.wanted === undefined;
  return (isLetGo || isNew) && waitingPlaces(after).length > 0;
}

/** Conversations that wait for somebody to be free, the longest first. */
export function waitingPlaces({ places }: DeskRecord): string[] {
  return Object.entries(places)
    .filter(([, { wanted }]) => wanted !== undefined)
    .sort(([, { since: a = 0 }], [, { since: b = 0 }]) => a - b)
    .map(([key]) => key);
}

/** Whether somebody is free for a conversation that waits. */
export function hasFree({ places, ...record }: DeskRecord, key: string, capacities: ReadonlyMap<string, number>): boolean {
  const { [key]: own, ...others } = places;
  const agents = agentsOf({ ...record, places: others }, capacities);
  return own?.wanted !== undefined && freeAgents(agents, own.wanted).length > 0;
}

/** Those who wait are to be offered again. */
export function withOffers(record: DeskRecord): DeskRecord {
  return { ...record, offers: (record.offers ?? 0) + 1 };
}

/** Conversations for which seats have been kept for so long that their keeper may have died. */
export function doubtfulPlaces({ places }: DeskRecord, now: number): string[] {
  return Object.entries(places)
    .filter(([, { seats = [] }]) => seats.some(({ at }) => now >= at + seatDoubtMs))
    .map(([key]) => key);
}

/** The seats kept for a conversation were in use just now. */
export function inUse(record: DeskRecord, key: string, now: number): DeskRecord {
  const place = record.places[key];
  if (place?.seats === undefined) return record;
  return {
    ...record,
    places: { ...record.places, [key]: { ...place, seats: place.seats.map((seat) => ({ ...seat, at: now })) } },
  };
}

/** When somebody must look at the desk, epoch ms; null for never. */
export function deskWakeAt({ offers, places }: DeskRecord, now: number): number | null {
  if (offers !== undefined) return now;
  const kept = Object.values(places).flatMap(({ seats = [] }) => seats.map(({ at }) => at));
  return kept.length === 0 ? null : Math.min(...kept) + seatDoubtMs;
}

/** The same record where nothing changes. */
export function present(record: DeskRecord, agent: string, online: boolean): DeskRecord {
  if (record.online.includes(agent) === online) return record;
  return { ...record, online: online ? [...record.online, agent] : record.online.filter((one) => one !== agent) };
}

function leastBy(agents: readonly Agent[], rank: (agent: Agent) => readonly number[]): Agent | undefined {
  const before = (a: readonly number[], b: readonly number[]) => {
    const at = a.findIndex((value, index) => value !== b[index]);
    return at !== -1 && (a[at] ?? 0) < (b[at] ?? 0);
  };
  return agents.reduce<Agent | undefined>(
    (best, one) => (best === undefined || before(rank(one), rank(best)) ? one : best),
    undefined,
  );
}
