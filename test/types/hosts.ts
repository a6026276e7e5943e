/** Compiled, never run: the hosts' own objects fit our structural types, under `exactOptionalPropertyTypes`, without a cast. */

import { messagingApi, middleware, type webhook } from '@line/bot-sdk';
import { AgentApplication, CloudAdapter as AgentsAdapter, MemoryStorage as AgentsMemory } from '@microsoft/agents-hosting';
import { App, type AppOptions } from '@slack/bolt';
import { createSessions } from 'adjourn';
import { azureSessions } from 'adjourn/azure';
import { lineErrors, lineSessions } from 'adjourn/line';
import { messengerSessions } from 'adjourn/messenger';
import { slackSessions } from 'adjourn/slack';
import { keyvStore } from 'adjourn/stores/keyv';
import { twilioSessions } from 'adjourn/twilio';
import { whatsappSessions } from 'adjourn/whatsapp';
import { CloudAdapter } from 'botbuilder';
import express from 'express';
import Keyv from 'keyv';
import KeyvSix from 'keyv6';
import twilio from 'twilio';

const sessions = createSessions({
  initial: () => ({ cart: [] as string[] }),
  endpoints: { main: {}, other: { expiration: '2h' } },
});
const web = express();

// Slack
const app = new App({ token: 'xoxb', signingSecret: 'secret' });
app.use(slackSessions(sessions, { endpoint: 'main', client: app.client }));
declare const authorize: NonNullable<AppOptions['authorize']>;
app.use(slackSessions(sessions, { authorize }));
app.message('tea', async ({ context }) => {
  sessions.of(context).data.cart.push('tea');
});
app.command('/tea', async ({ context, ack }) => {
  sessions.turn(context)?.session.close({ outcome: 'resolved' });
  await ack();
});
// @ts-expect-error a typo in an endpoint's name
slackSessions(sessions, { endpoint: 'mian' });

// Azure Bot Service, both SDKs with one function
const bot = new CloudAdapter();
bot.use(azureSessions(sessions, { endpoint: (activity) => (activity.channelId === 'msteams' ? 'main' : 'other'), appId: 'app' }));
const agents = new AgentsAdapter();
agents.use(azureSessions(sessions, { endpoint: 'other', appId: 'app' }));
export const agent = new AgentApplication({ adapter: agents, storage: new AgentsMemory() });
bot.onTurnError = async (context) => void sessions.of(context).data.cart.pop();
// @ts-expect-error a typo in an endpoint's name
azureSessions(sessions, { endpoint: 'mian' });

// Twilio
const sms = twilioSessions(sessions, { endpoint: 'main', client: twilio('AC0', 'token') });
web.post('/sms', twilio.webhook(), sms, (req, res) => res.send(String(sessions.of(req).turnCount)));
web.post(
  '/sms',
  twilio.webhook(),
  sms.wrap(async (req: express.Request, res: express.Response) => res.send(sessions.of(req).data.cart.join())),
);
// @ts-expect-error a typo in an endpoint's name
twilioSessions(sessions, { endpoint: 'mian', client: twilio('AC0', 'token') });
// @ts-expect-error no client
twilioSessions(sessions, { client: {} });

// LINE
const client = new messagingApi.MessagingApiClient({ channelAccessToken: 'token' });
const verified = middleware({ channelSecret: 'secret' });
web.post('/line', verified, lineSessions(sessions, { endpoint: 'main', client }), (req, res) => res.json(req.body));
web.post(
  '/line',
  verified,
  lineSessions(sessions, { client }, async (event, turn) => {
    turn.session.data.cart.push(String(event.type));
  }),
);
web.post(
  '/line',
  verified,
  lineSessions(sessions, { client }, async (event: webhook.Event, turn) => {
    if (event.type === 'message' && event.message.type === 'text') await turn.reply(event.message.text);
  }),
);
web.use(lineErrors);
// @ts-expect-error a typo in an endpoint's name
lineSessions(sessions, { endpoint: 'mian', client });

// Messenger and WhatsApp: Express, and web-standard requests
const meta = { appSecret: 'secret', verifyToken: 'verify', accessToken: 'token' };
const messenger = messengerSessions(sessions, { ...meta, endpoint: 'main' }, async (event, turn) => {
  turn.session.data.cart.push(event.message?.text ?? '');
});
const whatsapp = whatsappSessions(sessions, { ...meta, endpoint: 'other' }, async (_event, turn) => {
  await turn.reply(turn.session.id);
});
web.use('/messenger', messenger).use('/whatsapp', whatsapp);
export const handlers: ((request: Request) => Promise<Response>)[] = [
  (request) => messenger.fetch(request),
  (request) => whatsapp.fetch(request),
];
// @ts-expect-error a typo in an endpoint's name
messengerSessions(sessions, { ...meta, endpoint: 'mian' }, async () => {});
// @ts-expect-error a typo in an endpoint's name
whatsappSessions(sessions, { ...meta, endpoint: 'mian' }, async () => {});

// Stores: Keyv 5.6 and 6
createSessions({ store: keyvStore(new Keyv()) });
createSessions({ store: keyvStore(new KeyvSix()) });
// @ts-expect-error not a Keyv
keyvStore({});
