import KeyvRedis from '@keyv/redis';
import { messagingApi, middleware } from '@line/bot-sdk';
import { createSessions, keyvStore, type Turn } from 'adjourn';
import { lineSessions } from 'adjourn/line';
import { messengerSessions } from 'adjourn/messenger';
import { whatsappSessions } from 'adjourn/whatsapp';
import express from 'express';
import Keyv from 'keyv';

/**
 * Bots on three channels with a durable inbox, in a process of their own: `node inbox-bot.ts <namespace> <hang|run>`.
 * Prints the port, then one line per message handled. Told to hang, it acknowledges and handles nothing.
 */
const [namespace = 'inbox', mode] = process.argv.slice(2);
const inbox = { inbox: 'durable' } as const;
const sessions = createSessions({
  store: keyvStore(new Keyv(new KeyvRedis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379'), { namespace })),
  endpoints: { line: inbox, messenger: inbox, whatsapp: inbox },
  logger: { debug() {}, info() {}, warn() {}, error() {} },
});
const handle = async (_event: unknown, turn: Turn) => {
  if (mode === 'hang') await new Promise(() => {});
  const { activity } = turn;
  console.log(`#${turn.session.turnCount} ${activity.kind === 'message' ? activity.text : activity.kind}`);
};
const meta = { appSecret: 'secret', verifyToken: 'verify', accessToken: 'token' };
const client = new messagingApi.MessagingApiClient({ channelAccessToken: 'token' });
const web = express();
web.post('/line', middleware({ channelSecret: 'secret' }), lineSessions(sessions, { endpoint: 'line', client }, handle));
web.use('/messenger', messengerSessions(sessions, { endpoint: 'messenger', ...meta }, handle));
web.use('/whatsapp', whatsappSessions(sessions, { endpoint: 'whatsapp', ...meta }, handle));
const server = web.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as { port: number }).port}`));
