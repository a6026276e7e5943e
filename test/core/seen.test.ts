import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasSeen, lastSeenAt, nothingSeen, type Seen, seenLimit, withSeen } from '../../src/middleware/core/seen.ts';
import { at, conversation, message, minute, policyOf } from './given.ts';

function windowOf(entries: readonly { readonly id: string; readonly first: number }[]): Seen {
  return entries.map(({ id, first }) => `,${id}:${first.toString(36)}`).join('');
}

test('remembers as a plain list of arrivals would', () => {
  const arrivals = fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 40 })), {
    maxLength: 200,
    size: 'max',
  });
  fc.assert(
    fc.property(arrivals, (steps) => {
      const keep = 100;
      let seen: Seen = nothingSeen;
      let naive: { id: string; first: number }[] = [];
      let now = 0;
      for (const [id, wait] of steps) {
        now += wait;
        seen = withSeen(seen, `m${id}`, now, keep);
        naive = naive.filter((one) => now - one.first < keep);
        if (!naive.some((one) => one.id === `m${id}`)) naive.push({ id: `m${id}`, first: now });
        expect(seen).toBe(windowOf(naive));
        expect(lastSeenAt(seen)).toBe(naive.at(-1)?.first);
      }
    }),
  );
});

test('never keeps more than a thousand; the oldest leave first', () => {
  let seen: Seen = nothingSeen;
  for (let n = 0; n < seenLimit + 5; n++) seen = withSeen(seen, `m${n}`, n, Number.POSITIVE_INFINITY);
  expect(seen.split(',')).toHaveLength(1_001);
  expect([hasSeen(seen, 'm4'), hasSeen(seen, 'm5'), hasSeen(seen, `m${seenLimit + 4}`)]).toEqual([false, true, true]);
  expect(withSeen(seen, 'm5', 9_999, Number.POSITIVE_INFINITY)).toEqual(seen);
});

test('an id leaves when the vendor cannot redeliver it any more, counted from its first arrival', () => {
  const policy = policyOf({ expiration: 0 }, {}, { redeliversForMs: 60 * minute });
  const talk = conversation(policy);
  talk.arrives('10:00', message('hi'), { id: 'm1' });
  for (const time of ['10:30', '10:59:59.999'])
    expect(talk.arrives(time, message('hi'), { id: 'm1' }).verdict).toMatchObject({ do: 'drop' });
  talk.arrives('11:00', message('other'), { id: 'm2' });
  expect(talk.record.seen).toBe(windowOf([{ id: 'm2', first: at('11:00') }]));
});

test('a duplicate never moves the clock', () => {
  const talk = conversation();
  talk.arrives('10:00', message('hi'), { id: 'm1' });
  talk.arrives('10:20', message('hi'), { id: 'm1' });
  expect(talk.session.lastActivityAt).toBe(at('10:00'));
  expect(talk.arrives('10:30', message('new'), { id: 'm2' }).events.map((one) => one.type)).toEqual(['closed', 'opened']);
});

test('without an id nothing is a duplicate', () => {
  const talk = conversation();
  expect(talk.arrives('10:00', message('hi')).verdict).toMatchObject({ do: 'run' });
  expect(talk.arrives('10:00', message('hi')).verdict).toMatchObject({ do: 'run' });
});
