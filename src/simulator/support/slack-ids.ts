import { createHash } from 'node:crypto';
import type { Identity } from '../vendor.ts';

/** A Slack id: its letter, then ten digits and capitals, the same for the same text. */
export function slackId(letter: string, text: string): string {
  const number = BigInt(`0x${createHash('sha256').update(`slack ${letter} ${text}`).digest('hex').slice(0, 24)}`);
  return `${letter}0${number.toString(36).toUpperCase().padStart(10, '0').slice(-9)}`;
}

/** The channel a person and the bot have to themselves. Made from the person's id, so that the person can be found again. */
export function directChannel(person: string): string {
  return `D${person.slice(1)}`;
}

/** Who gets what is sent to a channel: the person of a direct one, else the channel itself. */
export function receiverOf(channel: string): string {
  return channel.startsWith('D') ? `U${channel.slice(1)}` : channel;
}

/** The app, and its bot's user, of an endpoint. */
export function appOf({ extra }: Identity): { readonly app: string; readonly bot: string; readonly botUser: string } {
  const { app = '', bot = '', botUser = '' } = extra;
  return { app, bot, botUser };
}

/** A Slack time stamp: seconds, a point, microseconds. The last three digits count, so that stamps of one millisecond differ. */
export function stampOf(at: number, sequence: number): string {
  const micros = (Math.floor(at) % 1000) * 1000 + (sequence % 1000);
  return `${Math.floor(at / 1000)}.${String(micros).padStart(6, '0')}`;
}

/** Text as Slack sends it: three characters escaped. Rule: docs.slack.dev/messaging/formatting-message-text#escaping */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Text as a person reads it. */
export function unescaped(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

/** Where a bot may answer an interaction without a token. */
export function responsePath(identity: Identity, person: string, sequence: number): string {
  return `/slack/response/${identity.account}/${person}/${sequence}`;
}
