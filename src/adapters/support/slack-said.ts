import { AsyncLocalStorage } from 'node:async_hooks';
import type { Channel } from '../../middleware/adapter.ts';
import type { Activity } from '../../middleware/core/activity.ts';
import { hearCalls, telling, type Words } from './saying.ts';
import type { SlackFacts } from './slack-facts.ts';
import { outcomeOf } from './slack-outcome.ts';
import type { SlackClient } from './slack-send.ts';
import { text } from './wire.ts';

/** The request that some code works for. */
interface Here {
  readonly activity: Activity | undefined;
  readonly facts: Pick<SlackFacts, 'channel' | 'installation' | 'direct' | 'user'>;
}

/** Hears what goes out through Bolt's clients. */
export interface SlackHearing {
  /**
   * Hears `chat.postMessage` and `chat.postEphemeral` of a client, which `say` calls as well. Bolt keeps one for each token.
   */
  listen(client: SlackClient): void;
  /** Does the work of a request, so that what it sends is known to belong there. */
  during<T>(here: Here, work: () => T): T;
}

/** @param by who hears */
export function slackHearing(channel: Channel, by: readonly unknown[]): SlackHearing {
  const places = new AsyncLocalStorage<Here>();
  const hear = (returned: unknown, [message]: readonly unknown[]) => {
    const to = wentTo(message, places.getStore());
    if (to === undefined) return returned;
    return telling(returned, [{ text: text(message, 'text'), to }], channel, outcomeOf);
  };
  return {
    listen({ chat }) {
      for (const method of ['postMessage', 'postEphemeral']) hearCalls(chat, method, by, hear);
    },
    during: (here, work) => places.run(here, work),
  };
}

/**
 * Where a message went, as far as its channel tells. Slack names a channel between a person and the bot by an id of its own, so that one
 * is known only where its person has just written from there; anybody's user id stands for it as well.
 */
function wentTo(message: unknown, here: Here | undefined): Words['to'] {
  const channel = text(message, 'channel');
  const user = text(message, 'user') ?? here?.facts.user;
  if (channel === undefined || here === undefined) return undefined;
  const { activity, facts } = here;
  // A note that only somebody else sees is said to them.
  if (user !== facts.user) return undefined;
  if (channel === facts.channel || (facts.direct && channel === facts.user)) return activity;
  if (facts.installation === undefined || !/^[UW]/.test(channel)) return undefined;
  return { user: channel, conversation: { id: `${facts.installation}:${channel}`, kind: 'direct' } };
}
