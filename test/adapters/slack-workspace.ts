import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { App, type AppOptions, type Logger, LogLevel } from '@slack/bolt';
import type { Clock } from '../../src/middleware/clock.ts';
import { slackVendor } from '../../src/simulator/channels/slack.ts';
import type { Act, ApiCall, Outbound, Signature, VendorWorld, Webhook } from '../../src/simulator/vendor.ts';

export const identity = slackVendor.identity('desk');

/** A real Bolt app behind its HTTP receiver, and the Slack it talks to. */
export interface Workspace extends AsyncDisposable {
  readonly app: App;
  /** What people were told, in order: by message, `response_url` or the answer to a slash command. */
  readonly said: string[];
  /** The same with addressees. */
  readonly received: (Outbound & { readonly to: string })[];
  /** What reached `app.error`. */
  readonly errors: unknown[];
  /** Calls of the Web API the simulated Slack does not have. */
  readonly unknown: string[];
  /** The webhook for what a person does. */
  webhook(act: Act, user?: string): Webhook;
  /** An event of our own making, in the envelope of the simulated workspace. */
  event(event: Readonly<Record<string, unknown>>, id: string): Webhook;
  /** Sends a webhook over HTTP; resolves with the receiver's answer. */
  post(webhook: Webhook, signature?: Signature): Promise<{ readonly status: number; readonly text: string }>;
  /** `post`, then `rest`. */
  deliver(webhook: Webhook, signature?: Signature): Promise<{ readonly status: number; readonly text: string }>;
  /** Resolves when Bolt is done with everything it was sent. */
  rest(): Promise<void>;
}

/** @param mount adds middleware and listeners */
export async function workspace(clock: Clock, mount: (app: App) => void, options: AppOptions = {}): Promise<Workspace> {
  const received: Workspace['received'] = [];
  const said: string[] = [];
  const errors: unknown[] = [];
  const unknown: string[] = [];
  const running = new Set<Promise<void>>();
  let sequence = 0;
  const world: VendorWorld = {
    now: () => clock.now(),
    next: () => ++sequence,
    identities: () => [identity],
    receive(message) {
      received.push(message);
      said.push(message.text);
    },
  };
  const slack = createServer(async (request, response) => {
    const call = await callOf(request);
    const answer = slackVendor.api(call, world) ?? slackVendor.unknownRoute(call);
    if (answer.status === 501) unknown.push(call.path);
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  });
  slack.listen(0, '127.0.0.1');
  await once(slack, 'listening');
  const vendorUrl = addressOf(slack);

  const app = new App({
    ...(options.authorize ? {} : { token: identity.token }),
    signingSecret: identity.secret,
    logger: silent,
    clientOptions: { slackApiUrl: `${vendorUrl}/slack/api/`, retryConfig: { retries: 0 } },
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
  const url = `${addressOf(server)}/slack/events`;

  const webhook = (act: Act, user = 'ada'): Webhook => {
    const context = {
      identity,
      user,
      person: slackVendor.person(user),
      at: clock.now(),
      sequence: ++sequence,
      about: undefined,
      vendorUrl,
    };
    const made = slackVendor.webhook(act, context);
    if (made === undefined) throw new Error(`Slack has no webhook for ${act.does}.`);
    return made;
  };
  const post: Workspace['post'] = async (one, signature = 'right') => {
    const { headers, bytes } = slackVendor.sign(one, identity, url, Date.now(), signature);
    const answer = await fetch(url, { method: one.method, headers, body: bytes });
    const text = await answer.text();
    const shown = slackVendor.answered({ status: answer.status, headers: Object.fromEntries(answer.headers), text }, one);
    said.push(...shown.map((message) => message.text));
    return { status: answer.status, text };
  };
  const rest = async () => {
    while (running.size > 0) await Promise.allSettled(running);
  };
  return {
    app,
    said,
    received,
    errors,
    unknown,
    webhook,
    event(event, id) {
      const { body, ...made } = webhook({ does: 'says', text: '' });
      return { ...made, id, body: { ...body, event, event_id: id } };
    },
    post,
    async deliver(one, signature) {
      const answer = await post(one, signature);
      await rest();
      return answer;
    },
    rest,
    async [Symbol.asyncDispose]() {
      await rest();
      await app.stop();
      slack.closeAllConnections();
      slack.close();
    },
  };
}

async function callOf(request: IncomingMessage): Promise<ApiCall> {
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  return { method: request.method ?? 'GET', path: request.url ?? '/', headers, text: await textOf(request) };
}

function addressOf(server: { address(): string | AddressInfo | null }): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const nothing = () => {};
const silent: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  setLevel: nothing,
  setName: nothing,
  getLevel: () => LogLevel.ERROR,
};
