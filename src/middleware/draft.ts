import type { Actor } from './actor.ts';
import type { Clock } from './clock.ts';
import type { ConversationRecord } from './core/conversation.ts';
import { type DeskChange, outsideDesk } from './core/desk.ts';
import type { SessionEvent } from './core/effect.ts';
import type { Policy } from './core/policy.ts';
import type { SessionState } from './core/session.ts';
import { transition } from './core/transition.ts';
import { AdjournError } from './errors.ts';
import type { Job } from './job.ts';
import type { HandoffTo } from './turn.ts';

/** The record a turn works on, and whether it may still be changed. */
export interface Draft {
  record: ConversationRecord;
  readonly policy: Policy;
  /** For error messages: which conversation this is. */
  readonly key: string;
  /** Whether the present turn counts in `turnCount`. */
  readonly counts: boolean;
  readonly now: () => number;
  /** `open`: changes are saved with the turn. `shared`: only by `turn.update`. `closing`: auth profiles may be cleared. `ended`: not any more. */
  state: 'open' | 'shared' | 'closing' | 'ended';
  /** Set by `session.close()` and the like: the session ends with the turn. */
  closing: { readonly at: number; readonly reason: 'bot' | 'agent'; readonly by?: string | undefined } | undefined;
  /** What happened at desks during the turn, to be told once it is saved. */
  readonly told: SessionEvent[];
  /** The agents of each desk that this process knows. */
  readonly desks: Desks;
  /** Desks that have kept seats for this conversation during the turn: to be looked into again, should it not be saved. */
  readonly seats: Set<string>;
  /** What the handler was given and may have changed in place, as it was before; absent where nobody will ask for it. */
  readonly lent?: Map<object, string> | undefined;
}

/** Desks by name, as far as turns must know them. */
type Desks = ReadonlyMap<string, { readonly capacities: ReadonlyMap<string, number> }>;

/** What a draft needs of its surroundings. */
export interface Around {
  readonly clock: Clock;
  readonly desks: Desks;
}

export function newDraft(
  { key, policy }: Pick<Job, 'key' | 'policy'>,
  {
    record,
    state,
    counts,
    restores = false,
  }: Pick<Draft, 'record' | 'state' | 'counts'> & { readonly restores?: boolean | undefined },
  { clock, desks }: Around,
): Draft {
  const draft = {
    record,
    policy,
    key,
    counts,
    now: () => clock.now(),
    state,
    closing: undefined,
    told: [],
    desks,
    seats: new Set<string>(),
  };
  return restores ? { ...draft, lent: new Map() } : draft;
}

/** A record as it was before a handler changed parts of it in place. Everything else in a record is replaced, never changed. */
export function unchanged(record: ConversationRecord, { lent }: Draft): ConversationRecord {
  if (lent === undefined || lent.size === 0) return record;
  const before = <T>(value: T): T => {
    const text = lent.get(value as object);
    return text === undefined ? value : JSON.parse(text);
  };
  const { session, variables, auth } = record;
  const inner = session && {
    ...session,
    data: before(session.data),
    dialog: lent.has(session.dialog) ? before(session.dialog) : session.dialog.map(before),
    tags: { current: before(session.tags.current), historic: before(session.tags.historic) },
  };
  return {
    ...record,
    ...(inner ? { session: inner } : {}),
    variables: mapped(variables, (one) => ({ ...one, value: before(one.value) })),
    auth: mapped(auth, before),
  };
}

function mapped<T>(record: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

/** The draft that hooks of a close work on. */
export function closedDraft(job: Pick<Job, 'key' | 'policy'>, record: ConversationRecord, around: Around): Draft {
  return newDraft(job, { record, state: 'closing', counts: false }, around);
}

/** @throws AdjournError `ADJ_NO_SESSION` */
export function live(draft: Draft): SessionState {
  if (draft.record.session === undefined) {
    throw new AdjournError('ADJ_NO_SESSION', 'No session is live in this conversation.', { where: draft.key });
  }
  return draft.record.session;
}

/** Changes the live session, with the turn. @throws AdjournError `ADJ_NO_SESSION`, `ADJ_TURN_ENDED`, `ADJ_TURN_SHARED` */
export function change(draft: Draft, next: (session: SessionState) => SessionState): void {
  writable(draft);
  draft.record = { ...draft.record, session: next(live(draft)) };
}

/**
 * Gives a session to people, with the turn.
 * @returns whether anything has changed
 * @throws AdjournError `ADJ_NO_DESK`, `ADJ_NO_AGENT`
 */
export function handOff(draft: Draft, name: string, to: HandoffTo = 'rule', who: Actor = {}): boolean {
  const desk = draft.desks.get(name);
  if (desk === undefined && name !== outsideDesk) throw noDesk(name);
  if (typeof to === 'object' && !desk?.capacities.has(to.agent)) {
    throw new AdjournError('ADJ_NO_AGENT', 'This desk has no such agent.', { where: `desk ${name}, agent ${to.agent}` });
  }
  const wanted = to === 'queue' ? {} : { wanted: to === 'rule' ? {} : { agent: to.agent } };
  return atDesk(draft, { do: 'handOff', desk: name, ...wanted, ...who });
}

export function noDesk(name: string): AdjournError {
  return new AdjournError('ADJ_NO_DESK', 'No desk of this name is open in this process.', {
    where: `desk ${name}`,
    hint: 'Call sessions.desk(name, …) in every process that runs the bot.',
  });
}

/** Changes how a session stands at a desk, with the turn. @returns whether anything has changed */
export function atDesk(draft: Draft, change: DeskChange): boolean {
  writable(draft);
  const before = draft.record;
  const next = transition(before, { type: 'desk', change, inTurn: true }, draft.policy, draft.now());
  draft.record = next.record;
  draft.told.push(...next.events);
  return next.record.session !== before.session;
}

/** @throws AdjournError `ADJ_TURN_ENDED`, `ADJ_TURN_SHARED` */
export function writable(draft: Draft): void {
  if (draft.state !== 'open') throw refusal(draft);
}

/** Why a draft takes no changes. */
export function refusal(draft: Draft): AdjournError {
  return draft.state === 'shared'
    ? new AdjournError('ADJ_TURN_SHARED', 'Another turn of this conversation holds the session.', {
        where: draft.key,
        hint: 'Change it by turn.update(session => …).',
      })
    : new AdjournError('ADJ_TURN_ENDED', 'The turn is over; this change would be lost.', {
        where: draft.key,
        hint: 'Await the work inside the handler, or give it to turn.waitUntil(promise).',
      });
}
