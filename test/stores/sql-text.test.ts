import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAdjournError } from '../../src/middleware/errors.ts';
import { fromColumn, rangeOf, toColumn } from '../../src/stores/support/sql-keys.ts';
import { binder } from '../../src/stores/support/sql-text.ts';

describe('placeholders', () => {
  const text = 'UPDATE t SET a = :a, b = :b WHERE a <> :a AND k IN (:...keys)';
  const values = { a: 1, b: null, keys: ['x', 'y', 'z'], unused: 'u' };

  test('where a driver numbers them, a name has one number', () => {
    expect(binder('$n')(text, values)).toMatchObject({
      sql: 'UPDATE t SET a = $1, b = $2 WHERE a <> $1 AND k IN ($3, $4, $5, $6)',
      values: [1, null, 'x', 'y', 'z', 'z'],
    });
    expect(binder('?n')('SELECT :a, :a', { a: 1 })).toMatchObject({ sql: 'SELECT ?1, ?1', values: [1] });
  });

  test('where it only counts them, each place has its value', () => {
    expect(binder('?')(text, values)).toMatchObject({
      sql: 'UPDATE t SET a = ?, b = ? WHERE a <> ? AND k IN (?, ?, ?, ?)',
      values: [1, null, 1, 'x', 'y', 'z', 'z'],
    });
  });

  test('lists of up to the same power of two share a statement; others do not', () => {
    const bind = binder('$n');
    const nameOf = (...keys: string[]) => bind('DELETE FROM t WHERE k IN (:...keys)', { keys }).name;
    expect(nameOf('a', 'b', 'c')).toBe(nameOf('a', 'b', 'c', 'd'));
    expect(nameOf('a', 'b', 'c')).not.toBe(nameOf('a', 'b'));
  });
});

describe('keys as they are stored', () => {
  const strings = fc.string({
    unit: fc.oneof(
      fc.constantFrom('a', ' ', '\\', ';', '\0', '\ud800', '\u{10ffff}', '5c'),
      fc.string({ unit: 'binary', maxLength: 1 }),
    ),
    maxLength: 20,
  });

  test('come back, hold nothing a database would change, and keep what begins alike together', () => {
    fc.assert(
      fc.property(strings, strings, (prefix, rest) => {
        const stored = toColumn(prefix + rest);
        expect(fromColumn(stored)).toBe(prefix + rest);
        expect(stored).not.toMatch(/[ \p{Cc}\p{Cs}]/u);
      }),
    );
  });

  test('of one prefix lie within its range', () => {
    const [from, to] = rangeOf('line/a\\');
    for (const key of ['line/a\\', 'line/a\\b', 'line/a\\\u{10fffe}'])
      expect(toColumn(key) >= from && toColumn(key) < to).toBe(true);
    for (const key of ['line/a', 'line/b', 'line/a]']) expect(toColumn(key) >= from && toColumn(key) < to).toBe(false);
  });

  test('are refused when too long, by their beginning', () => {
    const thrown = (() => {
      try {
        return toColumn('k'.repeat(641));
      } catch (error) {
        return error;
      }
    })();
    expect(isAdjournError(thrown, 'ADJ_RECORD_INVALID')).toBe(true);
    expect(String(thrown).length).toBeLessThan(300);
  });
});
