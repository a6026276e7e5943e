import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { afterEach, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const patienceMs = 30_000;

let child: ChildProcessWithoutNullStreams;
afterEach(() => void child.kill());

/** A desk in a child process, driven as through a pipe. */
interface Driven {
  types(line: string): void;
  /** The first line since the last one seen that looks so. */
  sees(pattern: RegExp): Promise<string>;
  /** Everything printed so far. */
  all(): string;
  /** The exit code, once it has ended. */
  ended(): Promise<number | null>;
}

function openDesk(...args: string[]): Driven {
  const { NODE_ENV: _env, FORCE_COLOR: _force, ...env } = process.env;
  child = spawn(process.execPath, ['--conditions=@adjourn/source', 'src/cli/main.ts', 'desk', ...args], {
    cwd: root,
    env: { ...env, NO_COLOR: '1' },
  });
  let out = '';
  let err = '';
  let seen = 0;
  let moved = () => {};
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    moved();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const exit = new Promise<number | null>((done) => {
    child.on('exit', (code) => {
      done(code);
      moved();
    });
  });
  return {
    types: (line) => void child.stdin.write(`${line}\n`),
    async sees(pattern) {
      const until = performance.now() + patienceMs;
      for (;;) {
        const lines = out.slice(seen).split('\n').slice(0, -1);
        const index = lines.findIndex((line) => pattern.test(line));
        if (index >= 0) {
          seen += lines.slice(0, index + 1).join('\n').length + 1;
          return lines[index] ?? '';
        }
        const left = until - performance.now();
        if (left <= 0 || child.exitCode !== null) throw new Error(`${pattern} did not come in:\n${out.slice(seen)}\n${err}`);
        await new Promise<void>((next) => {
          const timer = setTimeout(next, left);
          moved = () => {
            clearTimeout(timer);
            next();
          };
        });
      }
    },
    all: () => out,
    ended: () => exit,
  };
}

it('people of two channels ask for a person, are answered through the vendors, and talk to the bot again', {
  timeout: 2 * patienceMs,
}, async () => {
  const desk = openDesk();
  await desk.sees(/^Whatever else you type/);

  const people = { ada: 'slack', bo: 'whatsapp' };
  for (const [user, channel] of Object.entries(people)) {
    const who = `${user}@${channel}`;
    desk.types(`${who}: agent please`);
    const asks = await desk.sees(
      new RegExp(`^\\d ${who} asks for a person: in the queue, due \\d\\d:\\d\\d:\\d\\d, in [45]:\\d\\d$`),
    );
    desk.types(`take ${asks.split(' ')[0]}`);
    await desk.sees(new RegExp(`^\\d ${who} is yours`));
    desk.types(`Hello ${user}`);
    await desk.sees(new RegExp(`^→ ${who}: Hello ${user}$`));
    desk.types(`${who}: thank you`);
    await desk.sees(new RegExp(`^\\d ${who} writes: thank you$`));
    desk.types('list');
    await desk.sees(new RegExp(`^\\d ${who} ← yours, due `));
    desk.types('return');
    await desk.sees(new RegExp(`^\\d ${who} has left the desk$`));
    desk.types(`${who}: back`);
    await desk.sees(new RegExp(`^→ ${who}: #2 back$`));
  }
  // The bots said nothing in between, and everybody was told everything once.
  const told = desk.all().match(/^→ .*/gm)?.sort();
  expect(told).toEqual(
    Object.entries(people).flatMap(([user, channel]) =>
      [`#2 back`, `A person will answer you.`, `Hello ${user}`].map((text) => `→ ${user}@${channel}: ${text}`),
    ),
  );
  desk.types('quit');
  expect(await desk.ended()).toBe(0);
});

it('ends when nothing comes any more, and says what it does not know', async () => {
  const desk = openDesk('--speed', '60');
  desk.types('ada@pigeon: hello');
  desk.types('hello?');
  child.stdin.end();
  expect(await desk.ended()).toBe(0);
  expect(desk.all()).toContain('Time runs 60 times as fast');
  expect(desk.all()).toMatch(/There is no bot "pigeon"; there are messenger, .*\nTake a conversation first: take 1\n$/);
});

it.each(['0', '61', 'fast'])('a speed of %s is refused', async (speed) => {
  const desk = openDesk('--speed', speed);
  expect(await desk.ended()).toBe(2);
  expect(desk.all()).toBe('');
});
