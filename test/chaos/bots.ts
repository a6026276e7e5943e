import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { BotOptions } from './bot.ts';

/** One place in a deployment: a bot's process, and after its death the next one. */
export interface Bot {
  /** Where it takes webhooks; undefined while it starts. */
  readonly url: string | undefined;
  readonly pid: number | undefined;
  /** SIGKILL: without warning. Starts the next one at once. */
  restart(): Promise<void>;
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** SIGTERM, and waits. @throws Error if it did not end as it should */
  stop(): Promise<void>;
  /** SIGKILL, whatever its state. */
  kill(): void;
}

/** Who was killed when, epoch ms; and who died although nobody had killed them. */
export interface Deaths {
  readonly killed: ReadonlyMap<number, number>;
  readonly others: readonly string[];
}

export interface Bots {
  readonly all: readonly Bot[];
  readonly deaths: Deaths;
  /** Stops all. @throws Error if one did not end as it should */
  stop(): Promise<void>;
  kill(): void;
}

const script = new URL('./bot.ts', import.meta.url).pathname;

/** Starts a bot for each of the options, and waits until all take webhooks. @param cache folder for compiled code */
export async function startBots(options: readonly BotOptions[], cache: string): Promise<Bots> {
  const killed = new Map<number, number>();
  const others: string[] = [];
  const env = { ...process.env, NODE_COMPILE_CACHE: cache };

  const startOne = async (given: BotOptions): Promise<Bot> => {
    let child: ChildProcess;
    let url: string | undefined;
    let ended = false;

    const start = async () => {
      const mine = spawn(process.execPath, ['--conditions=@adjourn/source', script, JSON.stringify(given)], {
        // The channel tells a bot when we are gone.
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
        env,
      });
      child = mine;
      mine.once('exit', (code, signal) => {
        if (mine.pid !== undefined && killed.has(mine.pid)) return;
        if (!ended || code !== 0) others.push(`process ${mine.pid}: ${signal ?? `exit code ${code}`}`);
      });
      if (mine.stdout === null) throw new Error('A bot prints where it is.');
      const [line] = await Promise.race([once(createInterface({ input: mine.stdout }), 'line'), once(mine, 'exit')]);
      if (child === mine) url = /^port (\d+)$/.test(line) ? `http://127.0.0.1:${line.split(' ')[1]}` : undefined;
    };
    const kill = () => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) killed.set(child.pid, Date.now());
      child.kill('SIGKILL');
    };

    await start();
    return {
      get url() {
        return url;
      },
      get pid() {
        return child.pid;
      },
      async restart() {
        kill();
        url = undefined;
        await start();
      },
      signal: (name) => void child.kill(name),
      async stop() {
        ended = true;
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, 'exit');
        child.kill('SIGTERM');
        await gone;
      },
      kill,
    };
  };

  // The first one fills the cache for the others.
  const all: Bot[] = [];
  for (const one of options) all.push(await startOne(one));
  return {
    all,
    deaths: { killed, others },
    async stop() {
      await Promise.all(all.map((bot) => bot.stop()));
      if (others.length > 0) throw new Error(others.join('; '));
    },
    kill() {
      for (const bot of all) bot.kill();
    },
  };
}
