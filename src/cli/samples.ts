import { createRequire } from 'node:module';
import type { StartSample } from '../../samples/host.ts';
import { type BotData, initial } from '../../samples/words.ts';
import type { Cast } from '../simulator/scenario/process.ts';
import { withPeer } from './peer.ts';

/** A sample bot: its folder under `samples/`, and what the demo says about it. */
export interface Sample {
  readonly folder: string;
  readonly channel: string;
  /** The package it runs on. */
  readonly sdk: string;
}

/** Every sample bot, in the order the demo shows them. */
export const samples: readonly Sample[] = [
  { folder: 'messenger', channel: 'messenger', sdk: 'express' },
  { folder: 'whatsapp', channel: 'whatsapp', sdk: 'express' },
  { folder: 'line', channel: 'line', sdk: '@line/bot-sdk' },
  { folder: 'slack', channel: 'slack', sdk: '@slack/bolt' },
  { folder: 'twilio', channel: 'twilio', sdk: 'twilio' },
  { folder: 'azure', channel: 'azure', sdk: 'botbuilder' },
  { folder: 'agents', channel: 'azure', sdk: '@microsoft/agents-hosting' },
];

/**
 * The sample bots as the cast of a scenario: of every channel the one in the folder of its name.
 * @param folders another folder for single endpoints
 */
export function sampleCast(folders: Readonly<Record<string, string>> = {}): Cast<BotData> {
  return {
    initial,
    async bot(endpoint, channel) {
      const folder = folders[endpoint] ?? channel;
      const sdk = samples.find((sample) => sample.folder === folder)?.sdk ?? folder;
      const load = (): Promise<{ readonly start: StartSample }> => import(`../../samples/${folder}/bot.ts`);
      return (await withPeer(sdk, `samples/${folder}`, load)).start;
    },
  };
}

/** The installed version of a package. */
export function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return (require(`${folder}/${name}/package.json`) as { readonly version: string }).version;
    } catch {
      // Not in this folder.
    }
  }
  return 'not installed';
}
