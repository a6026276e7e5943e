/** A text to send by itself: one, several in rotation, or either by locale (`default` for the rest). */
export type Text = string | readonly string[] | Readonly<Record<string, string | readonly string[]>>;

/** Folded into one form: variants by locale, `default` among them. */
export type TextRules = Readonly<Record<string, readonly string[]>>;

/** @returns the text's variants by locale; undefined where one of them is empty or no text at all. */
export function textRules(text: unknown): TextRules | undefined {
  const record =
    typeof text === 'object' && text !== null && !Array.isArray(text) ? (text as Record<string, unknown>) : { default: text };
  const rules = Object.fromEntries(Object.entries(record).map(([locale, one]) => [locale.toLowerCase(), [one].flat()]));
  const all = Object.values(rules);
  const sound =
    all.length > 0 && all.every((list) => list.length > 0 && list.every((one) => typeof one === 'string' && one.trim() !== ''));
  return sound ? (rules as TextRules) : undefined;
}

/** The text for a locale, the next of its variants each time. Undefined where nothing is meant for that locale. */
export function pickText(rules: TextRules, locale: string | undefined, turn: number): string | undefined {
  const tag = locale?.toLowerCase() ?? 'default';
  const list = own(rules, tag) ?? own(rules, tag.split(/[-_]/)[0] ?? tag) ?? own(rules, 'default');
  return list?.[turn % list.length];
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
