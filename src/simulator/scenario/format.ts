import type { EndpointSettings, OrganizationSettings } from '../../middleware/core/policy.ts';
import type { Fault } from '../faults.ts';
import type { Act, Signature } from '../vendor.ts';
import type { StoreTurn, WorkerTurn } from './process.ts';

/** A scenario file once it has been read: every time an instant (epoch ms), every default filled in. */
export interface Scenario {
  readonly name: string;
  readonly start: number;
  /** Minutes east of UTC of `start`: clock times in the file are meant there. */
  readonly offset: number;
  readonly organization: OrganizationSettings;
  readonly endpoints: Readonly<Record<string, ScenarioEndpoint>>;
  /** How many bot processes share the store. */
  readonly processes: number;
  /** Who answers at the desk; all of them are online at the start. */
  readonly agents: readonly string[];
  readonly steps: readonly Step[];
}

/** Whether a process dies: that takes a store that outlives it. */
export function hasDeath({ steps }: Scenario): boolean {
  return steps.some(({ verb }) => verb === 'dies');
}

export interface ScenarioEndpoint {
  readonly channel: string;
  readonly settings: EndpointSettings;
  readonly test: TestFunctions;
}

/** Functions that an endpoint has for the sake of a test. `slow` ones take longer than they may. */
export interface TestFunctions {
  readonly classifyReturn?: 'same' | 'new' | 'invalid' | 'throws' | 'slow';
  readonly onClosing?: 'throws' | 'slow' | { readonly extendByMs: number };
  readonly script?: 'throws' | 'slow';
}

/** One verb at one instant. `path` is its place in the file, for messages. */
export type Step = { readonly at: number; readonly path: string } & (
  | WebhookStep
  | Together
  | BotStarts
  | BotWorks
  | DeskActs
  | Erases
  | VendorFails
  | StoreTurns
  | WorkerTurns
  | ProcessTurns
  | ChangesSettings
  | Expects
);

/** What ends in a webhook. */
export type WebhookStep = PersonActs | Redelivers | SendsRaw;

export interface PersonActs {
  readonly verb: 'acts';
  readonly user: string;
  readonly endpoint: string;
  readonly act: Act;
  /** When it happened, where it arrives later than that. */
  readonly writtenAt: number | undefined;
  /** Names the delivery. */
  readonly id: string | undefined;
  readonly process: number;
}

export interface Redelivers {
  readonly verb: 'redelivers';
  readonly id: string;
  readonly process: number;
}

export interface SendsRaw {
  readonly verb: 'sends';
  /** Whose webhook it is; for the list only. */
  readonly user: string | undefined;
  readonly endpoint: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly signature: Signature;
  readonly id: string | undefined;
  readonly process: number;
}

export interface Together {
  readonly verb: 'together';
  readonly deliveries: readonly WebhookStep[];
}

export interface BotStarts {
  readonly verb: 'bot starts';
  readonly user: string;
  readonly endpoint: string;
  readonly says: string | undefined;
  readonly process: number;
}

export interface BotWorks {
  readonly verb: 'bot works';
  readonly user: string;
  readonly endpoint: string;
  readonly forMs: number;
  readonly process: number;
}

/** What an agent does, or the bot that hands over. */
export type DeskActs = { readonly verb: 'desk'; readonly process: number } & (
  | { readonly act: PresenceAct }
  | { readonly act: ConversationAct; readonly place: ConversationPlace }
);

/** Whose conversation, and where. */
export interface ConversationPlace {
  readonly user: string;
  readonly endpoint: string;
}

export interface PresenceAct {
  readonly does: 'comesOnline' | 'goesOffline';
  readonly agent: string;
}

/** Done to one conversation. `agent` of a `handoff`: to whom; undefined: to the queue. */
export type ConversationAct =
  | { readonly does: 'takes' | 'returns'; readonly agent: string }
  | { readonly does: 'closes'; readonly agent: string; readonly outcome: string | undefined }
  | { readonly does: 'replies'; readonly agent: string; readonly says: string }
  | { readonly does: 'handoff'; readonly agent: string | undefined };

export interface Erases extends ConversationPlace {
  readonly verb: 'erases';
  readonly process: number;
}

export interface VendorFails {
  readonly verb: 'vendor fails';
  readonly channel: string;
  readonly fault: Fault;
  readonly times: number;
}

export interface StoreTurns {
  readonly verb: 'store';
  readonly store: StoreTurn;
}

export interface WorkerTurns {
  readonly verb: 'worker';
  readonly worker: WorkerTurn;
  /** Undefined: that of every process. */
  readonly process: number | undefined;
}

export interface ProcessTurns {
  readonly verb: 'dies' | 'restarts';
  readonly process: number;
}

export interface ChangesSettings {
  readonly verb: 'settings';
  readonly change: {
    readonly organization?: OrganizationSettings;
    readonly endpoints?: Readonly<Record<string, EndpointSettings>>;
  };
}

export interface Expects {
  readonly verb: 'expect';
  /** Whether the next `expect` looks only at what comes after; a `state` on its own leaves the window open. */
  readonly closesWindow: boolean;
  readonly ordered: boolean;
  readonly entries: readonly Expectation[];
}

export type Expectation = ExpectedEvent | ExpectedState | ExpectedContact;

/** One entry of `expect`: events with all of these fields. */
export interface ExpectedEvent {
  readonly path: string;
  readonly about: 'event';
  readonly fields: Readonly<Record<string, unknown>>;
  /** `some`: at least one. A number: exactly so many; 0 for `no: true`. */
  readonly times: number | 'some';
}

/** How a conversation must stand now. */
export interface ExpectedState {
  readonly path: string;
  readonly about: 'state';
  readonly user: string;
  readonly endpoint: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What must be kept of a contact now: these sessions and no other, newest first. */
export interface ExpectedContact extends ConversationPlace {
  readonly path: string;
  readonly about: 'contact';
  readonly sessions: readonly {
    readonly fields: Readonly<Record<string, unknown>>;
    /** These lines and no other, in this order; undefined: whatever was said. */
    readonly transcript: readonly Readonly<Record<string, unknown>>[] | undefined;
  }[];
}

/** The file is wrong: where, and what is wrong there. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
  /** The place in the file: `steps[3].at`. */
  readonly path: string;

  constructor(path: string, message: string) {
    super(path === '' ? message : `${path}: ${message}`);
    this.path = path;
  }
}
