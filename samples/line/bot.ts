import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { messagingApi, middleware, type webhook } from '@line/bot-sdk';
import { lineErrors, lineSessions } from 'adjourn/line';
import express from 'express';
import type { StartSample } from '../host.ts';
import { answer } from '../words.ts';

/** A bot for LINE on `@line/bot-sdk` and Express: one turn per event, answered by reply token or push. */
export const start: StartSample = async ({ sessions, endpoint, identity, vendorUrl, port = 0 }) => {
  const client = new messagingApi.MessagingApiClient({ channelAccessToken: identity.token, baseURL: vendorUrl });

  const web = express();
  web.post(
    '/line',
    middleware({ channelSecret: identity.secret }),
    lineSessions(sessions, { endpoint, client, accounts: [identity.account] }, async (event: webhook.Event, turn) => {
      const said = await answer(turn, textOf(event), sessions.clock);
      if (said !== undefined) await turn.reply(said);
    }),
  );
  web.use(lineErrors);

  const server = web.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/line`, close };
};

function textOf(event: webhook.Event): string | undefined {
  if (event.type === 'postback') return event.postback.data;
  return event.type === 'message' && event.message.type === 'text' ? event.message.text : undefined;
}
