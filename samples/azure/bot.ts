import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { azureSessions } from 'adjourn/azure';
import type { Identity } from 'adjourn/simulator';
import { CloudAdapter, ConfigurationBotFrameworkAuthentication } from 'botbuilder';
import express from 'express';
import type { StartSample } from '../host.ts';
import { answer } from '../words.ts';

/** A bot on botbuilder and Express that checks the Bot Connector's tokens. */
export const start: StartSample = async ({ sessions, endpoint, identity, vendorUrl, port = 0 }) => {
  const adapter = new CloudAdapter(authentication(identity, vendorUrl));
  // Microsoft's hosts need not be named; this one is the simulator's.
  const sending = { adapter, appId: identity.extra['appId'], serviceHosts: [new URL(vendorUrl).hostname] };
  adapter.use(azureSessions(sessions, { endpoint, accounts: [identity.account], ...sending }));

  const web = express();
  web.use(express.json());
  web.post('/api/messages', (req, res) => {
    // botbuilder fails on what has no type at all, before it looks at who sent it.
    const typed = Object.assign(req, { body: { ...req.body, type: String(req.body?.type ?? 'unknown') } });
    return adapter.process(typed, res, async (context) => {
      const turn = sessions.turn(context);
      const said = turn && (await answer(turn, context.activity.text, sessions.clock));
      if (said !== undefined) await context.sendActivity(said);
    });
  });

  const server = web.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/messages`, close };
};

/** Trusts the simulated Bot Connector instead of Microsoft's; a bot in production passes its app id and password only. */
export function authentication({ extra, token }: Identity, vendorUrl: string): ConfigurationBotFrameworkAuthentication {
  const metadata = `${vendorUrl}/bot/v1/.well-known/openidconfiguration`;
  const options = {
    ToBotFromChannelOpenIdMetadataUrl: metadata,
    ToBotFromEmulatorOpenIdMetadataUrl: metadata,
    ToBotFromChannelTokenIssuer: extra['issuer'] ?? '',
    ToChannelFromBotOAuthScope: extra['issuer'] ?? '',
  };
  return new ConfigurationBotFrameworkAuthentication(options, {
    isAuthenticationDisabled: async () => false,
    isValidAppId: async (appId) => appId === extra['appId'],
    createCredentials: async () => ({
      async signRequest(request) {
        request.headers.set('authorization', `Bearer ${token}`);
        return request;
      },
    }),
  });
}
