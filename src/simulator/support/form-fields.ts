/** Form fields as they go over the wire: an array repeats its name, an object's members get brackets. */
export function pairs(fields: Readonly<Record<string, unknown>>, prefix?: string): [string, string][] {
  return Object.entries(fields).flatMap(([key, value]) => pair(prefix === undefined ? key : `${prefix}[${key}]`, value));
}

function pair(name: string, value: unknown): [string, string][] {
  if (Array.isArray(value)) return value.flatMap((one) => pair(name, one));
  if (isRecord(value)) return pairs(value, name);
  return [[name, value === null || value === undefined ? '' : String(value)]];
}

/** The other way round, for a body that comes as text. */
export function fieldsOf(body: URLSearchParams): Record<string, unknown> {
  const names = [...new Set(body.keys())];
  return Object.fromEntries(names.map((name) => [name, body.getAll(name).length > 1 ? body.getAll(name) : body.get(name)]));
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
