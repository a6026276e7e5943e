import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { azure as azureAdapter } from '../../src/adapters/azure.ts';
import { lineAdapter } from '../../src/adapters/line.ts';
import { messengerAdapter } from '../../src/adapters/messenger.ts';
import { slack as slackAdapter } from '../../src/adapters/slack.ts';
import { twilio as twilioAdapter } from '../../src/adapters/twilio.ts';
import { whatsappAdapter } from '../../src/adapters/whatsapp.ts';
import type { Adapter } from '../../src/middleware/adapter.ts';
import { keyOf } from '../../src/middleware/core/activity.ts';
import { hasTurn } from '../../src/middleware/intake.ts';
import type { Case } from '../harness/case.ts';
import { each, type Figure, spreadOf } from '../harness/figures.ts';
import { azureHost, type Host, lineHost, metaHost, slackHost, twilioHost } from '../harness/hosts.ts';
import { inRounds, oneByOne } from '../harness/rounds.ts';

/**
 * What it takes to understand one webhook (parse it, classify it, name its conversation) as a part of what the host does with it anyway:
 * signature, body, routing, middlewares, without a network and without TLS.
 */
const measure = 'adapters';

interface Channel {
  readonly adapter: Adapter<never>;
  readonly fixture: string;
  readonly host: (request: never) => Host;
}

const channels: readonly Channel[] = [
  { adapter: slackAdapter, fixture: 'slack/message-direct', host: slackHost },
  { adapter: azureAdapter, fixture: 'azure/msteams-personal-message', host: azureHost },
  { adapter: twilioAdapter, fixture: 'twilio/sms-text', host: twilioHost },
  { adapter: lineAdapter, fixture: 'line/text', host: lineHost },
  { adapter: messengerAdapter, fixture: 'messenger/text', host: metaHost },
  { adapter: whatsappAdapter, fixture: 'whatsapp/text', host: metaHost },
];

export const run: Case = async (quick) => {
  const figures: Figure[] = [];
  for (const channel of channels) figures.push(...(await figuresOf(channel, quick ? [1, 200] : [7, 2_000])));
  return figures;
};

async function figuresOf(
  { adapter, fixture, host: open }: Channel,
  [rounds, calls]: readonly [number, number],
): Promise<Figure[]> {
  const { name, parse } = adapter;
  const file = new URL(`../../test/fixtures/${fixture}.json`, import.meta.url);
  const { request } = JSON.parse(readFileSync(file, 'utf8')) as { request: never };
  const host = open(request);
  let understood = 0;
  const understand = () => {
    for (const activity of parse(request)) {
      if (hasTurn(activity) && keyOf(activity, name, 'user') !== undefined) understood += 1;
    }
  };
  const took = await inRounds(rounds, {
    // It is too short to be measured call by call.
    ours: async () => (await oneByOne(1, async () => repeat(calls, understand))) / calls,
    host: () => oneByOne(calls, host.hear),
  });
  const turns = calls * (rounds + 1);
  assert.equal(understood, turns, `${name}: every webhook was understood.`);
  assert.equal(host.heard(), turns, `${name}: the host handled every webhook.`);
  const share = each(took.ours, took.host, (ours, theirs) => (ours / theirs) * 100);
  return [
    { measure, name: `${name}: parse and classify`, unit: 'µs', ...spreadOf(took.ours) },
    { measure, name: `${name}: the host's own handling`, unit: 'µs', ...spreadOf(took.host) },
    { measure, name: `${name}: as a part of it`, unit: '%', ...share, reach: { is: 'below', value: 5 } },
  ];
}

function repeat(calls: number, work: () => void): void {
  for (let call = 0; call < calls; call++) work();
}
