import type { EndpointSettings } from './policy.ts';
import type { Overrides, SettingsChange, SettingsEntry, SettingsRecord } from './settings-record.ts';

/** What stored settings may know a contact by. */
export interface ContactNames {
  /** Their conversations. */
  readonly keys: readonly string[];
  /** What channels call the person, by endpoint. */
  readonly users: Readonly<Record<string, readonly string[]>>;
}

/** Takes the place of a contact's key where it says who made a change. */
const nobody = 'erased';

/**
 * The settings without a contact, in what counts and in the history. They are named in lists of developers, the only setting that names
 * people; and in `by`, where that is the key of their conversation. Any other `by` is the application's own name of somebody, which
 * nobody can tell from the name of a contact.
 * @returns the same record where nothing names them; `mentions`: in how many places something did
 */
export function withoutContact(
  record: SettingsRecord,
  names: ContactNames,
): { readonly record: SettingsRecord; readonly mentions: number } {
  let mentions = 0;
  const developers = (endpoint: string, list: unknown): unknown => {
    if (!Array.isArray(list)) return list;
    const users = Object.hasOwn(names.users, endpoint) ? (names.users[endpoint] ?? []) : [];
    const left = list.filter((one) => !users.includes(one));
    if (left.length < list.length) mentions++;
    return left;
  };
  const who = (by: string): string => {
    if (!names.keys.includes(by)) return by;
    mentions++;
    return nobody;
  };
  const entry = (one: SettingsEntry): SettingsEntry => ({
    ...one,
    by: who(one.by),
    change: withDevelopers(one.change, developers),
  });
  const { settled } = record;
  const level = (settings: Overrides['organization'], list: (value: unknown) => unknown) =>
    mapped(settings, (one, name) => ({ ...one, by: who(one.by), value: name === 'developer' ? list(one.value) : one.value }));
  const next: SettingsRecord = {
    ...record,
    // Every process must take notice.
    version: record.version + 1,
    settled: {
      organization: level(settled.organization, (value) => value),
      endpoints: mapped(settled.endpoints, (settings, endpoint) => level(settings, (value) => developers(endpoint, value))),
    },
    changes: record.changes.map(entry),
  };
  return mentions === 0 ? { record, mentions } : { record: next, mentions };
}

function withDevelopers(change: SettingsChange, left: (endpoint: string, list: unknown) => unknown): SettingsChange {
  const { endpoints } = change;
  if (endpoints === undefined) return change;
  const changed = mapped(endpoints as Readonly<Record<string, EndpointSettings>>, (settings, endpoint) =>
    Object.hasOwn(settings, 'developer') ? { ...settings, developer: left(endpoint, settings.developer) } : settings,
  );
  return { ...change, endpoints: changed as SettingsChange['endpoints'] };
}

function mapped<One, Other>(
  record: Readonly<Record<string, One>>,
  next: (one: One, name: string) => Other,
): Record<string, Other> {
  return Object.fromEntries(Object.entries(record).map(([name, one]) => [name, next(one, name)]));
}
