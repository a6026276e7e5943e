import type { ConversationRecord, Step } from './conversation.ts';
import { atDesk } from './desk.ts';
import type { DeskEffect } from './effect.ts';
import { agentRulesFor } from './expiry.ts';
import type { AtDesk } from './happening.ts';
import { expire } from './lapse.ts';
import type { Policy } from './policy.ts';
import { hasSeen, withSeen } from './seen.ts';

/**
 * A conversation after something happened to it at a desk. What the desk must see stands in the outbox of the same save; once is enough,
 * however much has changed. What an activity tells happens once, however often that comes.
 */
export function changedAtDesk(
  before: ConversationRecord,
  { change, id, inTurn }: Omit<AtDesk, 'type'>,
  policy: Policy,
  now: number,
): Step {
  if (id !== undefined && hasSeen(before.seen, id)) return { record: before, events: [] };
  const aged = inTurn ? { record: before, events: [] } : expire(before, policy, now, now);
  const live = aged.record.session;
  if (live === undefined) return aged;
  const seen = id === undefined ? aged.record.seen : withSeen(aged.record.seen, id, now, policy.channel.redeliversForMs);
  const { session, events } = atDesk(live, change, agentRulesFor(live, policy), now);
  if (session === live && seen === aged.record.seen) return aged;
  const changed = { ...aged.record, session, seen };
  const told = [...aged.events, ...events];
  if (session.deskRevision === live.deskRevision) return { record: changed, events: told };
  const desks = [...new Set([live, session].flatMap(({ handover }) => handover?.desk ?? []))];
  const others = (changed.outbox ?? []).filter(
    (one) => 'closed' in one || 'report' in one || one.from !== undefined || !desks.includes(one.desk),
  );
  const effects = desks.map((desk): DeskEffect => ({ id: `${session.id}:${session.deskRevision}:${desk}`, at: now, desk }));
  return { record: { ...changed, outbox: [...others, ...effects] }, events: told };
}

/** What comes to us says that no other app has the conversation any more: it is the bot's again. */
export function broughtBack(record: ConversationRecord, policy: Policy, now: number): Step {
  if (!record.session?.handover?.elsewhere) return { record, events: [] };
  return changedAtDesk(record, { change: { do: 'handBack' } }, policy, now);
}
