import type { Engine } from './engine.ts';
import { changeSystem, type SystemRecord } from './system.ts';

/** When retention is next looked at: one record for all processes, so that only one of them removes at a time. */
type RetentionRecord = SystemRecord;

export const retentionKind = 'retention';

/** At most this many sessions, and as many lines, are removed at once … */
const portion = 500;
/** … and then no more of them for this long, ms. */
const pauseMs = 1_000;
/** How often the archive is looked through, ms. */
const everyMs = 3_600_000;

/** Sees to it that somebody looks, where an endpoint of this process keeps its sessions for a limited time. */
export async function scheduleRetention(engine: Engine): Promise<void> {
  if (engine.archive === undefined || limited(engine).length === 0) return;
  await changeSystem<RetentionRecord, void>(engine, retentionKind, '', (record) => ({
    record: record ?? { v: 1 },
    wakeAt: engine.clock.now(),
    result: undefined,
  }));
}

/** Removes what endpoints keep no longer, a portion at a time. @returns whether this process knows such endpoints */
export async function enforceRetention(engine: Engine): Promise<boolean> {
  const { archive, clock } = engine;
  const places = limited(engine);
  if (archive === undefined || places.length === 0) return false;
  let more = false;
  for (const { channel, endpoint } of places) {
    const { keepSessionsMs, keepTranscriptsMs } = engine.settings.policy(channel, endpoint).history;
    const removed = await archive.expire({
      channel,
      endpoint,
      limit: portion,
      ...(keepSessionsMs > 0 ? { sessionsBefore: clock.now() - keepSessionsMs } : {}),
      ...(keepTranscriptsMs > 0 ? { linesBefore: clock.now() - keepTranscriptsMs } : {}),
    });
    more ||= removed.sessions >= portion || removed.lines >= portion;
  }
  await changeSystem<RetentionRecord, void>(engine, retentionKind, '', () => ({
    record: { v: 1 },
    wakeAt: clock.now() + (more ? pauseMs : everyMs),
    result: undefined,
  }));
  return true;
}

/** Endpoints that are mounted here and keep something for a limited time. */
function limited({ settings }: Engine): readonly { readonly channel: string; readonly endpoint: string }[] {
  return [...settings.places()]
    .map(([channel, endpoint]) => ({ channel, endpoint }))
    .filter(({ channel, endpoint }) => {
      const { keepSessionsMs, keepTranscriptsMs } = settings.policy(channel, endpoint).history;
      return keepSessionsMs > 0 || keepTranscriptsMs > 0;
    });
}
