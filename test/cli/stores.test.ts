import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../src/cli/stores/open-store.ts';
import { StoreError } from '../../src/cli/stores/opened.ts';
import { adjourn, begun, scenarioFile } from './command-line.ts';

const all = mkdtempSync(join(tmpdir(), 'adjourn-cli-stores-'));
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(all, 'test-'));
});
afterAll(() => rmSync(all, { recursive: true }));

const hi = { at: '10:00:00', user: 'ada', endpoint: 'sms', says: 'hi' };
const answered = { at: '10:00:01', expect: [{ event: 'received', user: 'ada', text: '#1 hi' }] };
const file = (...steps: object[]) => scenarioFile(folder, 'scenario', steps);
const tablesIn = (path: string) => {
  const database = new DatabaseSync(path);
  const rows = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all();
  database.close();
  return rows.map((row) => String(row['name']));
};
const limit = { timeout: 60_000 };

describe('a store that cannot be used', limit, () => {
  it.each<[string, string, RegExp]>([
    [
      'of no known kind',
      'mongodb://127.0.0.1',
      /^--store mongodb:\/\/127\.0\.0\.1: no such store is known; known are memory, sqlite:FILE/,
    ],
    ['without a kind', 'sessions.db', /^--store sessions\.db: no such store is known/],
    ['without a file', 'sqlite:', /processes share a file; name one/],
    ['in the memory of SQLite', 'sqlite::memory:', /processes share a file; name one/],
    ['in no folder', 'sqlite:/no/such/folder/x.db', /cannot be used: unable to open database file\. Start it, or give/],
    [
      'on no Redis',
      'redis://ada:secret@127.0.0.1:1',
      /^--store redis:\/\/127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED.*\. Start it/,
    ],
    ['on no PostgreSQL', 'postgres://ada:secret@127.0.0.1:1/x', /postgres:\/\/127\.0\.0\.1:1\/x cannot be used: .*ECONNREFUSED/],
    ['on no MySQL', 'mysql://ada:secret@127.0.0.1:1/x', /mysql:\/\/127\.0\.0\.1:1\/x cannot be used: .*ECONNREFUSED/],
  ])('%s: says what is wrong and what to do, and no password', async (_what, url, message) => {
    const opening = openStore(url, 'play_none');
    await expect(opening).rejects.toThrow(StoreError);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.not.toThrow('secret');
  });

  it.each(['mongodb://127.0.0.1', 'redis://127.0.0.1:1'])('ends play with 2: %s', async (url) => {
    const { code, out, err } = await adjourn('play', file(hi), '--json', '--store', url);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(`adjourn: --store ${url}`);
  });
});

describe('what a run puts into a store', limit, () => {
  it('is removed at its end, and the file with it where the run has made it', async () => {
    const path = join(folder, 'new.db');
    const { code, err } = await adjourn('play', file(hi, answered), '--json', '--store', `sqlite:${path}`);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(readdirSync(folder)).toEqual(['scenario.json']);
  });

  it('leaves alone what others have there', async () => {
    const path = join(folder, 'old.db');
    const database = new DatabaseSync(path);
    database.exec('CREATE TABLE theirs (id TEXT)');
    database.close();
    const { code } = await adjourn('play', file(hi, answered), '--store', `sqlite:${path}`);
    expect(code).toBe(0);
    expect(tablesIn(path)).toEqual(['theirs']);
  });

  it('stays with --keep, under a name that is told', async () => {
    const path = join(folder, 'kept.db');
    const { err } = await adjourn('play', file(hi, answered), '--json', '--keep', '--store', `sqlite:${path}`);
    const [, run = 'none'] = /^Kept: the tables (play_\w+)_\* of .*kept\.db$/m.exec(err) ?? [];
    expect(tablesIn(path)).toEqual([`${run}_conversations`, `${run}_line`, `${run}_processes`, `${run}_schema`]);
  });

  it('is removed where somebody ends the run', async () => {
    const path = join(folder, 'ended.db');
    const dies = [
      { ...hi, says: 'slow 20' },
      { at: '10:00:05', process: 1, dies: true },
    ];
    const { child, ended } = begun('play', file(...dies), '--store', `sqlite:${path}`);
    while (!existsSync(path) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, err: '' });
    expect(readdirSync(folder)).toEqual(['scenario.json']);
  });
});

describe('a process that dies', limit, () => {
  const steps = [hi, answered, { at: '10:01:00', dies: true }, { at: '10:02:00', restarts: true }, { ...hi, at: '10:03:00' }];
  const goesOn = { at: '10:03:01', expect: [{ event: 'received', text: '#2 hi' }] };

  it('cannot do so in memory', async () => {
    const { code, err } = await adjourn('play', file(...steps, goesOn), '--store', 'memory');
    expect(code).toBe(2);
    expect(err).toContain('scenario.json: steps[2].dies: a process can die only where the store outlives it');
  });

  it('does so over a temporary file where no store is named', async () => {
    const { code, err } = await adjourn('play', file(...steps, goesOn));
    expect({ code, err }).toEqual({ code: 0, err: '' });
  });
});
