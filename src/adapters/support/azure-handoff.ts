import type { LifecycleActivity } from '../../middleware/core/activity.ts';
import type { Turn } from '../../middleware/turn.ts';
import { text } from './wire.ts';

/** What an agent hub answers to a hand-over (botbuilder's `EventFactory.createHandoffStatus`): nobody else than these three states. */
const states: Readonly<Record<string, Pick<LifecycleActivity, 'means'>>> = {
  accepted: { means: 'handed_off' },
  failed: { means: 'handed_back' },
  completed: { means: 'handed_back' },
};

/** What a `handoff.status` says; undefined for anything else. A hub passes on what the agent writes, and does not say who it is. */
export function handoffIn(activity: unknown): Pick<LifecycleActivity, 'means'> | undefined {
  const state = isEvent(activity, 'handoff.status') ? text(activity, 'value', 'state') : undefined;
  return state !== undefined && Object.hasOwn(states, state) ? states[state] : undefined;
}

/** Tells of what a turn sends: a `TurnContext` of both SDKs. */
export interface AzureSendings {
  onSendActivities(
    handler: <Responses>(context: object, activities: readonly object[], next: () => Promise<Responses>) => Promise<Responses>,
  ): unknown;
}

/**
 * Hands the session over once the bot has sent a `handoff.initiate` (botbuilder's `EventFactory.createHandoffInitiation`), unless it has
 * done so itself. What cannot be sent hands nothing over.
 * @param desk where to
 */
export function followHandoff(context: AzureSendings, turn: Turn, desk: () => string): void {
  context.onSendActivities(async (_context, activities, next) => {
    const responses = await next();
    if (activities.some((one) => isEvent(one, 'handoff.initiate'))) {
      turn.update((session) => {
        if (session.owner === 'bot') session.handoff(desk(), 'queue');
      });
    }
    return responses;
  });
}

function isEvent(activity: unknown, name: string): boolean {
  return text(activity, 'type') === 'event' && text(activity, 'name') === name;
}
