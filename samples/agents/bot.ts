import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  AgentApplication,
  authorizeJWT,
  CloudAdapter,
  ConnectorClient,
  getAuthConfigWithDefaults,
} from '@microsoft/agents-hosting';
import { azureSessions } from 'adjourn/azure';
import type { Identity } from 'adjourn/simulator';
import express from 'express';
import type { StartSample } from '../host.ts';
import { answer } from '../words.ts';

/** The bot of `samples/azure` on the Microsoft 365 Agents SDK. */
export const start: StartSample = async ({ sessions, endpoint, identity, vendorUrl, port = 0 }) => {
  const auth = authentication(identity, vendorUrl);
  const adapter = new (simulatedAdapter(identity.token))(auth);
  const agent = new AgentApplication({ adapter });
  // Microsoft's hosts need not be named; this one is the simulator's.
  const sending = { adapter, appId: identity.extra['appId'], serviceHosts: [new URL(vendorUrl).hostname] };
  adapter.use(azureSessions(sessions, { endpoint, accounts: [identity.account], ...sending }));
  agent.onActivity('message', async (context) => {
    const turn = sessions.turn(context);
    const said = turn && (await answer(turn, context.activity.text, sessions.clock));
    if (said !== undefined) await context.sendActivity(said);
  });
  // Without this the SDK tells the user about errors, and the channel that all is well.
  agent.onError(async (_context, error) => Promise.reject(error));

  const web = express();
  web.post('/api/messages', authorizeJWT(auth), express.json(), (req, res) =>
    agent.adapter.process(req, res, (context) => agent.run(context).then(() => {})),
  );

  const server = web.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/messages`, close };
};

/** Trusts the simulated Bot Connector instead of Microsoft's. */
export function authentication({ extra: { appId = '', issuer = '' } }: Identity, vendorUrl: string) {
  const issuers = [issuer];
  return getAuthConfigWithDefaults({ clientId: appId, authorityEndpoint: `${vendorUrl}/bot`, issuers, validateIssuer: true });
}

/** Microsoft's login refuses to work without TLS, so the token for the simulator is given. */
export function simulatedAdapter(token: string): typeof CloudAdapter {
  return class extends CloudAdapter {
    protected override async createConnectorClientWithIdentity(_identity: object, { serviceUrl = '' }: { serviceUrl?: string }) {
      return ConnectorClient.createClientWithToken(serviceUrl, token);
    }
  };
}
