import type { Origin } from '../../middleware/core/activity.ts';
import type { AzureActivity } from '../azure.ts';
import { channelIdOf, placeOf } from './azure-place.ts';
import { timeOf } from './azure-values.ts';
import { text } from './wire.ts';

/** Activity types of the Bot Framework protocol ("Bot Framework Activity", Microsoft), and the Agents SDK's. */
const knownTypes: ReadonlySet<string> = new Set([
  'message',
  'messageUpdate',
  'messageDelete',
  'messageReaction',
  'typing',
  'event',
  'invoke',
  'invokeResponse',
  'conversationUpdate',
  'installationUpdate',
  'contactRelationUpdate',
  'endOfConversation',
  'handoff',
  'suggestion',
  'trace',
  'deleteUserData',
  'command',
  'commandResult',
]);

/** Whether a type of activity is one of the protocol's. */
export function isKnown(type: string): boolean {
  return knownTypes.has(type);
}

/** Longest name kept of an event or invoke: pages may send any. */
const longestName = 60;

/** Where an activity comes from, and what it is called. */
export function originOf(activity: AzureActivity, type: string): Origin {
  const name = text(activity, 'name')?.slice(0, longestName);
  return {
    channel: 'azure',
    type: name === undefined ? type.slice(0, longestName) : `${type} ${name}`,
    via: channelIdOf(activity) || undefined,
    account: text(activity, 'recipient', 'id'),
    conversation: placeOf(activity),
    user: text(activity, 'from', 'id'),
    at: timeOf(activity),
    locale: text(activity, 'locale'),
  };
}

/** Web Chat sends a message again under a new activity id; what the page itself called it stays. */
export function idOf(activity: unknown): string | undefined {
  return text(activity, 'channelData', 'clientActivityID') ?? text(activity, 'id');
}
