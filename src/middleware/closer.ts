import { createHash } from 'node:crypto';
import type { SendOutcome } from './adapter.ts';
import type { TranscriptLine } from './archive.ts';
import { type Closing, type MessageResult, nextStep } from './core/closing.ts';
import type { ConversationRecord } from './core/conversation.ts';
import { lastWordAt } from './core/desk-clock.ts';
import { crashNetMs } from './core/due.ts';
import { toMs } from './core/duration.ts';
import { isSuspended } from './core/expiry.ts';
import { pickText } from './core/message.ts';
import type { SessionState } from './core/session.ts';
import { transition } from './core/transition.ts';
import { closedDraft } from './draft.ts';
import { AdjournError } from './errors.ts';
import { hookLimitMs, limited } from './hooks.ts';
import type { Job } from './job.ts';
import { keepAlive } from './lease.ts';
import type { Held } from './records.ts';
import { sendTo } from './sending.ts';
import { sessionView } from './session-view.ts';
import { realNow, type Shell, whereOf } from './shell.ts';
import { spoken, transcribed } from './transcript.ts';

/** A vendor that puts a closing message off more often than this gets it no more. */
const mostAttempts = 3;

/**
 * Closes a session proactively, step by step under the lease: hook, closing message, script, clear. Every step is saved before the next
 * one begins, and the message is claimed before it is sent, so that whoever takes over after a crash repeats nothing that cannot be repeated.
 * @throws AdjournError `LEASE_LOST`, `STORE_UNAVAILABLE`: the close goes on later; the lease is the caller's to release
 */
export async function closeProactively(shell: Shell, job: Job, held: Held, closing: Closing): Promise<void> {
  let record = held.record as ConversationRecord;
  let lost: Error | undefined;
  const { clock, book } = shell;
  const lines: TranscriptLine[] = [];
  const { idempotentSend } = job.policy.channel;
  const set = (changed: Partial<Closing>) => {
    closing = { ...closing, ...changed };
    record = transition(record, { type: 'closing', closing }, job.policy, clock.now()).record;
  };
  const persist = () => book.save(job, held.lease, record);
  const stop = keepAlive(shell.store, held.lease, (error) => {
    lost = error;
  });
  try {
    set({});
    if (nextStep(closing) !== 'clear') await persist();
    for (let step = nextStep(closing); step !== 'clear'; step = nextStep(closing)) {
      if (lost) throw lost;
      if (step === 'hook') {
        const answer = await runHook(shell, job, record, closing);
        record = answer.record;
        if (answer.extendMs !== undefined) {
          const extended = transition(record, { type: 'extended', byMs: answer.extendMs }, job.policy, clock.now());
          await book.commit(job, held.lease, extended.record);
          return;
        }
        set({ hook: answer.state });
        if (nextStep(closing) !== 'clear') await persist();
      } else if (step === 'script') {
        const answer = await runScript(shell, job, record, closing);
        record = answer.record;
        set({ script: answer.state });
      } else {
        const { text, instead } = await closingText(shell, job, record, closing.reason);
        if (text === undefined) {
          set({ message: instead });
          continue;
        }
        const { channel, closing: rules } = job.policy;
        const waitMs = closing.paced
          ? 0
          : shell.pace(`${job.channel}/${job.endpoint}`, rules.sendRate ?? channel.sendsPerSecond, clock.now());
        if (waitMs > 0) {
          set({ paced: true, retryAt: clock.now() + waitMs });
          await book.commit(job, held.lease, record);
          return;
        }
        set({ message: 'claimed' });
        await persist();
        const id = closeId(record);
        const outcome = await sendTo(shell, whereOf(job), record.address, {
          message: text,
          idempotencyKey: messageKey(id),
          closeId: id,
        });
        const attempts = (closing.attempts ?? 0) + 1;
        const again = outcome.outcome === 'unknown' ? idempotentSend : outcome.outcome === 'retry';
        if (again && attempts < mostAttempts) {
          const retryAt = clock.now() + ((outcome.outcome === 'retry' ? outcome.afterMs : undefined) ?? crashNetMs);
          // What may have left stays claimed: only its key makes it safe to send again.
          set({ message: outcome.outcome === 'retry' ? 'due' : 'claimed', attempts, retryAt });
          await book.commit(job, held.lease, record);
          return;
        }
        record = afterSend(record, outcome);
        const told = transcribed(job, record, [spoken({ text, delivery: resultOf(outcome) }, 'system', clock.now())]);
        record = told.record;
        lines.push(...told.lines);
        set({ message: resultOf(outcome), ...(outcome.outcome === 'sent' && { messageId: outcome.id }) });
        if (closing.script === 'due') await persist();
      }
    }
    const decidedAt = realNow();
    const next = transition(record, { type: 'cleared' }, job.policy, clock.now());
    if (await shell.save(job, held, next.record, [[next.events, decidedAt]])) shell.scribe.note(lines);
  } finally {
    stop();
  }
}

/** The close's id is the session's: a session closes once. */
function closeId(record: ConversationRecord): string {
  return record.session?.id ?? '';
}

/** The same key for the same message, in every process (a name-based UUID, RFC 9562 version 8). */
export function messageKey(name: string): string {
  const bytes = createHash('sha256').update(`adjourn:${name}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** What a send tells of the contact; and a text that left, or may have, is counted, so that variants rotate. */
export function afterSend(record: ConversationRecord, outcome: SendOutcome): ConversationRecord {
  if (outcome.outcome === 'sent' || outcome.outcome === 'unknown') return { ...record, said: (record.said ?? 0) + 1 };
  return outcome.outcome === 'refused' && outcome.unreachable ? { ...record, unreachable: outcome.reason } : record;
}

/** What became of a message that was sent. */
export function resultOf(outcome: SendOutcome): NonNullable<TranscriptLine['delivery']> {
  if (outcome.outcome === 'sent' || outcome.outcome === 'unknown') return outcome.outcome;
  return `failed:${outcome.reason}`;
}

/** The text, or what the close record says where there is none. */
async function closingText(
  shell: Shell,
  job: Job,
  record: ConversationRecord,
  reason: Closing['reason'],
): Promise<{ readonly text?: string | undefined; readonly instead: MessageResult }> {
  const { message = {} } = reason === 'agent_inactivity' ? job.policy.agents : job.policy.closing;
  const instead = 'skipped:no_text';
  if (message !== 'function') return { text: pickText(message, record.locale, record.said ?? 0), instead };
  const compose = shell.settings.functions(job.channel, job.endpoint).closingMessage;
  try {
    const session = sessionView<never>(closedDraft(job, record, shell), shell.vault);
    const text = await limited(shell.clock, 'closingMessage', hookLimitMs, () => compose?.(session));
    return { text: text?.trim() ? text : undefined, instead };
  } catch (error) {
    shell.report(error, whereOf(job));
    return { instead: 'failed:function' };
  }
}

interface HookAnswer {
  readonly record: ConversationRecord;
  readonly state: 'done' | 'failed';
  readonly extendMs?: number | undefined;
}

async function runHook(shell: Shell, job: Job, record: ConversationRecord, closing: Closing): Promise<HookAnswer> {
  let extendMs: number | undefined;
  const extend = (by: unknown) => {
    const ms = toMs(by);
    if (ms === undefined || ms === 0)
      throw new AdjournError('ADJ_CONFIG_INVALID', 'extend takes a time in minutes.', { where: job.key });
    // Once per idle period; the second deadline is the last.
    if (!isExtended(record.session, closing))
      extendMs = within(record.session, job, closing, ms + shell.clock.now() - closing.endedAt);
  };
  const answer = await call(shell, job, record, 'onClosing', { ...contextOf(record, closing), extend });
  return { ...answer, extendMs: answer.state === 'done' ? extendMs : undefined };
}

function isExtended(session: SessionState | undefined, { reason }: Closing): boolean {
  return (reason === 'agent_inactivity' ? session?.handover?.extendedMs : session?.extendedMs) !== undefined;
}

/** Counted from now, but no further than the organisation's cap allows; undefined where that leaves nothing. */
function within(session: SessionState | undefined, job: Job, closing: Closing, byMs: number): number | undefined {
  const { capMs } = job.policy.expiration;
  if (session === undefined || capMs === 0) return byMs;
  const from = isSuspended(session, job.policy) ? lastWordAt(session) : session.lastActivityAt;
  const room = from + capMs - closing.endedAt;
  return room > 0 ? Math.min(byMs, room) : undefined;
}

function runScript(shell: Shell, job: Job, record: ConversationRecord, closing: Closing): Promise<HookAnswer> {
  return call(shell, job, record, 'onClose', { ...contextOf(record, closing), extend() {} });
}

/** Runs a hook on the session as it is. It may clear auth profiles, and nothing else; what it throws is recorded. */
async function call(
  shell: Shell,
  job: Job,
  record: ConversationRecord,
  name: 'onClosing' | 'onClose',
  context: Parameters<NonNullable<ReturnType<Shell['settings']['functions']>['onClosing']>>[1],
): Promise<HookAnswer> {
  const hook = shell.settings.functions(job.channel, job.endpoint)[name];
  const draft = closedDraft(job, record, shell);
  try {
    await limited(shell.clock, name, hookLimitMs, () => hook?.(sessionView<never>(draft, shell.vault), context));
    return { record: draft.record, state: 'done' };
  } catch (error) {
    shell.report(error, whereOf(job));
    return { record: draft.record, state: 'failed' };
  }
}

function contextOf(record: ConversationRecord, { reason, endedAt }: Closing) {
  return { id: closeId(record), reason, endedAt };
}
