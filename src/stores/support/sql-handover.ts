import type { Row } from './sql-dialect.ts';

/** A lease that its last holder handed over. */
export interface Handover {
  readonly conversation: string;
  /** Whose it is now: `<process>:<number>`. */
  readonly token: string;
  /** When, on the database's clock, epoch ms. */
  readonly at: number;
  /** Record and revision; undefined where they have to be read. */
  readonly row: Row | undefined;
}

/** The process a lease goes to. */
export function processOf(token: string): string {
  return token.slice(0, token.indexOf(':'));
}

/** A message says token, revision, time and conversation, which hold no space; then, unless it is too long, the record. */
export function handoverIn(message: string): Handover {
  const end = message.indexOf('\n');
  const [token = '', revision, at, conversation = ''] = (end < 0 ? message : message.slice(0, end)).split(' ');
  const record = message.slice(end + 1);
  return { conversation, token, at: Number(at), row: end < 0 ? undefined : { revision, record: record === '' ? null : record } };
}
