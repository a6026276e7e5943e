import type { Channel } from '../../middleware/adapter.ts';
import type { Activity } from '../../middleware/core/activity.ts';
import type { AzureSendings } from './azure-handoff.ts';
import { outcomeOf } from './azure-outcome.ts';
import { isMessage } from './azure-send.ts';
import { telling } from './saying.ts';
import { text } from './wire.ts';

/** Contexts that are heard already: a host may call its middleware twice. */
const heard = new WeakMap<object, Pick<Channel, 'said'>[]>();

/** Hears what a turn sends, by whatever way of either SDK. Only messages are said: no typing, no traces, no events. */
export function hearSendings(context: AzureSendings, channel: Pick<Channel, 'said'>, about: Activity | undefined): void {
  const by = heard.get(context) ?? [];
  if (by.includes(channel)) return;
  heard.set(context, [...by, channel]);
  context.onSendActivities((_context, activities, next) => {
    const words = activities.filter(isMessage).map((one) => ({ text: text(one, 'text') ?? text(one, 'summary'), to: about }));
    return telling(next(), words, channel, outcomeOf);
  });
}
