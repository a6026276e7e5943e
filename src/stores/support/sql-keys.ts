import { AdjournError } from '../../middleware/errors.ts';

/** Longest key in its stored form, characters: so much fits into an index of every database. */
export const longestKey = 640;

/**
 * What some database does not store, or does not tell apart: control characters, halves of surrogate pairs, spaces (at the end
 * they do not count in MySQL). The last character of Unicode stays free to mark the end of a range.
 */
const troublesome = /[\\ \p{Cc}\p{Cs}\u{10ffff}]/gu;

/**
 * A key as text that every database keeps as it is; ordinary keys stay as they are.
 * @throws AdjournError `ADJ_RECORD_INVALID` if it is too long
 */
export function toColumn(key: string): string {
  const text = escaped(key);
  if (text.length <= longestKey) return text;
  throw new AdjournError('ADJ_RECORD_INVALID', `A key has more than ${longestKey} characters.`, {
    where: `${key.slice(0, 60)}…`,
    hint: 'Use shorter names of endpoints, and ids as the channels give them.',
  });
}

export function fromColumn(text: string): string {
  return text.replace(/\\([0-9a-f]+);/g, (_, hex: string) => {
    const code = Number.parseInt(hex, 16);
    return code > 0xffff ? String.fromCodePoint(code) : String.fromCharCode(code);
  });
}

/** The stored keys that start so: from the first, up to but without the second. */
export function rangeOf(prefix: string): readonly [from: string, to: string] {
  const from = escaped(prefix);
  return [from, `${from}\u{10ffff}`];
}

function escaped(key: string): string {
  return key.replace(troublesome, (sign) => `\\${sign.codePointAt(0)?.toString(16)};`);
}
