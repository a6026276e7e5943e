import type { Activity, CommandName } from './activity.ts';
import type { Problem } from './policy.ts';

/** One word list for everybody, or one per locale (`default` for the rest). */
export type Words = string | readonly string[] | Readonly<Record<string, string | readonly string[]>>;
/** One text for everybody, or one per locale (`default` for the rest); `false` for none. */
export type Acknowledgement = string | Readonly<Record<string, string>> | false;

/** Renames commands, turns single ones off, or changes what the user is told. */
export interface CommandSettings {
  /** @default 'discard' */
  readonly discard?: Words | false | undefined;
  /** @default 'discard all' */
  readonly discardAll?: Words | false | undefined;
  /** @default 'refresh' */
  readonly refresh?: Words | false | undefined;
  /** What the user is told after each; `false` keeps silent. */
  readonly acknowledge?:
    | {
        readonly discard?: Acknowledgement | undefined;
        readonly discardAll?: Acknowledgement | undefined;
        readonly refresh?: Acknowledgement | undefined;
      }
    | false
    | undefined;
}

/** One command as the core matches it. */
interface CommandRule {
  readonly command: CommandName;
  /** Folded words by locale, `default` among them. */
  readonly words: Readonly<Record<string, readonly string[]>>;
  readonly acknowledge: Readonly<Record<string, string>>;
}

/** The commands that are on, in the order they are tried: `discard all` before `discard`. */
export type CommandRules = readonly CommandRule[];

export const commandDefaults = Object.freeze({
  'discard all': Object.freeze({ setting: 'discardAll', words: 'discard all', acknowledge: 'All discarded.' }),
  discard: Object.freeze({ setting: 'discard', words: 'discard', acknowledge: 'Discarded.' }),
  refresh: Object.freeze({ setting: 'refresh', words: 'refresh', acknowledge: 'Refreshed.' }),
} as const);

/** Settings turned into rules, with the problems found. */
export function commandRules(settings: CommandSettings | false | undefined): { rules: CommandRules; problems: Problem[] } {
  const problems: Problem[] = [];
  const rules: CommandRule[] = [];
  if (settings === false) return { rules, problems };
  const taken = new Map<string, CommandName>();
  for (const command of Object.keys(commandDefaults) as CommandName[]) {
    const { setting, words, acknowledge } = commandDefaults[command];
    const wanted = settings?.[setting] ?? words;
    if (wanted === false) continue;
    const lists = byLocale(wanted, (list) => [list].flat().map(fold));
    for (const word of Object.values(lists).flat()) {
      const other = taken.get(word);
      if (word === '') problems.push({ setting: `commands.${setting}`, message: 'An empty word would match empty messages.' });
      if (other !== undefined && other !== command) {
        problems.push({ setting: `commands.${setting}`, message: `The word "${word}" already stands for ${other}.` });
      }
      taken.set(word, command);
    }
    const text = settings?.acknowledge === false ? false : (settings?.acknowledge?.[setting] ?? acknowledge);
    rules.push({ command, words: lists, acknowledge: text === false ? {} : byLocale(text, (one) => one) });
  }
  return { rules, problems };
}

/**
 * The command an activity gives, if any: the whole text, trimmed, case-folded and Unicode-normalised, never a part of it.
 * In shared conversations only when the bot was addressed.
 */
export function commandOf(activity: Activity, rules: CommandRules): CommandName | undefined {
  switch (activity.kind) {
    case 'command':
      return rules.some((rule) => rule.command === activity.command) ? activity.command : undefined;
    case 'message':
      return activity.addressed && activity.text !== undefined ? match(activity.text, activity.locale, rules) : undefined;
    case 'postback':
      return activity.payload === undefined
        ? undefined
        : (match(activity.payload, activity.locale, rules) ??
            match(activity.payload.replace(/[_-]+/g, ' '), activity.locale, rules));
    default:
      return undefined;
  }
}

/** What the user is told once a command is done; undefined for nothing. */
export function acknowledgementOf(command: CommandName, locale: string | undefined, rules: CommandRules): string | undefined {
  const texts = rules.find((rule) => rule.command === command)?.acknowledge ?? {};
  return forLocale(texts, locale) ?? texts['default'];
}

/** Every word that is taken, for the line logged at start and for the check against the channel's own words. */
export function wordsOf(rules: CommandRules): string[] {
  return rules.flatMap((rule) => Object.values(rule.words).flat());
}

/** Longest text that is looked at; no command is that long, and folding a megabyte costs. */
const longestCommand = 200;

function match(text: string, locale: string | undefined, rules: CommandRules): CommandName | undefined {
  if (text.length > longestCommand) return undefined;
  const folded = fold(text);
  return rules.find((rule) => listsFor(rule.words, locale).some((list) => list.includes(folded)))?.command;
}

/** Where the channel names no locale every list counts. */
function listsFor(words: CommandRule['words'], locale: string | undefined): (readonly string[])[] {
  if (locale === undefined) return Object.values(words);
  return [forLocale(words, locale), words['default']].filter((list) => list !== undefined);
}

function forLocale<T>(texts: Readonly<Record<string, T>>, locale: string | undefined): T | undefined {
  const tag = locale?.toLowerCase();
  if (tag === undefined) return undefined;
  return own(texts, tag) ?? own(texts, tag.split(/[-_]/)[0] ?? tag);
}

/**
 * Folds a text the way commands are compared: compatibility form, no case, single inner spaces.
 * By way of upper case, since only that tells that ß and ss are the same letters; and to that from lower case, since ẞ is one of them, too.
 */
export function fold(text: string): string {
  const caseless = text.normalize('NFKC').trim().toLowerCase().toUpperCase().toLowerCase();
  return caseless.normalize('NFKC').replace(/\s+/g, ' ');
}

function byLocale<In, Out>(value: In | Readonly<Record<string, In>>, map: (one: In) => Out): Record<string, Out> {
  const record =
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, In>)
      : { default: value as In };
  return Object.fromEntries(Object.entries(record).map(([locale, one]) => [locale.toLowerCase(), map(one)]));
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
