import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { type Packed, pack } from './packed.ts';

/** Bots outside the repository, on the package as it is packed: with types, as modules and without. */
let packed: Packed;
vi.setConfig({ testTimeout: 120_000 });

beforeAll(() => {
  packed = pack();
}, 180_000);
afterAll(() => packed?.remove());

const compilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  // The hosts' own declarations are not ours to check.
  skipLibCheck: true,
  target: 'es2022',
  types: ['node'],
  outDir: 'out',
};

it('a Slack bot made of ECMAScript modules, under module nodenext', () => {
  const bot = `
    import { App, type Receiver } from '@slack/bolt';
    import { createSessions, type Session } from 'adjourn';
    import { slackSessions } from 'adjourn/slack';

    interface Cart { items: string[] }
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const sessions = createSessions({ initial: (): Cart => ({ items: [] }), endpoints: { shop: { expiration: '2h' } }, logger });

    const receiver: Receiver = { init() {}, start: async () => {}, stop: async () => {} };
    const authorize = async () => ({ botToken: 'xoxb-0', botId: 'B0', botUserId: 'U0' });
    const app = new App({ receiver, authorize });
    app.use(slackSessions(sessions, { endpoint: 'shop', authorize }));
    app.message(async ({ context, message }) => {
      const session: Session<Cart> = sessions.of(context);
      if ('text' in message && message.text) session.data.items.push(message.text);
      console.log(\`#\${session.turnCount} \${session.data.items.join()}\`);
    });

    for (const [index, text] of ['tea', 'milk'].entries()) {
      const event = { type: 'message', channel_type: 'im', channel: 'D1', user: 'U1', ts: \`\${Date.now() / 1000 + index}\`, text };
      const envelope = { type: 'event_callback', event_id: \`Ev\${index}\`, team_id: 'T1', api_app_id: 'A1', authorizations: [{ team_id: 'T1', user_id: 'U0', is_bot: true }] };
      await app.processEvent({ body: { ...envelope, event }, ack: async () => {} });
    }
  `;
  const consumer = packed.consumer(['@slack/bolt', '@types/node'], {
    'package.json': '{ "type": "module" }',
    'tsconfig.json': JSON.stringify({ compilerOptions: { ...compilerOptions, module: 'nodenext' }, files: ['bot.ts'] }),
    'bot.ts': bot,
  });
  expect(consumer.tool('tsc', '--project', '.')).toBe('');
  expect(consumer.node('out/bot.js')).toBe('#1 tea\n#2 tea,milk\n');
});

it('an SMS bot made of CommonJS, under module node16, where modules cannot be required', () => {
  const bot = `
    import express = require('express');
    import twilio = require('twilio');
    import type { AddressInfo } from 'node:net';
    import { createSessions } from 'adjourn';
    import { twilioSessions } from 'adjourn/twilio';

    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const sessions = createSessions({ initial: () => ({ said: [] as string[] }), logger });
    const sms = twilioSessions(sessions, { endpoint: 'sms', expiration: '15m', client: twilio('AC' + '0'.repeat(32), 'token') });
    const web = express();
    web.use(express.urlencoded({ extended: false }));
    web.post('/sms', twilio.webhook('token'), sms.wrap(async (req, res) => {
      const { data, turnCount } = sessions.of(req);
      data.said.push(req.body.Body);
      const response = new twilio.twiml.MessagingResponse();
      response.message(\`#\${turnCount} \${data.said.join()}\`);
      res.type('text/xml').send(response.toString());
    }));

    const server = web.listen(0, '127.0.0.1', async () => {
      const url = \`http://127.0.0.1:\${(server.address() as AddressInfo).port}/sms\`;
      for (const [index, Body] of ['hi', 'there', 'discard'].entries()) {
        const fields = { MessageSid: \`SM\${index}\`, From: '+14155550117', To: '+13025550140', SmsStatus: 'received', NumMedia: '0', Body };
        const headers = { 'x-twilio-signature': twilio.getExpectedTwilioSignature('token', url, fields) };
        const answer = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(fields) });
        console.log(/<Message>(.*)<\\/Message>/.exec(await answer.text())?.[1]);
      }
      server.close();
    });
  `;
  const consumer = packed.consumer(['express', 'twilio', '@types/node', '@types/express'], {
    'package.json': '{}',
    'tsconfig.json': JSON.stringify({ compilerOptions: { ...compilerOptions, module: 'node16' }, files: ['bot.ts'] }),
    'bot.ts': bot,
  });
  expect(consumer.tool('tsc', '--project', '.')).toBe('');
  expect(consumer.node('--no-experimental-require-module', 'out/bot.js')).toBe('#1 hi\n#2 hi,there\nDiscarded.\n');
});

it('a LINE bot tested with Jest', () => {
  const bot = `
    const express = require('express');
    const line = require('@line/bot-sdk');
    const { createSessions } = require('adjourn');
    const { lineErrors, lineSessions } = require('adjourn/line');

    exports.makeBot = (client, clock) => {
      const logger = { debug() {}, info() {}, warn() {}, error() {} };
      const sessions = createSessions({ clock, logger });
      const web = express();
      web.post('/line', line.middleware({ channelSecret: 'secret' }), lineSessions(sessions, { client }, async (event, turn) => {
        await turn.reply(\`#\${turn.session.turnCount} \${event.message.text}\`);
      }));
      web.use(lineErrors);
      return web;
    };
  `;
  const test = `
    const { createHmac } = require('node:crypto');
    const { virtualClock } = require('adjourn/testing');
    const { makeBot } = require('./bot.js');

    test('counts, forgets after half an hour, and believes nobody', async () => {
      const replied = [];
      const client = {
        replyMessage: async ({ messages }) => replied.push(messages[0].text),
        pushMessage: async ({ messages }) => replied.push(messages[0].text),
      };
      const clock = virtualClock();
      const server = makeBot(client, clock).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const say = async (id, text, secret = 'secret') => {
        const source = { type: 'user', userId: 'U1' };
        const message = { type: 'message', mode: 'active', timestamp: clock.now(), source, webhookEventId: id, replyToken: id,
          deliveryContext: { isRedelivery: false }, message: { type: 'text', id, text, quoteToken: 'q' } };
        const body = JSON.stringify({ destination: 'Ubot', events: [message] });
        const headers = { 'content-type': 'application/json', 'x-line-signature': createHmac('sha256', secret).update(body).digest('base64') };
        return (await fetch(\`http://127.0.0.1:\${server.address().port}/line\`, { method: 'POST', headers, body })).status;
      };
      expect(await say('1', 'hi')).toBe(200);
      expect(await say('2', 'there')).toBe(200);
      expect(await say('3', 'who?', 'wrong')).toBe(401);
      await clock.advance(30 * 60_000);
      expect(await say('4', 'again')).toBe(200);
      expect(replied).toEqual(['#1 hi', '#2 there', '#1 again']);
      await new Promise((resolve) => server.close(resolve));
    });
  `;
  const consumer = packed.consumer(['express', '@line/bot-sdk'], {
    'package.json': '{ "jest": { "testEnvironment": "node" } }',
    'bot.js': bot,
    'bot.test.js': test,
  });
  consumer.tool('jest', '--ci', '--rootDir', consumer.folder);
});

const ways = Object.keys(manifest.exports)
  .filter((way) => way !== './package.json')
  .map((way) => `adjourn${way.slice(1)}`);
const hosts = ['@line/bot-sdk', '@microsoft/agents-hosting', '@slack/bolt', 'botbuilder', 'express', 'keyv', 'twilio'];

it('no way in loads any other package, though all of them are there; the root loads the arithmetic of zones', () => {
  const loading = `
    import { createRequire, registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({
      resolve(specifier, context, next) {
        const found = next(specifier, context);
        const name = /^.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(found.url)?.[1];
        if (name !== undefined) loaded.add(name);
        return found;
      },
    });
    const [way, how] = process.argv.slice(2);
    if (how === 'import') await import(way);
    else createRequire(import.meta.url)(way);
    console.log([...loaded].join());
  `;
  const consumer = packed.consumer(hosts, { 'package.json': '{ "type": "module" }', 'loading.js': loading });
  const loaded = ways.flatMap((way) =>
    ['import', 'require'].map((how) => [way, how, consumer.node('loading.js', way, how).trim()]),
  );
  const wanted = (way: string) => (way === 'adjourn' ? 'adjourn,@date-fns/tz' : 'adjourn');
  expect(loaded).toEqual(ways.flatMap((way) => ['import', 'require'].map((how) => [way, how, wanted(way)])));
  // It would be seen if there were one.
  expect(consumer.node('loading.js', 'twilio', 'require')).toContain('axios');
});

it('the module and the CommonJS copy in one process find the same turn', () => {
  const both = `
    import { once } from 'node:events';
    import { createRequire } from 'node:module';
    import express from 'express';
    import * as esm from 'adjourn';
    import * as esmTwilio from 'adjourn/twilio';
    const require = createRequire(import.meta.url);
    const cjs = require('adjourn');
    const cjsTwilio = require('adjourn/twilio');
    console.log('copies', esm.createSessions === cjs.createSessions ? 1 : 2);

    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    for (const [root, adapter, other] of [[esm, cjsTwilio, cjs], [cjs, esmTwilio, esm]]) {
      const sessions = root.createSessions({ logger });
      const web = express();
      web.use(express.urlencoded());
      web.post('/', adapter.twilioSessions(sessions).wrap(async (req, res) => {
        const turn = sessions.turn(req);
        const error = await turn.reply('hi').catch((thrown) => thrown);
        res.send([turn === sessions.current(), turn.session === sessions.of(req), turn.session.turnCount, root.isAdjournError(error), other.isAdjournError(error, 'ADJ_NO_SENDER')].join());
      }));
      const server = web.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const fields = { MessageSid: 'SM1', From: '+1', To: '+2', SmsStatus: 'received', Body: 'hi' };
      const answer = await fetch('http://127.0.0.1:' + server.address().port, { method: 'POST', body: new URLSearchParams(fields) });
      console.log(await answer.text());
      server.close();
    }
  `;
  const consumer = packed.consumer(['express'], { 'package.json': '{ "type": "module" }', 'both.js': both });
  expect(consumer.node('both.js')).toBe('copies 2\ntrue,true,1,true,true\ntrue,true,1,true,true\n');
});
