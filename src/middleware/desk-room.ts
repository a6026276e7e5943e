import { partsOf } from './core/activity.ts';
import type { ConversationRecord } from './core/conversation.ts';
import { outsideDesk } from './core/desk.ts';
import type { Wanted } from './core/desk-clock.ts';
import {
  type Agent,
  agentsOf,
  callsForOffers,
  chosen,
  type DeskRecord,
  deskWakeAt,
  freeAgents,
  inUse,
  newDesk,
  reserved,
  type Standing,
  seen,
  waiting,
  withOffers,
} from './core/desk-record.ts';
import type { SessionState } from './core/session.ts';
import { AdjournError, isAdjournError } from './errors.ts';
import { jobOutside } from './outside.ts';
import type { Shell } from './shell.ts';
import { changeSystem, readSystem } from './system.ts';
import type { Turn } from './turn.ts';

/** A desk as this process knows it. */
export interface DeskSetup {
  readonly name: string;
  /** How many conversations each agent may have at once, in the order of the rule. */
  readonly capacities: ReadonlyMap<string, number>;
  /** Whom the rule chooses of those who are free; undefined: nobody. May throw, and answer anything. */
  choose(key: string, session: SessionState, free: readonly Agent[], exclude: readonly string[]): unknown;
  /** Gets what customers write while people own the session. */
  readonly onMessage: ((turn: Turn) => unknown) | undefined;
}

export const deskKind = 'desk';

/** Where people stand who are of no desk in particular: at the only one, if this process knows one alone. */
export function deskElsewhere({ desks }: Pick<Shell, 'desks'>): string {
  const [only = outsideDesk] = desks.size === 1 ? desks.keys() : [];
  return only;
}

/**
 * Finds an agent and keeps a seat for them, so that no agent is ever over capacity, however many processes look for one at once.
 * The conversation's lease is held by the caller; the desk's is taken after it, never before.
 * Where nobody is free the desk remembers, and tries again when somebody may be.
 * @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE`
 */
export function findAgent(
  shell: Shell,
  desk: DeskSetup,
  key: string,
  session: SessionState,
  wanted: Wanted,
): Promise<string | undefined> {
  return changeDesk(shell, desk.name, (record) => {
    const now = shell.clock.now();
    const free = freeAgents(agentsBeside(record, key, desk), wanted);
    const agent = wanted.only === undefined ? chosenOf(shell, desk, key, session, free, wanted) : free[0]?.id;
    if (agent === undefined) return { record: waiting(record, key, session, wanted, now), result: undefined };
    return { record: chosen(reserved(record, key, session, agent, now), agent, now), result: agent };
  });
}

/**
 * Keeps a seat for an agent who takes a conversation themselves, as `findAgent` does.
 * @param mustBeOnline false: they are there, whatever was last said of it
 * @returns whether they have room for it
 * @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE`
 */
export function takeSeat(
  shell: Shell,
  desk: DeskSetup,
  key: string,
  session: SessionState,
  agent: string,
  mustBeOnline: boolean,
): Promise<boolean> {
  return changeDesk(shell, desk.name, (record) => {
    const one = agentsBeside(record, key, desk).find(({ id }) => id === agent);
    if (one === undefined || one.load >= one.capacity || (mustBeOnline && !one.online)) return { record, result: false };
    return { record: reserved(record, key, session, agent, shell.clock.now()), result: true };
  });
}

/** The agents of a desk with what they have beside one conversation. */
function agentsBeside({ places, ...record }: DeskRecord, key: string, { capacities }: DeskSetup): Agent[] {
  const { [key]: _own, ...others } = places;
  return agentsOf({ ...record, places: others }, capacities);
}

/** The rule's choice. A rule that fails, or names somebody who is not free, has chosen nobody. */
function chosenOf(
  shell: Shell,
  desk: DeskSetup,
  key: string,
  session: SessionState,
  free: readonly Agent[],
  { exclude }: Wanted,
): string | undefined {
  if (free.length === 0) return undefined;
  const { channel, endpoint } = partsOf(key);
  const fail = (message: string, cause?: unknown) =>
    shell.report(new AdjournError('ADJ_HOOK_FAILED', message, { where: `desk ${desk.name}, rule`, cause }), {
      channel,
      endpoint,
      key,
    });
  try {
    const choice = desk.choose(key, session, free, [...exclude]);
    if (choice === undefined) return undefined;
    const agent = free.find(({ id }) => id === choice);
    if (agent !== undefined) return agent.id;
    // A promise that nobody waits for must not bring the process down.
    if (choice instanceof Promise) choice.catch(() => {});
    fail('It names nobody who is free; it must answer with the id of one of its agents, at once.');
  } catch (error) {
    fail('It threw.', error);
  }
  return undefined;
}

/**
 * Lets a desk see how a conversation stands now. Safe to repeat, and in any order: the look is taken under the desk's lease.
 * @param from the key it had before
 * @throws AdjournError `LEASE_TIMEOUT`, `STORE_UNAVAILABLE`
 */
export function seeConversation(shell: Shell, desk: string, key: string, from?: string): Promise<void> {
  return changeDesk(shell, desk, async (before) => {
    const keys = from === undefined ? [key] : [key, from];
    const { records } = await shell.store.find({ keys, limit: keys.length });
    let record = before;
    for (const one of keys) {
      const stored = records.find((found) => found.key === one)?.record as ConversationRecord | undefined;
      const next = seen(record, one, standingAt(desk, stored));
      record = callsForOffers(record, next, one) ? withOffers(next) : next;
    }
    return { record, result: undefined };
  });
}

/**
 * Looks into seats that nobody has used: while we hold the conversation, nobody else can be about to. A conversation that is busy may
 * still use them.
 * @throws AdjournError `LEASE_TIMEOUT` of the desk, `STORE_UNAVAILABLE`
 */
export async function clearSeats(shell: Shell, desk: string, key: string, waitMs = 0): Promise<void> {
  const job = { ...jobOutside(shell, key, 'desk', undefined), waitMs };
  try {
    await shell.underLease(job, async ({ lease, record: stored }, place) => {
      try {
        await changeDesk(shell, desk, (record) => {
          // What has another name by now is nobody's under this one.
          const next = seen(record, key, place.key === key ? standingAt(desk, stored) : {}, true);
          return { record: callsForOffers(record, next, key) ? withOffers(next) : next, result: undefined };
        });
      } finally {
        await shell.book.release(lease);
      }
    });
  } catch (error) {
    if (!isAdjournError(error, 'LEASE_TIMEOUT')) throw error;
    await changeDesk(shell, desk, (record) => ({ record: inUse(record, key, shell.clock.now()), result: undefined }));
  }
}

/** What a desk must know of a conversation; nothing where it is another desk's. */
function standingAt(desk: string, stored: ConversationRecord | null | undefined): Standing {
  const { session, ended } = stored ?? {};
  if (session?.handover === undefined || session.handover.desk === desk) return { session, ended };
  const { handover: _others, ...rest } = session;
  return { session: rest, ended };
}

/** What a desk keeps, without a lease. @throws AdjournError `STORE_UNAVAILABLE`, `ADJ_RECORD_INVALID` */
export async function readDesk(shell: Shell, desk: string): Promise<DeskRecord> {
  return (await readSystem<DeskRecord>(shell, deskKind, desk)) ?? newDesk();
}

/** Changes what a desk keeps, under its lease; who waits for somebody to be free is looked after when `offers` says so. */
export function changeDesk<T>(
  shell: Shell,
  desk: string,
  decide: (record: DeskRecord) => Changed<T> | Promise<Changed<T>>,
): Promise<T> {
  return changeSystem<DeskRecord, T>(shell, deskKind, desk, async (stored) => {
    const before = stored ?? newDesk();
    const { record, result } = await decide(before);
    if (record === before) return { record: stored, result };
    const wakeAt = deskWakeAt(record, shell.clock.now());
    return { record, result, ...(wakeAt === null ? {} : { wakeAt }) };
  });
}

interface Changed<T> {
  readonly record: DeskRecord;
  readonly result: T;
}
