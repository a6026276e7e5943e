/** What `{{…}}` in a raw webhook stands for. */
export interface Placeholders {
  user(name: string): string;
  readonly endpoint: string;
  readonly id: string;
  /** Epoch ms. */
  readonly now: number;
}

/** Fills `{{user:ada}}`, `{{endpoint}}`, `{{id}}` and `{{now}}` in every text of JSON data; a text that is nothing but `{{now}}` becomes a number. */
export function fill(data: unknown, values: Placeholders): unknown {
  if (typeof data === 'string') return data === '{{now}}' ? values.now : fillText(data, values);
  if (Array.isArray(data)) return data.map((one) => fill(one, values));
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, fill(value, values)]));
}

export function fillText(text: string, values: Placeholders): string {
  return text.replace(/\{\{(user:([^{}]+)|endpoint|id|now)\}\}/g, (_whole, name: string, user: string | undefined) => {
    if (user !== undefined) return values.user(user);
    return String(values[name as 'endpoint' | 'id' | 'now']);
  });
}

/** The first person that a raw webhook names. */
export function personIn(data: unknown): string | undefined {
  return /\{\{user:([^{}]+)\}\}/.exec(JSON.stringify(data) ?? '')?.[1];
}
