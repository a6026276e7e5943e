import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  AgentApplication,
  CloudAdapter as AgentsAdapter,
  authorizeJWT,
  ConnectorClient,
  getAuthConfigWithDefaults,
} from '@microsoft/agents-hosting';
import { CloudAdapter, ConfigurationBotFrameworkAuthentication } from 'botbuilder';
import express from 'express';
import { type AzureActivity, type AzureOptions, type AzureSenderOptions, azureSessions } from '../../src/adapters/azure.ts';
import { type AdjournEvent, createSessions, type Sessions, type SessionsOptions } from '../../src/index.ts';
import { azureVendor } from '../../src/simulator/channels/azure.ts';
import { type Act, createSimulator, type Fault, type Webhook, type WebhookAnswer } from '../../src/simulator/simulator.ts';
import { type VirtualClock, virtualClock } from '../../src/testing/virtual-clock.ts';

const nothing = () => {};
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing };

export interface Data {
  seen: string[];
}
export type BotSessions = Sessions<Data, string>;

/** What tests use of a `TurnContext` of either SDK. */
export interface Context {
  readonly activity: AzureActivity;
  sendActivity(text: string): Promise<unknown>;
}
type Logic = (context: Context) => Promise<void>;

/** A bot on a real SDK behind HTTP, and the simulated Bot Connector it talks to. */
export interface Bot extends AsyncDisposable {
  readonly sessions: BotSessions;
  readonly clock: VirtualClock;
  /** What Ada was told, in order. */
  readonly said: string[];
  readonly events: AdjournEvent[];
  /** What reached `onTurnError`. */
  readonly errors: unknown[];
  /** Ada's conversation, as the Bot Connector names it. */
  readonly reference: Reference;
  /** What a person does, over HTTP. */
  does(act: Act, by?: string): Promise<Webhook>;
  says(text: string): Promise<Webhook>;
  /** Ada's activity, with members of one's own. */
  activity(members: Readonly<Record<string, unknown>>): Webhook;
  post(webhook: Webhook): Promise<WebhookAnswer>;
  /** A turn the bot begins itself. */
  begins(reference: Reference, logic: Logic): Promise<void>;
  /** The Bot Connector's next call that sends something meets a fault. */
  fails(fault: Fault): void;
  /** What a process that runs only the worker gives `azureSender`. */
  worker(): Pick<AzureSenderOptions, 'adapter' | 'appId' | 'serviceHosts'>;
}

/** A conversation reference with the fields of both SDKs. */
export interface Reference {
  readonly activityId: string;
  readonly channelId: string;
  readonly serviceUrl: string;
  readonly conversation: {
    readonly id: string;
    readonly isGroup: boolean;
    readonly conversationType: string;
    readonly name: string;
  };
  readonly user: { readonly id: string; readonly name: string };
  readonly bot: { readonly id: string; readonly name: string };
  readonly agent: { readonly id: string; readonly name: string };
}

/** The members of Ada's activities that say who talks to whom. */
interface Ids {
  readonly from: Reference['user'];
  readonly recipient: Reference['bot'];
  readonly conversation: { readonly id: string; readonly isGroup: boolean };
  readonly serviceUrl: string;
}

/** How a bot is hosted. */
interface Hosted {
  handle(req: express.Request, res: express.Response): Promise<void>;
  begins: Bot['begins'];
  newAdapter(): AzureSenderOptions['adapter'];
  readonly verify?: express.RequestHandler;
}

export interface Setup {
  readonly logic: (context: Context, bot: Bot) => Promise<void>;
  readonly sessions?: SessionsOptions<Data, string> | undefined;
  readonly options?: AzureOptions;
  /** Agents SDK only. */
  readonly longRunningMessages?: boolean;
  /** How many turns of the event loop it takes to get a token to send with; Agents SDK only. */
  readonly ticksToConnect?: number;
}

export type Sdk = 'botbuilder' | 'agents-hosting';
export const sdks: readonly Sdk[] = ['botbuilder', 'agents-hosting'];

export async function startBot(
  sdk: Sdk,
  { logic, sessions: settings, options, longRunningMessages = false, ticksToConnect = 0 }: Setup,
): Promise<Bot> {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const said: string[] = [];
  const errors: unknown[] = [];
  const simulator = await createSimulator({ clock, vendors: [azureVendor], onReceived: ({ text }) => void said.push(text) });
  const identity = simulator.identity('azure', 'main');
  const { token } = identity;
  const appId = identity.extra['appId'] ?? '';
  const issuer = identity.extra['issuer'] ?? '';
  const sessions: BotSessions = createSessions<Data, string>({
    endpoints: { main: { expiration: 30 } },
    initial: () => ({ seen: [] }),
    clock,
    logger: quiet,
    ...settings,
  });
  const events: AdjournEvent[] = [];
  sessions.on('*', (event) => void events.push(event));
  const serviceHosts = ['127.0.0.1'];
  const middleware = azureSessions(sessions, { endpoint: 'main', appId, serviceHosts, ...options });
  const onError = async (_context: unknown, error: unknown) => void errors.push(error);
  const run = (context: Context) => logic(context, bot);

  const hosted = sdk === 'botbuilder' ? onBotbuilder() : onAgents();
  const web = express();
  web.post('/api/messages', express.json(), ...(hosted.verify ? [hosted.verify] : []), hosted.handle);
  const server = web.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/messages`;

  const webhook = (act: Act, by = 'ada') => {
    const made = simulator.webhook('azure', 'main', by, act);
    if (made === undefined) throw new Error(`No webhook for ${act.does}`);
    return made;
  };
  const post = (one: Webhook) => simulator.send(one, { channel: 'azure', endpoint: 'main', url, user: 'ada' });
  const { from, recipient, conversation, serviceUrl } = webhook({ does: 'types' }).body as unknown as Ids;
  const bot: Bot = {
    sessions,
    clock,
    said,
    events,
    errors,
    reference: {
      activityId: 'of-an-old-message',
      channelId: 'directline',
      serviceUrl,
      conversation: { ...conversation, conversationType: 'personal', name: 'orchard' },
      user: from,
      bot: recipient,
      agent: recipient,
    },
    async does(act, by) {
      const made = webhook(act, by);
      const { status } = await post(made);
      if (status !== 200) throw new Error(`The bot answered with status ${status}.`);
      return made;
    },
    says: (text) => bot.does({ does: 'says', text }),
    activity(members) {
      const made = webhook({ does: 'says', text: '' });
      const body = { ...made.body, text: undefined, channelData: undefined, ...members };
      return { ...made, body };
    },
    post,
    begins: hosted.begins,
    fails: (fault) => simulator.fail('azure', fault, 1),
    worker: () => ({ adapter: hosted.newAdapter(), appId, serviceHosts }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await simulator.close();
      await sessions.close();
    },
  };
  return bot;

  function onBotbuilder(): Hosted {
    const metadata = `${simulator.url}/bot/v1/.well-known/openidconfiguration`;
    const trust = {
      ToBotFromChannelOpenIdMetadataUrl: metadata,
      ToBotFromEmulatorOpenIdMetadataUrl: metadata,
      ToBotFromChannelTokenIssuer: issuer,
      ToChannelFromBotOAuthScope: issuer,
    };
    const authentication = new ConfigurationBotFrameworkAuthentication(trust, {
      isAuthenticationDisabled: async () => false,
      isValidAppId: async (id) => id === appId,
      createCredentials: async () => ({
        async signRequest(request) {
          request.headers.set('authorization', `Bearer ${token}`);
          return request;
        },
      }),
    });
    const newAdapter = () => new CloudAdapter(authentication);
    const adapter = newAdapter();
    adapter.use(middleware);
    adapter.onTurnError = onError;
    return {
      handle: (req, res) => adapter.process(req, res, run),
      begins: (reference, work) => adapter.continueConversationAsync(appId, reference, work),
      newAdapter,
    };
  }

  function onAgents(): Hosted {
    const trust = getAuthConfigWithDefaults({ clientId: appId, authorityEndpoint: `${simulator.url}/bot`, issuers: [issuer] });
    const Adapter = class extends AgentsAdapter {
      protected override async createConnectorClientWithIdentity(
        _identity: object,
        { serviceUrl: to = '' }: { serviceUrl?: string },
      ) {
        for (let tick = 0; tick < ticksToConnect; tick++) await new Promise(setImmediate);
        return ConnectorClient.createClientWithToken(to, token);
      }
    };
    const newAdapter = () => new Adapter(trust);
    const adapter = newAdapter();
    const agent = new AgentApplication({ adapter, longRunningMessages, agentAppId: appId });
    agent.adapter.use(middleware);
    agent.onError(onError);
    agent.onActivity(async () => true, run);
    return {
      handle: (req, res) => adapter.process(req, res, (context) => agent.run(context).then(nothing)),
      begins: (reference, work) => adapter.continueConversation(appId, reference, work),
      newAdapter,
      verify: authorizeJWT(trust),
    };
  }
}
