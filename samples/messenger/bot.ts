import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { messengerSessions } from 'adjourn/messenger';
import express from 'express';
import type { StartSample } from '../host.ts';
import { answer } from '../words.ts';

/** A bot for Messenger on Express: raw webhooks in, the Graph API out. */
export const start: StartSample = async ({ sessions, endpoint, identity, vendorUrl, port = 0 }) => {
  const handler = messengerSessions(
    sessions,
    {
      endpoint,
      accounts: [identity.account],
      appSecret: identity.secret,
      verifyToken: identity.extra['verifyToken'],
      accessToken: identity.token,
      graphBaseUrl: vendorUrl,
    },
    async (_event, turn) => {
      const { activity } = turn;
      const text = activity.kind === 'postback' ? activity.payload : activity.kind === 'message' ? activity.text : undefined;
      const said = await answer(turn, text, sessions.clock);
      if (said !== undefined) await turn.reply(said);
    },
  );

  const web = express();
  web.use('/messenger', handler);

  const server = web.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/messenger`, close };
};
