import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Archive, ClosedSession, TranscriptLine } from '../../src/middleware/archive.ts';
import { statsOf } from '../../src/middleware/stats.ts';
import { agrees, change, everyLine, everySession, statsQuery } from './archive-model.ts';
import { rejects } from './store-model.ts';

/** One fresh, empty archive. */
export interface ArchiveUnderTest {
  readonly archive: Archive;
  /** Opens the same data as another process would. Absent where nothing is shared. */
  readonly reopen?: () => Archive;
  readonly dispose: () => Promise<void>;
}

/** How an archive comes into the kit. */
export interface ArchiveEntry {
  open(): Promise<ArchiveUnderTest>;
  /** Why it cannot be tested on this machine; undefined: it can. */
  unavailable?(): Promise<string | undefined>;
  /** How many random histories to compare with those of the archive in memory; absent for that one itself. */
  readonly runs?: number;
}

const ada = 'line/shop/U1';
const eve = 'line/shop/U2';

export const closed = (session: string, endedAt: number, more: Partial<ClosedSession> = {}): ClosedSession => ({
  session,
  key: ada,
  channel: 'line',
  endpoint: 'shop',
  user: 'U1',
  reason: 'inactivity',
  startedAt: endedAt - 60,
  endedAt,
  closedAt: endedAt + 1,
  message: 'sent',
  interactive: true,
  developer: false,
  billable: true,
  turns: 3,
  messagesIn: 4,
  billing: { blocks: 1, spans: 1 },
  ...more,
});

export const line = (session: string, order: number, more: Partial<TranscriptLine> = {}): TranscriptLine => ({
  id: `${session}-${order}`,
  session,
  startedAt: 100,
  key: ada,
  channel: 'line',
  endpoint: 'shop',
  at: 100 + order,
  order,
  from: order % 2 === 0 ? 'user' : 'bot',
  type: 'message',
  text: `line ${order}`,
  ...more,
});

/** Everything `src/middleware/archive.ts` promises, as tests of one archive. */
export function archiveKit(name: string, entry: ArchiveEntry): void {
  const check = (title: string, work: (under: ArchiveUnderTest) => Promise<void>) =>
    test(title, async () => {
      const under = await entry.open();
      try {
        await work(under);
      } finally {
        await under.dispose();
      }
    });
  const ids = (sessions: readonly ClosedSession[]) => sessions.map(({ session }) => session);
  const isEmpty = async (archive: Archive, keys: readonly string[], sessions: readonly string[]) => {
    expect(await everySession(archive, keys)).toEqual([]);
    for (const session of sessions) {
      expect(await archive.find(session)).toBeUndefined();
      expect(await everyLine(archive, session)).toEqual([]);
    }
    expect(await archive.stats({ from: 0, to: 1e9, keys })).toMatchObject([{ opened: 0, closed: 0 }]);
  };

  describe(name, () => {
    describe('closed sessions', () => {
      check('come back as they were, the one that ended last first, a page at a time', async ({ archive }) => {
        const full = closed('s2', 200, { outcome: '🔒 "done"\u0000\ud800', script: 'done', messageId: 'v1', messagesOut: 2 });
        for (const one of [full, closed('s1', 100), closed('s3', 300)]) await archive.put(one);
        await archive.put(closed('other', 150, { key: eve }));
        expect(await archive.sessions({ keys: [ada] })).toEqual({ sessions: [closed('s3', 300), full, closed('s1', 100)] });
        const page = await archive.sessions({ keys: [ada], limit: 2 });
        expect(ids(page.sessions)).toEqual(['s3', 's2']);
        expect(await archive.sessions({ keys: [ada], limit: 2, after: page.next })).toEqual({ sessions: [closed('s1', 100)] });
        expect(await archive.sessions({ keys: ['line/shop/U3'] })).toEqual({ sessions: [] });
        expect(await archive.sessions({ keys: [] })).toEqual({ sessions: [] });
      });

      check('of several conversations come as one list', async ({ archive }) => {
        for (let n = 0; n < 23; n++) await archive.put(closed(`s${n}`, 100 + Math.floor(n / 3), { key: n % 2 ? ada : eve }));
        const all = await everySession(archive, [ada, eve], 5);
        expect(new Set(ids(all)).size).toBe(23);
        expect(all.map(({ endedAt }) => endedAt)).toEqual(all.map(({ endedAt }) => endedAt).sort((a, b) => b - a));
      });

      check('of those that ended at one time the one closed later comes first', async ({ archive }) => {
        await archive.put(closed('early', 100, { closedAt: 110 }));
        await archive.put(closed('late', 100, { closedAt: 120 }));
        expect(ids(await everySession(archive, [ada], 1))).toEqual(['late', 'early']);
      });

      check('are found by their id', async ({ archive }) => {
        await archive.put(closed('s1', 100));
        expect(await archive.find('s1')).toEqual(closed('s1', 100));
        expect(await archive.find('s2')).toBeUndefined();
      });

      check('that come twice, also at the same time, are kept once, as they came first', async ({ archive, reopen }) => {
        const other = reopen?.() ?? archive;
        await Promise.all([archive, other, archive, other].map((each) => each.put(closed('s', 100))));
        await archive.put(closed('s', 200, { turns: 9 }));
        expect(await everySession(archive, [ada])).toEqual([closed('s', 100)]);
        expect(await archive.stats({ from: 0, to: 1_000 })).toMatchObject([{ opened: 1, closed: 1, turns: 3 }]);
      });

      check('are amended, whether the report comes after the session or before', async ({ archive }) => {
        await archive.put(closed('s1', 100));
        await archive.amend('s1', 'failed:30006');
        await archive.amend('s2', 'failed:63016');
        expect(await archive.find('s2')).toBeUndefined();
        await archive.put(closed('s2', 200));
        await archive.put(closed('s2', 200));
        expect((await everySession(archive, [ada])).map((one) => one.message)).toEqual(['failed:63016', 'failed:30006']);
        const [row] = await archive.stats({ from: 0, to: 1_000 });
        expect(row?.messages).toEqual({ 'failed:63016': 1, 'failed:30006': 1 });
      });

      check('are given out as copies', async ({ archive }) => {
        await archive.put(closed('s1', 100));
        Object.assign((await archive.find('s1')) ?? {}, { turns: 99 });
        Object.assign((await archive.sessions({ keys: [ada] })).sessions[0] ?? {}, { turns: 99 });
        expect(await archive.find('s1')).toEqual(closed('s1', 100));
      });

      check('a place that is none is refused', async ({ archive }) => {
        await rejects(archive.sessions({ keys: [ada], after: 'there' }), 'ADJ_CONFIG_INVALID');
        await rejects(archive.transcript({ session: 's', after: 'WzFd' }), 'ADJ_CONFIG_INVALID');
      });
    });

    describe('transcripts', () => {
      check('come back in order, a page at a time, also of sessions that are not closed', async ({ archive }) => {
        const said: TranscriptLine[] = [
          line('s', 1, { delivery: 'failed:30003', agent: 'A7', from: 'agent' }),
          line('s', 0, { text: '  "ü" \u0000\ud800🔒\n' }),
          line('s', 2, { id: 'x'.repeat(500) }),
          line('s', 3, { id: '' }),
        ];
        await archive.append([...said, line('t', 0)]);
        const inOrder = said.toSorted((a, b) => a.order - b.order);
        expect(await archive.transcript({ session: 's' })).toEqual({ lines: inOrder });
        expect(await everyLine(archive, 's', 1)).toEqual(inOrder);
        expect(await archive.transcript({ session: 'u' })).toEqual({ lines: [] });
      });

      check('keep one of a line that comes twice, in overlapping batches, also at the same time', async ({ archive, reopen }) => {
        const said = Array.from({ length: 700 }, (_, n) => line('s', n));
        const others = [archive, reopen?.() ?? archive];
        await Promise.all(
          [0, 1, 2, 3].map((n) => {
            const some = said.slice(n * 150, n * 150 + 250);
            return others[n % 2]?.append(n % 2 ? some.toReversed() : some);
          }),
        );
        await archive.append([line('s', 699, { text: 'again' }), line('s', 5, { text: 'again' })]);
        const all = await everyLine(archive, 's', 300);
        expect(all).toEqual(said);
        await archive.append([]);
        await archive.append([line('t', 5)]);
        expect(await everyLine(archive, 't')).toHaveLength(1);
      });
    });

    describe('erasure', () => {
      check('removes everything of the conversations, some at a time, and leaves others alone', async ({ archive }) => {
        for (let n = 0; n < 25; n++) await archive.put(closed(`s${n}`, 100 + n, { key: n % 5 ? ada : eve }));
        await archive.put(closed('kept', 100, { key: 'line/shop/U3' }));
        await archive.append(Array.from({ length: 35 }, (_, n) => line(`s${n % 25}`, n, { key: n % 2 ? ada : eve })));
        await archive.append([line('kept', 0, { key: 'line/shop/U3' })]);
        const removed = { sessions: 0, lines: 0 };
        for (let done = false, calls = 0; !done; calls++) {
          const step = await archive.erase({ keys: [ada, eve], at: 500, limit: 10 });
          expect(Math.max(step.sessions, step.lines)).toBeLessThanOrEqual(10);
          removed.sessions += step.sessions;
          removed.lines += step.lines;
          done = step.done;
          expect(calls).toBeLessThan(9);
        }
        expect(removed).toEqual({ sessions: 25, lines: 35 });
        await isEmpty(archive, [ada, eve], ['s0', 's1', 's24']);
        expect(ids(await everySession(archive, ['line/shop/U3']))).toEqual(['kept']);
        expect(await everyLine(archive, 'kept')).toHaveLength(1);
        expect(await archive.erase({ keys: [ada, eve], at: 500 })).toEqual({ sessions: 0, lines: 0, done: true });
      });

      check('lets nothing in that comes late, and everything that began later', async ({ archive, reopen }) => {
        await archive.put(closed('s1', 100));
        await archive.erase({ keys: [ada], at: 500 });
        const late = reopen?.() ?? archive;
        await late.put(closed('s1', 100));
        await late.put(closed('s2', 900, { startedAt: 499 }));
        await late.amend('s1', 'failed:30003');
        await late.append([line('s1', 0), line('s2', 1, { startedAt: 499, at: 800 })]);
        await isEmpty(archive, [ada], ['s1', 's2']);
        await late.amend('s3', 'failed:30003');
        await late.put(closed('s3', 900, { startedAt: 500 }));
        await late.append([line('s3', 0, { startedAt: 500, at: 600 })]);
        expect(await everySession(archive, [ada])).toEqual([closed('s3', 900, { startedAt: 500, message: 'failed:30003' })]);
        expect(await everyLine(archive, 's3')).toHaveLength(1);
        await archive.erase({ keys: [ada], at: 400 });
        await late.put(closed('s2', 900, { startedAt: 499 }));
        expect(ids(await everySession(archive, [ada]))).toEqual(['s3']);
      });

      check('takes what is on its way at the same moment', async ({ archive, reopen }) => {
        const other = reopen?.() ?? archive;
        const sessions = Array.from({ length: 30 }, (_, n) => `s${n}`);
        const writing = sessions.flatMap((session, n) => [
          other.put(closed(session, 100 + n)),
          other.append([line(session, 0), line(session, 1)]),
          other.amend(session, 'failed:30003'),
        ]);
        const erasing = (async () => {
          while (!(await archive.erase({ keys: [ada], at: 500, limit: 5 })).done);
        })();
        await Promise.all([...writing, erasing]);
        await isEmpty(archive, [ada], sessions);
      });
    });

    describe('retention', () => {
      check('removes the oldest of an endpoint, no more than it is told', async ({ archive }) => {
        for (let n = 0; n < 9; n++) await archive.put(closed(`s${n}`, 100 + n));
        await archive.put(closed('else', 100, { key: 'line/help/U1', endpoint: 'help' }));
        await archive.append(Array.from({ length: 9 }, (_, n) => line(`s${n}`, n)));
        await archive.append([line('else', 0, { key: 'line/help/U1', endpoint: 'help' })]);
        const here = { channel: 'line', endpoint: 'shop' };
        expect(await archive.expire({ ...here, sessionsBefore: 107, limit: 4 })).toEqual({ sessions: 4, lines: 4 });
        expect(ids(await everySession(archive, [ada]))).toEqual(['s8', 's7', 's6', 's5', 's4']);
        expect(await everyLine(archive, 's3')).toEqual([]);
        expect(await archive.expire({ ...here, sessionsBefore: 107, linesBefore: 108, limit: 100 })).toEqual({
          sessions: 3,
          lines: 4,
        });
        expect(await archive.expire({ ...here, linesBefore: 200, limit: 100 })).toEqual({ sessions: 0, lines: 1 });
        expect(await archive.expire({ ...here, limit: 100 })).toEqual({ sessions: 0, lines: 0 });
        expect(ids(await everySession(archive, [ada, 'line/help/U1']))).toEqual(['s8', 's7', 'else']);
        expect(await everyLine(archive, 'else')).toHaveLength(1);
        expect(await archive.stats({ from: 0, to: 1_000 })).toMatchObject([{ closed: 3 }]);
      });
    });

    describe('counts', () => {
      const day = (text: string) => Date.parse(`2026-11-${text}Z`);
      const minutes = (n: number) => n * 60_000;
      const sessions: readonly ClosedSession[] = [
        closed('a', day('02T10:30:00'), {
          startedAt: day('02T10:00:00'),
          closedAt: day('02T10:30:00') + 200,
          messagesOut: 5,
          billing: { blocks: 2, spans: 1 },
        }),
        closed('b', day('02T11:40:00'), {
          startedAt: day('02T10:00:00'),
          closedAt: day('02T11:40:00') + 800,
          message: 'failed:30003',
          outcome: 'resolved',
          deadlines: { met: 2, missed: 1 },
          billing: { blocks: 7, spans: 2 },
        }),
        closed('c', day('02T23:30:00'), {
          startedAt: day('02T23:20:00'),
          closedAt: day('02T23:30:00'),
          reason: 'refresh',
          message: 'off',
          developer: true,
          billable: false,
          billing: { blocks: 1, spans: 1 },
        }),
        closed('d', day('03T00:10:00'), {
          key: 'slack/help/C1',
          channel: 'slack',
          endpoint: 'help',
          startedAt: day('02T23:40:00'),
          closedAt: day('03T00:10:00') + 100,
          message: 'off',
          interactive: false,
          billable: false,
          turns: 0,
          messagesIn: 0,
        }),
      ];
      const whole = { from: day('02T00:00:00'), to: day('04T00:00:00') };
      const stats = (title: string, work: (archive: Archive) => Promise<void>) =>
        check(title, async ({ archive }) => {
          for (const one of sessions) await archive.put(one);
          await work(archive);
        });

      stats('say everything of a period', async (archive) => {
        expect(await archive.stats(whole)).toEqual([
          {
            group: {},
            opened: 4,
            closed: 4,
            reasons: { inactivity: 3, refresh: 1 },
            interactive: 3,
            developer: 1,
            billable: 2,
            turns: 9,
            messagesIn: 12,
            messagesOut: 5,
            duration: { p50: minutes(30), p90: minutes(100), p99: minutes(100) },
            lag: { p50: 100, p90: 800, p99: 800 },
            messages: { sent: 1, 'failed:30003': 1, off: 2 },
            deadlines: { met: 2, missed: 1 },
            billing: { sessions: 2, blocks: 9, spans: 3 },
          },
        ]);
      });

      stats('begin with the first moment of a period and end before its last', async (archive) => {
        const counts = async (from: number, to: number) => {
          const [row] = await archive.stats({ from, to });
          return [row?.opened, row?.closed];
        };
        expect(await counts(day('02T10:00:00'), day('02T10:30:00'))).toEqual([2, 0]);
        expect(await counts(day('02T10:00:00') + 1, day('02T10:30:00') + 1)).toEqual([0, 1]);
        expect(await counts(day('02T10:30:00'), day('02T11:40:00'))).toEqual([0, 1]);
        expect(await counts(day('05T00:00:00'), day('06T00:00:00'))).toEqual([0, 0]);
        expect(await archive.stats({ from: 0, to: 1 })).not.toHaveProperty('0.duration');
      });

      stats('by day, as a zone has them', async (archive) => {
        const days = async (offset: number) =>
          (await archive.stats({ ...whole, by: ['day'], offset })).map(({ group, opened, closed: ended }) => [
            group.day,
            opened,
            ended,
          ]);
        expect(await days(0)).toEqual([
          ['2026-11-02', 4, 3],
          ['2026-11-03', 0, 1],
        ]);
        expect(await days(60)).toEqual([
          ['2026-11-02', 2, 2],
          ['2026-11-03', 2, 2],
        ]);
        expect(await days(-15)).toEqual([['2026-11-02', 4, 4]]);
        expect(await days(25)).toEqual([
          ['2026-11-02', 3, 3],
          ['2026-11-03', 1, 1],
        ]);
      });

      stats('by several at once, in their order', async (archive) => {
        const rows = await archive.stats({ ...whole, by: ['channel', 'reason', 'outcome', 'billable'] });
        expect(rows.map(({ group, closed: ended, duration }) => [group, ended, duration?.p50])).toEqual([
          [{ channel: 'line', reason: 'inactivity', billable: true }, 1, minutes(30)],
          [{ channel: 'line', reason: 'inactivity', outcome: 'resolved', billable: true }, 1, minutes(100)],
          [{ channel: 'line', reason: 'refresh', billable: false }, 1, minutes(10)],
          [{ channel: 'slack', reason: 'inactivity', billable: false }, 1, minutes(30)],
        ]);
      });

      check('are right when many come at the same time', async ({ archive, reopen }) => {
        const others = [archive, reopen?.() ?? archive];
        const many = Array.from({ length: 40 }, (_, n) =>
          closed(`s${n}`, 3_600_000 * (n % 2) + n * 1_000, { startedAt: (n % 3) * 1_000 }),
        );
        await Promise.all(many.map((one, n) => others[n % 2]?.put(one)));
        await Promise.all(many.slice(0, 9).map(({ session }, n) => others[n % 2]?.amend(session, 'unknown')));
        const all = statsOf(
          many.map((one, n) => (n < 9 ? { ...one, message: 'unknown' as const } : one)),
          { from: 0, to: 1e9 },
        );
        expect(await archive.stats({ from: 0, to: 1e9 })).toEqual(all);
      });

      stats('of some only', async (archive) => {
        const count = async (query: object) => (await archive.stats({ ...whole, ...query }))[0]?.closed;
        expect(await count({ developer: false })).toBe(3);
        expect(await count({ developer: true })).toBe(1);
        expect(await count({ channel: 'slack' })).toBe(1);
        expect(await count({ endpoint: 'shop', developer: false })).toBe(2);
        expect(await count({ keys: [ada] })).toBe(3);
        expect(await count({ keys: [] })).toBe(0);
      });
    });

    if (entry.runs !== undefined) {
      test('does and counts what the archive in memory does, whatever has happened', { timeout: 120_000 }, async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(change, { minLength: 1, maxLength: 80, size: 'max' }),
            fc.array(statsQuery, { minLength: 4, maxLength: 8, size: 'max' }),
            async (changes, queries) => {
              const { archive, dispose } = await entry.open();
              try {
                await agrees(archive, changes, queries);
              } finally {
                await dispose();
              }
            },
          ),
          { numRuns: entry.runs ?? 0 },
        );
      });
    }
  });
}
