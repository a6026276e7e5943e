/** Readers for what came over the wire: its types are promises only, and any part may be missing or something else. */

/** The value at a path of own members; undefined where the path ends early. A prototype has no say. */
export function part(value: unknown, ...path: readonly string[]): unknown {
  let here = value;
  for (const name of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, name)) return undefined;
    here = Reflect.get(here, name);
  }
  return here;
}

/** The text at a path; undefined for anything else, the empty text included. */
export function text(value: unknown, ...path: readonly string[]): string | undefined {
  const found = part(value, ...path);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

/** The list at a path; an empty one for anything else. */
export function list(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = part(value, ...path);
  return Array.isArray(found) ? found : [];
}
