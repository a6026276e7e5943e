import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { children } from '../../src/simulator/scenario/children.ts';
import { inChildren } from '../../src/simulator/scenario/in-children.ts';
import type { Line } from '../../src/simulator/scenario/lines.ts';
import type { Played, PlayOptions } from '../../src/simulator/scenario/play.ts';
import { sqlStore } from '../../src/stores/sql.ts';
import { counting, playOnPaper } from './paper.ts';

const execArgv = ['--conditions=@adjourn/source'];
const processes = children(new URL('./paper-process.ts', import.meta.url), { execArgv });
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'adjourn-processes-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
afterAll(() => processes.close());

/** Plays on paper with real processes over a file of SQLite. */
function play(file: object, options: Partial<PlayOptions> = {}, from = processes): Promise<Played> {
  const venue = inChildren(from, async () => {
    const path = join(folder, `${randomUUID()}.db`);
    const database = new DatabaseSync(path);
    const store = sqlStore(database);
    const close = async () => {
      await store.close();
      database.close();
    };
    return { store, given: { file: path }, close };
  });
  return playOnPaper(file, counting, { venueFor: () => venue, patienceMs: 60_000, ...options });
}

const ada = { user: 'ada', endpoint: 'desk' };
const says = (at: string, text: string, more: object = {}) => ({ at, ...ada, says: text, ...more });
const end = (at: string) => ({ at, expect: [] });
const desk = (settings: object) => ({ endpoints: { desk: { channel: 'paper', ...settings } } });

const told = (events: readonly Line[], ...names: string[]) =>
  events
    .filter(({ event }) => names.includes(event))
    .map((one) => [one.at.slice(11, 19), one.event, one['text'] ?? one['message'] ?? one['code']].join(' '));

const limit = { timeout: 90_000 };

describe('the list of a run with real processes', limit, () => {
  it('is the one of a run in this process', async () => {
    const file = {
      processes: 2,
      ...desk({ closing: 'proactive', closingMessage: 'Bye', warnings: [{ before: 5, message: 'Still there?' }] }),
      steps: [
        says('10:00:00', 'slow 20'),
        says('10:00:05', 'two', { id: 'second', process: 2 }),
        says('10:05:00', 'discard', { process: 2 }),
        { at: '10:06:00', redelivers: 'second' },
        { at: '10:36:00', ...ada, bot: 'starts', says: 'Hello again' },
        { at: '10:37:00', ...ada, bot: 'works', for: '30s', process: 2 },
        says('10:37:10', 'three'),
        end('11:30:00'),
      ],
    };
    const nameless = ({ events }: Played) => events.map((one) => ({ ...one, session: undefined, previous: undefined }));
    const [apart, here] = [await play(file), await playOnPaper(file)];
    expect(nameless(apart)).toEqual(nameless(here));
    expect(told(apart.events, 'closed', 'received')).toEqual([
      '10:00:20 received #1 slow 20',
      '10:00:20 received #2 two',
      '10:05:00 received Discarded.',
      '10:30:00 received Still there?',
      '10:35:00 received Bye',
      '10:35:00 closed sent',
      '10:36:00 received Hello again',
      '10:37:30 received #1 three',
      '11:02:10 received Still there?',
      '11:07:10 received Bye',
      '11:07:10 closed sent',
    ]);
  });
});

describe('a process that dies', limit, () => {
  it('needs a store that outlives it', async () => {
    const playing = playOnPaper({ steps: [{ at: '10:00:00', dies: true }] });
    await expect(playing).rejects.toThrow(/^steps\[0\]\.dies: a process can die only where the store outlives it/);
  });

  it('leaves its turn behind: the lease lapses before time moves on, and nobody tells of what died', async () => {
    const { events, mismatches } = await play({
      processes: 2,
      ...desk({ closing: 'proactive', closingMessage: 'Bye' }),
      steps: [
        says('10:00:00', 'hi'),
        { at: '10:29:59', ...ada, bot: 'works', for: '10m' },
        { at: '10:29:59', process: 1, dies: true },
        { at: '10:31:00', state: { ...ada, live: false } },
        end('10:31:00'),
      ],
    });
    expect(mismatches).toEqual([]);
    expect(told(events, 'closed', 'error')).toEqual(['10:30:00 closed sent']);
  });

  it('answers nobody, until it is started again, with the settings and the store of now', async () => {
    const { events } = await play({
      steps: [
        says('10:00:00', 'one'),
        { at: '10:01:00', dies: true },
        says('10:02:00', 'two'),
        { at: '10:03:00', settings: { endpoints: { desk: { expiration: 5 } } } },
        { at: '10:03:30', store: 'down' },
        { at: '10:04:00', restarts: true },
        says('10:04:30', 'three'),
        { at: '10:04:40', store: 'up' },
        says('10:04:59', 'four'),
        says('10:09:59', 'five'),
      ],
    });
    expect(told(events, 'received', 'error', 'degraded', 'opened', 'closed')).toEqual([
      '10:00:00 opened ',
      '10:00:00 received #1 one',
      '10:02:00 error WEBHOOK_UNANSWERED',
      '10:04:00 error STORE_UNAVAILABLE',
      '10:04:30 degraded STORE_UNAVAILABLE',
      '10:04:30 received #0 three',
      '10:04:59 received #2 four',
      '10:09:59 closed off',
      '10:09:59 opened ',
      '10:09:59 received #1 five',
    ]);
  });
});

describe('a process that fails', limit, () => {
  it.each<[string, RegExp]>([
    ['throw', /^A bot process ended by itself \(exit code 1\): Error: thrown by nobody/],
    ['reject', /^A bot process ended by itself \(exit code 1\): Error: rejected by nobody/],
    ['exit', /^A bot process ended by itself \(exit code 3\)/],
  ])('fails the run: %s', async (word, message) => {
    await expect(play({ processes: 2, steps: [says('10:00:00', word, { process: 2 })] })).rejects.toThrow(message);
  });

  it.each(['hang', 'spin'])('does not hold it up for longer than there is patience: %s', async (word) => {
    // Only what is wrong is to take long.
    await play({ steps: [says('10:00:00', 'hi')] });
    const playing = play({ steps: [says('10:00:00', word)] }, { patienceMs: 2_000 });
    await expect(playing).rejects.toThrow(
      /^Nothing came to rest for 2 s: delivery letter-1 to desk \(not answered, turns: \w+\)$/,
    );
  });

  it('says why where its code does not load', async () => {
    const broken = children(new URL('./none.ts', import.meta.url), { execArgv });
    await expect(play({ steps: [says('10:00:00', 'hi')] }, {}, broken)).rejects.toThrow(/Cannot find module/);
    await broken.close();
  });

  it('does not touch the next run', async () => {
    await expect(play({ steps: [says('10:00:00', 'exit')] })).rejects.toThrow();
    const { events } = await play({ steps: [says('10:00:00', 'hi')] });
    expect(told(events, 'received')).toEqual(['10:00:00 received #1 hi']);
  });
});

it('a run that is given up ends at once, with the reason', limit, async () => {
  const given = new AbortController();
  const playing = play({ steps: [says('10:00:00', 'hang')] }, { signal: given.signal });
  setTimeout(() => given.abort(new Error('enough')), 100);
  await expect(playing).rejects.toThrow('enough');
});
