import { createHmac, timingSafeEqual } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { middleware as lineMiddleware } from '@line/bot-sdk';
import bolt from '@slack/bolt';
import { type Activity, BotAdapter, type ResourceResponse, TurnContext } from 'botbuilder';
import express from 'express';
import twilio from 'twilio';

/** A host that gets one webhook again and again, and whose handler does nothing. */
export interface Host {
  hear(): Promise<unknown>;
  /** Handlers that ran. */
  heard(): number;
}

const token = 'a token of the bench';
const hmac = (content: string | Buffer) => createHmac('sha256', token).update(content);

/** Bolt with its own HTTP receiver. */
export function slackHost({ body }: { body: unknown }): Host {
  let heard = 0;
  const text = JSON.stringify(body);
  const receiver = new bolt.HTTPReceiver({ signingSecret: token, logLevel: bolt.LogLevel.ERROR });
  const authorize = async () => ({ botToken: 'xoxb-1', botId: 'B00000001', botUserId: 'U00000001' });
  const app = new bolt.App({ receiver, authorize, convoStore: false, logLevel: bolt.LogLevel.ERROR });
  app.message(async () => {
    heard += 1;
  });
  const at = String(Math.floor(Date.now() / 1_000));
  const signature = `v0=${hmac(`v0:${at}:${text}`).digest('hex')}`;
  const headers = { 'content-type': 'application/json', 'x-slack-request-timestamp': at, 'x-slack-signature': signature };
  return {
    hear: () => posted('/slack/events', text, headers, (...exchange) => receiver.requestListener(...exchange)),
    heard: () => heard,
  };
}

/** botbuilder's adapter and turn context behind Express, without the check of the token. */
export function azureHost(activity: Partial<Activity>): Host {
  class Bare extends BotAdapter {
    hear(received: Partial<Activity>, bot: () => Promise<void>): Promise<void> {
      return this.runMiddleware(new TurnContext(this, received), bot);
    }
    override async sendActivities(): Promise<ResourceResponse[]> {
      return [];
    }
    override async updateActivity(): Promise<void> {}
    override async deleteActivity(): Promise<void> {}
    override async continueConversation(): Promise<void> {}
  }
  const adapter = new Bare();
  return onExpress(JSON.stringify(activity), { 'content-type': 'application/json' }, (app) => {
    app.use(express.json(), (request, _response, next) => {
      void adapter.hear(request.body, async () => next());
    });
  });
}

/** Express with Twilio's own middleware. */
export function twilioHost({ body }: { body: Record<string, string> }): Host {
  const url = 'https://bot.example/hook';
  const text = new URLSearchParams(body).toString();
  const signature = twilio.getExpectedTwilioSignature(token, url, body);
  return onExpress(text, { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': signature }, (app) => {
    app.use(express.urlencoded({ extended: false }), twilio.webhook({ validate: true, url }, token));
  });
}

/** Express with LINE's own middleware. */
export function lineHost({ body }: { body: unknown }): Host {
  const text = JSON.stringify(body);
  const signature = hmac(text).digest('base64');
  return onExpress(text, { 'content-type': 'application/json', 'x-line-signature': signature }, (app) => {
    app.use(lineMiddleware({ channelSecret: token }));
  });
}

/** Express with the check of the signature that Meta's own examples make: there is no SDK. */
export function metaHost(body: unknown): Host {
  const text = JSON.stringify(body);
  const sign = (content: string | Buffer) => `sha256=${hmac(content).digest('hex')}`;
  return onExpress(text, { 'content-type': 'application/json', 'x-hub-signature-256': sign(text) }, (app) => {
    app.use(
      express.json({
        verify(request, _response, content) {
          const given = Buffer.from(String(request.headers['x-hub-signature-256']));
          if (!timingSafeEqual(given, Buffer.from(sign(content)))) throw new Error('The signature is wrong.');
        },
      }),
    );
  });
}

function onExpress(text: string, headers: Record<string, string>, mount: (app: express.Express) => void): Host {
  let heard = 0;
  const app = express();
  mount(app);
  app.post('/hook', (_request, response) => {
    heard += 1;
    response.end();
  });
  return { hear: () => posted('/hook', text, headers, app), heard: () => heard };
}

/** A request that has come without a network; resolves when it is answered. */
function posted(
  url: string,
  text: string,
  headers: Record<string, string>,
  to: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<void> {
  return new Promise((resolve) => {
    const request = new IncomingMessage(new Socket());
    const content = Buffer.from(text);
    const all = { ...headers, host: 'bot.example', 'content-length': String(content.length) };
    Object.assign(request, { method: 'POST', url, headers: all, complete: true });
    request.push(content);
    request.push(null);
    const response = new ServerResponse(request);
    Object.assign(response, { end: () => resolve() });
    to(request, response);
  });
}
