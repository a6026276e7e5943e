import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Delivery, Send } from '../../src/middleware/adapter.ts';
import { attach } from '../../src/middleware/attach.ts';
import type { Activity } from '../../src/middleware/core/activity.ts';
import type { Turn } from '../../src/middleware/turn.ts';
import { type Played, type PlayOptions, playScenario } from '../../src/simulator/scenario/play.ts';
import type { Bot, BotOptions, Cast } from '../../src/simulator/scenario/process.ts';
import { inThisProcess } from '../../src/simulator/scenario/venue.ts';
import type { Vendor, Webhook } from '../../src/simulator/simulator.ts';
import { keyvStore } from '../../src/stores/keyv.ts';

/** The smallest vendor there can be: letters between people and bots, as JSON, sealed with a secret. */
export const paperVendor: Vendor = {
  channel: 'paper',
  identity: (endpoint) => ({ endpoint, account: `bot-${endpoint}`, secret: `seal of ${endpoint}`, token: 'token', extra: {} }),
  person: (name) => `p-${name}`,
  webhook: (act, { person, sequence, at }) => {
    const text =
      act.does === 'says' ? act.text : act.does === 'taps' ? act.payload : act.does === 'refreshes' ? 'refresh' : undefined;
    if (text === undefined && act.does !== 'reads') return undefined;
    return letter({ id: `letter-${sequence}`, from: person, text, at });
  },
  redelivery: (webhook, attempt) => ({ ...webhook, headers: { 'x-attempt': String(attempt) } }),
  raw: (body, headers) => ({ ...letter(body as Record<string, unknown>), headers }),
  sign: ({ body, headers }, { secret }, _url, _realNow, signature) => ({
    bytes: JSON.stringify(body),
    headers: { ...headers, ...(signature === 'none' ? {} : { 'x-seal': signature === 'right' ? secret : signature }) },
  }),
  answered: ({ text }) => (text === '' ? [] : [{ text }]),
  api(call, world) {
    if (call.path !== '/paper/send') return undefined;
    const { to, text, from } = JSON.parse(call.text) as Record<string, string>;
    const identity = world.identities().find((one) => one.account === from);
    if (identity && to && text) world.receive({ to, text, identity, id: `answer-${world.next()}` });
    return { status: identity ? 200 : 401, body: { ok: identity !== undefined } };
  },
  owns: (call) => call.path.startsWith('/paper/'),
  unknownRoute: () => ({ status: 501, body: { paper: 'no such route' } }),
  fault: (kind) => ({ status: kind === '429' ? 429 : kind === '500' ? 500 : 400, body: { paper: kind } }),
  sends: (call) => call.path === '/paper/send',
};

/** What the bot does with a letter. `send` calls the vendor's API. */
export type PaperBot = (turn: Turn<PaperData>, text: string, tools: Tools) => Promise<unknown>;

export interface PaperData {
  count?: number;
}

export interface Tools {
  readonly sleep: (ms: number) => Promise<void>;
  readonly send: (text: string, path?: string) => Promise<number>;
}

/** Answers every letter by the vendor's API with the number of the turn. `slow 20` takes 20 seconds of session time. */
export const counting: PaperBot = async (turn, text, { sleep, send }) => {
  if (text.startsWith('slow ')) await sleep(Number(text.slice(5)) * 1_000);
  await send(`#${turn.session.turnCount} ${text}`);
};

/** One bot for every endpoint. */
export function paperCast(bot: PaperBot): Cast<PaperData> {
  return { initial: () => ({}), bot: async () => (given: BotOptions<PaperData>) => startBot(given, bot) };
}

/** Plays steps on one or several endpoints of the paper channel. */
export function playOnPaper(file: object, bot: PaperBot = counting, options: Partial<PlayOptions> = {}): Promise<Played> {
  const data = { name: 'on paper', start: '2026-11-02T10:00:00Z', endpoints: { desk: { channel: 'paper' } }, ...file };
  const venue = inThisProcess(paperCast(bot), keyvStore());
  return playScenario(data, { venueFor: () => venue, vendors: [paperVendor], ...options });
}

async function startBot({ sessions, endpoint, identity, vendorUrl }: BotOptions<PaperData>, bot: PaperBot): Promise<Bot> {
  const adapter = { name: 'paper', parse: (activity: Activity) => [activity], capabilities };
  const later: Send = async ({ user }, message) => {
    const body = JSON.stringify({ to: user, from: identity.account, text: message });
    const { ok, status } = await fetch(`${vendorUrl}/paper/send`, { method: 'POST', body });
    return ok ? { outcome: 'sent' } : { outcome: 'refused', reason: String(status) };
  };
  const channel = attach(sessions, adapter, { endpoint }, later);
  const server = createServer(async (req, res) => {
    const done = (status: number) => void res.writeHead(status).end();
    if (req.headers['x-seal'] !== identity.secret) return done(401);
    const activity = activityOf(JSON.parse(await textOf(req)));
    const send = async (text: string, path = '/paper/send') =>
      (
        await fetch(vendorUrl + path, {
          method: 'POST',
          body: JSON.stringify({ to: activity.user, from: identity.account, text }),
        })
      ).status;
    const text = activity.kind === 'message' ? (activity.text ?? '') : '';
    const delivery: Delivery = {
      activities: [activity],
      hosts: [req],
      host: req,
      reply: (message) => send(String(message)),
      run: (turn) => bot(turn as Turn<PaperData>, text, { send, sleep: (ms) => sessions.clock.sleep(ms) }),
      pass: async () => {},
      consumed: async (told) => told && send(told),
      duplicate: async () => {},
    };
    return channel.turn(delivery).then(
      () => done(200),
      () => done(500),
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const capabilities = {
  redeliversFor: 86_400_000,
  ackWithinMs: 3_600_000,
  batches: false,
  replyWindow: 0,
  idempotentSend: false,
  reservedWords: [],
};

/** A letter with `lost` tells that a closing message got lost. */
function activityOf({ id, from, text, at, lost }: Readonly<Record<string, string | number | undefined>>): Activity {
  const user = String(from);
  const origin = {
    channel: 'paper',
    type: 'letter',
    conversation: { id: user, kind: 'direct' as const },
    user,
    id: String(id),
    at: Number(at),
  };
  return text === undefined
    ? { kind: 'lifecycle', ...origin, ...(lost && { report: { closeId: String(lost), message: 'failed:lost' as const } }) }
    : { kind: 'message', addressed: true, ...origin, text: String(text) };
}

async function textOf(req: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of req) text += chunk;
  return text;
}

function letter(body: Readonly<Record<string, unknown>>): Webhook {
  return { id: String(body['id']), method: 'POST', encoding: 'json', headers: {}, body };
}
