import { isKey } from '../middleware/core/activity.ts';
import { Refused } from './refused.ts';
import type { Route } from './route.ts';

/** A path that is ours, with what answers there. */
export interface Place {
  readonly routes: readonly Route[];
  /** The segment a route has braces for, as it came; empty where it has none. */
  readonly segment: string;
  /** What kind of name that is. */
  readonly names: Named | undefined;
}

/** What a path can name, and what it is said to be. */
const named = { key: 'key, encoded as one segment', session: 'session', desk: 'desk' } as const;
type Named = keyof typeof named;

/**
 * The routes of a path. Segments are compared as they came: what is encoded in another way than by `encodeURIComponent`, or has an empty
 * or extra segment, is not ours.
 */
export function placeOf(routes: readonly Route[], path: string): Place | undefined {
  const given = path.split('/');
  const fits = (wanted: string, index: number) => (isName(wanted) ? given[index] !== '' : wanted === given[index]);
  const found = routes.filter((route) => {
    const wanted = route.path.split('/');
    return wanted.length === given.length && wanted.every(fits);
  });
  const [first] = found;
  if (first === undefined) return undefined;
  const index = first.path.split('/').findIndex(isName);
  const names = first.path.split('/')[index]?.slice(1, -1) as Named | undefined;
  return { routes: found, segment: given[index] ?? '', names };
}

/** The name that a path has, decoded once. @throws Refused where it can be none */
export function nameAt({ segment, names }: Place): string {
  if (names === undefined) return '';
  const name = decoded(segment);
  const fits = names === 'key' ? isKey(name) : /^[^\p{Cc}]{1,512}$/u.test(name);
  if (fits) return name;
  throw new Refused(400, `The path names no ${named[names]}.`);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return '';
  }
}

function isName(segment: string): boolean {
  return segment.startsWith('{');
}
