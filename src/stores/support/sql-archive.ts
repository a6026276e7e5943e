import { type Archive, archiveDefaults, type ClosedSession, type TranscriptLine } from '../../middleware/archive.ts';
import { fromCursor, toCursor } from '../../middleware/cursor.ts';
import { toRecord, toText } from './records.ts';
import { batches, digestOf, factsOf, lineOf, lineValues, sessionOf } from './sql-archive-rows.ts';
import { archiveStats } from './sql-archive-stats.ts';
import { archiveSchema, archiveTables } from './sql-archive-tables.ts';
import { archiveTexts } from './sql-archive-texts.ts';
import { dialectOf, migration, prefixed, type SqlDriver, type SqlOptions } from './sql-driver.ts';
import { toColumn } from './sql-keys.ts';

/** A report on a message whose session does not come in this time is forgotten, ms. */
const unheardMs = 30 * 24 * 3_600_000;

/** So many sessions of version 1 are given their columns at a time. */
const bareAtOnce = 200;

/**
 * Closed sessions and transcripts in tables beside those of `sqlStore`, on the same drivers, kept until you remove them.
 * What comes twice is kept once, as it came first.
 *
 * An erasure first notes that it happened, then removes. Whatever writes looks for that note before it writes and again afterwards, and
 * takes back what it wrote: so nothing that was on its way meanwhile stays, and nobody locks anybody out.
 * @throws AdjournError `ADJ_CONFIG_INVALID` if the driver is not known, or the prefix cannot name tables.
 */
export function sqlArchive(driver: SqlDriver, options: SqlOptions = {}): Archive {
  const prefix = prefixed(options);
  const dialect = dialectOf(driver, options);
  const tables = archiveTables(prefix);
  const texts = archiveTexts(tables, dialect.name);
  const ready = migration(dialect, 'archive', prefix, archiveSchema(tables, dialect.name));
  const stats = archiveStats(dialect, tables);

  /** When conversations were erased, by their keys; those that were not are absent. */
  const erasures = async (keys: readonly string[]): Promise<ReadonlyMap<string, number>> => {
    const digests = new Map(keys.map((key) => [digestOf(key), key]));
    const { rows } = await dialect.run(texts.erased, { digests: [...digests.keys()] });
    return new Map(rows.map((row) => [digests.get(String(row['conversation'])) ?? '', Number(row['erased_at'])]));
  };

  const appendBatch = async (lines: readonly TranscriptLine[]): Promise<void> => {
    const keys = [...new Set(lines.map(({ key }) => key))];
    const before = await erasures(keys);
    const kept = lines.filter(({ key, startedAt }) => startedAt >= (before.get(key) ?? startedAt));
    if (kept.length === 0) return;
    const { count, values } = lineValues(kept);
    await dialect.run(texts.append(count), values);
    for (const [key, at] of await erasures(keys)) {
      if (!kept.some((line) => line.key === key && line.startedAt < at)) continue;
      while ((await dialect.run(texts.eraseLines, { keys: [toColumn(key)], at, limit: archiveDefaults.erased })).changes > 0);
    }
  };

  /** Gives sessions of version 1 the columns they are counted and removed by. What cannot be read is left as it is. */
  const complete = async (): Promise<void> => {
    for (let session = ''; ; ) {
      const { rows } = await dialect.run(texts.bare, { session, limit: bareAtOnce });
      for (const row of rows) {
        session = String(row['session_id']);
        const closed = readable(row['entry']);
        if (closed) await dialect.run(texts.complete, { session, ...factsOf(closed) });
      }
      if (rows.length < bareAtOnce) return;
    }
  };

  return {
    async put(closed) {
      await ready();
      const { message, ...entry } = closed;
      const [session, conversation] = [toColumn(closed.session), toColumn(closed.key)];
      const forgotten = async () => {
        const at = (await erasures([closed.key])).get(closed.key);
        if (at === undefined || closed.startedAt >= at) return false;
        await dialect.run(texts.forget, { session, conversation, at });
        return true;
      };
      if (await forgotten()) return;
      await dialect.run(texts.put, {
        session,
        message: toColumn(message),
        conversation,
        closed_at: closed.closedAt,
        ended_at: closed.endedAt,
        ...factsOf(closed),
        entry: toText(closed.session, entry),
      });
      await forgotten();
    },

    async amend(session, message) {
      await ready();
      await dialect.run(texts.amend, { session: toColumn(session), message: toColumn(message), now: Date.now() });
    },

    async append(lines) {
      if (lines.length === 0) return;
      await ready();
      for (const batch of batches(lines)) await appendBatch(batch);
    },

    async sessions({ keys, limit = archiveDefaults.page, after }) {
      const far = Number.MAX_VALUE;
      const [endedAt, closedAt, session] = after === undefined ? [far, far, ''] : fromCursor(after, 'number', 'number', 'string');
      await ready();
      const asked = { keys: keys.map(toColumn), endedAt, closedAt, session, limit: limit + 1 };
      const { rows } = await dialect.run(texts.sessions, asked);
      const last = rows.length > limit ? rows[limit - 1] : undefined;
      return {
        sessions: rows.slice(0, limit).map(sessionOf),
        ...(last && { next: toCursor(Number(last['ended_at']), Number(last['closed_at']), String(last['session_id'])) }),
      };
    },

    async find(session) {
      await ready();
      const { rows } = await dialect.run(texts.find, { session: toColumn(session) });
      return rows[0] && sessionOf(rows[0]);
    },

    async transcript({ session, limit = archiveDefaults.page, after }) {
      const [order, line] = after === undefined ? [-Number.MAX_VALUE, ''] : fromCursor(after, 'number', 'string');
      await ready();
      const { rows } = await dialect.run(texts.transcript, { session: toColumn(session), order, line, limit: limit + 1 });
      const last = rows.length > limit ? rows[limit - 1] : undefined;
      return {
        lines: rows.slice(0, limit).map(lineOf),
        ...(last && { next: toCursor(Number(last['ord']), String(last['line_id'])) }),
      };
    },

    async stats(query) {
      await ready();
      await complete();
      return stats(query);
    },

    async erase({ keys, at, limit = archiveDefaults.erased }) {
      await ready();
      for (const key of keys) await dialect.run(texts.erase, { digest: digestOf(key), at });
      await complete();
      const which = { keys: keys.map(toColumn), at, limit };
      const { changes: lines } = await dialect.run(texts.eraseLines, which);
      const { changes: sessions } = await dialect.run(texts.eraseSessions, which);
      return { sessions, lines, done: sessions < limit && lines < limit };
    },

    async expire({ channel, endpoint, sessionsBefore, linesBefore, limit }) {
      await ready();
      await complete();
      const never = -Number.MAX_VALUE;
      const here = { channel: toColumn(channel), endpoint: toColumn(endpoint), limit };
      const before = Math.max(sessionsBefore ?? never, linesBefore ?? never);
      const { changes: lines } = await dialect.run(texts.expireLines, { ...here, before });
      const { changes: sessions } = await dialect.run(texts.expireSessions, { ...here, before: sessionsBefore ?? never });
      await dialect.run(texts.tidy, { before: Date.now() - unheardMs });
      return { sessions, lines };
    },
  };
}

function readable(entry: unknown): ClosedSession | undefined {
  try {
    return toRecord('archive', String(entry)) as unknown as ClosedSession;
  } catch {
    return undefined;
  }
}
