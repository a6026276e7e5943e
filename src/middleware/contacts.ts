import { checkActor } from './actor.ts';
import type { ClosedSession, TranscriptPage } from './archive.ts';
import { partsOf } from './core/activity.ts';
import type { Engine } from './engine.ts';
import { type ErasureReport, erase } from './erasure.ts';
import { AdjournError } from './errors.ts';
import { type ContactExport, type ExportPart, exported, exportParts } from './export.ts';
import { linked, linkTogether, unlink } from './links.ts';
import { type LiveSession, liveSession } from './live.ts';
import { lookUp } from './outside.ts';
import type { SettingsSync } from './settings-sync.ts';

/** A session of a contact: one that is not closed yet, or one from the archive. */
export type ContactSession = LiveSession | (ClosedSession & { readonly state: 'closed' });

export interface ContactPage {
  /** Newest first. */
  readonly sessions: readonly ContactSession[];
  /** For `after`; absent on the last page. */
  readonly next?: string | undefined;
}

/** What one contact went through, on all endpoints they are known by. */
export interface Contact {
  readonly key: string;
  /** This conversation and those that are linked with it: the same person. */
  identities(): Promise<readonly string[]>;
  /** The live sessions, then the closed ones, newest first. @throws AdjournError `STORE_UNAVAILABLE` */
  sessions(page?: { readonly limit?: number | undefined; readonly after?: string | undefined }): Promise<ContactPage>;
  /** What was said in one of their sessions, where the endpoint keeps transcripts. @throws AdjournError `STORE_UNAVAILABLE` */
  transcript(
    session: string,
    page?: { readonly limit?: number | undefined; readonly after?: string | undefined },
  ): Promise<TranscriptPage>;
  /** Notes that another conversation is with the same person. What either is linked with comes along. */
  link(other: string): Promise<void>;
  /** Notes that this conversation is with nobody else. */
  unlink(): Promise<void>;
  /** Everything that is kept of them, in memory as a whole. @throws AdjournError `STORE_UNAVAILABLE` */
  export(): Promise<ContactExport>;
  /**
   * The same piece by piece, for contacts with a long history: what is not asked for is not read, and no more than a page is held.
   * Each call begins anew.
   * @throws AdjournError `STORE_UNAVAILABLE` from the iteration
   */
  exportParts(): AsyncIterable<ExportPart>;
  /**
   * Removes everything that is kept of them, linked identities included; a message that comes late brings nothing back.
   * A process that dies in the middle leaves the rest to the worker of another.
   * @param options `by`: who asked for it, for the event
   * @throws AdjournError `STORE_UNAVAILABLE`: what is left is done later; `ADJ_CONFIG_INVALID`
   */
  erase(options: { readonly by: string }): Promise<ErasureReport>;
}

export function contactOf(engine: Engine, sync: SettingsSync, key: string): Contact {
  const identities = () => linked(engine, key);
  const sessions: Contact['sessions'] = async (page = {}) => {
    const keys = await identities();
    const live = page.after === undefined ? await unarchived(engine, keys) : [];
    if (engine.archive === undefined) return { sessions: live };
    const { sessions: closed, next } = await engine.archive.sessions({ keys, ...page });
    const known = new Set(closed.map(({ session }) => session));
    const shown = [
      ...live.filter(({ session }) => !known.has(session)),
      ...closed.map((one) => ({ ...one, state: 'closed' as const })),
    ];
    return { sessions: shown, ...(next === undefined ? {} : { next }) };
  };
  const transcript: Contact['transcript'] = async (session, page = {}) => {
    // What this process has not written yet belongs to it, too.
    await engine.scribe.flush();
    return engine.archive === undefined ? { lines: [] } : engine.archive.transcript({ session, ...page });
  };
  const parts = async function* (): AsyncGenerator<ExportPart, void, void> {
    yield* exportParts(engine, await identities(), sessions);
  };
  return {
    key,
    identities,
    sessions,
    transcript,
    link: (other) => {
      if (partsOf(other).conversation !== '') return linkTogether(engine, key, other);
      throw new AdjournError('ADJ_CONFIG_INVALID', 'This is no key of a conversation.', { where: other });
    },
    unlink: () => unlink(engine, key),
    exportParts: parts,
    export: () => exported(engine.clock.now(), parts()),
    async erase({ by }) {
      checkActor(by, 'erase');
      return erase(engine, sync, key, by);
    },
  };
}

/** Sessions that are not in the archive: live ones, and closes that are on their way there. */
async function unarchived(engine: Engine, keys: readonly string[]): Promise<ContactSession[]> {
  const now = engine.clock.now();
  const found = await Promise.all(
    keys.map(async (key): Promise<ContactSession[]> => {
      const { record, policy } = await lookUp(engine, key);
      const { channel, endpoint } = partsOf(key);
      const user = record?.address?.user;
      const place = { channel, endpoint, key, ...(user === undefined ? {} : { user }) };
      const closed = (record?.outbox ?? []).flatMap((effect) => ('closed' in effect ? [effect.closed] : []));
      const left = closed.map(({ type: _type, at: _at, ...one }) => ({ ...one, ...place, state: 'closed' as const }));
      if (record?.session === undefined) return left;
      return [liveSession(place, record.session, policy, now), ...left];
    }),
  );
  return found.flat().sort((a, b) => b.startedAt - a.startedAt);
}
