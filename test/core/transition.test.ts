import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Activity, CommandName } from '../../src/middleware/core/activity.ts';
import { type ConversationRecord, newRecord } from '../../src/middleware/core/conversation.ts';
import type { Closed, Effect, SessionEvent } from '../../src/middleware/core/effect.ts';
import { deadlineOf, isExpired } from '../../src/middleware/core/expiry.ts';
import type { ConversationEvent, Verdict } from '../../src/middleware/core/happening.ts';
import { expire } from '../../src/middleware/core/lapse.ts';
import type { Policy } from '../../src/middleware/core/policy.ts';
import type { CloseReason, SessionState, StartReason } from '../../src/middleware/core/session.ts';
import { transition } from '../../src/middleware/core/transition.ts';
import { control, frozen, message, minute, policyOf, postback, second } from './given.ts';

/**
 * The same rules a second time, as naively as SPEC §2, §4 and §6 can be read: one mutable notebook per conversation.
 * It shares no code with the core.
 */
class Notebook {
  live: Omit<SessionState, never> | undefined;
  ended: { id: string; reason: CloseReason; endedAt: number } | undefined;
  variables: Record<string, { value: unknown; scope: 'session' | 'contact'; until?: number }> = {};
  auth: Record<string, unknown> = {};
  handled: { id: string; since: number }[] = [];
  events: SessionEvent[] = [];
  toBeDelivered: Effect[] = [];
  expiresAfter = 30 * minute;
  cap = 0;
  discardEnds = false;
  endpointSets = false;
  /** When the turns that count were, of the live session. */
  turns: number[] = [];

  /** The turns, cut where a pause, an hour or a hundred of them ends a span. */
  spans(): number[][] {
    const spans: number[][] = [];
    for (const time of this.turns) {
      const span = spans.at(-1);
      const goesOn = span && span.length < 100 && time - (span[0] ?? 0) < 60 * minute && time - (span.at(-1) ?? 0) < 30 * minute;
      if (goesOn) span.push(time);
      else spans.push([time]);
    }
    return spans;
  }

  counts(): void {
    const { live } = this;
    if (live === undefined) return;
    this.turns.push(live.lastActivityAt);
    const span = this.spans().at(-1) ?? [];
    const meter = { spans: this.spans().length, since: span[0] ?? 0, turns: span.length, last: span.at(-1) ?? 0 };
    this.live = { ...live, turns: live.turns + 1, meter };
  }

  why(live: SessionState): NonNullable<Closed['why']> {
    const own = live.expiresAfterMs;
    const said: { level: 'session' | 'endpoint' | 'default'; ms: number }[] = [
      ...(own === undefined ? [] : [{ level: 'session' as const, ms: own }]),
      ...(this.endpointSets ? [{ level: 'endpoint' as const, ms: this.expiresAfter }] : []),
      { level: 'default', ms: 30 * minute },
    ];
    const first = said[0];
    const isCapped = this.cap > 0 && (first?.ms === 0 || (first?.ms ?? 0) > this.cap);
    return {
      effectiveMs: isCapped ? this.cap : (first?.ms ?? 0),
      level: first?.level ?? 'default',
      inputs: said.map((one) => ({ ...one, wins: one === first && !isCapped })),
      ...(this.cap > 0 ? { cap: { ms: this.cap, from: 'organization.maxExpiration', applied: isCapped } } : {}),
      lastActivityAt: live.lastActivityAt,
    };
  }

  idleTime(): number {
    const wanted = this.live?.expiresAfterMs ?? this.expiresAfter;
    const infinite = Number.POSITIVE_INFINITY;
    return Math.min(wanted === 0 ? infinite : wanted, this.cap === 0 ? infinite : this.cap);
  }

  closes(reason: CloseReason, endedAt: number, now: number): void {
    const { live } = this;
    if (live === undefined) return;
    const end = Math.max(endedAt, live.startedAt);
    const told: Closed = {
      type: 'closed',
      at: now,
      session: live.id,
      reason,
      startedAt: live.startedAt,
      endedAt: end,
      closedAt: now,
      ...(reason === 'inactivity' ? { deadline: end } : {}),
      message: 'off',
      interactive: live.interactive,
      developer: false,
      billable: live.interactive,
      turns: live.turns,
      messagesIn: live.messagesIn ?? 0,
      messagesOut: 0,
      billing: { blocks: Math.floor((end - live.startedAt - 1) / (15 * minute)) + 1 || 1, spans: this.spans().length },
      ...(reason === 'inactivity' ? { why: this.why(live) } : {}),
    };
    this.events.push(told);
    this.toBeDelivered.push({ id: live.id, closed: told });
    this.ended = { id: live.id, reason, endedAt: end };
    this.live = undefined;
    for (const [name, one] of Object.entries(this.variables)) {
      const outlives = one.scope === 'contact' || one.until !== undefined;
      if (!outlives || (one.until !== undefined && one.until <= now)) delete this.variables[name];
    }
  }

  wipe(now: number): void {
    this.auth = {};
    for (const [name, one] of Object.entries(this.variables)) {
      if (one.scope === 'session' || (one.until !== undefined && one.until <= now)) delete this.variables[name];
    }
  }

  expires(time: number, now: number): void {
    if (this.live === undefined) return;
    const deadline = this.live.lastActivityAt + this.idleTime();
    if (time >= deadline) this.closes('inactivity', deadline, now);
  }

  opens(id: string, from: number, now: number, reason?: StartReason): void {
    const { ended } = this;
    const startedAt = ended !== undefined && from < ended.endedAt ? ended.endedAt : from;
    let startReason = reason;
    if (startReason === undefined) {
      if (ended === undefined) startReason = 'first';
      else startReason = ended.reason === 'inactivity' ? 'expired' : 'closed';
    }
    this.turns = [];
    this.live = {
      id,
      startReason,
      ...(ended ? { previous: ended } : {}),
      startedAt,
      lastActivityAt: startedAt,
      turns: 0,
      interactive: false,
      developer: false,
      data: {},
      dialog: [],
      tags: { current: [], historic: [] },
    };
    this.events.push({ type: 'opened', at: now, session: id, startReason, ...(ended ? { previous: ended.id } : {}) });
  }

  remembers(id: string, arrival: number): void {
    this.handled = this.handled.filter((one) => arrival - one.since < redeliversFor);
    if (!this.handled.some((one) => one.id === id)) this.handled.push({ id, since: arrival });
  }

  knows(id: string | undefined): boolean {
    return this.handled.some((one) => one.id === id);
  }

  /** @returns what becomes of an input of the user */
  hears(input: Input, arrival: number, now: number): Verdict {
    if (this.knows(input.id)) {
      this.events.push({ type: 'duplicate', at: now, ...(this.live ? { session: this.live.id } : {}) });
      return { do: 'drop', quiet: false };
    }
    const isTwin = this.knows(input.post);
    for (const mark of [input.id, input.post]) if (mark !== undefined) this.remembers(mark, arrival);
    for (const [name, one] of Object.entries(this.variables))
      if (one.until !== undefined && one.until <= now) delete this.variables[name];
    if (isTwin && input.means !== undefined) return { do: 'drop', quiet: true };
    if (isTwin && this.live !== undefined) return { do: 'run', counts: false, lateBy: 0 };

    const stamp = input.writtenAt;
    const believed = stamp !== undefined && stamp >= arrival - 15 * minute && stamp <= arrival + 2 * minute;
    const time = believed ? stamp : arrival;
    let lateBy = 0;
    if (stamp !== undefined && (arrival - stamp > 15 * minute || (this.ended !== undefined && stamp < this.ended.endedAt))) {
      lateBy = Math.max(0, arrival - stamp);
    }
    this.expires(time, now);
    const beginning = this.ended !== undefined && time < this.ended.endedAt ? arrival : time;

    if (input.means !== undefined) {
      this.events.push({ type: 'command', at: now, command: input.means, ...(this.live ? { session: this.live.id } : {}) });
    }
    if (input.means === 'refresh') {
      const moment = this.live === undefined ? beginning : Math.max(time, this.live.lastActivityAt);
      this.closes('refresh', moment, now);
      this.wipe(now);
      this.opens(input.fresh, moment, now, 'refresh');
      if (!input.content) return { do: 'consume', command: 'refresh' };
    } else if (input.means !== undefined) {
      const { live } = this;
      if (live !== undefined && input.means === 'discard' && this.discardEnds) {
        this.closes('user_command', Math.max(time, live.lastActivityAt), now);
      } else if (live !== undefined) {
        const { sentiment, ...rest } = live;
        const all = input.means === 'discard all';
        this.live = {
          ...rest,
          ...(all || sentiment === undefined ? {} : { sentiment }),
          dialog: all ? [] : live.dialog.slice(0, -1),
          discards: (live.discards ?? 0) + 1,
          tags: { current: all ? [] : (live.tags.historic.at(-1) ?? []), historic: [] },
          lastActivityAt: Math.max(live.lastActivityAt, time),
        };
      }
      return { do: 'consume', command: input.means };
    } else if (this.live === undefined) {
      this.opens(input.fresh, beginning, now);
    }
    const live = this.live as SessionState;
    const messagesIn = (live.messagesIn ?? 0) + 1;
    this.live = { ...live, messagesIn, interactive: true, lastActivityAt: Math.max(live.lastActivityAt, time) };
    if (lateBy > 0) this.events.push({ type: 'late', at: now, session: live.id, lateBy });
    return { do: 'run', counts: true, lateBy };
  }
}

interface Input {
  id: string | undefined;
  post: string | undefined;
  writtenAt: number | undefined;
  means: CommandName | undefined;
  content: boolean;
  fresh: string;
}

const redeliversFor = 60 * minute;

type Step =
  | {
      do: 'says';
      words: { activity: Activity; means?: CommandName };
      id: number | undefined;
      post: number | undefined;
      age: number | undefined;
      queued: number;
    }
  | { do: 'noise'; activity: Activity }
  | { do: 'returns'; counts: boolean; closes: boolean }
  | { do: 'fails' | 'starts' | 'touches' | 'ends' }
  | { do: 'policy'; expiresAfter: number; cap: number; discardEnds: boolean }
  | {
      do: 'handler';
      change: 'push' | 'tag' | 'mood' | 'login' | 'variable';
      ttl: number | undefined;
      scope: 'session' | 'contact';
    }
  | { do: 'override'; expiresAfter: number | undefined };

const words = fc.constantFrom<{ activity: Activity; means?: CommandName }>(
  { activity: message('hello') },
  { activity: message(undefined) },
  { activity: message('please refresh') },
  { activity: postback('buy') },
  { activity: message('discard', { addressed: false }) },
  { activity: message(' Discard '), means: 'discard' },
  { activity: message('ＤＩＳＣＡＲＤ\u00a0all'), means: 'discard all' },
  { activity: message('refresh'), means: 'refresh' },
  { activity: postback('DISCARD_ALL'), means: 'discard all' },
  { activity: control('refresh', true), means: 'refresh' },
  { activity: control('refresh', false), means: 'refresh' },
);

const noise = fc.constantFrom<Activity>(
  { kind: 'lifecycle', channel: 'line', type: 'read' },
  { kind: 'lifecycle', channel: 'line', type: 'follow', means: 'reachable' },
  { kind: 'unsupported', channel: 'line', type: 'x', reason: 'unknown' },
);

const span = (...edges: number[]) =>
  fc.oneof(
    fc.constantFrom(...edges.flatMap((edge) => [edge - 1, edge, edge + 1]).filter((ms) => ms >= 0)),
    fc.integer({ min: 0, max: 50 * minute }),
  );

const smallId = fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('says' as const),
      words,
      id: smallId,
      post: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined, freq: 2 }),
      age: fc.option(fc.oneof(span(0, 15 * minute, 30 * minute), fc.constantFrom(-2 * minute, -2 * minute - 1, -1)), {
        nil: undefined,
        freq: 2,
      }),
      queued: fc.constantFrom(0, 0, 0, 5 * second, 40 * second),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('noise' as const), activity: noise }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('returns' as const), counts: fc.boolean(), closes: fc.nat(5).map((n) => n === 0) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('fails' as const, 'starts' as const, 'touches' as const, 'ends' as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('policy' as const),
      expiresAfter: fc.constantFrom(0, 5 * minute, 30 * minute, 45 * minute),
      cap: fc.constantFrom(0, 0, 10 * minute, 30 * minute),
      discardEnds: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('handler' as const),
      change: fc.constantFrom('push' as const, 'tag' as const, 'mood' as const, 'login' as const, 'variable' as const),
      ttl: fc.option(span(30 * minute), { nil: undefined }),
      scope: fc.constantFrom('session' as const, 'contact' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('override' as const),
      expiresAfter: fc.option(fc.constantFrom(0, 5 * minute, 60 * minute), { nil: undefined }),
    }),
  },
);

/** Applies what a bot's handler does, the same to both sides: handlers are not the core's business. */
function handled(
  record: ConversationRecord,
  one: Extract<Step, { do: 'handler' | 'override' }>,
  n: number,
  now: number,
): ConversationRecord {
  if (one.do === 'handler' && one.change === 'variable') {
    const variable = { value: n, scope: one.scope, ...(one.ttl === undefined ? {} : { until: now + one.ttl }) };
    return { ...record, variables: { ...record.variables, [`v${n % 4}`]: variable } };
  }
  if (one.do === 'handler' && one.change === 'login') return { ...record, auth: { ...record.auth, [`p${n % 2}`]: n } };
  const { session } = record;
  if (session === undefined) return record;
  if (one.do === 'override') {
    const { expiresAfterMs: _old, ...rest } = session;
    return { ...record, session: one.expiresAfter === undefined ? rest : { ...rest, expiresAfterMs: one.expiresAfter } };
  }
  if (one.change === 'mood') return { ...record, session: { ...session, sentiment: n } };
  if (one.change === 'push') return { ...record, session: { ...session, dialog: [...session.dialog, { id: `d${n}` }] } };
  const { current, historic } = session.tags;
  return {
    ...record,
    session: { ...session, tags: { current: [`t${n}`], historic: current.length ? [...historic, current] : historic } },
  };
}

/** Both sides' state in one form. */
function notebookOf(book: Notebook): ConversationRecord {
  return {
    v: 1,
    ...(book.live ? { session: book.live } : {}),
    ...(book.ended ? { ended: book.ended } : {}),
    variables: book.variables,
    auth: book.auth,
    ...(book.toBeDelivered.length > 0 ? { outbox: book.toBeDelivered } : {}),
    seen: book.handled.map((one) => `,${one.id}:${one.since.toString(36)}`).join(''),
  };
}

test('does what a naive reading of the rules does, whatever happens in whatever order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(span(0, 5 * minute, 10 * minute, 30 * minute, 45 * minute), step), {
        minLength: 1,
        size: 'max',
        maxLength: 60,
      }),
      (steps) => {
        const book = new Notebook();
        let record: ConversationRecord = newRecord();
        let policy: Policy = policyOf({}, {}, { redeliversForMs: redeliversFor });
        let beforeTurn = record.seen;
        let now = Date.parse('2026-11-02T10:00:00Z');
        let lastArrival = 0;

        steps.forEach(([wait, one], n) => {
          now += wait;
          let event: ConversationEvent | undefined;
          let expected: Verdict = { do: 'pass' };
          book.events = [];
          switch (one.do) {
            case 'says': {
              const arrivedAt = Math.max(lastArrival, now - one.queued);
              lastArrival = arrivedAt;
              const writtenAt = one.age === undefined ? undefined : arrivedAt - one.age;
              const activity = { ...one.words.activity, ...(writtenAt === undefined ? {} : { at: writtenAt }) };
              const id = one.id === undefined ? undefined : `m${one.id}`;
              const post = one.post === undefined ? undefined : `p${one.post}`;
              beforeTurn = record.seen;
              event = { type: 'arrived', activity, id, post, arrivedAt, fresh: { id: `s${n}`, data: {} } };
              const content = activity.kind === 'command' && activity.content;
              expected = book.hears({ id, post, writtenAt, means: one.words.means, content, fresh: `s${n}` }, arrivedAt, now);
              break;
            }
            case 'noise':
              event = { type: 'arrived', activity: one.activity, id: `m${n}`, arrivedAt: now, fresh: { id: `s${n}`, data: {} } };
              break;
            case 'returns':
              event = {
                type: 'returned',
                counts: one.counts,
                ...(one.closes ? { close: { reason: 'bot', at: now } as const } : {}),
              };
              if (one.counts) book.counts();
              if (one.closes) book.closes('bot', now, now);
              break;
            case 'fails':
              event = { type: 'failed', seen: beforeTurn };
              book.handled = [...beforeTurn.matchAll(/,([^:]+):([^,]+)/g)].map(([, id = '', time = '']) => ({
                id,
                since: Number.parseInt(time, 36),
              }));
              break;
            case 'starts':
              event = { type: 'started', user: 'ada', fresh: { id: `s${n}`, data: {} } };
              book.expires(now, now);
              if (book.live === undefined) book.opens(`s${n}`, now, now, 'bot');
              break;
            case 'touches':
              event = { type: 'touched' };
              book.expires(now, now);
              if (book.live && !book.live.interactive)
                book.live = { ...book.live, lastActivityAt: Math.max(book.live.lastActivityAt, now) };
              break;
            case 'ends':
              event = { type: 'ended', reason: 'admin' };
              book.expires(now, now);
              book.closes('admin', now, now);
              break;
            case 'policy': {
              const { expiresAfter, cap, discardEnds } = one;
              Object.assign(book, { expiresAfter, cap, discardEnds, endpointSets: true });
              policy = policyOf(
                { expiration: expiresAfter / minute, discardEndsSession: discardEnds },
                { maxExpiration: cap / minute },
                { redeliversForMs: redeliversFor },
              );
              return;
            }
            default: {
              record = handled(record, one, n, now);
              const { session, variables, auth } = structuredClone(handled(notebookOf(book), one, n, now));
              Object.assign(book, { live: session, variables, auth });
            }
          }
          if (event !== undefined) {
            const result = transition(frozen(record), frozen(event), frozen(policy), now);
            expect(transition(frozen(record), frozen(event), frozen(policy), now)).toEqual(result);
            expect(result.verdict).toEqual(expected);
            expect(result.events).toEqual(book.events);
            if (record.session !== undefined && record.session.id === result.record.session?.id) {
              expect(result.record.session.lastActivityAt).toBeGreaterThanOrEqual(record.session.lastActivityAt);
            }
            record = result.record;
          }
          expect(record).toEqual(notebookOf(book));

          const { session } = record;
          if (session === undefined) return;
          const deadline = session.lastActivityAt + book.idleTime();
          expect(deadlineOf(session, policy)).toBe(deadline);
          expect([-1, 0, 1].map((late) => isExpired(session, policy, deadline + late))).toEqual(
            deadline === Number.POSITIVE_INFINITY ? [true, true, true] : [false, true, true],
          );
          expect(expire(record, policy, deadline - 1, now).record).toEqual(
            deadline === Number.POSITIVE_INFINITY ? expect.anything() : record,
          );
        });
      },
    ),
    { numRuns: 1_500 },
  );
}, 60_000);
