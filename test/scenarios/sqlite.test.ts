import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { ofSeveralProcesses, testsOnStore } from './on-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'adjourn-scenarios-'));
afterAll(() => rmSync(folder, { recursive: true }));

await testsOnStore({ name: 'SQLite', url: `sqlite:${join(folder, 'play.db')}`, isServer: false }, ofSeveralProcesses);
