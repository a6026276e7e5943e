import type { Adapter, AdapterOptions, Channel } from './adapter.ts';
import type { Clock } from './clock.ts';
import type { Address } from './core/conversation.ts';
import type { Explanation } from './core/explain.ts';
import type { EndpointSettings, OrganizationSettings } from './core/policy.ts';
import type { AdjournEvent, EventName } from './events.ts';
import type { Store } from './store.ts';
import type { Session, Turn } from './turn.ts';

/** The four methods that console, pino and Bolt's logger have in common. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface SessionsOptions<Data = unknown, Endpoint extends string = string> {
  /** What `session.data` starts as. @default () => ({}) */
  readonly initial?: (() => Data) | undefined;
  /** Session settings by endpoint. Its keys type every `endpoint` option. */
  readonly endpoints?: Readonly<Record<Endpoint, EndpointSettings>> | undefined;
  readonly organization?: OrganizationSettings | undefined;
  /** @default keyvStore(), in memory */
  readonly store?: Store | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
  /** @default console */
  readonly logger?: Logger | undefined;
  /** How long a lease lasts without renewal, milliseconds. @default 30000 */
  readonly leaseMs?: number | undefined;
}

export interface Sessions<Data = unknown, Endpoint extends string = string> {
  readonly clock: Clock;
  /** @throws AdjournError `ADJ_NO_SESSION`, `ADJ_SEVERAL_CONVERSATIONS` */
  of(host: object): Session<Data>;
  turn(host: object): Turn<Data> | undefined;
  current(): Turn<Data> | undefined;
  run<T>(key: string, work: (turn: Turn<Data>) => Promise<T>): Promise<T>;
  open(address: Address & { readonly channel: string; readonly endpoint: NoInfer<Endpoint> }, options?: { readonly reason?: string }): Promise<{ readonly key: string; readonly id: string }>;
  explain(key: string): Promise<Explanation>;
  on<Name extends EventName | '*'>(name: Name, listener: (event: Name extends '*' ? AdjournEvent : Extract<AdjournEvent, { type: Name }>) => void): () => void;
  close(): Promise<void>;
}

export declare function createSessions<Data = Record<string, unknown>, const Endpoint extends string = string>(options?: SessionsOptions<Data, Endpoint>): Sessions<Data, Endpoint>;
export declare function attach<Request>(sessions: Sessions<never, never>, adapter: Adapter<Request>, options: AdapterOptions): Channel;
