import type { AgentRules } from './agents.ts';
import { replyDueAt } from './desk-clock.ts';
import type { Closed, SessionEvent } from './effect.ts';
import { type SessionState, touched } from './session.ts';

/** A session that a person answers, or is to answer. Absent in a session: the bot does. Times are epoch ms. */
export interface Handover {
  /** Names the desk. */
  readonly desk: string;
  /** When people took over. */
  readonly since: number;
  /** Whose conversation it is; absent: it is in the queue. */
  readonly agent?: string | undefined;
  readonly assignedAt?: number | undefined;
  /**
   * The channel has another app answer here: nothing of ours would arrive, and what the user writes is not for us. Whatever does come to
   * us says that this is over.
   */
  readonly elsewhere?: true | undefined;
  /** In the queue: somebody is to be found by the desk's rule, or this agent; absent: it stays until somebody takes it. */
  readonly wanted?: { readonly agent?: string | undefined } | undefined;
  /** The customer waits for an answer; absent: it is their move. */
  readonly wait?: Wait | undefined;
  /** The agent's last message. */
  readonly answeredAt?: number | undefined;
  /** Who gave it to them from outside the conversation, where that was said. */
  readonly givenBy?: string | undefined;
  /** How much later than by the clock alone their silence ends the session, because a closing hook asked for it. Milliseconds. */
  readonly extendedMs?: number | undefined;
}

/** From a customer's oldest unanswered message to its answer. */
export interface Wait {
  readonly since: number;
  /** Agents who have had the conversation in this wait. */
  readonly tried: readonly string[];
  /** How often it was handed on because nobody answered. */
  readonly moves: number;
  readonly warned?: true | undefined;
  readonly overdue?: true | undefined;
  /** Nobody was free; it is tried again when somebody may be. */
  readonly stuck?: true | undefined;
  /** Too many had it: it stays in the queue until somebody takes it. */
  readonly escalated?: true | undefined;
}

/** The desk of people who answer elsewhere, such as in the vendor's own inbox. Nobody is assigned there. */
export const outsideDesk = 'outside';

/** What can happen at a desk to a conversation. `by`: who did it from outside the conversation, where that was said. */
export type DeskChange =
  /** The bot hands over. In the queue it changes the desk and who is wanted; while an agent has it, nothing. */
  | { readonly do: 'handOff'; readonly desk: string; readonly wanted?: Handover['wanted']; readonly by?: string | undefined }
  /** An agent has it now: found by the desk, or because they took it. `elsewhere`: in another app. */
  | {
      readonly do: 'assign';
      readonly desk: string;
      readonly agent: string;
      readonly chosenBy: 'desk' | 'agent';
      readonly by?: string | undefined;
      readonly elsewhere?: true | undefined;
    }
  /** The customer wrote to another app, which so has the conversation. `agent`: who answers there. */
  | { readonly do: 'write'; readonly desk: string; readonly agent: string; readonly at: number }
  /** Nobody was free. */
  | { readonly do: 'stick' }
  /** Handed on too often. */
  | { readonly do: 'escalate' }
  /**
   * Somebody answered the customer. `agent`: who, as the desk or the vendor names them. `at`: when, where the channel tells it later;
   * what was written before the message that waits is no answer to it.
   */
  | { readonly do: 'answer'; readonly desk: string; readonly agent: string; readonly at?: number | undefined }
  | { readonly do: 'warn' }
  | { readonly do: 'miss' }
  | { readonly do: 'handBack'; readonly by?: string | undefined };

/** Who answers now. */
export type Owner = 'bot' | 'queue' | 'agent';

export function ownerOf({ handover }: SessionState): Owner {
  if (handover === undefined) return 'bot';
  return handover.agent === undefined ? 'queue' : 'agent';
}

interface Changed {
  readonly session: SessionState;
  readonly events: readonly SessionEvent[];
}

/** A live session after a change at a desk; the same object where nothing has changed. */
export function atDesk(session: SessionState, change: DeskChange, rules: AgentRules, now: number): Changed {
  switch (change.do) {
    case 'handOff':
      return handedOff(session, change, now);
    case 'assign':
      return assigned(session, change, now);
    case 'write':
      return written(session, change, now);
    case 'answer':
      return answered(session, change, rules, now);
    case 'handBack':
      return handedBack(session, change, now);
    default:
      return waited(session, change, rules, now);
  }
}

function handedOff(session: SessionState, { desk, wanted, by }: Extract<DeskChange, { do: 'handOff' }>, now: number): Changed {
  const from: Handover = session.handover ?? { desk, since: now };
  const { wanted: before, wait = newWait(now), givenBy: _then, ...rest } = from;
  const isSame = desk === rest.desk && wanted?.agent === before?.agent && (wanted === undefined) === (before === undefined);
  const { stuck, escalated, ...goesOn } = wait;
  if (rest.agent !== undefined || (session.handover !== undefined && isSame && !stuck && !escalated))
    return { session, events: [] };
  const handover = { ...rest, desk, wait: goesOn, ...(wanted ? { wanted } : {}), ...givenBy(by) };
  const to = wanted?.agent === undefined ? {} : { agent: wanted.agent };
  return {
    session: revised(session, handover),
    events:
      session.handover?.desk === desk ? [] : [{ type: 'handed_off', at: now, session: session.id, desk, ...to, ...doneBy(by) }],
  };
}

/** The bot's clock begins anew. */
function handedBack(session: SessionState, { by }: Extract<DeskChange, { do: 'handBack' }>, now: number): Changed {
  const { handover } = session;
  if (handover === undefined) return { session, events: [] };
  const { handover: _over, ...rest } = revised(session, handover);
  const missed = handover.wait?.overdue ? { replies: counted(session, true) } : {};
  return {
    session: { ...touched(rest, now), ...missed },
    events: [{ type: 'handed_back', at: now, session: session.id, ...whoOf(handover), ...doneBy(by) }],
  };
}

/** What happens to a wait, other than its end. */
function waited(
  session: SessionState,
  change: Extract<DeskChange, { do: 'stick' | 'escalate' | 'warn' | 'miss' }>,
  rules: AgentRules,
  now: number,
): Changed {
  const { handover } = session;
  const wait = handover?.wait;
  if (handover === undefined || wait === undefined) return { session, events: [] };
  const told = { at: now, session: session.id, ...whoOf(handover) };
  switch (change.do) {
    case 'stick':
      if (wait.stuck) return { session, events: [] };
      return {
        session: revised(session, { ...handover, wait: { ...wait, stuck: true } }),
        events: [{ ...told, type: 'nobody_free' }],
      };
    case 'escalate': {
      const { agent: _gone, assignedAt: _then, wanted: _nobody, ...rest } = handover;
      const escalated = revised(session, { ...rest, wait: { ...wait, escalated: true } });
      return { session: escalated, events: [{ ...told, type: 'escalated' }] };
    }
    case 'warn': {
      const event = { ...told, type: 'warned' as const, to: 'agent' as const, beforeMs: rules.warnBeforeMs };
      return { session: { ...session, handover: { ...handover, wait: { ...wait, warned: true } } }, events: [event] };
    }
    case 'miss':
      return {
        session: { ...session, handover: { ...handover, wait: { ...wait, overdue: true } } },
        events: [{ ...told, type: 'overdue', dueAt: replyDueAt(wait, rules) }],
      };
  }
}

/** Whoever takes a conversation from the bot owes it a word, too; what happens in another app is not ours to time before somebody writes. */
function assigned(session: SessionState, change: Extract<DeskChange, { do: 'assign' }>, now: number): Changed {
  const { desk, agent, chosenBy, by, elsewhere } = change;
  const place = elsewhere ? { elsewhere } : {};
  const before: Handover = session.handover ?? { desk, since: now, ...(elsewhere ? {} : { wait: newWait(now) }) };
  // Whoever has it already keeps their place in time.
  if (before.agent === agent && before.desk === desk) {
    const isNews = elsewhere && !before.elsewhere;
    return { session: isNews ? { ...session, handover: { ...before, ...place } } : session, events: [] };
  }
  const { wanted: _found, wait: waiting, elsewhere: _then, givenBy: giver, ...rest } = before;
  const isMove = chosenBy === 'desk' && before.agent !== undefined;
  const wait = { ...place, ...(waiting === undefined ? {} : { wait: movedTo(waiting, agent, isMove) }) };
  // A desk goes on with what somebody gave to it.
  const given = givenBy(chosenBy === 'desk' ? giver : by);
  const told = { at: now, session: session.id, agent, ...doneBy(by) };
  return {
    session: { ...revised(session, { ...rest, desk, agent, assignedAt: now, ...wait, ...given }), agent },
    events: [before.agent === undefined ? { ...told, type: 'assigned' } : { ...told, type: 'reassigned', from: before.agent }],
  };
}

/** A wait goes on with its deadline, whoever has the conversation. */
function movedTo({ stuck: _was, escalated: _taken, ...wait }: Wait, agent: string, isMove: boolean): Wait {
  const tried = wait.tried.includes(agent) ? wait.tried : [...wait.tried, agent];
  return { ...wait, tried, moves: wait.moves + (isMove ? 1 : 0) };
}

/** In another app the customer waits for an answer as well; a session that was the bot's has been taken over there. */
function written(session: SessionState, { desk, agent, at }: Extract<DeskChange, { do: 'write' }>, now: number): Changed {
  const had = session.handover;
  const who = { desk: had?.desk ?? desk, agent: had?.agent ?? agent };
  const taken = assigned(session, { do: 'assign', ...who, chosenBy: 'agent', elsewhere: true }, now);
  return {
    session: awaiting({ ...touched(taken.session, at), interactive: true }, at),
    events: [...taken.events, { type: 'customer_wrote', at: now, session: session.id, ...whoOf(taken.session.handover ?? {}) }],
  };
}

/** Whoever answers a conversation that nobody has, has it. */
function answered(session: SessionState, change: Extract<DeskChange, { do: 'answer' }>, rules: AgentRules, now: number): Changed {
  const { desk, agent, at = now } = change;
  const before: Handover = session.handover ?? { desk, since: now };
  const { wait: waiting, wanted: _served, extendedMs: _anew, ...rest } = before;
  const isAnswer = waiting === undefined || at >= waiting.since;
  const wait = isAnswer ? waiting : undefined;
  const dueAt = wait === undefined ? Number.POSITIVE_INFINITY : replyDueAt(wait, rules);
  const lateBy = Math.max(0, at - dueAt);
  const takes = rest.agent === undefined;
  const handover: Handover = {
    ...rest,
    ...(takes ? { agent, assignedAt: now } : {}),
    ...(isAnswer ? {} : { wait: waiting }),
    answeredAt: Math.max(at, rest.answeredAt ?? at),
  };
  const next = takes || wait?.stuck ? revised(session, handover) : { ...session, handover };
  const told = { at: now, session: session.id, agent };
  return {
    session: {
      ...next,
      agent: handover.agent,
      ...(Number.isFinite(dueAt) ? { replies: counted(session, lateBy > 0) } : {}),
    },
    events: [...(takes ? [{ ...told, type: 'assigned' as const }] : []), { ...told, type: 'answered', lateBy }],
  };
}

/** What the desk keeps of the conversation is no longer how it stands. */
function revised(session: SessionState, handover: Handover): SessionState {
  return { ...session, handover, deskRevision: (session.deskRevision ?? 0) + 1 };
}

/** The customer wrote: a wait begins, unless they are waiting already. */
export function awaiting(session: SessionState, at: number): SessionState {
  const { handover } = session;
  if (handover === undefined || handover.wait !== undefined) return session;
  const tried = handover.agent === undefined ? [] : [handover.agent];
  return { ...session, handover: { ...handover, wait: { ...newWait(Math.max(at, handover.answeredAt ?? at)), tried } } };
}

/** What a close tells of the people who had the session. A wait that was overdue at its end was missed. */
export function toldOfAgents(session: SessionState, rules: AgentRules, endedAt: number): Pick<Closed, 'agent' | 'deadlines'> {
  const { agent, replies } = session;
  const wait = session.handover?.wait;
  const missed = wait !== undefined && (wait.overdue || endedAt >= replyDueAt(wait, rules));
  return {
    ...(agent === undefined ? {} : { agent }),
    ...(missed ? { deadlines: counted(session, true) } : replies === undefined ? {} : { deadlines: replies }),
  };
}

function counted({ replies = { met: 0, missed: 0 } }: SessionState, missed: boolean): { met: number; missed: number } {
  return missed ? { met: replies.met, missed: replies.missed + 1 } : { met: replies.met + 1, missed: replies.missed };
}

function newWait(since: number): Wait {
  return { since, tried: [], moves: 0 };
}

function whoOf({ agent }: Pick<Handover, 'agent'>): { readonly agent?: string } {
  return agent === undefined ? {} : { agent };
}

function doneBy(by: string | undefined): { readonly by?: string } {
  return by === undefined ? {} : { by };
}

function givenBy(by: string | undefined): Pick<Handover, 'givenBy'> {
  return by === undefined ? {} : { givenBy: by };
}
