import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Archive } from '../../src/middleware/archive.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import type { ArchiveEntry, ArchiveUnderTest } from '../kit/archive.ts';
import { entries as inMemory } from '../stores/memory.archive.ts';
import { entries as inSql } from '../stores/sql.archive.ts';
import { mortal } from './mortal.ts';
import { adaKey, toyBot, toyVendor } from './toy.ts';

/** Archives that answer without waiting for anybody, so that no time passes but what the test lets pass. */
const archives = { memoryArchive: inMemory['in this process'], 'sqlArchive on SQLite': inSql['SQLite'] } as Readonly<
  Record<string, ArchiveEntry>
>;

type Bot = ReturnType<typeof toyBot>;
type Vendor = ReturnType<typeof toyVendor>;

/** What happens in one second of real time, and what is said in it. */
interface Step {
  /** Session time. */
  readonly at: string;
  /** What the vendor delivers, and delivers again until it is answered. */
  readonly delivers?: (bot: Bot, vendor: Vendor) => ((to: Bot) => Promise<unknown>) | undefined;
  /** In which session, counted from the first. */
  readonly session?: number;
  readonly said?: readonly string[];
}

const says = (at: string, text: string, closes = false): Pick<Step, 'at' | 'delivers'> => ({
  at,
  delivers: (bot) => {
    const message = bot.message(text);
    return (to) =>
      to.deliver(message, async (turn) => {
        await turn.reply(`#${turn.session.turnCount} ${text}`);
        if (closes) turn.session.close();
      });
  },
});

/** Three sessions: one expires, one is refreshed, one is closed by the bot. The vendor has a later word on the closing message. */
const day: readonly Step[] = [
  { ...says('10:00:00', 'hi'), session: 0, said: ['user: hi', 'bot: #1 hi'] },
  { ...says('10:02:00', 'more'), session: 0, said: ['user: more', 'bot: #2 more'] },
  { at: '10:33:00', session: 0, said: ['system: bye'] },
  {
    at: '10:34:00',
    delivers(bot, { asked }) {
      const closeId = asked[0]?.closeId;
      if (closeId === undefined) return undefined;
      const about = { kind: 'lifecycle', type: 'report', report: { closeId, message: 'failed:lost' } } as object;
      return (to) => to.deliver(bot.message('', about));
    },
  },
  { ...says('10:40:00', 'again'), session: 1, said: ['user: again', 'bot: #1 again'] },
  { ...says('10:42:00', 'refresh'), session: 2, said: ['user: refresh', 'system: Refreshed.'] },
  { ...says('10:44:00', 'last', true), session: 2, said: ['user: last', 'bot: #1 last'] },
  { at: '10:48:00' },
];

/** What goes wrong: the first process dies after its nth call of whatever kind, or something happens to the archive's nth. */
type Fate =
  | 'dies after a call'
  | 'dies before a call of the archive'
  | 'is refused by the archive'
  | 'loses the archive’s answer';

/** Ada's day. Where the first process dies, another takes its place within the second. */
async function lived({ archive, reopen = () => archive }: ArchiveUnderTest, fate: Fate, nth: number) {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const store = keyvStore();
  const vendor = toyVendor(clock);
  const first = mortal(store);
  const archiving = frail(archive, first, fate, nth);
  const process = (parts: Pick<NonNullable<Parameters<typeof toyBot>[0]>, 'store' | 'archive' | 'send'>) =>
    toyBot({ clock, endpoints: { main: { closing: 'proactive', closingMessage: 'bye', transcripts: true } }, ...parts });
  const send: Vendor['send'] = (...args) => first.through('send', () => vendor.send(...args));
  let bot = process({ store: first.store, archive: archiving.archive, send });
  if (fate === 'dies after a call') first.grant(nth);

  let diedIn: number | undefined;
  for (const [index, { at, delivers }] of day.entries()) {
    await clock.advanceTo(`2026-11-02T${at}Z`);
    const deliver = delivers?.(bot, vendor);
    let isAnswered = false;
    deliver?.(bot).then(
      () => {
        isAnswered = true;
      },
      () => {},
    );
    await aSecond(clock);
    if (first.isDead() && diedIn === undefined) {
      diedIn = index;
      await first.lapse();
      bot = process({ store, archive: reopen(), send: vendor.send });
    }
    if (!isAnswered) await deliver?.(bot);
  }
  for (let left = 10; left > 0; left--) await aSecond(clock);
  await clock.advance(60_000);
  const stands = await standing(archive);
  await bot.sessions.stop();
  const calls = archiving.calls();
  return { diedIn, isOver: !first.isDead() && calls < nth, calls, asked: vendor.asked.length, ...stands };
}

/** The archive as a process has it: all that writes to it is counted, and something happens to the nth. */
function frail(archive: Archive, process: ReturnType<typeof mortal>, fate: Fate, nth: number) {
  let calls = 0;
  const writing = async <T>(call: () => Promise<T>): Promise<T> => {
    calls += 1;
    const isIt = calls === nth;
    if (isIt && fate === 'dies before a call of the archive') process.grant(0);
    if (isIt && fate === 'is refused by the archive') throw new Error('refused');
    const done = await process.through('archive', call);
    if (isIt && fate === 'loses the archive’s answer') throw new Error('lost');
    return done;
  };
  const written: Archive = {
    ...archive,
    put: (closed) => writing(() => archive.put(closed)),
    append: (lines) => writing(() => archive.append(lines)),
    amend: (session, message) => writing(() => archive.amend(session, message)),
  };
  return { archive: written, calls: () => calls };
}

/** A second of real time, in which no session time passes but what work needs. */
async function aSecond(clock: ReturnType<typeof virtualClock>): Promise<void> {
  await clock.advance(100);
  await vi.advanceTimersByTimeAsync(1_000);
  await clock.advance(100);
}

/** What the archive holds of Ada, the oldest session first. */
async function standing(archive: Archive) {
  const sessions = (await archive.sessions({ keys: [adaKey] })).sessions.toReversed();
  const transcripts = await Promise.all(sessions.map(async ({ session }) => (await archive.transcript({ session })).lines));
  return { sessions, transcripts };
}

/** Each session stands there once, and each line at most once, in its place. @returns the steps of which lines are missing */
function lostIn({ sessions, transcripts }: Awaited<ReturnType<typeof lived>>, when: string): number[] {
  const reasons = sessions.map(({ reason }) => reason);
  expect(reasons, when).toEqual(['inactivity', 'refresh', 'bot']);
  expect(new Set(sessions.map(({ session }) => session)).size, when).toBe(3);
  const lines = transcripts.map((one) => one.map(({ from, text }) => `${from}: ${text}`));
  const isLost = (session: number | undefined, line: string) => !lines[session ?? -1]?.includes(line);
  const lost = day.flatMap(({ session, said = [] }, index) => (said.some((line) => isLost(session, line)) ? [index] : []));
  for (const [index, found] of lines.entries()) {
    const wanted = day.filter(({ session }) => session === index).flatMap(({ said = [] }) => said);
    expect(found, when).toEqual(wanted.filter((line) => !isLost(index, line)));
    const places = transcripts[index]?.map(({ order }) => order) ?? [];
    expect(places, when).toEqual([...new Set(places)].toSorted((a, b) => a - b));
  }
  return lost;
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** Six times lines, three closes, one report. */
const archiveCalls = 10;

describe.each(Object.entries(archives))('%s: each close is archived once, each line at most once', (_name, entry) => {
  /** The same for each call there is. @returns what became of each, and how often the archive is written to where nothing happens */
  const everyCall = async <T>(fate: Fate, check: (outcome: Awaited<ReturnType<typeof lived>>, when: string) => T) => {
    const checked: T[] = [];
    for (let nth = 1; ; nth++) {
      const under = await entry.open();
      try {
        const outcome = await lived(under, fate, nth);
        const one = check(outcome, `call ${nth}`);
        if (outcome.isOver) return { checked, archived: outcome.calls };
        checked.push(one);
      } finally {
        await under.dispose();
      }
    }
  };

  test('where a process dies after any of its calls, nothing is lost but of its last second', async () => {
    const { checked, archived } = await everyCall('dies after a call', (outcome, when) => {
      const lost = lostIn(outcome, when);
      expect([[], [outcome.diedIn]], when).toContainEqual(lost);
      // A process that died over the message may not even have asked for it.
      expect(outcome.sessions[0]?.message, when).toBe(outcome.asked === 1 ? 'failed:lost' : 'unknown');
      return lost.length;
    });
    expect(archived).toBe(archiveCalls);
    // Every turn has a moment in which it is saved, and what was said in it is not written down.
    expect(checked.filter((lost) => lost > 0).length).toBeGreaterThanOrEqual(6);
  });

  test('where it dies before it reaches the archive, that is the last second', async () => {
    const { checked } = await everyCall('dies before a call of the archive', lostIn);
    // A close reaches the archive before what was last said; a report does so alone.
    expect(checked).toEqual([[0], [1], [2], [2], [], [4], [5], [5], [6], [6]]);
  });

  test.each(['is refused by the archive', 'loses the archive’s answer'] as const)(
    'a process that %s goes on, and nothing is lost',
    async (fate) => {
      const { checked } = await everyCall(fate, lostIn);
      expect(checked).toEqual(Array.from({ length: archiveCalls }, () => []));
    },
  );

  test('of what is written in several goes, those that were through are there, without a gap', async () => {
    const fates = ['dies before a call of the archive', 'is refused by the archive', 'loses the archive’s answer'] as const;
    const written = await Promise.all(
      fates.map(async (fate) => {
        const under = await entry.open();
        const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
        const first = mortal(keyvStore());
        const { archive } = frail(under.archive, first, fate, 2);
        const bot = toyBot({ clock, store: first.store, archive, endpoints: { main: { transcripts: true } } });
        await bot.says('hi', async (turn) => {
          for (let line = 1; line < 450; line++) await turn.reply(`line ${line}`);
        });
        for (let left = 3; left > 0; left--) await aSecond(clock);
        const [session = ''] = bot.events.flatMap((event) => (event.type === 'opened' ? [event.session] : []));
        const { lines } = await under.archive.transcript({ session, limit: 1_000 });
        expect(lines.map(({ order }) => order)).toEqual(lines.map((_, index) => index));
        await under.dispose();
        return lines.length;
      }),
    );
    expect(written).toEqual([200, 450, 450]);
  });
});
