import { checkActor } from './actor.ts';
import type { ChangedBy, EndpointSettings, OrganizationSettings } from './core/policy.ts';
import { problemOf } from './core/setting-forms.ts';
import {
  historyOf,
  namesNothing,
  overridesOf,
  type SettingsChange,
  type SettingsHistoryEntry,
  type SettingsRecord,
  whoChanged,
  withChange,
} from './core/settings-record.ts';
import { AdjournError } from './errors.ts';
import { survey } from './reconfigure.ts';
import type { SettingsByLevel } from './settings.ts';
import type { SettingsSync } from './settings-sync.ts';
import type { Shell } from './shell.ts';

/**
 * Settings that can be changed while running. A change is stored with the sessions, counts at once in this process and within seconds in
 * every other one, and stays until it is taken back.
 * @typeParam Endpoint the names of the configured endpoints
 */
export interface LiveSettings<Endpoint extends string = string> {
  /** What counts in this process, after a look at what is stored. @throws AdjournError `STORE_UNAVAILABLE` */
  get(): Promise<SettingsInEffect>;
  /**
   * Changes settings: those given take the place of those that stand, `null` takes a changed one back to what the code says, others
   * stay. A session that the change alone would end lives for another minute; nothing is closed twice, and none that was over is revived.
   * @throws AdjournError `ADJ_CONFIG_INVALID` or `ADJ_SETTINGS_CONFLICT`, and nothing has changed; `STORE_UNAVAILABLE`,
   * `LEASE_TIMEOUT` while somebody else changes them, `ADJ_RECORD_INVALID` if a newer version of adjourn has written them
   */
  set(change: SettingsChange<Endpoint>, options: SetOptions): Promise<SettingsReport>;
  /** The latest changes, newest first; a hundred are kept. @throws AdjournError `STORE_UNAVAILABLE`, `ADJ_RECORD_INVALID` */
  history(query?: HistoryQuery): Promise<readonly SettingsHistoryEntry[]>;
}

export interface SetOptions {
  /** Who changes them: a name or an id, kept with the change. */
  readonly by: string;
  /** `live`: for sessions that are live, too. `nextSession`: those keep how long they may last. @default 'live' */
  readonly apply?: 'live' | 'nextSession' | undefined;
  /** Only says what would happen. @default false */
  readonly dryRun?: boolean | undefined;
  /** The version the change was made for: if it is not the one that stands, nothing is changed. @default any */
  readonly expectedVersion?: number | undefined;
}

/** What a change of settings would do, or did. */
export interface SettingsReport {
  /** Live sessions on the endpoints concerned. */
  readonly sessions: number;
  /** Those that are over within a minute because of the change alone. */
  readonly closing: number;
  /** The version that stands now. */
  readonly version: number;
}

/** The settings as they count now. Functions stand in code and are left out. */
export interface SettingsInEffect {
  /** Counts the changes; 0: everything is as the code says. */
  readonly version: number;
  /** The last change. */
  readonly last?: ChangedBy | undefined;
  readonly organization: OrganizationSettings;
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  /** Which of them are not as the code says, since when and by whom. */
  readonly changed: {
    readonly organization: Readonly<Record<string, ChangedBy>>;
    readonly endpoints: Readonly<Record<string, Readonly<Record<string, ChangedBy>>>>;
  };
}

export interface HistoryQuery {
  /** @default 20 */
  readonly limit?: number | undefined;
  /** The `version` of the last one of the page before. */
  readonly after?: number | undefined;
}

/** Largest change, characters of JSON: every process reads all of them again and again. */
const largestChange = 32_768;

export function liveSettings(shell: Shell, sync: SettingsSync): LiveSettings {
  const { store, settings, clock } = shell;
  return {
    async get() {
      await sync.refresh();
      const record = sync.current();
      const last = record.changes.at(-1);
      return {
        version: record.version,
        ...(last && { last: { by: last.by, at: last.at } }),
        ...(JSON.parse(JSON.stringify(settings.inEffect())) as SettingsByLevel),
        changed: whoChanged(overridesOf(record)),
      };
    },
    async set(given, { by, apply = 'live', dryRun = false, expectedVersion }) {
      checkActor(by, 'settings');
      if (apply !== 'live' && apply !== 'nextSession') throw invalid('settings, apply', "It must be 'live' or 'nextSession'.");
      const stored = await sync.read();
      const change = checked(given, (name) => settings.knows(name) || Object.hasOwn(overridesOf(stored).endpoints, name));
      const next = (from: SettingsRecord): SettingsRecord => {
        if (expectedVersion !== undefined && expectedVersion !== from.version) throw conflict(from.version, expectedVersion);
        const made = withChange(from, { by, apply, change, at: clock.now() });
        settings.under(made);
        return made;
      };
      const after = settings.under(next(stored));
      const { endpoints = {}, organization } = change;
      const concerns = (endpoint: string) => organization !== undefined || Object.hasOwn(endpoints, endpoint);
      const report = await survey(store, settings.policy, after, concerns, clock.now());
      if (dryRun) return { ...report, version: stored.version };
      const { version } = await sync.update(next);
      await sync.rearmed();
      return { ...report, version };
    },
    async history({ limit = 20, after } = {}) {
      return structuredClone(historyOf(await sync.read(), limit, after));
    },
  };
}

/** A copy of a change whose form is right. @throws AdjournError `ADJ_CONFIG_INVALID` */
function checked(change: SettingsChange, knows: (endpoint: string) => boolean): SettingsChange {
  const problem = problemOf(change, knows);
  if (problem) throw invalid(problem.where, problem.message);
  if (namesNothing(change)) throw invalid('settings', 'The change names no setting.');
  const text = JSON.stringify(change);
  if (text.length > largestChange) throw invalid('settings', `A change may have ${largestChange} characters of JSON at most.`);
  return JSON.parse(text) as SettingsChange;
}

function invalid(where: string, message: string): AdjournError {
  return new AdjournError('ADJ_CONFIG_INVALID', message, { where });
}

function conflict(version: number, expected: number): AdjournError {
  return new AdjournError('ADJ_SETTINGS_CONFLICT', `They are at version ${version}, not ${expected}.`, {
    where: 'settings',
    hint: 'Read them again, and make the change on what stands now.',
  });
}
