import type { Sessions } from 'adjourn';
import type { Identity } from 'adjourn/simulator';
import type { BotData } from './words.ts';

/** What every sample bot is started with. */
export interface SampleOptions {
  readonly sessions: Sessions<BotData>;
  readonly endpoint: string;
  /** Ids and secrets the vendor and the bot share. */
  readonly identity: Identity;
  /** Where the vendor's API answers. */
  readonly vendorUrl: string;
  /** @default 0, any free port */
  readonly port?: number;
}

/** A running sample bot. */
export interface Sample {
  /** Where the vendor sends its webhooks. */
  readonly url: string;
  close(): Promise<void>;
}

export type StartSample = (options: SampleOptions) => Promise<Sample>;
