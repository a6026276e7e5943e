import { type ChildProcess, fork } from 'node:child_process';
import type { ChildCalls, ParentCalls } from './child.ts';
import { Killed } from './process.ts';
import { type Wire, wire } from './wire.ts';

/** Child processes that run bots, kept for the next run: to load the SDKs takes longer than to play a scenario. */
export interface Children {
  /** A child that runs nothing. */
  take(): Promise<Child>;
  /** Takes a child back that has stopped cleanly. */
  giveBack(child: Child): void;
  close(): Promise<void>;
}

/** A child process. */
export interface Child {
  readonly calls: Wire<ChildCalls>;
  /** Who hears what it tells from now on. */
  listen(heard: Heard): void;
  /** Ends it at once, and waits until it is gone. */
  kill(): Promise<void>;
}

/** What whoever uses a child hears of it. */
export interface Heard extends Omit<ParentCalls, 'ready' | 'failed'> {
  /** It is gone, though nobody has killed it; whoever calls it hears why. */
  ended(): void;
}

export interface ChildrenOptions {
  /** Told of what children print. @default nobody */
  readonly printed?: ((text: string) => void) | undefined;
  /** What Node is started with. */
  readonly execArgv: readonly string[];
}

/** How long a child may take to load its code, real ms. */
const loadMs = 30_000;

/** So much of what a child printed last is kept, characters. */
const mostWords = 2_000;

/** @param entry the children's own code: a file that calls `serveProcesses` */
export function children(entry: URL, { printed = () => {}, execArgv }: ChildrenOptions): Children {
  const idle: Child[] = [];
  const alive = new Set<Child>();
  const killAll = () => {
    for (const one of alive) void one.kill();
  };
  // The channel's end ends them too, unless they are stuck.
  process.on('exit', killAll);

  return {
    async take() {
      for (let kept = idle.pop(); kept !== undefined; kept = idle.pop()) if (alive.has(kept)) return kept;
      const child = begin(fork(entry, { execArgv: [...execArgv], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }), printed, () =>
        alive.delete(child),
      );
      alive.add(child);
      await child.ready;
      return child;
    },
    giveBack(child) {
      child.listen(nobody);
      idle.push(child);
    },
    async close() {
      process.off('exit', killAll);
      await Promise.all([...alive].map((one) => one.kill()));
    },
  };
}

function begin(
  child: ChildProcess,
  printed: (text: string) => void,
  gone: () => void,
): Child & { readonly ready: Promise<void> } {
  const ready = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  let heard = nobody;
  let reason = '';
  let lastWords = '';
  let isKilled = false;

  const end = (error: Error) => {
    calls.broken(error);
    ready.reject(error);
    if (!isKilled) heard.ended();
  };
  const ours: ParentCalls = {
    ready: ready.resolve,
    failed(message) {
      reason = message;
    },
    moved: () => heard.moved(),
    told: (...args) => heard.told(...args),
    saved: (wakeAt) => heard.saved(wakeAt),
    sleeps: (...args) => heard.sleeps(...args),
    calledOff: (sleeper) => heard.calledOff(sleeper),
  };
  const port = {
    // Whoever sends to a child that is going hears of its end.
    send: (message: object) => void child.send(message, () => {}),
    listen: (hear: (message: unknown) => void) => void child.on('message', hear),
  };
  const calls = wire<ChildCalls, ParentCalls>(port, ours, (error) => end(error as Error));
  const late = setTimeout(() => child.kill('SIGKILL'), loadMs);
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', printed);
  // Code that does not load has no other way to say so.
  child.stderr?.on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-mostWords);
  });
  child.on('error', end);
  // Streams and messages are through.
  child.on('close', (code, signal) => {
    clearTimeout(late);
    gone();
    const how = `A bot process ended by itself (${signal ?? `exit code ${code}`}): ${reason || lastWords || 'it did not say why.'}`;
    end(isKilled ? new Killed('The process is dead.') : new Error(how));
    exited.resolve();
  });
  ready.promise.then(
    () => clearTimeout(late),
    () => {},
  );
  return {
    calls,
    ready: ready.promise,
    listen(next) {
      heard = next;
    },
    async kill() {
      isKilled = true;
      child.kill('SIGKILL');
      await exited.promise;
    },
  };
}

const nobody: Heard = {
  moved() {},
  told() {},
  saved() {},
  sleeps() {},
  calledOff() {},
  ended() {},
};
