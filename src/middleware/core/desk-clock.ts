import { type AgentRules, mostReassignments } from './agents.ts';
import { type Handover, outsideDesk, type Wait } from './desk.ts';
import type { SessionState } from './session.ts';

/** What somebody must do at a desk now. */
export type DeskDue =
  | ({ readonly do: 'assign' } & Wanted)
  | { readonly do: 'escalate' }
  | { readonly do: 'warn_agent' }
  | { readonly do: 'miss' };

/** Who is to be found for a conversation. */
export interface Wanted {
  /** Nobody but this agent. */
  readonly only?: string | undefined;
  readonly exclude: readonly string[];
}

/**
 * The first thing that is due at the desk. Whoever has it by then is warned; a late worker warns of nothing that is overdue.
 * @param offered somebody may be free now, for a conversation for which nobody was
 */
export function deskDue({ handover }: SessionState, rules: AgentRules, now: number, offered = false): DeskDue | undefined {
  const wait = handover?.wait;
  if (handover === undefined || wait === undefined) return undefined;
  if (now >= replyDueAt(wait, rules) && !wait.overdue) return { do: 'miss' };
  const move = wait.stuck && !offered ? undefined : moveDue(handover, wait, rules, now);
  if (move !== undefined) return move;
  return now >= warnAt(wait, rules) && !wait.warned && !wait.overdue ? { do: 'warn_agent' } : undefined;
}

function moveDue(handover: Handover, wait: Wait, rules: AgentRules, now: number): DeskDue | undefined {
  if (handover.elsewhere) return undefined;
  if (handover.agent === undefined) return handover.wanted && { do: 'assign', ...wantedFor(handover, wait) };
  if (now < reassignAt(handover, wait, rules)) return undefined;
  return wait.moves >= mostReassignments ? { do: 'escalate' } : { do: 'assign', ...wantedFor(handover, wait) };
}

/** What will happen at the desk by itself, and when, epoch ms. */
export function deskTimers(
  { handover }: SessionState,
  rules: AgentRules,
): readonly { readonly what: 'assigns' | 'reassigns' | 'warns_agent' | 'overdue'; readonly at: number }[] {
  const wait = handover?.wait;
  if (handover === undefined || wait === undefined) return [];
  const never = Number.POSITIVE_INFINITY;
  const timers = [
    { what: 'warns_agent' as const, at: wait.warned || wait.overdue ? never : warnAt(wait, rules) },
    { what: 'overdue' as const, at: wait.overdue ? never : replyDueAt(wait, rules) },
    handover.agent === undefined
      ? { what: 'assigns' as const, at: handover.wanted && !wait.stuck && !handover.elsewhere ? handover.since : never }
      : { what: 'reassigns' as const, at: wait.stuck ? never : reassignAt(handover, wait, rules) },
  ];
  return timers.filter(({ at }) => Number.isFinite(at)).sort((a, b) => a.at - b.at);
}

/** Who is to be found for a conversation for which nobody was free; undefined: nobody. */
export function stillWanted({ handover }: SessionState): Wanted | undefined {
  return handover?.wait?.stuck ? wantedFor(handover, handover.wait) : undefined;
}

/** Whoever is asked for by name may have had it before; the rule gives it to nobody twice. */
function wantedFor({ agent, wanted }: Handover, { tried }: Wait): Wanted {
  const only = agent === undefined ? wanted?.agent : undefined;
  return only === undefined ? { exclude: tried } : { only, exclude: [] };
}

/**
 * When the clock of a session that is handed over runs out, by an agent's silence after their last word.
 * Infinity while nothing of the kind is being timed.
 */
export function agentSilenceEnds({ handover }: SessionState, { closeAfterMs, cancelOnReply }: AgentRules): number {
  if (handover?.answeredAt === undefined || closeAfterMs === 0) return Number.POSITIVE_INFINITY;
  if (handover.wait !== undefined && cancelOnReply) return Number.POSITIVE_INFINITY;
  return handover.answeredAt + closeAfterMs + (handover.extendedMs ?? 0);
}

/** The last message of either side. */
export function lastWordAt({ lastActivityAt, handover }: SessionState): number {
  return Math.max(lastActivityAt, handover?.answeredAt ?? lastActivityAt);
}

/** When a customer who waits is to be answered at the latest, epoch ms. */
export function replyDueAt({ since }: Wait, { replyWithinMs, calendar }: AgentRules): number {
  return replyWithinMs === 0 ? Number.POSITIVE_INFINITY : later(since, replyWithinMs, calendar);
}

function warnAt({ since }: Wait, { replyWithinMs, warnBeforeMs, calendar }: AgentRules): number {
  return warnBeforeMs === 0 ? Number.POSITIVE_INFINITY : later(since, replyWithinMs - warnBeforeMs, calendar);
}

/** Counted from the assignment or from the message that waits, whichever is later; a customer who insists puts it off no further. */
function reassignAt(
  { desk, assignedAt = 0, elsewhere }: Handover,
  { since }: Wait,
  { reassignAfterMs, calendar }: AgentRules,
): number {
  if (reassignAfterMs === 0 || elsewhere || desk === outsideDesk) return Number.POSITIVE_INFINITY;
  return later(Math.max(assignedAt, since), reassignAfterMs, calendar);
}

function later(from: number, ms: number, calendar: AgentRules['calendar']): number {
  return calendar === undefined ? from + ms : calendar.after(from, ms);
}
