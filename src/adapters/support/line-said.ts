import type { Channel } from '../../middleware/adapter.ts';
import type { Activity } from '../../middleware/core/activity.ts';
import { isAttempt, type LineClient } from './line-courier.ts';
import { outcomeOf } from './line-outcome.ts';
import { hearCalls, telling, type Words } from './saying.ts';
import { list, text } from './wire.ts';

/** Knows to whom a reply token answers. */
export interface LineTokens {
  /** @param now milliseconds of session time */
  received(replyToken: unknown, activity: Activity, now: number): void;
  of(replyToken: unknown): Activity | undefined;
}

/** LINE takes a token for about a minute; what comes later belongs to the turn it comes in. Milliseconds. */
const knownForMs = 120_000;

export function lineTokens(): LineTokens {
  const known = new Map<string, { readonly activity: Activity; readonly until: number }>();
  return {
    received(replyToken, activity, now) {
      for (const [token, { until }] of known) {
        if (until > now) break;
        known.delete(token);
      }
      if (typeof replyToken === 'string') known.set(replyToken, { activity, until: now + knownForMs });
    },
    of: (replyToken) => (typeof replyToken === 'string' ? known.get(replyToken)?.activity : undefined),
  };
}

/** Hears what goes out by `replyMessage` and `pushMessage` of a client, whoever calls them. @param by who hears */
export function hearLine(client: LineClient, channel: Channel, by: readonly unknown[], tokens: LineTokens): void {
  hearCalls(client, 'replyMessage', by, (returned, [request]) =>
    telling(returned, wordsOf(request, tokens.of(text(request, 'replyToken'))), channel, (error) =>
      isAttempt(request, error) ? undefined : outcomeOf(error),
    ),
  );
  hearCalls(client, 'pushMessage', by, (returned, [request]) =>
    telling(returned, wordsOf(request, placeOf(text(request, 'to'))), channel, outcomeOf),
  );
}

/** One line for each message, since LINE shows each by itself. */
function wordsOf(request: unknown, to: Words['to']): Words[] {
  return list(request, 'messages').map((message) => ({ text: text(message, 'text') ?? text(message, 'altText'), to }));
}

/** Users begin with U, groups with C, rooms with R. */
function placeOf(id: string | undefined): Words['to'] {
  if (id === undefined) return undefined;
  return id.startsWith('U') ? { user: id, conversation: { id, kind: 'direct' } } : { conversation: { id, kind: 'shared' } };
}
