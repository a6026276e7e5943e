import { systemKey } from './activity.ts';
import type { ChangedBy, EndpointSettings, OrganizationSettings } from './policy.ts';

/** Where settings changed while running are stored. */
export const settingsKey = systemKey('settings');

/** Members that are there take the place of those that stand; `null` takes a changed one back to what the code says. */
type Changes<Settings> = { readonly [Name in keyof Settings]?: Settings[Name] | null };

/** A change of settings while running, as plain data. What it does not name stays as it is. */
export interface SettingsChange<Endpoint extends string = string> {
  readonly endpoints?: { readonly [Name in Endpoint]?: Changes<EndpointSettings> | undefined } | undefined;
  readonly organization?: Changes<OrganizationSettings> | undefined;
}

/** One change that was made. */
export interface SettingsEntry extends ChangedBy {
  /** Counts the changes. */
  readonly version: number;
  readonly apply: 'live' | 'nextSession';
  readonly change: SettingsChange;
}

/** A change that was made, with what it replaced. */
export interface SettingsHistoryEntry extends SettingsEntry {
  /** The same members as they stood before; `null`: as the code says. Setting it undoes the change. */
  readonly before: SettingsChange;
}

/** All that was changed while running, in one record. */
export interface SettingsRecord {
  /** Format of the record; a reader that does not know it must refuse it. */
  readonly v: 1;
  /** Counts the changes; 0: there was none. */
  readonly version: number;
  /** What changes older than those below have left. */
  readonly settled: Overrides;
  /** The latest ones, the oldest first: live sessions may have begun under any of them. */
  readonly changes: readonly SettingsEntry[];
  /** Sessions that now end earlier are still being looked up, so that somebody looks at them in time. */
  readonly rearming?: true | undefined;
}

/** Settings that are not as the code says, by name. */
export interface Overrides {
  readonly organization: Level;
  readonly endpoints: Readonly<Record<string, Level>>;
}

type Level = Readonly<Record<string, Override>>;

interface Override extends ChangedBy {
  readonly value: unknown;
}

export const settingsVersion = 1;

/** So many changes are kept; a session older than all of them counts by what stood before the oldest. */
export const keptChanges = 100;

export const noSettings: SettingsRecord = {
  v: settingsVersion,
  version: 0,
  settled: { organization: {}, endpoints: {} },
  changes: [],
};

/** The record after a change. Times never go backwards, whatever the clocks of several processes say. */
export function withChange(record: SettingsRecord, made: Omit<SettingsEntry, 'version'>): SettingsRecord {
  const version = record.version + 1;
  const at = Math.max(made.at, record.changes.at(-1)?.at ?? made.at);
  const changes = [...record.changes, { ...made, at, version }];
  const settled = changes.slice(0, -keptChanges).reduce(applied, record.settled);
  return { v: settingsVersion, version, settled, changes: changes.slice(-keptChanges), rearming: true };
}

/** Every kept change with what stood before and after it, the oldest first. */
export function stagesOf(record: SettingsRecord): { entry: SettingsEntry; before: Overrides; after: Overrides }[] {
  let before = record.settled;
  return record.changes.map((entry) => {
    const stage = { entry, before, after: applied(before, entry) };
    before = stage.after;
    return stage;
  });
}

/** What is changed now. */
export function overridesOf({ settled, changes }: SettingsRecord): Overrides {
  return changes.reduce(applied, settled);
}

/** Kept changes, newest first, each with what it replaced. `below`: only those of earlier versions. */
export function historyOf(record: SettingsRecord, limit: number, below = Number.POSITIVE_INFINITY): SettingsHistoryEntry[] {
  const stages = stagesOf(record).filter(({ entry }) => entry.version < below);
  return stages
    .slice(-limit)
    .reverse()
    .map(({ entry, before }) => ({ ...entry, before: undoing(entry.change, before) }));
}

/** Who changed what, by name. */
export function whoChanged({ organization, endpoints }: Overrides) {
  const who = (level: Level): Record<string, ChangedBy> =>
    Object.fromEntries(Object.entries(level).map(([name, { by, at }]) => [name, { by, at }]));
  const byName = Object.entries(endpoints).map(([name, level]) => [name, who(level)] as const);
  return { organization: who(organization), endpoints: Object.fromEntries(byName) };
}

/** The plain values of overrides. */
export function valuesOf(level: Level | undefined): Record<string, unknown> {
  return Object.fromEntries(Object.entries(level ?? {}).map(([name, { value }]) => [name, value]));
}

/** What an endpoint's level holds; none for a name like `toString`. */
export function levelOf(overrides: Overrides, endpoint: string): Level {
  return own(overrides.endpoints, endpoint) ?? {};
}

/** Whether a change names any setting. */
export function namesNothing({ endpoints = {}, organization = {} }: SettingsChange): boolean {
  return [organization, ...Object.values(endpoints)].every((level = {}) => Object.keys(level).length === 0);
}

function applied(overrides: Overrides, { change, by, at }: SettingsEntry): Overrides {
  const over = (level: Level, changes: object): Level => {
    const stays = Object.entries(level).filter(([name]) => !Object.hasOwn(changes, name));
    const set = Object.entries(changes).filter(([, value]) => value !== null);
    return Object.fromEntries([...stays, ...set.map(([name, value]) => [name, { value, by, at }] as const)]);
  };
  const { endpoints = {}, organization = {} } = change;
  const changed = Object.entries(endpoints).map(
    ([name, changes = {}]) => [name, over(levelOf(overrides, name), changes)] as const,
  );
  const all = Object.entries({ ...overrides.endpoints, ...Object.fromEntries(changed) });
  return {
    organization: over(overrides.organization, organization),
    endpoints: Object.fromEntries(all.filter(([, level]) => Object.keys(level).length > 0)),
  };
}

function undoing({ endpoints, organization }: SettingsChange, before: Overrides): SettingsChange {
  const back = (changes: object, level: Level) =>
    Object.fromEntries(Object.keys(changes).map((name) => [name, own(level, name)?.value ?? null]));
  const byName =
    endpoints && Object.entries(endpoints).map(([name, changes = {}]) => [name, back(changes, levelOf(before, name))]);
  return {
    ...(byName && { endpoints: Object.fromEntries(byName) }),
    ...(organization && { organization: back(organization, before.organization) }),
  };
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
