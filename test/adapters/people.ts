import { messagingApi } from '@line/bot-sdk';
import { webApi } from '@slack/bolt';
import { CloudAdapter } from 'botbuilder';
import twilio from 'twilio';
import { start as agents } from '../../samples/agents/bot.ts';
import { authentication, start as azure } from '../../samples/azure/bot.ts';
import { start as line } from '../../samples/line/bot.ts';
import { start as messenger } from '../../samples/messenger/bot.ts';
import { start as slack } from '../../samples/slack/bot.ts';
import { start as twilioBot } from '../../samples/twilio/bot.ts';
import { start as whatsapp } from '../../samples/whatsapp/bot.ts';
import { azureSender } from '../../src/adapters/azure.ts';
import { lineSender } from '../../src/adapters/line.ts';
import { messengerSender } from '../../src/adapters/messenger.ts';
import { slackSender } from '../../src/adapters/slack.ts';
import { twilioSender } from '../../src/adapters/twilio.ts';
import { whatsappSender } from '../../src/adapters/whatsapp.ts';
import type { PeopleCase } from '../kit/people.ts';
import { quietInBolt } from './slack-workspace.ts';

const endpoint = 'desk';
const empty = { status: 200, text: '' };

const cases: Readonly<Record<string, PeopleCase>> = {
  azure: {
    bots: { botbuilder: azure, 'agents-hosting': agents },
    mountSender(sessions, identity, vendorUrl) {
      const adapter = new CloudAdapter(authentication(identity, vendorUrl));
      const serviceHosts = [new URL(vendorUrl).hostname];
      azureSender(sessions, { endpoint, adapter, appId: identity.extra['appId'], serviceHosts });
    },
    silence: empty,
    failure: 500,
  },
  line: {
    bots: { 'line-bot-sdk': line },
    mountSender(sessions, identity, vendorUrl) {
      const client = new messagingApi.MessagingApiClient({ channelAccessToken: identity.token, baseURL: vendorUrl });
      lineSender(sessions, { endpoint, client });
    },
    silence: empty,
    failure: 500,
  },
  messenger: {
    bots: { express: messenger },
    mountSender: (sessions, { token }, graphBaseUrl) => messengerSender(sessions, { endpoint, accessToken: token, graphBaseUrl }),
    silence: empty,
    failure: 500,
  },
  slack: {
    bots: { bolt: slack },
    mountSender(sessions, identity, vendorUrl) {
      const client = new webApi.WebClient(undefined, { slackApiUrl: `${vendorUrl}/slack/api/`, logger: quietInBolt });
      slackSender(sessions, { endpoint, client, authorize: async () => ({ botToken: identity.token }) });
    },
    silence: empty,
    failure: 200,
  },
  twilio: {
    bots: { twilio: twilioBot },
    mountSender(sessions, identity, vendorUrl) {
      const client = twilio(identity.extra['accountSid'], identity.token);
      client.api.baseUrl = vendorUrl;
      twilioSender(sessions, { endpoint, client });
    },
    silence: { status: 200, text: '<Response/>', type: 'text/xml; charset=utf-8' },
    failure: 500,
  },
  whatsapp: {
    bots: { express: whatsapp },
    mountSender: (sessions, { token }, graphBaseUrl) => whatsappSender(sessions, { endpoint, accessToken: token, graphBaseUrl }),
    silence: empty,
    failure: 500,
  },
};

/** How people take over on a channel. A channel without this cannot be told from one where they cannot. */
export function peopleOf(channel: string): PeopleCase {
  const found = cases[channel];
  if (found === undefined) throw new Error(`test/adapters/people.ts does not say how people take over on ${channel}.`);
  return found;
}
