/** What one side of a wire can be asked. Arguments and answers are JSON. */
type Methods<T> = { readonly [Name in keyof T]: (...args: never[]) => unknown };

type Arguments<Method> = Method extends (...args: infer Args) => unknown ? Args : never;
type Answer<Method> = Method extends (...args: never[]) => infer Result ? Awaited<Result> : never;

/** Calls to the other side of a channel between processes. Messages arrive in the order they were sent in. */
export interface Wire<Theirs> {
  /** @throws Error as it was thrown there, or that of `broken` */
  call<Name extends keyof Theirs & string>(name: Name, ...args: Arguments<Theirs[Name]>): Promise<Answer<Theirs[Name]>>;
  /** A call that nobody waits for. What it throws is the other side's to report. */
  tell<Name extends keyof Theirs & string>(name: Name, ...args: Arguments<Theirs[Name]>): void;
  /** There is no other side any more: whoever waits for an answer, or asks from now on, fails. */
  broken(error: Error): void;
}

/** One end of the channel: a child process, or `process` inside of it. */
export interface Port {
  send(message: object): void;
  listen(heard: (message: unknown) => void): void;
}

interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
  /** Absent where nobody waits for the answer. */
  readonly id?: number | undefined;
}

type Answered = { readonly answers: number } & ({ readonly value?: unknown } | { readonly error: Thrown });

/** An error on its way. */
interface Thrown {
  readonly name: string;
  readonly message: string;
  readonly code?: string | undefined;
}

/**
 * @param ours answers the other side's calls
 * @param failed told of errors of calls that nobody waits for
 */
export function wire<Theirs extends Methods<Theirs>, Ours extends Methods<Ours>>(
  port: Port,
  ours: Ours,
  failed: (error: unknown) => void,
): Wire<Theirs> {
  const waiting = new Map<number, { readonly resolve: (value: never) => void; readonly reject: (error: Error) => void }>();
  const methods = ours as unknown as Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
  let calls = 0;
  let end: Error | undefined;

  const serve = async ({ name, args, id }: Call) => {
    try {
      const value = await methods[name]?.(...args);
      if (id !== undefined) port.send({ answers: id, value } satisfies Answered);
    } catch (error) {
      if (id === undefined) failed(error);
      else port.send({ answers: id, error: thrown(error) } satisfies Answered);
    }
  };
  port.listen((message) => {
    if (isCall(message)) return void serve(message);
    const answer = message as Answered;
    const caller = waiting.get(answer.answers);
    waiting.delete(answer.answers);
    if ('error' in answer) caller?.reject(rebuilt(answer.error));
    else caller?.resolve(answer.value as never);
  });

  return {
    call(name, ...args) {
      if (end !== undefined) return Promise.reject(end);
      const id = ++calls;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        port.send({ name, args, id } satisfies Call);
      });
    },
    tell(name, ...args) {
      if (end === undefined) port.send({ name, args } satisfies Call);
    },
    broken(error) {
      end = error;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    },
  };
}

function isCall(message: unknown): message is Call {
  return typeof message === 'object' && message !== null && 'name' in message;
}

function thrown(error: unknown): Thrown {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message } = error;
  return { name, message, code: 'code' in error && typeof error.code === 'string' ? error.code : undefined };
}

/** An error with the name and the code it had, so that it is recognised. */
function rebuilt({ name, message, code }: Thrown): Error {
  return Object.assign(new Error(message), { name, ...(code !== undefined && { code }) });
}
