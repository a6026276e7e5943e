import { createHash } from 'node:crypto';

/** What a statement's `:name` stands for; a list stands where `:...name` is written. */
export type SqlValue = string | number | null;
export type SqlList = readonly (string | number)[];
export type Values = Readonly<Record<string, SqlValue | SqlList>>;

/** A statement as a driver takes it. */
export interface Bound {
  readonly sql: string;
  /** The same for the same SQL everywhere, short enough to name a prepared statement. */
  readonly name: string;
  readonly values: SqlValue[];
}

interface Plan extends Omit<Bound, 'values'> {
  /** Name and place in the list, one for each value. */
  readonly order: readonly (readonly [name: string, index: number | undefined])[];
}

/** `$n` and `?n` may stand in several places; each `?` is a value of its own. */
export type PlaceholderStyle = '$n' | '?n' | '?';

/**
 * Turns statements with named placeholders into the driver's form. A list is filled up to a power of two by repeating its last
 * member, so that few different statements come of it.
 */
export function binder(style: PlaceholderStyle): (text: string, values: Values) => Bound {
  const plans = new Map<string, Plan>();

  const planned = (text: string, sizes: ReadonlyMap<string, number>): Plan => {
    const order: (readonly [string, number | undefined])[] = [];
    const places = new Map<string, number>();
    const place = (name: string, index?: number): string => {
      const id = `${name}.${index}`;
      let at = places.get(id);
      if (at === undefined || style === '?') {
        at = order.push([name, index]);
        places.set(id, at);
      }
      return style === '?' ? '?' : `${style.charAt(0)}${at}`;
    };
    const sql = text.replace(/:(\.\.\.)?([a-z]\w*)/gi, (_, list: string | undefined, name: string) =>
      list === undefined
        ? place(name)
        : Array.from({ length: sizes.get(name) ?? 0 }, (_one, index) => place(name, index)).join(', '),
    );
    return { sql, name: `adjourn_${createHash('sha1').update(sql).digest('hex').slice(0, 20)}`, order };
  };

  /** The lists of a statement count for its plan by their sizes alone. */
  const sizesOf = (values: Values) => {
    const sizes = new Map<string, number>();
    for (const [name, value] of Object.entries(values)) {
      if (isList(value)) sizes.set(name, 2 ** Math.ceil(Math.log2(Math.max(1, value.length))));
    }
    return sizes;
  };

  return (text, values) => {
    const sizes = text.includes(':...') ? sizesOf(values) : none;
    const id = sizes === none ? text : `${text} ${[...sizes].join(' ')}`;
    let plan = plans.get(id);
    if (plan === undefined) {
      plan = planned(text, sizes);
      plans.set(id, plan);
    }
    const { sql, name, order } = plan;
    return { sql, name, values: order.map(([from, index]) => valueAt(values[from], index)) };
  };
}

const none: ReadonlyMap<string, number> = new Map();

/** A list goes on with its last member. */
function valueAt(value: Values[string] | undefined, index: number | undefined): SqlValue {
  if (!isList(value)) return value ?? null;
  return value[Math.min(index ?? 0, value.length - 1)] ?? null;
}

function isList(value: Values[string] | undefined): value is SqlList {
  return Array.isArray(value);
}
