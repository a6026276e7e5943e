import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  AgentApplication,
  ConversationState as AgentsState,
  MemoryStorage as AgentsStorage,
  authorizeJWT,
} from '@microsoft/agents-hosting';
import { azureSessions, sessionStorage } from 'adjourn/azure';
import { AutoSaveStateMiddleware, CloudAdapter, ConversationState, MemoryStorage, type TurnContext } from 'botbuilder';
import { DialogSet, DialogTurnStatus, TextPrompt, WaterfallDialog, type WaterfallStep } from 'botbuilder-dialogs';
import express from 'express';
import { simulatedAdapter, authentication as trustOfAgents } from '../agents/bot.ts';
import { authentication } from '../azure/bot.ts';
import type { Sample, SampleOptions, StartSample } from '../host.ts';

/** Asks for a fruit, then for a number, then repeats both. Where it is lies in the state: it goes with the session. */
function orders(state: ConversationState): (context: TurnContext) => Promise<void> {
  const dialogs = new DialogSet(state.createProperty('DialogState'));
  dialogs.add(new TextPrompt('text'));
  const steps: WaterfallStep[] = [
    (step) => step.prompt('text', 'Which fruit?'),
    (step) => {
      Object.assign(step.values, { fruit: step.result });
      return step.prompt('text', 'How many?');
    },
    async (step) => {
      const { fruit } = step.values as { fruit?: string };
      await step.context.sendActivity(`Ordered: ${fruit}, ${step.result}`);
      return step.endDialog();
    },
  ];
  dialogs.add(new WaterfallDialog('order', steps));
  return async (context) => {
    if (context.activity.type !== 'message') return;
    const dialog = await dialogs.createContext(context);
    const { status } = await dialog.continueDialog();
    if (status === DialogTurnStatus.empty) await dialog.beginDialog('order');
  };
}

/** On botbuilder. The sessions come first: the state is saved inside their turn. */
export const start: StartSample = async (options) => {
  const state = new ConversationState(sessionStorage(options.sessions, new MemoryStorage()));
  const order = orders(state);
  const adapter = new CloudAdapter(authentication(options.identity, options.vendorUrl));
  adapter.use(azureSessions(options.sessions, mounting(options)), new AutoSaveStateMiddleware(state));
  return listen(options, (web) => web.post('/api/messages', (req, res) => adapter.process(req, res, order)));
};

/** On the Agents SDK, which has no dialogs of its own; botbuilder's do with what its state and its context have in common. */
export const startOnAgents: StartSample = async (options) => {
  const state = new AgentsState(sessionStorage(options.sessions, new AgentsStorage()));
  const order = orders(state as unknown as ConversationState);
  const auth = trustOfAgents(options.identity, options.vendorUrl);
  const agent = new AgentApplication({ adapter: new (simulatedAdapter(options.identity.token))(auth) });
  agent.adapter.use(azureSessions(options.sessions, mounting(options)));
  agent.onActivity('message', async (context) => {
    await order(context as unknown as TurnContext);
    await state.saveChanges(context);
  });
  const run = (req: express.Request, res: express.Response) =>
    agent.adapter.process(req, res, async (context) => void (await agent.run(context)));
  return listen(options, (web) => web.post('/api/messages', authorizeJWT(auth), run));
};

function mounting({ endpoint, identity, vendorUrl }: SampleOptions) {
  return { endpoint, appId: identity.extra['appId'], serviceHosts: [new URL(vendorUrl).hostname] };
}

async function listen({ port = 0 }: SampleOptions, mount: (web: express.Express) => void): Promise<Sample> {
  const web = express().use(express.json());
  mount(web);
  const server = web.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/messages`, close };
}
