import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { App, type AppOptions, type Logger, LogLevel } from '@slack/bolt';
import { slackSessions } from '../../src/adapters/slack.ts';
import { type AdjournEvent, createSessions, type Sessions, type SessionsOptions } from '../../src/index.ts';
import { type TurnProbe, turnProbe } from '../../src/middleware/probe.ts';
import { slackVendor } from '../../src/simulator/channels/slack.ts';
import {
  type Act,
  createSimulator,
  type Received,
  type Signature,
  type Webhook,
  type WebhookAnswer,
} from '../../src/simulator/simulator.ts';
import { type VirtualClock, virtualClock } from '../../src/testing/virtual-clock.ts';

export const identity = slackVendor.identity('desk');
export const team = identity.account;
export const bot = identity.extra['botUser'] ?? '';
export const ada = slackVendor.person('ada');
/** The channel that Ada and the bot have to themselves. */
export const dm = `D${ada.slice(1)}`;

const nothing = () => {};
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing };
/** Bolt and its clients tell nobody anything. */
export const quietInBolt: Logger = { ...quiet, setLevel: nothing, setName: nothing, getLevel: () => LogLevel.ERROR };

export interface Data {
  seen: string[];
}
export type DeskSessions = Sessions<Data, 'desk'>;

/** Sessions of one endpoint, on a clock of their own. */
export function desk(options: SessionsOptions<Data, 'desk'> = {}): { clock: VirtualClock; sessions: DeskSessions } {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const sessions = createSessions({
    endpoints: { desk: { expiration: 30 } },
    initial: (): Data => ({ seen: [] }),
    clock,
    logger: quiet,
    ...options,
  });
  return { clock, sessions };
}

/** A real Bolt app behind its own HTTP receiver, in a simulated workspace. */
export interface Workspace extends AsyncDisposable {
  /** What people were told, in order, by whatever way. */
  readonly said: string[];
  /** The same with who it was told. */
  readonly received: Received[];
  /** What reached `app.error`. */
  readonly errors: unknown[];
  /** The webhook for what Ada does. */
  webhook(act: Act): Webhook;
  /** Sends a webhook over HTTP; resolves with Bolt's answer. */
  post(webhook: Webhook, signature?: Signature): Promise<WebhookAnswer>;
  /** The same, and waits until Bolt is done with everything. */
  deliver(webhook: Webhook, signature?: Signature): Promise<WebhookAnswer>;
  rest(): Promise<void>;
}

/** @param mount adds middleware and listeners to the app */
export async function workspace(
  { clock }: { readonly clock: VirtualClock },
  mount: (app: App) => void,
  options: AppOptions = {},
): Promise<Workspace> {
  const received: Received[] = [];
  const said: string[] = [];
  const errors: unknown[] = [];
  const running = new Set<Promise<void>>();
  const simulator = await createSimulator({
    clock,
    onReceived(message) {
      received.push(message);
      said.push(message.text);
    },
    onUnknownRoute: ({ path }) => void errors.push(path),
  });
  simulator.identity('slack', 'desk');
  simulator.person('slack', 'ada');

  const app = new App({
    // Naming the bot spares Bolt the call of `auth.test`, which may outlive a short test.
    ...(options.authorize ? {} : { token: identity.token, botId: identity.extra['bot'] ?? '', botUserId: bot }),
    signingSecret: identity.secret,
    logger: quietInBolt,
    clientOptions: { slackApiUrl: `${simulator.url}/slack/api/`, retryConfig: { retries: 0 } },
    ...options,
  });
  app.error(async (error) => void errors.push(error));
  mount(app);
  const processEvent = app.processEvent.bind(app);
  app.processEvent = (event) => {
    const done = processEvent(event).finally(() => running.delete(done));
    running.add(done);
    return done;
  };
  const server = await app.start({ port: 0, host: '127.0.0.1' });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/slack/events`;

  const post: Workspace['post'] = (one, signature) =>
    simulator.send(one, { channel: 'slack', endpoint: 'desk', url, user: 'ada', signature });
  const rest = async () => {
    while (running.size > 0) await Promise.allSettled(running);
  };
  return {
    said,
    received,
    errors,
    webhook(act) {
      const made = simulator.webhook('slack', 'desk', 'ada', act);
      if (made === undefined) throw new Error(`Slack has no webhook for ${act.does}.`);
      return made;
    },
    post,
    async deliver(one, signature) {
      const answer = await post(one, signature);
      await rest();
      return answer;
    },
    rest,
    async [Symbol.asyncDispose]() {
      await simulator.close();
      (server as Server).closeAllConnections();
      await app.stop();
    },
  };
}

export const says = (text: string): Act => ({ does: 'says', text });

/** A message event in a channel. */
export function posted(
  text: string,
  ts: string,
  more: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return { type: 'message', channel: 'C07DECK0001', channel_type: 'channel', user: ada, text, ts, event_ts: ts, team, ...more };
}

/** An event of our own making, in Slack's envelope. */
export function event(id: string, one: Readonly<Record<string, unknown>>, more: Readonly<Record<string, unknown>> = {}): Webhook {
  const authorizations = [{ enterprise_id: null, team_id: team, user_id: bot, is_bot: true, is_enterprise_install: false }];
  const body = { type: 'event_callback', team_id: team, api_app_id: 'A1', event_id: id, event: one, authorizations, ...more };
  return slackVendor.raw(body, {}, identity);
}

/** A slash command Ada gives in her direct channel. */
export function command(name: string, text = ''): Webhook {
  const ids = { team_id: team, channel_id: dm, user_id: ada, api_app_id: 'A1', trigger_id: `${name} ${text}` };
  return slackVendor.raw({ ...ids, command: name, text, is_enterprise_install: 'false' }, {}, identity);
}

/** Something Ada does with a button, a form or a shortcut. */
export function interaction(payload: Readonly<Record<string, unknown>>): Webhook {
  const ids = { team: { id: team }, user: { id: ada, team_id: team }, is_enterprise_install: false, enterprise: null };
  return slackVendor.raw({ payload: { ...ids, ...payload } }, {}, identity);
}

/** Resolves when the next turn that has to wait for its conversation does so. */
export function waiting(): Promise<void> {
  return new Promise((resolve) => {
    const listener = (message: unknown) => {
      if ((message as TurnProbe).phase !== 'waiting') return;
      turnProbe.unsubscribe(listener);
      resolve();
    };
    turnProbe.subscribe(listener);
  });
}

/** Every event from now on. */
export function eventsOf(sessions: DeskSessions): AdjournEvent[] {
  const events: AdjournEvent[] = [];
  sessions.on('*', (one) => void events.push(one));
  return events;
}

/** Answers every message, action and command with the number of its turn. */
export function counting(sessions: DeskSessions) {
  return (app: App) => {
    app.use(slackSessions(sessions, { endpoint: 'desk', client: app.client }));
    app.message(async ({ context, message, say }) => {
      const session = sessions.of(context);
      session.data.seen.push('text' in message ? String(message.text) : '');
      await say(`#${session.turnCount} ${session.data.seen.join('|')}`);
    });
    app.action(/.*/, async ({ ack, context, respond }) => {
      await ack();
      await respond(`#${sessions.of(context).turnCount} tapped`);
    });
    app.command(/.*/, async ({ ack, context }) => {
      await ack(`#${sessions.of(context).turnCount} ran`);
    });
  };
}
