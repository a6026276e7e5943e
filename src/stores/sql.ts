import { randomUUID } from 'node:crypto';
import { AdjournError, isAdjournError } from '../middleware/errors.ts';
import type { Lease, Store, StoredRecord } from '../middleware/store.ts';
import { toRecord, toText } from './support/records.ts';
import type { Result, Row, Tables } from './support/sql-dialect.ts';
import { dialectOf, migration, prefixed, type SqlDriver, type SqlOptions } from './support/sql-driver.ts';
import { giveBacks } from './support/sql-give-backs.ts';
import { handoverIn, processOf } from './support/sql-handover.ts';
import { fromColumn, rangeOf, toColumn } from './support/sql-keys.ts';
import { waitingLine } from './support/sql-line.ts';
import { lineTables } from './support/sql-line-tables.ts';
import type { Values } from './support/sql-text.ts';
import { wakeUps } from './support/sql-wake-ups.ts';
import { together } from './support/together.ts';

export { sqlArchive } from './support/sql-archive.ts';
export type { SqlDriver, SqlOptions };

/**
 * Conversations in PostgreSQL (a `pg.Pool`), MariaDB from 10.6 or MySQL from 8.0 (a pool of `mysql2`), or SQLite (a `DatabaseSync`
 * of `node:sqlite`, best one that nobody else uses), told apart by what they are. The tables are made, and brought up to date, at
 * the first use, once however many processes start together.
 *
 * Processes that share the database share the conversations: a turn takes a lease, written in the conversation's row by the
 * database's own clock, and holds no lock and no connection meanwhile. Waiting processes stand in line in a table; PostgreSQL tells
 * them when it is their turn (one connection of the pool, while somebody waits), the others are asked every 20 ms.
 *
 * The driver stays the caller's to close.
 * @throws AdjournError `ADJ_CONFIG_INVALID` if it is none of these, or the prefix cannot name tables.
 */
export function sqlStore(driver: SqlDriver, options: SqlOptions = {}): Store {
  const prefix = prefixed(options);
  const dialect = dialectOf(driver, options);
  const tables: Tables = {
    conversations: `${prefix}_conversations`,
    line: `${prefix}_line`,
    processes: `${prefix}_processes`,
    channel: `${prefix}_released`,
    inbox: `${prefix}_`,
  };
  const texts = dialect.texts(tables);
  const process = randomUUID().replaceAll('-', '');
  let closed = false;
  const ready = migration(dialect, 'store', prefix, dialect.schema(tables));

  /**
   * Gives a lease up, with or without a save. Then the next one has it, or whoever waits may come: those here, and those in other
   * processes.
   */
  const give = async (how: 'commit' | 'release', conversation: string, values: Values): Promise<Result> => {
    const all = { ...values, key: conversation, process };
    // Mostly nobody waits. Where somebody does here, the first attempt would be in vain.
    const first = line.isAwaited(conversation) ? texts.handOver?.[how] : undefined;
    let result = await dialect.run(first ?? texts[how], all);
    if (result.changes === 0 && first === undefined && texts.handOver) result = await dialect.run(texts.handOver[how], all);
    const { token, record, revision, at, awaited } = result.rows[0] ?? {};
    if (typeof token !== 'string') {
      line.poke(conversation);
      // If this fails, they look for themselves.
      if (awaited === true) dialect.run(texts.tell, { channel: tables.channel, key: conversation }).catch(() => {});
    } else if (processOf(token) === process) {
      line.hear({ conversation, token, at: Number(at), row: { record, revision } });
    }
    return result;
  };

  const giveUp = async (conversation: string, token: string): Promise<void> => {
    await give('release', conversation, { token });
  };
  const owed = giveBacks(giveUp);

  const line = waitingLine(
    lineTables(dialect, texts, {
      process,
      giveUp: owed.add,
      channels: [tables.channel, tables.inbox + process],
      heard: (channel, said) => (channel === tables.channel ? line.poke(said) : line.hear(handoverIn(said))),
    }),
  );

  const saving = ({ key, token }: Lease, record: StoredRecord | null, wakeAt: number | null) => ({
    token,
    text: record === null ? null : toText(key, record),
    emptied: record === null ? 1 : 0,
    wakeAt: wakeAt !== null && record !== null && Number.isFinite(wakeAt) ? wakeAt : null,
  });

  const found = (rows: readonly Row[]) =>
    rows
      .filter((row) => row['record'] !== null)
      .map((row) => {
        const key = fromColumn(String(row['conversation']));
        const wakeAt = row['wake_at'];
        return {
          key,
          record: toRecord(key, String(row['record'])),
          wakeAt: wakeAt === null ? null : Number(wakeAt),
        };
      });

  const flush = together(() => dialect.run(texts.flush, { process }));
  const schedule = wakeUps(dialect, texts);

  return {
    capabilities: dialect.capabilities,

    async begin(key, wanted) {
      if (closed) throw new AdjournError('STORE_UNAVAILABLE', 'The store is closed.');
      if (wanted.signal?.aborted) throw new AdjournError('LEASE_TIMEOUT', 'The caller gave up.', { where: key });
      const conversation = toColumn(key);
      await ready();
      const { token, row } = await line.enter(conversation, key, wanted);
      const text = row['record'];
      try {
        return {
          record: text === null ? null : toRecord(key, String(text)),
          revision: Number(row['revision']),
          lease: { key, token, leaseMs: wanted.leaseMs },
        };
      } catch (error) {
        await giveUp(conversation, token);
        throw error;
      }
    },

    async commit(lease, record, wakeAt) {
      const conversation = toColumn(lease.key);
      line.end(lease.token);
      try {
        const { changes, rows } = await give('commit', conversation, saving(lease, record, wakeAt));
        if (changes === 0) throw lost(lease.key);
        if (typeof rows[0]?.['token'] === 'string') await flush();
      } catch (error) {
        if (!isAdjournError(error, 'LEASE_LOST')) void owed.add(conversation, lease.token, lease.leaseMs);
        throw error;
      }
    },

    async save(lease, record, wakeAt) {
      const { changes } = await dialect.run(texts.save, { key: toColumn(lease.key), ...saving(lease, record, wakeAt) });
      if (changes === 0) throw lost(lease.key);
    },

    async renew({ key, token, leaseMs }) {
      line.end(token);
      const { changes } = await dialect.run(texts.renew, { key: toColumn(key), token, leaseMs });
      if (changes === 0) throw lost(key);
    },

    async release({ key, token, leaseMs }) {
      const conversation = toColumn(key);
      line.end(token);
      try {
        await giveUp(conversation, token);
      } catch (error) {
        void owed.add(conversation, token, leaseMs);
        throw error;
      }
    },

    async claimDue(now, limit, claimMs) {
      await ready();
      return (await schedule.claim(now, limit, now + claimMs)).map(fromColumn);
    },

    async nextWake() {
      await ready();
      return schedule.earliest();
    },

    async find(query) {
      await ready();
      const { keys, prefix = '', after, limit = 100 } = query;
      if (keys !== undefined) {
        const page = [...new Set(keys)].filter((key) => key.startsWith(prefix) && (after === undefined || key > after)).sort();
        const asked = page.slice(0, limit);
        const rows = asked.length > 0 ? (await dialect.run(texts.read, { keys: asked.map(toColumn) })).rows : [];
        return { records: found(rows), ...(page.length > limit ? { next: asked.at(-1) } : {}) };
      }
      const [from, to] = rangeOf(prefix);
      // No stored key holds a smaller character, so nothing lies between.
      const [first = from] = [from, ...(after === undefined ? [] : [`${rangeOf(after)[0]}!`])].sort().slice(-1);
      const { rows } = await dialect.run(texts.list, { from: first, to, limit: limit + 1 });
      const records = found(rows.slice(0, limit));
      return { records, ...(rows.length > limit ? { next: records.at(-1)?.key } : {}) };
    },

    async close() {
      closed = true;
      await line.close();
      owed.close();
      dialect.close();
    },
  };
}

function lost(key: string): AdjournError {
  return new AdjournError('LEASE_LOST', 'The lease lapsed and went to another holder.', { where: key });
}
