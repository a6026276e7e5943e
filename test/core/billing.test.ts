import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksOf, type Meter, metered } from '../../src/middleware/core/billing.ts';
import { at, control, conversation, message, minute, policyOf, second } from './given.ts';

/** The meter after turns at these times. */
const meterAfter = (...times: number[]) => times.reduce<Meter | undefined>(metered, undefined);

describe('metered spans', () => {
  it.each<[string, number[], number]>([
    ['one turn', [0], 1],
    ['a pause of almost half an hour', [0, 30 * minute - 1], 1],
    ['a pause of half an hour', [0, 30 * minute], 2],
    ['almost an hour without a pause', [0, 20 * minute, 40 * minute, 60 * minute - 1], 1],
    ['an hour without a pause', [0, 20 * minute, 40 * minute, 60 * minute], 2],
    ['an hour counts from the turn that began it', [0, 20 * minute, 50 * minute, 75 * minute, 100 * minute], 2],
    ['a hundred turns', Array.from({ length: 100 }, (_, n) => n), 1],
    ['a hundred and one', Array.from({ length: 101 }, (_, n) => n), 2],
    ['two hundred and one at once', Array.from({ length: 201 }, () => 0), 3],
  ])('%s', (_, times, spans) => expect(meterAfter(...times)?.spans).toBe(spans));

  it('a new one begins after every long pause and every hundred turns, none lasts an hour, and none is without a turn', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 45 * minute }), { minLength: 1, maxLength: 300, size: 'max' }), (pauses) => {
        let time = 0;
        const times = pauses.map((pause) => (time += pause));
        const meter = meterAfter(...times);
        const pausesThatCount = pauses.slice(1).filter((pause) => pause >= 30 * minute).length;
        expect(meter?.spans).toBeGreaterThanOrEqual(pausesThatCount + 1);
        expect(meter?.spans).toBeGreaterThanOrEqual(Math.ceil(times.length / 100));
        expect(meter?.spans).toBeLessThanOrEqual(times.length);
        expect(meter?.last).toBe(times.at(-1));
        expect((meter?.last ?? 0) - (meter?.since ?? 0)).toBeLessThan(60 * minute);
        expect(meter?.turns).toBeLessThanOrEqual(100);
      }),
    );
  });
});

describe('blocks of a quarter of an hour', () => {
  it.each([
    [0, 1],
    [1, 1],
    [15 * minute, 1],
    [15 * minute + 1, 2],
    [30 * minute, 2],
    [100 * minute, 7],
  ])('%s ms are %s', (ms, blocks) => expect(blocksOf(1_000, 1_000 + ms)).toBe(blocks));
});

describe('a session', () => {
  const closedAt = (time: string, said: ReturnType<typeof conversation>) => {
    const { events } = said.step({ type: 'ended', reason: 'admin' }, at(time));
    return events.find((event) => event.type === 'closed');
  };

  it('is closed with what its turns come to', () => {
    const said = conversation(policyOf({ expiration: 'never' }));
    for (const time of ['10:00', '10:10', '10:50', '11:05', '12:00']) {
      said.arrives(time, message('hello'));
      said.returns(time);
    }
    expect(closedAt('12:10', said)).toMatchObject({ turns: 5, messagesIn: 5, billing: { blocks: 9, spans: 3 } });
  });

  it('counts what reached the bot, whatever came of it, and meters only turns that count', () => {
    const said = conversation(policyOf({ expiration: 'never' }));
    said.arrives('10:00', message('hello'));
    said.returns('10:00');
    const { seen } = said.record;
    said.arrives('10:40', message('fails'));
    said.step({ type: 'failed', seen }, at('10:40'));
    said.arrives('10:45', message('discard'));
    said.step({ type: 'returned', counts: false }, at('10:46'));
    expect(closedAt('11:00', said)).toMatchObject({ turns: 1, messagesIn: 2, billing: { blocks: 4, spans: 1 } });
  });

  it('that nobody answered in has no span; the first message after a refresh begins anew', () => {
    const said = conversation();
    said.step({ type: 'started', user: 'ada', fresh: { id: 'own', data: {} } }, at('10:00'));
    expect(closedAt('10:20', said)).toMatchObject({ messagesIn: 0, billing: { blocks: 2, spans: 0 } });
    said.arrives('10:30', message('hello'));
    said.returns('10:30');
    const { events } = said.arrives('10:40', control('refresh', true));
    expect(events.find((event) => event.type === 'closed')).toMatchObject({ messagesIn: 1, billing: { spans: 1 } });
    said.returns('10:40');
    expect(said.session).toMatchObject({ messagesIn: 1, meter: { spans: 1, since: at('10:40'), turns: 1, last: at('10:40') } });
  });
});

describe('why a session ended when it did', () => {
  const whyOf = (said: ReturnType<typeof conversation>, time: string, policy = policyOf()) => {
    const { events } = said.arrives(time, message('back'), {}, policy);
    const closed = events.find((event) => event.type === 'closed');
    return closed?.type === 'closed' ? [closed.reason, closed.why] : undefined;
  };

  it('names every level, the one that won, and the cap', () => {
    const policy = policyOf({ expiration: 45 }, { expiration: 20, maxExpiration: 30 });
    const said = conversation(policy);
    said.arrives('10:00', message('hello'));
    expect(whyOf(said, '10:40', policy)).toEqual([
      'inactivity',
      {
        effectiveMs: 30 * minute,
        level: 'endpoint',
        inputs: [
          { level: 'endpoint', ms: 45 * minute, wins: false },
          { level: 'organization', ms: 20 * minute, wins: false },
          { level: 'default', ms: 30 * minute, wins: false },
        ],
        cap: { ms: 30 * minute, from: 'organization.maxExpiration', applied: true },
        lastActivityAt: at('10:00'),
      },
    ]);
  });

  it('names the session’s own expiration, and what a hook added', () => {
    const said = conversation();
    said.arrives('10:00', message('hello'));
    said.changesSession({ expiresAfterMs: 10 * minute, extendedMs: 90 * second });
    expect(whyOf(said, '10:12')?.[1]).toMatchObject({ effectiveMs: 10 * minute, level: 'session', extendedMs: 90 * second });
  });

  it('names the longest a session may last', () => {
    const policy = policyOf({ maxDuration: 60 });
    const said = conversation(policy);
    for (const time of ['10:00', '10:25', '10:50']) said.arrives(time, message('hello'));
    expect(whyOf(said, '11:00', policy)).toMatchObject([
      'max_duration',
      { maxDurationMs: 60 * minute, lastActivityAt: at('10:50') },
    ]);
  });

  it('names a change of settings since the last activity, and none from before it', () => {
    const before = policyOf({ expiration: 30 });
    const change = {
      at: at('10:15'),
      apply: 'live' as const,
      before: { expiration: before.expiration, agents: before.agents, maxDurationMs: before.closing.maxDurationMs },
    };
    const policy = { ...policyOf({ expiration: 10 }), change };
    const said = conversation(before);
    said.arrives('10:00', message('hello'));
    expect(whyOf(said, '10:16', policy)?.[1]).toMatchObject({
      effectiveMs: 10 * minute,
      change: { at: at('10:15'), apply: 'live', beforeMs: 30 * minute },
    });
    expect(whyOf(said, '10:26', policy)?.[1]).not.toHaveProperty('change');
  });

  it('is not asked of a close that somebody wanted', () => {
    const said = conversation();
    said.arrives('10:00', message('hello'));
    const { events } = said.step({ type: 'ended', reason: 'admin' }, at('10:01'));
    expect(events[0]).not.toHaveProperty('why');
  });
});
