import { AdjournError } from './errors.ts';

/** Where a page ended, as text that means something to its maker alone. */
export function toCursor(...place: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/**
 * The place again.
 * @param kinds what its parts are
 * @throws AdjournError `ADJ_CONFIG_INVALID` if it is none of ours
 */
export function fromCursor<Kinds extends readonly ('string' | 'number')[]>(cursor: string, ...kinds: Kinds): Place<Kinds> {
  const place = parsed(cursor);
  if (Array.isArray(place) && place.length === kinds.length && place.every((part, index) => typeof part === kinds[index])) {
    return place as unknown as Place<Kinds>;
  }
  throw new AdjournError('ADJ_CONFIG_INVALID', 'This is not where a page ended.', {
    where: 'after',
    hint: 'Give the `next` of the page before, as it is.',
  });
}

type Place<Kinds extends readonly ('string' | 'number')[]> = {
  readonly [Index in keyof Kinds]: Kinds[Index] extends 'string' ? string : number;
};

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return undefined;
  }
}
