/**
 * Careful reading of Meta's payloads. Property access on parsed JSON never throws as long as nothing is null, so only what is iterated,
 * called or kept needs a look.
 */

/** A text that says something; anything else is none. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** No app of Meta's lets a person write a longer text (WhatsApp: 65,536 characters). */
const longestText = 100_000;

/** Whether a person can have written this text: of a possible length, and of whole characters. Anything else is a hostile payload. */
export function isWritten(text: string): boolean {
  return text.length <= longestText && text.isWellFormed();
}

/** The objects of a list; anything else is an empty one. */
export function listOf<T extends object>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'object' && one !== null) : [];
}

/** Whether an object carries a part under this very name, not by inheritance. */
export function has(owner: object | undefined, name: string): boolean {
  const part = owner !== undefined && Object.hasOwn(owner, name) ? (owner as Record<string, unknown>)[name] : undefined;
  return typeof part === 'object' && part !== null;
}

/** Below this a stamp cannot be milliseconds: it would lie in 2001 or before. */
const leastMilliseconds = 1e12;

/**
 * A stamp as `at` and `precision`: milliseconds, or seconds (as a number or as text), whichever it must be.
 * WhatsApp stamps seconds as text, Messenger milliseconds, but some of its referrals and dashboard tests seconds.
 */
export function timeOf(value: unknown): { at?: number; precision?: number } {
  const stamp = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof stamp !== 'number' || !Number.isFinite(stamp) || stamp <= 0) return {};
  return stamp < leastMilliseconds ? { at: stamp * 1000, precision: 1000 } : { at: stamp };
}
