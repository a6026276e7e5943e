import type { Channel } from '../../middleware/adapter.ts';
import type { Activity } from '../../middleware/core/activity.ts';
import type { WebResponse } from './express.ts';
import { hearCalls, telling, type Words } from './saying.ts';
import { outcomeOf, type TwilioClient } from './twilio-send.ts';
import { longestTwiml, messagesIn } from './twiml.ts';
import { text } from './wire.ts';

/** Hears `messages.create` of a client, whoever calls it. @param by who hears */
export function hearClient(client: TwilioClient, channel: Channel, by: readonly unknown[]): void {
  hearCalls(client.messages, 'create', by, (returned, [message]) =>
    telling(
      returned,
      [{ text: text(message, 'body'), to: placeOf(text(message, 'to'), text(message, 'from')) }],
      channel,
      outcomeOf,
    ),
  );
}

/**
 * Hears what a response tells Twilio to send: the messages of its TwiML, or all of its plain text. What the bot's document redirects to
 * comes from elsewhere.
 * @param about what is answered
 */
export function hearAnswer(res: WebResponse, channel: Pick<Channel, 'said'>, about: Activity): void {
  const chunks: Buffer[] = [];
  let length = 0;
  let ended = false;
  const collect = (chunk: unknown, encoding: unknown) => {
    if (length > longestTwiml || (typeof chunk !== 'string' && !(chunk instanceof Uint8Array))) return;
    const known = typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8';
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, known) : Buffer.from(chunk);
    length += bytes.length;
    chunks.push(bytes);
  };
  hearCalls(res, 'write', [channel], (_returned, [chunk, encoding]) => collect(chunk, encoding));
  hearCalls(res, 'end', [channel], (_returned, [chunk, encoding]) => {
    if (ended) return;
    ended = true;
    collect(chunk, encoding);
    if (length > longestTwiml) return;
    for (const { text: words, to } of messagesOf(res, Buffer.concat(chunks).toString())) {
      channel.said({ text: words }, to === undefined ? about : placeOf(to, about.account));
    }
  });
}

function messagesOf(
  res: WebResponse,
  written: string,
): readonly { readonly text: string | undefined; readonly to?: string | undefined }[] {
  if (res.statusCode >= 300 || res.hasHeader('content-encoding')) return [];
  const type = String(res.getHeader('content-type') ?? '');
  if (/^text\/plain\b/i.test(type)) return written.trim() === '' ? [] : [{ text: written }];
  return messagesIn(written);
}

function placeOf(user: string | undefined, account: string | undefined): Words['to'] {
  return user === undefined ? undefined : { account, user, conversation: { id: user, kind: 'direct' } };
}
