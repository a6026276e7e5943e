import { ScenarioError } from './format.ts';

/** A JSON object of the file, with its place: reads fields with checks that name the exact path. */
export interface Reader {
  readonly path: string;
  readonly keys: readonly string[];
  has(name: string): boolean;
  /** The path of a field. */
  at(name: string): string;
  raw(name: string): unknown;
  text(name: string): string;
  optionalText(name: string): string | undefined;
  flag(name: string): boolean;
  /** Refuses every value but true. */
  isTrue(name: string): void;
  /** A whole number of at least `least`, or `otherwise` where the field is missing. */
  count(name: string, least: number, otherwise: number): number;
  oneOf<const Value extends string>(name: string, values: readonly Value[]): Value;
  list(name: string): readonly unknown[];
  texts(name: string): readonly string[];
  /** A list of objects. */
  objects(name: string): readonly Reader[];
  object(name: string): Reader;
  /** Refuses every field that is not named. */
  only(...names: readonly string[]): void;
}

/** @throws ScenarioError if `value` is no JSON object. */
export function reader(value: unknown, path: string): Reader {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ScenarioError(path, 'must be an object.');
  const object = value as Readonly<Record<string, unknown>>;
  const has = (name: string) => Object.hasOwn(object, name);
  const at = (name: string) => (path === '' ? name : `${path}.${name}`);
  const raw = (name: string) => (has(name) ? object[name] : undefined);
  const wrong = (name: string, wanted: string): ScenarioError =>
    new ScenarioError(
      at(name),
      has(name) ? `must be ${wanted}, not ${JSON.stringify(raw(name))}.` : `is missing; it must be ${wanted}.`,
    );
  const text = (name: string) => {
    const found = raw(name);
    if (typeof found !== 'string' || found === '') throw wrong(name, 'a text');
    return found;
  };
  const list = (name: string): readonly unknown[] => {
    const found = raw(name);
    if (!Array.isArray(found)) throw wrong(name, 'a list');
    return found;
  };
  return {
    path,
    keys: Object.keys(object),
    has,
    at,
    raw,
    text,
    optionalText: (name) => (has(name) ? text(name) : undefined),
    flag(name) {
      if (has(name) && raw(name) !== true && raw(name) !== false) throw wrong(name, 'true or false');
      return raw(name) === true;
    },
    isTrue(name) {
      if (raw(name) !== true) throw wrong(name, 'true');
    },
    count(name, least, otherwise) {
      const found = has(name) ? raw(name) : otherwise;
      if (!Number.isSafeInteger(found) || (found as number) < least) throw wrong(name, `a whole number of at least ${least}`);
      return found as number;
    },
    oneOf(name, values) {
      const found = values.find((one) => one === raw(name));
      if (found === undefined) throw wrong(name, `one of ${values.map((one) => `"${one}"`).join(', ')}`);
      return found;
    },
    list,
    texts(name) {
      const found = list(name);
      if (!isTexts(found)) throw new ScenarioError(at(name), 'must be a list of texts.');
      return found;
    },
    objects: (name) => list(name).map((one, index) => reader(one, `${at(name)}[${index}]`)),
    object: (name) => reader(raw(name), at(name)),
    only(...names) {
      const unknown = Object.keys(object).find((name) => !names.includes(name));
      if (unknown !== undefined)
        throw new ScenarioError(at(unknown), `there is no "${unknown}" here; known are ${names.join(', ')}.`);
    },
  };
}

export function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
