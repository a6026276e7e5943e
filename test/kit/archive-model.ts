import fc from 'fast-check';
import { expect } from 'vitest';
import { type Archive, type ClosedSession, memoryArchive, type TranscriptLine } from '../../src/middleware/archive.ts';
import { blocksOf } from '../../src/middleware/core/billing.ts';
import type { StatsGroup, StatsQuery } from '../../src/middleware/stats.ts';

const hour = 3_600_000;
const began = Date.parse('2026-11-02T00:00:00Z');

/** Times crowd around the ends of hours, where counts go wrong. */
const time = fc
  .tuple(fc.integer({ min: 0, max: 60 }), fc.constantFrom(0, 0, -1, 1, hour / 4, hour / 2, 17 * 60_000))
  .map(([hours, more]) => began + hours * hour + more);
const span = fc.oneof(fc.constantFrom(0, 1, 1_800_000, 1_800_000, 3_600_000), fc.integer({ min: 0, max: 30 * hour }));
const lag = fc.oneof(fc.constantFrom(0, 0, 5), fc.integer({ min: -120_000, max: 2_000 }), fc.integer({ min: 0, max: 24 * hour }));

const key = fc.constantFrom('line/shop/U1', 'line/shop/U2', 'slack/help/C1/U1', 'slack/shop/C2/ü 🔒');
const message = fc.constantFrom('sent', 'off', 'failed:30003', 'skipped:window', 'unknown' as const);

/** The place a key names: channel, endpoint. */
const placeOf = (of: string) => {
  const [channel = '', endpoint = ''] = of.split('/');
  return { channel, endpoint };
};

const closed: fc.Arbitrary<ClosedSession> = fc
  .record({
    n: fc.integer({ min: 0, max: 60 }),
    key,
    startedAt: time,
    lasted: span,
    late: lag,
    reason: fc.constantFrom('inactivity', 'refresh', 'bot', 'max_turns' as const),
    outcome: fc.option(fc.constantFrom('resolved', 'resolved ', 'gave up', '🔒 done\u0000', `long ${'x🔒'.repeat(50)}`), {
      nil: undefined,
    }),
    message,
    interactive: fc.boolean(),
    developer: fc.boolean(),
    turns: fc.nat(30),
    messagesIn: fc.nat(40),
    messagesOut: fc.option(fc.nat(40), { nil: undefined }),
    deadlines: fc.option(fc.record({ met: fc.nat(3), missed: fc.nat(3) }), { nil: undefined }),
    spans: fc.nat(3),
  })
  .map(({ n, lasted, late, outcome, messagesOut, deadlines, spans, ...one }) => {
    const endedAt = one.startedAt + lasted;
    return {
      ...one,
      session: `s${n}`,
      ...placeOf(one.key),
      endedAt,
      closedAt: endedAt + late,
      billable: one.interactive && !one.developer,
      ...(outcome === undefined ? {} : { outcome }),
      ...(messagesOut === undefined ? {} : { messagesOut }),
      ...(deadlines === undefined ? {} : { deadlines }),
      billing: { blocks: blocksOf(one.startedAt, endedAt), spans },
    };
  });

const line: fc.Arbitrary<TranscriptLine> = fc
  .record({
    id: fc.integer({ min: 0, max: 12 }).map((n) => `l${n}`),
    session: fc.integer({ min: 0, max: 8 }).map((n) => `s${n}`),
    key,
    startedAt: time,
    at: time,
    order: fc.integer({ min: 0, max: 6 }),
    from: fc.constantFrom('user', 'bot', 'agent', 'system' as const),
    type: fc.constant('message'),
    text: fc.string({ maxLength: 12, unit: 'binary' }),
  })
  .map((one) => ({ ...one, ...placeOf(one.key) }));

/** One call that changes an archive, as the random sequences are made of. */
type Change =
  | { readonly does: 'put'; readonly closed: ClosedSession }
  | { readonly does: 'amend'; readonly session: string; readonly message: ClosedSession['message'] }
  | { readonly does: 'append'; readonly lines: readonly TranscriptLine[] }
  | { readonly does: 'erase'; readonly keys: readonly string[]; readonly at: number }
  | { readonly does: 'expire'; readonly of: string; readonly sessionsBefore?: number; readonly linesBefore?: number };

const before = fc.option(time, { nil: undefined });

export const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ does: fc.constant('put' as const), closed }) },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('amend' as const),
      session: fc.integer({ min: 0, max: 60 }).map((n) => `s${n}`),
      message,
    }),
  },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('append' as const), lines: fc.array(line, { maxLength: 9 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant('erase' as const), keys: fc.array(key, { maxLength: 2 }), at: time }),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ does: fc.constant('expire' as const), of: key, sessionsBefore: before, linesBefore: before })
      .map(({ sessionsBefore, linesBefore, ...one }) => ({
        ...one,
        ...(sessionsBefore === undefined ? {} : { sessionsBefore }),
        ...(linesBefore === undefined ? {} : { linesBefore }),
      })),
  },
);

const groups: readonly StatsGroup[] = ['day', 'endpoint', 'channel', 'reason', 'outcome', 'interactive', 'developer', 'billable'];

export const statsQuery: fc.Arbitrary<StatsQuery> = fc.record({
  from: fc.oneof(time, fc.constantFrom(0, Number.NEGATIVE_INFINITY)),
  to: fc.oneof(time, fc.constantFrom(began + 100 * hour, Number.POSITIVE_INFINITY)),
  by: fc.oneof(fc.constant([]), fc.constant(['day' as const]), fc.subarray([...groups])),
  offset: fc.constantFrom(undefined, 0, 60, -300, 330, -210, 345, 840),
  keys: fc.option(fc.subarray(['line/shop/U1', 'slack/shop/C2/ü 🔒']), { nil: undefined, freq: 5 }),
  channel: fc.option(fc.constantFrom('line', 'slack'), { nil: undefined, freq: 4 }),
  endpoint: fc.option(fc.constantFrom('shop', 'help'), { nil: undefined, freq: 4 }),
  developer: fc.option(fc.boolean(), { nil: undefined }),
});

/** Makes the same changes to an archive and to one in memory, asks both the same, and compares. */
export async function agrees(archive: Archive, changes: readonly Change[], queries: readonly StatsQuery[]): Promise<void> {
  const model = memoryArchive();
  for (const one of changes) expect(await applied(archive, one)).toEqual(await applied(model, one));
  const keys = ['line/shop/U1', 'line/shop/U2', 'slack/help/C1/U1', 'slack/shop/C2/ü 🔒'];
  for (const asked of [keys, keys.slice(0, 1), keys.slice(2)]) {
    expect(await everySession(archive, asked, 7)).toEqual(await everySession(model, asked, 1_000));
  }
  for (let n = 0; n <= 8; n++) {
    expect(await everyLine(archive, `s${n}`, 4)).toEqual(await everyLine(model, `s${n}`, 1_000));
    expect(await archive.find(`s${n}`)).toEqual(await model.find(`s${n}`));
  }
  for (const query of queries) expect(await archive.stats(query)).toEqual(await model.stats(query));
}

async function applied(archive: Archive, one: Change): Promise<unknown> {
  switch (one.does) {
    case 'put':
      return archive.put(one.closed);
    case 'amend':
      return archive.amend(one.session, one.message);
    case 'append':
      return archive.append(one.lines);
    case 'erase':
      return archive.erase(one);
    case 'expire':
      return archive.expire({ ...one, ...placeOf(one.of), limit: 1_000 });
  }
}

export async function everySession(archive: Archive, keys: readonly string[], limit = 100): Promise<ClosedSession[]> {
  const found: ClosedSession[] = [];
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await archive.sessions({ keys, limit, after });
    expect(page.sessions.length).toBeLessThanOrEqual(limit);
    found.push(...page.sessions);
    after = page.next;
  }
  return found;
}

export async function everyLine(archive: Archive, session: string, limit = 100): Promise<TranscriptLine[]> {
  const found: TranscriptLine[] = [];
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await archive.transcript({ session, limit, after });
    expect(page.lines.length).toBeLessThanOrEqual(limit);
    found.push(...page.lines);
    after = page.next;
  }
  return found;
}
