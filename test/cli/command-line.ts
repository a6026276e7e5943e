import { type ChildProcess, execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** A command that has ended. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line as `npm run` does. */
export function adjourn(...args: string[]): Promise<Ended> {
  return begun(...args).ended;
}

/** The same, while it runs. */
export function begun(...args: string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const { NO_COLOR: _none, FORCE_COLOR: _force, NODE_ENV: _env, ...env } = process.env;
  const all = ['--conditions=@adjourn/source', 'src/cli/main.ts', ...args];
  const { promise, resolve: end } = Promise.withResolvers<Ended>();
  const child = execFile(process.execPath, all, { cwd: root, env: { ...env, NO_COLOR: '1' } }, (error, out, err) => {
    end({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err });
  });
  return { child, ended: promise };
}

/** Writes a scenario on Twilio, whose bot is quick to load, and gives its path. */
export function scenarioFile(folder: string, name: string, steps: readonly object[]): string {
  const path = join(folder, `${name}.json`);
  const data = { name, start: '2026-11-02T10:00:00Z', endpoints: { sms: { channel: 'twilio' } }, steps };
  writeFileSync(path, JSON.stringify(data));
  return path;
}
