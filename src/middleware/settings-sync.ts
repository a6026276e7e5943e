import { systemClock, within } from './clock.ts';
import { noSettings, type SettingsRecord, settingsKey, settingsVersion } from './core/settings-record.ts';
import { AdjournError, isAdjournError } from './errors.ts';
import type { Failure, SettingsChanged } from './events.ts';
import { rearming } from './rearming.ts';
import { realNow, type Shell } from './shell.ts';
import type { StoredRecord } from './store.ts';

/**
 * Settings changed while running, as the store has them: reads them, lets them count in this process, and sees to it that sessions
 * which now end earlier are looked at in time. Everything here runs on real time.
 */
export interface SettingsSync {
  /** The changes that count in this process. */
  current(): SettingsRecord;
  /** Looks for changes of other processes now and then; its timer does not keep the process alive. */
  start(): void;
  /** Stops looking. Sessions that are still to be looked up are left to other processes. */
  stop(): Promise<void>;
  /**
   * Resolves when settings that may have changed long ago have been read, or when that takes too long; undefined: they are fresh.
   * Never rejects: who cannot reach the store goes on with what it has.
   */
  fresh(): Promise<void> | undefined;
  /** Whether the store has ever told the settings: a worker that does not know them would close by the wrong ones. */
  known(): Promise<boolean>;
  /** Reads the settings; they count here from now on, if they can. @throws AdjournError `STORE_UNAVAILABLE` */
  refresh(): Promise<void>;
  /** The same, and what was read. @throws AdjournError `STORE_UNAVAILABLE`, `ADJ_RECORD_INVALID` if a newer version wrote it */
  read(): Promise<SettingsRecord>;
  /**
   * Changes the stored settings, one process at a time; the change counts here at once.
   * @throws AdjournError `LEASE_TIMEOUT`, `LEASE_LOST`, `STORE_UNAVAILABLE`, `ADJ_RECORD_INVALID`, and what `change` throws
   */
  update(change: (stored: SettingsRecord) => SettingsRecord): Promise<SettingsRecord>;
  /** Resolves when this process has looked up the sessions concerned, or soon: then the rest goes on by itself. */
  rearmed(): Promise<void>;
}

/** How often a process looks, on average. */
const pollMs = 2_000;
/** A turn waits for a look where there was none for so long; nobody waits for one longer than `patienceMs`. */
const staleMs = 5_000;
const patienceMs = 1_000;
/** How long `rearmed` waits at most. */
const rearmPatienceMs = 5_000;
/** A change holds the record for the time of two calls. */
const updateLeaseMs = 5_000;
const updatePatienceMs = 15_000;

const where = { channel: 'settings', endpoint: 'all' };

export function settingsSync(shell: Shell, log: { info(line: string): void; warn(line: string): void }): SettingsSync {
  const { store, settings, clock } = shell;
  const shared = store.capabilities.scope === 'shared';
  let record = noSettings;
  /** Whether the store has ever answered. */
  let answered = false;
  /** When the last look was over, whatever came of it. A process that was frozen may find only one of its clocks moved on. */
  let lookedAt = { running: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY };
  let reading: Promise<unknown> | undefined;
  /** What was told to be wrong, until it is right again. */
  let trouble: string | undefined;
  /** Conversations whose wake-ups were computed lately: somebody else may have changed the settings a moment before. */
  let recent = new Set<string>();
  let older = new Set<string>();
  let started = false;
  let timer: NodeJS.Timeout | undefined;

  const emit = (event: Omit<SettingsChanged, 'at'> | Failure, at: number) =>
    shell.emitter.emit({ ...event, at, ...where, decidedAt: realNow() });

  const tell = (error: unknown): void => {
    const code = isAdjournError(error) ? error.code : 'STORE_UNAVAILABLE';
    const what = code === 'STORE_UNAVAILABLE' ? code : String(error);
    if (trouble === what) return;
    trouble = what;
    const reason = error instanceof Error ? error.message : what;
    log.warn(`adjourn: the stored settings do not count in this process, those known go on. ${reason}`);
    emit({ type: 'error', code, error }, clock.now());
  };

  const adopt = (next: SettingsRecord): void => {
    settings.adopt(next);
    const news = answered ? next.changes.filter(({ version }) => version > record.version) : [];
    record = next;
    const last = next.changes.at(-1);
    // An erasure makes a version of its own.
    log.info(`adjourn: settings version ${next.version}${last?.version === next.version ? `, changed by ${last.by}` : ''}`);
    for (const entry of news) emit({ type: 'settings_changed', version: entry.version, by: entry.by }, entry.at);
    lookups.some([...older, ...recent]);
  };

  const take = (next: SettingsRecord): void => {
    try {
      // The same version of another time: the store was set back in between.
      if (next.version === record.version && next.changes.at(-1)?.at === record.changes.at(-1)?.at) record = next;
      else adopt(next);
      if (trouble !== undefined) log.warn('adjourn: the stored settings count again');
      trouble = undefined;
    } catch (error) {
      tell(error);
    }
  };

  const look = async (): Promise<SettingsRecord> => {
    const before = record;
    const lately = recent;
    recent = new Set();
    older = new Set([...older, ...lately]);
    try {
      const { records } = await store.find({ keys: [settingsKey], limit: 1 });
      const stored = decoded(records[0]?.record ?? null);
      // A change that was made here meanwhile is newer than what was read.
      if (record === before) take(stored);
      answered = true;
      older = lately;
      lookups.takeOver();
      return stored;
    } catch (error) {
      if (isAdjournError(error, 'ADJ_RECORD_INVALID')) answered = true;
      throw error;
    }
  };

  const read = (): Promise<SettingsRecord> => {
    const next: Promise<SettingsRecord> = reading === undefined ? look() : reading.then(look, look);
    const done = () => {
      lookedAt = { running: realNow(), wall: Date.now() };
      if (reading === next) reading = undefined;
    };
    reading = next;
    next.then(done, done);
    return next;
  };

  const refresh = async (): Promise<void> => {
    try {
      await read();
    } catch (error) {
      if (!isAdjournError(error, 'ADJ_RECORD_INVALID')) throw error;
      tell(error);
    }
  };

  const poll = (): Promise<void> => refresh().catch(tell);

  /** A store of one process needs a look only until it has answered, and while something is left undone. */
  const arm = (): void => {
    if (!started || timer !== undefined || !(shared || !answered || record.rearming)) return;
    const mine = setTimeout(
      async () => {
        await poll();
        if (timer !== mine) return;
        timer = undefined;
        arm();
      },
      pollMs * (0.75 + Math.random() / 2),
    );
    mine.unref();
    timer = mine;
  };

  const update: SettingsSync['update'] = async (change) => {
    const options = { now: clock.now(), leaseMs: updateLeaseMs, waitMs: updatePatienceMs };
    const { record: begun, lease } = await store.begin(settingsKey, options);
    try {
      const stored = decoded(begun);
      const next = change(stored);
      if (next === stored) await store.release(lease);
      else await store.commit(lease, next as unknown as StoredRecord, null);
      take(next);
      lookups.takeOver();
      arm();
      return next;
    } catch (error) {
      await store.release(lease).catch(() => {});
      throw error;
    }
  };

  const lookups = rearming(
    shell,
    {
      version: () => (record.rearming ? record.version : undefined),
      async done(version) {
        await update((stored) => (stored.version === version ? lookedUp(stored) : stored));
        // A newer version that cannot count here is not ours to go on with.
        if (record.version === version) record = lookedUp(record);
      },
    },
    where,
  );

  const fresh = (): Promise<void> | undefined => {
    const age = Math.max(realNow() - lookedAt.running, Math.abs(Date.now() - lookedAt.wall));
    if ((answered && !shared) || age < staleMs) return undefined;
    return patiently(patienceMs, reading ?? poll());
  };

  shell.settled = fresh;
  shell.arming = (key) => {
    if (shared || !answered) recent.add(key);
  };

  return {
    current: () => record,
    start() {
      if (started) return;
      started = true;
      if (answered) arm();
      else void poll().then(arm);
    },
    async stop() {
      started = false;
      clearTimeout(timer);
      timer = undefined;
      if (reading !== undefined) await patiently(patienceMs, reading);
      await lookups.stop();
    },
    fresh,
    async known() {
      if (answered) await fresh();
      else await poll();
      return answered;
    },
    refresh,
    read,
    update,
    rearmed: () => patiently(rearmPatienceMs, lookups.over()),
  };
}

function lookedUp({ rearming: _done, ...record }: SettingsRecord): SettingsRecord {
  return record;
}

/** Waits for work, but not for longer than so many real milliseconds; how it ends is told elsewhere. */
async function patiently(ms: number, work: Promise<unknown>): Promise<void> {
  await within(
    systemClock,
    ms,
    work.catch(() => {}),
    () => {},
  );
}

/** Settings of a newer version are refused loudly, and stay as they are. */
function decoded(stored: StoredRecord | null): SettingsRecord {
  if (stored === null) return noSettings;
  if (stored['v'] === settingsVersion) return stored as unknown as SettingsRecord;
  const format = JSON.stringify(stored['v']) ?? 'none';
  throw new AdjournError('ADJ_RECORD_INVALID', `The settings have format ${format}, not ${settingsVersion}.`, {
    where: settingsKey,
    hint: 'A newer version of adjourn wrote them: update this process.',
  });
}
