import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyIndex } from '../../src/stores/support/key-index.ts';

const key = fc.integer({ min: 0, max: 60 }).map((n) => `k${n}`);
const time = fc.integer({ min: 0, max: 1_000 });

test('gives out what a sorted list would', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constant('set' as const), key, fc.option(time, { nil: null, freq: 4 })) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('delete' as const), key) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constant('claim' as const), time, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 300 })),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
      const index = keyIndex();
      const naive = new Map<string, number | null>();
      for (const one of steps) {
        if (one[0] === 'set') {
          index.set(one[1], one[2]);
          naive.set(one[1], one[2]);
        } else if (one[0] === 'delete') {
          index.delete(one[1]);
          naive.delete(one[1]);
        } else {
          const [, now, limit, later] = one;
          const due = [...naive.values()].filter((at) => at !== null).filter((at) => at <= now);
          const claimed = index.claim(now, limit, now + later);
          expect(claimed.map((each) => naive.get(each))).toEqual(due.sort((a, b) => a - b).slice(0, limit));
          for (const each of claimed) naive.set(each, now + later);
        }
        expect(index.keys()).toEqual([...naive.keys()].sort());
      }
      for (const [each, at] of naive) expect(index.wakeAt(each)).toBe(at);
    }),
    { numRuns: 150 },
  );
});
