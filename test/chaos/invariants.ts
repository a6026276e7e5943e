import { type Began, type Close, entriesOf, type Written } from './journal.ts';
import type { Message } from './plan.ts';
import { expirationMs, type Remains } from './run.ts';

/** What a run did, in numbers; for people. */
export interface Summary {
  readonly messages: number;
  readonly webhooks: number;
  readonly handled: number;
  readonly sessions: number;
  readonly closings: number;
  readonly killed: number;
  /** Runs that a kill cut short, or whose process died before it could save them. */
  readonly cutShort: number;
  /** Acknowledged by a process that died before it had handled them, where nothing was promised. */
  readonly lost: number;
  /** Turns that a process without a processor to run on could not save, and told of. */
  readonly slow: number;
}

export interface Verdict {
  readonly summary: Summary;
  /** What should not have happened; empty if all is well. */
  readonly violations: readonly string[];
}

/** What a process tells that got no processor for seconds: its lease went to another one, or the others took too long for it. */
const tooSlow = ['LEASE_LOST', 'LEASE_TIMEOUT'];

/** Whether a channel's messages are saved before they are acknowledged. */
const isDurable = (message: string) => Number(/^c(\d+)-/.exec(message)?.[1]) % 2 === 0;

/** Compares what bots, vendor and archive have seen. */
export function judge(remains: Remains): Verdict {
  const violations: string[] = [];
  const say = (line: string) => void violations.push(line);
  const { plan, entries, acknowledged, closings, deaths, archive, unsettled, held } = remains;
  const messages = new Map(plan.deliveries.flatMap((one) => one.messages).map((message) => [message.id, message]));

  for (const line of unsettled) say(`not settled: ${line}`);
  for (const line of held) say(`still held: ${line}`);
  for (const line of deaths.others) say(`died by itself: ${line}`);
  for (const { code, key, error } of entriesOf(entries, 'error')) {
    if (!tooSlow.includes(code) && !error.includes('The bot failed.')) say(`error ${code} in ${key}: ${error}`);
  }
  for (const { session, code } of entriesOf(entries, 'save_failed')) {
    if (!tooSlow.includes(code)) say(`save failed: ${session} ${code}`);
  }

  const began = entriesOf(entries, 'began');
  for (const { message, degraded } of began) if (degraded) say(`${message} was handled without its session`);
  const closes = closesOf(entries, say);
  const committed = committedOf(closes, say);
  const slow = new Set(
    entriesOf(entries, 'error').flatMap(({ code, pid, key }) => (tooSlow.includes(code) ? [`${pid} ${key}`] : [])),
  );
  const lost = checkHandled(remains, messages, committed, slow, say);
  const cutShort = checkRuns(remains, began, committed, slow, say);
  checkSessions(remains, began, closes, messages, say);
  checkMessages(remains, say);

  return {
    summary: {
      messages: messages.size,
      webhooks: [...acknowledged.values()].flat().length,
      handled: committed.size,
      sessions: [...archive.values()].flat().length,
      closings: closings.length,
      killed: deaths.killed.size,
      cutShort,
      lost,
      slow: slow.size,
    },
    violations,
  };
}

type Say = (line: string) => void;

/** The script of each close. It may run again, if its process died in its middle, but sees the same session. */
function closesOf(entries: readonly Written[], say: Say): ReadonlyMap<string, Written<Close>> {
  const closes = new Map<string, Written<Close>>();
  for (const close of entriesOf(entries, 'close')) {
    const before = closes.get(close.session);
    if (before !== undefined && JSON.stringify(before.log) !== JSON.stringify(close.log)) {
      say(`session ${close.session} closed with ${JSON.stringify(before.log)}, then with ${JSON.stringify(close.log)}`);
    }
    closes.set(close.session, close);
  }
  return closes;
}

/** The run of each message that counts, as the sessions have it. */
function committedOf(closes: ReadonlyMap<string, Written<Close>>, say: Say): ReadonlyMap<string, string> {
  const committed = new Map<string, string>();
  for (const { session, log } of closes.values()) {
    for (const [index, [message, run, turn]] of log.entries()) {
      if (committed.has(message)) say(`${message} was handled twice: ${committed.get(message)} and ${run}`);
      committed.set(message, run);
      if (turn !== index + 1) say(`session ${session} counts ${log.map(([, , n]) => n).join(' ')}`);
    }
  }
  return committed;
}

/** Every acknowledged message was handled; where that is not promised, but for those that died with who had acknowledged them. */
function checkHandled(
  { acknowledged, deaths }: Remains,
  messages: ReadonlyMap<string, Message>,
  committed: ReadonlyMap<string, string>,
  slow: ReadonlySet<string>,
  say: Say,
): number {
  let lost = 0;
  for (const { id, text, contact } of messages.values()) {
    if (committed.has(id) || !text.startsWith(id)) continue;
    const acks = acknowledged.get(id) ?? [];
    const key = `whatsapp/whatsapp/${contact}`;
    // We may read an answer some time after its process was killed.
    const died = acks.some(({ sentAt, pid }) => (deaths.killed.get(pid) ?? 0) >= sentAt || slow.has(`${pid} ${key}`));
    // What fails is the bot's own affair: after it was acknowledged, or each time that it came.
    const fails = text.endsWith(' throw');
    const excused = died || fails;
    if (acks.length === 0 && fails) continue;
    if (acks.length === 0) say(`${id} was never acknowledged`);
    else if (isDurable(id) || !excused)
      say(`${id} was acknowledged by ${acks.map(({ pid }) => pid).join(', ')} and never handled`);
    else lost += 1;
  }
  return lost;
}

/** Whatever ran beside the one run that counts was cut short by a kill, or threw. */
function checkRuns(
  { entries, deaths }: Remains,
  began: readonly Written<Began>[],
  committed: ReadonlyMap<string, string>,
  slow: ReadonlySet<string>,
  say: Say,
): number {
  const threw = new Set(entriesOf(entries, 'threw').map(({ run }) => run));
  let cutShort = 0;
  for (const { run, message, pid, key, exclusive } of began) {
    // Beside the holder runs what has waited for a minute in vain; the same message may have waited elsewhere, and have come before.
    if (committed.get(message) === run || threw.has(run) || slow.has(`${pid} ${key}`) || !exclusive) continue;
    if (deaths.killed.has(pid)) cutShort += 1;
    else say(`${message} ran in ${run}, and that was not saved`);
  }
  return cutShort;
}

/** Each session closed once, in order, none before its time, and archived once. */
function checkSessions(
  { archive, entries, timeOf }: Remains,
  began: readonly Written<Began>[],
  closes: ReadonlyMap<string, Written<Close>>,
  messages: ReadonlyMap<string, Message>,
  say: Say,
): void {
  const archived = new Set<string>();
  for (const [key, sessions] of archive) {
    const inOrder = sessions.toSorted((a, b) => a.startedAt - b.startedAt || a.endedAt - b.endedAt);
    for (const [index, { session, startedAt, endedAt, closedAt, reason, turns }] of inOrder.entries()) {
      if (archived.has(session)) say(`session ${session} is archived twice`);
      archived.add(session);
      const log = closes.get(session)?.log;
      if (log === undefined) say(`session ${session} was archived without its script`);
      else if (log.length !== turns) say(`session ${session} was archived with ${turns} turns, not ${log.length}`);
      const before = inOrder[index - 1];
      if (before !== undefined && startedAt < before.endedAt)
        say(`${key}: session ${session} began before ${before.session} ended`);
      // The vendor's clock is a few milliseconds ahead now and then.
      if (closedAt < endedAt - 1_000) say(`session ${session} closed before it ended`);
      const lastWritten = Math.max(...(log ?? []).map(([id]) => timeOf(messages.get(id)?.writtenAt ?? 0)));
      // One channel's stamps are whole seconds.
      if (reason === 'inactivity' && endedAt < lastWritten - 1_000 + expirationMs)
        say(`session ${session} of ${key} ended early`);
    }
  }
  for (const session of closes.keys()) if (!archived.has(session)) say(`session ${session} closed and is in no archive`);
  for (const { session } of entriesOf(entries, 'closed'))
    if (!archived.has(session)) say(`session ${session} told of its close and is in no archive`);
  const first = new Map<string, Set<string>>();
  for (const one of began)
    if (one.startReason === 'first') first.set(one.key, (first.get(one.key) ?? new Set()).add(one.session));
  for (const [key, sessions] of first) {
    const real = [...sessions].filter((session) => archived.has(session));
    if (real.length > 1) say(`${key} had ${real.length} first sessions`);
  }
  for (const { session, message } of began.filter((one) => closes.get(one.session) === undefined)) {
    if (archived.has(session)) say(`session ${session} of ${message} lost its close`);
  }
}

/** No closing message twice, and each close record says what became of its own. */
function checkMessages({ archive, closings }: Remains, say: Say): void {
  const sent = new Map<string, number>();
  for (const { session } of closings) sent.set(session, (sent.get(session) ?? 0) + 1);
  for (const { session, message } of [...archive.values()].flat()) {
    const times = sent.get(session) ?? 0;
    sent.delete(session);
    const most = message === 'sent' || message === 'unknown' ? 1 : 0;
    const least = message === 'sent' ? 1 : 0;
    if (times < least || times > most)
      say(`session ${session}: its closing message went out ${times} times, its record says ${message}`);
  }
  for (const [session, times] of sent) say(`session ${session} got ${times} closing messages, and never closed`);
}
