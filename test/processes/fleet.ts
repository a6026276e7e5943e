import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Backend } from './order-stores.ts';

/** A message as a process is given it. */
export interface Message {
  /** The vendor's id: the same when it is sent again. */
  readonly id: string;
  readonly conversation: string;
  readonly n: number;
  /** What the bot takes over it, ms. */
  readonly logicMs: number;
  /** Its handler waits until everybody is told to go. */
  readonly holds: boolean;
}

/** What a process is told. */
export type Command = { readonly do: 'take'; readonly message: Message } | { readonly do: 'go' } | { readonly do: 'count' };

/** What a process tells. Times are epoch ms, comparable across the processes of one machine. */
export type Report =
  | { readonly did: 'start' }
  | { readonly did: 'arrive' | 'begin'; readonly id: string }
  | Handled
  | { readonly did: 'count'; readonly calls: number };

export interface Handled {
  readonly did: 'end';
  readonly id: string;
  readonly verdict: string;
  readonly isSaved: boolean;
  /** When its handler began, when that had done its work, and when the turn was saved. */
  readonly began: number;
  readonly worked: number;
  readonly ended: number;
  /** What the session's data listed then. */
  readonly order: readonly number[];
}

/** Several processes with one bot over one store. */
export interface Fleet {
  /** What became of messages, by id. */
  readonly handled: ReadonlyMap<string, Handled>;
  /** Gives a message to a process. Resolves when it has its place in the conversation's queue. */
  give(process: number, message: Omit<Message, 'id' | 'holds'> & Partial<Message>): Promise<Message>;
  /** Resolves when the handler of one that holds has started. */
  begun({ id }: Message): Promise<void>;
  /** Resolves when it is saved. */
  done({ id }: Message): Promise<Handled>;
  /** Lets the handlers that hold go on. @returns when, epoch ms */
  go(): number;
  /** Calls to the store so far, where the processes count them. */
  calls(): Promise<number>;
  /** SIGKILL: without warning. */
  kill(process: number): Promise<void>;
  stop(): Promise<void>;
}

async function kill(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** How long anything may take before a test gives up, ms. */
const patienceMs = 20_000;

export async function startFleet(size: number, backend: Backend): Promise<Fleet> {
  const handled = new Map<string, Handled>();
  const awaited = new Map<string, PromiseWithResolvers<Report>>();
  const event = (name: string): PromiseWithResolvers<Report> => {
    const one = awaited.get(name) ?? Promise.withResolvers<Report>();
    awaited.set(name, one);
    return one;
  };
  const soon = async (name: string): Promise<Report> => {
    let timer: NodeJS.Timeout | undefined;
    const never = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Nobody told of: ${name}`)), patienceMs);
    });
    return Promise.race([event(name).promise, never]).finally(() => clearTimeout(timer));
  };

  const start = async (index: number): Promise<ChildProcess> => {
    const script = new URL('order-bot.ts', import.meta.url);
    const child = fork(script, [...backend], { execArgv: ['--conditions=@adjourn/source'] });
    child.on('message', (reports: Report[]) => {
      for (const report of reports) {
        if (report.did === 'end') handled.set(report.id, report);
        event(`${report.did} ${'id' in report ? report.id : index}`).resolve(report);
      }
    });
    await soon(`start ${index}`);
    return child;
  };
  const children = await Promise.all(Array.from({ length: size }, (_, index) => start(index)));
  const tell = (index: number, command: Command) => children[index]?.send(command);
  const living = () => children.filter(({ connected }) => connected);

  return {
    handled,
    async give(process, { id = randomUUID(), holds = false, ...rest }) {
      const message = { id, holds, ...rest };
      awaited.delete(`arrive ${id}`);
      tell(process, { do: 'take', message });
      await soon(`arrive ${id}`);
      return message;
    },
    begun: async ({ id }) => void (await soon(`begin ${id}`)),
    done: async ({ id }) => (await soon(`end ${id}`)) as Handled,
    go() {
      for (const child of living()) child.send({ do: 'go' });
      return performance.timeOrigin + performance.now();
    },
    async calls() {
      let sum = 0;
      for (const index of children.keys()) {
        if (children[index]?.connected !== true) continue;
        awaited.delete(`count ${index}`);
        tell(index, { do: 'count' });
        const report = await soon(`count ${index}`);
        if (report.did === 'count') sum += report.calls;
      }
      return sum;
    },
    kill: async (index) => kill(children[index]),
    stop: async () => void (await Promise.all(children.map(kill))),
  };
}
