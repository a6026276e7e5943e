import { inspect } from 'node:util';

/** What must not be found, by what it is. */
export type Needles = Readonly<Record<string, string>>;

/** Which needles are in a text, as they are or written in another way. */
export function found(needles: Needles, text: string): string[] {
  return Object.entries(needles)
    .filter(([, needle]) => writings(needle).some((writing) => text.includes(writing)))
    .map(([name]) => name);
}

/** Everything an object holds, as text: what is hidden in it too, and errors with their causes, whatever they say of themselves. */
export function allOf(value: unknown): string {
  const everything = { maxArrayLength: null, maxStringLength: null, breakLength: Number.POSITIVE_INFINITY };
  return inspect(value, { depth: null, showHidden: true, customInspect: false, getters: true, ...everything });
}

/** A text as it is, in bytes as `inspect` shows them, in hexadecimal, and in base64 wherever in a longer text it may stand. */
function writings(text: string): string[] {
  const bytes = Buffer.from(text);
  const base64 = [0, 1, 2].map((before) => {
    const bits = [before, before + bytes.length].map((count) => count * 8);
    const [from = 0, to = 0] = [Math.ceil((bits[0] ?? 0) / 6), Math.floor((bits[1] ?? 0) / 6)];
    return Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .slice(from, to);
  });
  return [text, [...bytes].join(', '), bytes.toString('hex'), ...base64];
}
