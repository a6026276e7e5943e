import { randomUUID } from 'node:crypto';
import type { ConversationRecord } from './core/conversation.ts';
import { crashNetMs } from './core/due.ts';
import type { ContactNames } from './core/settings-traces.ts';
import { transition } from './core/transition.ts';
import { seeConversation } from './desk-room.ts';
import type { Engine } from './engine.ts';
import { patienceMs } from './job.ts';
import { linked, unlink } from './links.ts';
import { jobOutside } from './outside.ts';
import type { SettingsSync } from './settings-sync.ts';
import { contactNames, forgetInSettings } from './settings-traces.ts';
import { changeSystem, readSystem, type SystemRecord } from './system.ts';

/** What an erasure removed. */
export interface ErasureReport {
  /** Conversations of the contact that were known. */
  readonly conversations: number;
  /** Closed sessions, the live ones included. */
  readonly sessions: number;
  /** Lines of transcripts. */
  readonly lines: number;
  /** Places in settings changed while running, and in their history, that named the contact. */
  readonly settings: number;
}

/** An erasure under way: it stands in the store until everything is gone, so that whoever finds it can go on with it. */
interface ErasureRecord extends SystemRecord, ErasureReport {
  /** Found before anything is gone that tells them. */
  readonly names?: ContactNames | undefined;
  readonly keys: readonly string[];
  /** When it was asked for, epoch ms: what came after that stays. */
  readonly at: number;
  readonly by: string;
}

export const erasureKind = 'erasure';

/** Erases a contact with everything that is linked. @throws AdjournError `STORE_UNAVAILABLE`: the worker goes on later */
export async function erase(engine: Engine, sync: SettingsSync, key: string, by: string): Promise<ErasureReport> {
  const id = randomUUID();
  const keys = await linked(engine, key);
  const at = engine.clock.now();
  const begun: ErasureRecord = { v: 1, keys, at, by, conversations: 0, sessions: 0, lines: 0, settings: 0 };
  await note(engine, id, begun);
  return goOn(engine, sync, id, begun);
}

/** Goes on with an erasure whose process died. @returns whether there was one */
export async function resumeErasure(engine: Engine, sync: SettingsSync, id: string): Promise<boolean> {
  const begun = await readSystem<ErasureRecord>(engine, erasureKind, id);
  if (begun === null) return false;
  await goOn(engine, sync, id, begun);
  return true;
}

/** Every step can be done twice. */
async function goOn(engine: Engine, sync: SettingsSync, id: string, begun: ErasureRecord): Promise<ErasureReport> {
  let { conversations, sessions, lines } = begun;
  const names = begun.names ?? (await contactNames(engine, begun.keys));
  if (begun.names === undefined) await note(engine, id, { ...begun, names });
  for (const key of begun.keys) {
    const gone = await eraseConversation(engine, key, begun);
    conversations += gone.conversations;
    sessions += gone.sessions;
  }
  const settings = begun.settings + (await forgetInSettings(sync, names));
  await engine.scribe.flush();
  for (let done = engine.archive === undefined; !done; ) {
    // What began in that very millisecond goes, too.
    const removed = await engine.archive?.erase({ keys: begun.keys, at: begun.at + 1 });
    sessions += removed?.sessions ?? 0;
    lines += removed?.lines ?? 0;
    done = removed?.done ?? true;
    await note(engine, id, { ...begun, names, conversations, sessions, lines, settings });
  }
  await unlink(engine, ...begun.keys);
  await changeSystem<ErasureRecord, void>(engine, erasureKind, id, () => ({ record: null, result: undefined }));
  const [key = ''] = begun.keys;
  const report = { conversations, sessions, lines, settings };
  engine.tell(jobOutside(engine, key, 'erase', undefined), [{ type: 'erased', by: begun.by, ...report }]);
  return report;
}

/** Keeps how far it has come; who does not hear of it for a while goes on from there. */
function note(engine: Engine, id: string, record: ErasureRecord): Promise<void> {
  const wakeAt = engine.clock.now() + crashNetMs;
  return changeSystem<ErasureRecord, void>(engine, erasureKind, id, () => ({ record, wakeAt, result: undefined }));
}

/** Leaves a tombstone where the contact was known, and nothing under their other names. */
async function eraseConversation(
  engine: Engine,
  key: string,
  { at, by }: Pick<ErasureRecord, 'at' | 'by'>,
): Promise<{ readonly conversations: number; readonly sessions: number }> {
  const found = await engine.store.find({ keys: [key], limit: 1 });
  const [known] = found.records as readonly { readonly record: unknown }[];
  const record = known?.record as ConversationRecord | undefined;
  if (record?.movedTo !== undefined) {
    const gone = await eraseConversation(engine, record.movedTo, { at, by });
    await remove(engine, key);
    return gone;
  }
  let sessions = 0;
  const job = jobOutside(engine, key, 'erase', undefined);
  await engine.change(job, (before) => {
    const next = transition(before, { type: 'erased', at, by }, job.policy, engine.clock.now());
    sessions = next.events.filter(({ type }) => type === 'closed').length;
    return next;
  });
  for (const name of record?.names ?? []) await remove(engine, name);
  const desk = record?.session?.handover?.desk;
  if (desk !== undefined) await seeConversation(engine, desk, key);
  return { conversations: record === undefined ? 0 : 1, sessions };
}

/** A signpost goes without following it. */
async function remove({ store, clock, leaseMs }: Engine, key: string): Promise<void> {
  const { lease } = await store.begin(key, { now: clock.now(), leaseMs, waitMs: patienceMs });
  await store.commit(lease, null, null);
}
