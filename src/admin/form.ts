/**
 * What a value looks like: the part of JSON Schema (2020-12) that requests are checked by and answers are described with. OpenAPI 3.1
 * takes it as it is.
 */
export interface Schema {
  readonly $ref?: string;
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'object' | 'array';
  readonly description?: string;
  readonly enum?: readonly (string | number | boolean)[];
  readonly default?: string | number | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly maxItems?: number;
  readonly anyOf?: readonly Schema[];
}

declare const holds: unique symbol;

/** A schema, with the type of what fits it. */
export interface Form<T> extends Schema {
  readonly [holds]?: T;
}

/** Forms by name, and what fits them: in a query or a body all may be absent but what is `required`. */
export type Forms = Readonly<Record<string, Form<unknown>>>;
export type Values<All extends Forms> = { readonly [Name in keyof All]?: All[Name] extends Form<infer T> ? T : never };

export const text = (maxLength: number, more: Schema = {}): Form<string> => ({
  type: 'string',
  minLength: 1,
  maxLength,
  ...more,
});
export const integer = (minimum: number, maximum: number, more: Schema = {}): Form<number> => ({
  type: 'integer',
  minimum,
  maximum,
  ...more,
});
export const flag = (more: Schema = {}): Form<boolean> => ({ type: 'boolean', ...more });
export const oneOf = <Word extends string>(...words: readonly Word[]): Form<Word> => ({ type: 'string', enum: words });
export const listOf = <T>(items: Form<T>, maxItems: number): Form<readonly T[]> => ({ type: 'array', items, maxItems });

/**
 * What does not fit, in words that name the place and what it must be, never the value. Undefined: all of it fits.
 * @param named schemas that a `$ref` may point to
 */
export function misfit(
  schema: Schema,
  value: unknown,
  where: string,
  named: Readonly<Record<string, Schema>> = {},
): string | undefined {
  if (schema.$ref !== undefined) {
    const meant = named[schema.$ref.split('/').at(-1) ?? ''];
    return meant === undefined ? `${where}: nothing describes it.` : misfit(meant, value, where, named);
  }
  if (schema.anyOf !== undefined) {
    const fits = schema.anyOf.some((one) => misfit(one, value, where, named) === undefined);
    return fits ? undefined : `${where}: it has none of the forms it may have.`;
  }
  if (schema.enum !== undefined && !schema.enum.some((one) => one === value)) {
    return `${where}: it must be one of ${schema.enum.join(', ')}.`;
  }
  switch (schema.type) {
    case 'string':
      return fitsText(schema, value) ? undefined : `${where}: it must be text${bounds(schema.minLength, schema.maxLength)}.`;
    case 'integer':
    case 'number':
      return fitsNumber(schema, value) ? undefined : `${where}: it must be a number${bounds(schema.minimum, schema.maximum)}.`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `${where}: it must be true or false.`;
    case 'array':
      return misfitOfList(schema, value, where, named);
    case 'object':
      return misfitOfObject(schema, value, where, named);
    default:
      return undefined;
  }
}

function bounds(least: number | undefined, most: number | undefined): string {
  if (least === undefined && most === undefined) return ' of the right form';
  return `, from ${least ?? 'any'} to ${most ?? 'any'}`;
}

function fitsText({ minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern }: Schema, value: unknown): boolean {
  if (typeof value !== 'string' || !value.isWellFormed()) return false;
  return (
    value.length >= minLength && value.length <= maxLength && (pattern === undefined || new RegExp(pattern, 'u').test(value))
  );
}

function fitsNumber({ type, minimum = -Number.MAX_VALUE, maximum = Number.MAX_VALUE }: Schema, value: unknown): boolean {
  if (typeof value !== 'number' || (type === 'integer' && !Number.isSafeInteger(value))) return false;
  return value >= minimum && value <= maximum;
}

function misfitOfList(
  { items = {}, maxItems = Number.POSITIVE_INFINITY }: Schema,
  value: unknown,
  where: string,
  named: Readonly<Record<string, Schema>>,
): string | undefined {
  if (!Array.isArray(value) || value.length > maxItems) return `${where}: it must be a list${bounds(0, maxItems)}.`;
  return value.map((one, index) => misfit(items, one, `${where}[${index}]`, named)).find((one) => one !== undefined);
}

function misfitOfObject(
  { properties = {}, required = [], additionalProperties = true }: Schema,
  value: unknown,
  where: string,
  named: Readonly<Record<string, Schema>>,
): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${where}: it must be an object.`;
  const absent = required.find((name) => !Object.hasOwn(value, name));
  if (absent !== undefined) return `${where}: ${absent} is missing.`;
  for (const [name, member] of Object.entries(value)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (known === false)
      return `${where}: it has a member that it may not have. It may have ${Object.keys(properties).join(', ') || 'none'}.`;
    const wrong = typeof known === 'object' ? misfit(known, member, `${where}.${name}`, named) : undefined;
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
