import { randomUUID } from 'node:crypto';
import { type Actor, actorOf } from './actor.ts';
import { attendRoom } from './attend-desk.ts';
import { messageKey, resultOf } from './closer.ts';
import { type DeskChange, outsideDesk } from './core/desk.ts';
import { type Agent, agentsOf, leastBusy, present, roundRobin, waitingPlaces, withOffers } from './core/desk-record.ts';
import { changeDesk, type DeskSetup, deskKind, readDesk, takeSeat } from './desk-room.ts';
import { atDesk, change, type Draft, handOff, live, writable } from './draft.ts';
import type { Engine } from './engine.ts';
import { AdjournError } from './errors.ts';
import { storedJob } from './outside.ts';
import { sendTo } from './sending.ts';
import { realNow, whereOf } from './shell.ts';
import { spoken } from './transcript.ts';
import type { HandoffTo, Turn } from './turn.ts';

/** People who answer in the bot's place, and how conversations find them. The same in every process. */
export interface DeskOptions<Data = unknown> {
  /** In the order of the rule. `capacity`: how many conversations one may be given at once. @default no limit */
  readonly agents: readonly (string | { readonly id: string; readonly capacity?: number | undefined })[];
  /** Whom a conversation goes to that nobody takes by themselves. Of those who are online and have room. @default 'roundRobin' */
  readonly rule?: 'roundRobin' | 'leastBusy' | AssignmentRule | undefined;
  /**
   * Gets what customers write while people own the session, as the bot's handler does otherwise: in the turn, under the lease. What it
   * throws, the vendor hears of; the message counts as not delivered then.
   */
  readonly onMessage?: ((turn: Turn<Data>) => unknown) | undefined;
}

/**
 * Chooses among agents who are free; undefined: none of them. `exclude`: who had the conversation already in this wait. It must answer
 * at once, with one of the ids. Where it fails the conversation waits, as if nobody were free, and an error event tells of it.
 */
export type AssignmentRule = (
  session: { readonly key: string; readonly id: string; readonly since: number; readonly tags: readonly string[] },
  agents: readonly Agent[],
  options: { readonly exclude: readonly string[] },
) => string | undefined;

/** A conversation that people own. */
export interface DeskConversation {
  readonly key: string;
  /** Id of its session. */
  readonly session: string;
  /** When people took over, epoch ms. */
  readonly since: number;
  /** Whose it is; absent: it is in the queue. */
  readonly agent?: string | undefined;
  /** Somebody is to be found for it, and nobody is free. */
  readonly waits: boolean;
}

/**
 * Where people take over from the bot. Agents, their presence and their load are shared by all processes. What changes a conversation
 * joins the turn it is called in, or takes the conversation: then it throws `LEASE_TIMEOUT` when that stays busy for a minute. Everything
 * throws `STORE_UNAVAILABLE` where nothing could be read or saved. In a turn that runs beside another one (`turn.exclusive` is false) it
 * throws `ADJ_TURN_SHARED`.
 */
export interface Desk {
  readonly name: string;
  /**
   * Notes that an agent is there, or is not. Conversations that wait for somebody are offered again.
   * @param options `by`: who says so, where that is not the agent; told by the event
   * @throws AdjournError `ADJ_NO_AGENT`
   */
  presence(agent: string, state: 'online' | 'offline', options?: Actor): Promise<void>;
  /** Agents with their presence and load, as they are now. */
  agents(): Promise<readonly Agent[]>;
  /** Conversations in the queue and with agents, the oldest first. */
  conversations(): Promise<readonly DeskConversation[]>;
  /**
   * Gives the live session to people. In the queue it changes the desk and who is wanted; while an agent has it, nothing.
   * @param to see `session.handoff`. @default 'rule'
   * @param options `by`: who does it, where that is none of the agents; told by the events, and by `explain`
   * @returns whether it changed anything
   * @throws AdjournError `ADJ_NO_AGENT` for somebody who is not of this desk
   */
  handoff(key: string, to?: HandoffTo, options?: Actor): Promise<boolean>;
  /**
   * Gives the live session to an agent who takes it, from the bot, the queue or a colleague, of this desk or another.
   * @param options `by`: who gives it to them, as with `handoff`
   * @throws AdjournError `ADJ_NO_AGENT` where they are offline or have no room, `ADJ_NO_SESSION`
   */
  assign(key: string, agent: string, options?: Actor): Promise<void>;
  /**
   * Sends an agent's reply to the customer through the channel's adapter, and notes it. Whoever replies where nobody has the
   * conversation takes it.
   * @param reply `id`: names the reply, so that one that is sent again arrives once where the channel has keys for that
   * @throws AdjournError `ADJ_NO_SESSION`, `ADJ_SEND_FAILED`, `ADJ_NO_SENDER`; `ADJ_NO_AGENT` where they would take it and have no room
   */
  reply(
    key: string,
    reply: { readonly agent: string; readonly message: unknown; readonly id?: string | undefined },
  ): Promise<void>;
  /**
   * Notes that an agent answered the customer by other ways than `reply`. Whoever did so where nobody has the conversation has it, even
   * beyond their capacity. @returns whether a session was live
   */
  agentReplied(key: string, agent: string): Promise<boolean>;
  /** The bot answers again, and its clock begins anew. @param options `by`: who does it @returns whether people owned the session */
  returnToBot(key: string, options?: Actor): Promise<boolean>;
  /** Ends the live session with reason `agent`. @param options `by`: who does it, kept with the closed session @returns whether one was live */
  close(key: string, options?: Actor & { readonly outcome?: string | undefined }): Promise<boolean>;
}

/** @throws AdjournError `ADJ_CONFIG_INVALID` where two agents have one name, a capacity is none, or the desk's name is none */
export function openDesk<Data>(engine: Engine, name: string, options: DeskOptions<Data>): Desk {
  const setup = setupOf(name, options);
  engine.desks.set(name, setup);
  engine.chores.set(deskKind, (one) => attendRoom(engine, one));
  const known = (agent: string) => {
    if (setup.capacities.has(agent)) return;
    throw new AdjournError('ADJ_NO_AGENT', 'This desk has no such agent.', { where: `desk ${name}, agent ${agent}` });
  };
  /** Joins the turn this code runs in, or takes the conversation. */
  const within = async <T>(key: string, work: (draft: Draft) => T | Promise<T>): Promise<T> => {
    const draft = engine.current(key)?.draft;
    if (draft === undefined)
      return engine.visit(await storedJob(engine, key, 'desk'), async (turn) => work(draftOf(engine, turn)));
    // Before anything has left.
    writable(draft);
    return work(draft);
  };
  const changed = (key: string, what: DeskChange) => within(key, (draft) => atDesk(draft, what));
  /** Keeps a seat for an agent, until the turn is saved. */
  const seat = async (draft: Draft, agent: string, mustBeOnline: boolean) => {
    draft.seats.add(name);
    if (await takeSeat(engine, setup, draft.key, live(draft), agent, mustBeOnline)) return;
    const what = mustBeOnline
      ? 'They are offline, or have as many conversations as they may.'
      : 'They have as many conversations as they may.';
    throw new AdjournError('ADJ_NO_AGENT', what, { where: `desk ${name}, agent ${agent}` });
  };

  return {
    name,
    async presence(agent, state, options = {}) {
      known(agent);
      const who = actorOf(options, 'presence');
      const isNews = await changeDesk(engine, name, (record) => {
        const next = present(record, agent, state === 'online');
        const calls = state === 'online' && waitingPlaces(next).length > 0;
        return { record: calls ? withOffers(next) : next, result: next !== record };
      });
      if (!isNews) return;
      const origin = { at: engine.clock.now(), decidedAt: realNow(), channel: 'desk', endpoint: 'all' };
      engine.emitter.emit({ type: 'presence', ...origin, desk: name, agent, state, ...who });
    },
    agents: async () => agentsOf(await readDesk(engine, name), setup.capacities),
    async conversations() {
      const { places } = await readDesk(engine, name);
      return Object.entries(places)
        .flatMap(([key, { session, since, agent, wanted }]) =>
          since === undefined ? [] : [{ key, session, since, waits: wanted !== undefined, ...(agent ? { agent } : {}) }],
        )
        .sort((a, b) => a.since - b.since);
    },
    async handoff(key, to, options = {}) {
      const who = actorOf(options, 'handoff');
      return within(key, (draft) => handOff(draft, name, to, who));
    },
    assign: (key, agent, options = {}) =>
      within(key, async (draft) => {
        known(agent);
        const who = actorOf(options, 'assign');
        const { handover } = live(draft);
        if (handover?.desk === name && handover.agent === agent) return;
        await seat(draft, agent, true);
        atDesk(draft, { do: 'assign', desk: name, agent, chosenBy: 'agent', ...who });
      }),
    reply: (key, { agent, message, id = randomUUID() }) =>
      within(key, async (draft) => {
        const { id: session, handover } = live(draft);
        // Whoever replies is there.
        if (handover?.agent === undefined && setup.capacities.has(agent)) await seat(draft, agent, false);
        const { address } = draft.record;
        const where = whereOf(await storedJob(engine, key, 'desk'));
        const sent = await sendTo(engine, where, address, { message, idempotencyKey: messageKey(`${session} ${id}`) });
        if (sent.outcome === 'refused' || sent.outcome === 'retry') {
          const code = sent.reason === 'no_sender' || sent.reason === 'no_address' ? 'ADJ_NO_SENDER' : 'ADJ_SEND_FAILED';
          throw new AdjournError(code, `${sent.outcome}: ${sent.reason}.`, { where: key });
        }
        atDesk(draft, { do: 'answer', desk: name, agent });
        const text = typeof message === 'string' ? message : undefined;
        engine.current(draft.key)?.said.push(spoken({ text, delivery: resultOf(sent) }, 'agent', engine.clock.now(), agent));
      }),
    agentReplied: (key, agent) => changed(key, { do: 'answer', desk: name, agent }),
    async returnToBot(key, options = {}) {
      const who = actorOf(options, 'returnToBot');
      return changed(key, { do: 'handBack', ...who });
    },
    async close(key, { outcome, ...options } = {}) {
      const who = actorOf(options, 'close');
      return within(key, (draft) => {
        if (draft.record.session === undefined) return false;
        if (outcome !== undefined) change(draft, (session) => ({ ...session, outcome }));
        draft.closing ??= { at: draft.now(), reason: 'agent', ...who };
        return true;
      });
    },
  };
}

function draftOf(engine: Engine, { key }: Turn): Draft {
  const running = engine.current(key);
  if (running === undefined) throw new AdjournError('ADJ_TURN_ENDED', 'The turn is over.', { where: key });
  return running.draft;
}

/** Longest name of a desk: names are parts of keys. */
const longestName = 200;

function setupOf<Data>(name: string, { agents, rule = 'roundRobin', onMessage }: DeskOptions<Data>): DeskSetup {
  const refuse = (message: string, where = `desk ${name}`): never => {
    throw new AdjournError('ADJ_CONFIG_INVALID', message, { where });
  };
  const isName = (text: unknown) => typeof text === 'string' && text !== '' && text.length <= longestName && text.isWellFormed();
  if (!isName(name) || name === outsideDesk) refuse(`${JSON.stringify(name)} cannot be the name of a desk.`, 'sessions.desk');
  const all = agents.map((one) => (typeof one === 'string' ? { id: one } : one));
  const capacities = new Map(all.map(({ id, capacity = Number.POSITIVE_INFINITY }) => [id, capacity]));
  if (capacities.size < all.length) refuse('Two agents have one name.');
  for (const [id, capacity] of capacities) {
    if (!isName(id)) refuse(`${JSON.stringify(id)} cannot be the name of an agent.`);
    const isCount = capacity === Number.POSITIVE_INFINITY || (Number.isInteger(capacity) && capacity >= 1);
    if (!isCount) refuse(`${String(capacity)} is no number of conversations.`, `desk ${name}, agent ${id}`);
  }
  const choose = typeof rule === 'function' ? rule : Object.hasOwn(rules, rule) && rules[rule];
  if (typeof choose !== 'function') return refuse(`${JSON.stringify(rule)} is no rule of assignment.`);
  return {
    name,
    capacities,
    choose: (key, { id, handover, startedAt, tags }, free, exclude) =>
      choose({ key, id, since: handover?.since ?? startedAt, tags: tags.current }, free, { exclude }),
    onMessage: onMessage as DeskSetup['onMessage'],
  };
}

const rules: Readonly<Record<'roundRobin' | 'leastBusy', AssignmentRule>> = {
  roundRobin: (_session, agents) => roundRobin(agents),
  leastBusy: (_session, agents) => leastBusy(agents),
};
