import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bot } from './bots.ts';
import { between, type Channel, type Delivery, type Message, type Random } from './plan.ts';

/** A vendor of two channels: delivers webhooks until they are acknowledged, and takes messages. */
export interface Vendor {
  /** Where bots send their messages to. */
  readonly graph: string;
  /** Who acknowledged a message when, epoch ms. */
  readonly acknowledged: ReadonlyMap<string, readonly Acknowledgement[]>;
  /** The closes that messages were taken for. */
  readonly closings: readonly Closing[];
  /** Delivers until somebody acknowledges it, or `until` comes, epoch ms. */
  deliver(delivery: Delivery, bots: readonly Bot[], until: number): Promise<void>;
  close(): Promise<void>;
}

export interface Acknowledgement {
  /** When the webhook was sent, epoch ms. */
  readonly sentAt: number;
  readonly at: number;
  readonly pid: number;
}

export interface Closing {
  readonly session: string;
  readonly at: number;
}

/**
 * @param timeOf session time of a moment, for the stamps on messages
 * @param random chooses who gets a repeated delivery, and which messages the vendor takes or refuses in an odd way
 */
export async function startVendor(timeOf: (sinceStart: number) => number, random: Random): Promise<Vendor> {
  const acknowledged = new Map<string, Acknowledgement[]>();
  const closings: Closing[] = [];

  const server = createServer(async (req, res): Promise<unknown> => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    const session = closeIn(JSON.parse(Buffer.concat(chunks).toString()));
    const answer = (status: number, body: object) =>
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (session === undefined) return answer(200, { message_id: 'm' });
    const mood = random();
    if (mood < 0.03) return answer(400, { error: { code: 4 } });
    if (mood < 0.05) return answer(400, { error: { code: 100 } });
    closings.push({ session, at: Date.now() });
    if (mood < 0.08) return res.destroy();
    if (mood < 0.11) return answer(500, { error: { code: 2 } });
    return answer(200, { message_id: `m${closings.length}`, messages: [{ id: `m${closings.length}` }] });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  /** @returns the status; undefined if nobody answered */
  const post = async ({ channel, messages }: Delivery, bot: Bot): Promise<number | undefined> => {
    const { url, pid = 0 } = bot;
    if (url === undefined) return undefined;
    const body = JSON.stringify(payloadOf[channel](messages, timeOf));
    const signature = `sha256=${createHmac('sha256', 'secret').update(body).digest('hex')}`;
    const headers = { 'content-type': 'application/json', 'x-hub-signature-256': signature };
    const sentAt = Date.now();
    try {
      const response = await fetch(`${url}/${channel}`, { method: 'POST', body, headers, signal: AbortSignal.timeout(20_000) });
      await response.arrayBuffer();
      if (response.status !== 200) return response.status;
    } catch {
      return undefined;
    }
    for (const { id } of messages) {
      acknowledged.set(id, [...(acknowledged.get(id) ?? []), { sentAt, at: Date.now(), pid }]);
    }
    return 200;
  };

  return {
    graph: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    acknowledged,
    closings,
    async deliver(delivery, bots, until) {
      let to = delivery.to;
      for (let pauseMs = 1_000; Date.now() < until; ) {
        const bot = bots[to];
        const status = bot === undefined ? undefined : await post(delivery, bot);
        if (status === 200) return;
        // A balancer soon finds another process for what reached none; what a bot refused comes again later, and ever later.
        await sleep(between(random, 100, status === undefined ? 300 : pauseMs));
        if (status !== undefined) pauseMs *= 2;
        to = between(random, 0, bots.length);
      }
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

type TimeOf = (sinceStart: number) => number;

/** Webhooks as Meta writes them. */
const payloadOf: Readonly<Record<Channel, (messages: readonly Message[], timeOf: TimeOf) => object>> = {
  messenger: (messages, timeOf) => ({
    object: 'page',
    entry: messages.map(({ id, contact, text, writtenAt }) => ({
      id: '1001',
      time: timeOf(writtenAt),
      messaging: [
        { sender: { id: contact }, recipient: { id: '1001' }, timestamp: timeOf(writtenAt), message: { mid: id, text } },
      ],
    })),
  }),
  whatsapp: (messages, timeOf) => ({
    object: 'whatsapp_business_account',
    entry: messages.map(({ id, contact, text, writtenAt }) => ({
      id: '3001',
      changes: [
        {
          field: 'messages',
          value: {
            messaging_product: 'whatsapp',
            metadata: { display_phone_number: '15550100001', phone_number_id: '4001' },
            contacts: [{ wa_id: contact, profile: { name: 'Ada' } }],
            messages: [
              { from: contact, id, timestamp: String(Math.floor(timeOf(writtenAt) / 1_000)), type: 'text', text: { body: text } },
            ],
          },
        },
      ],
    })),
  }),
};

/** The close that a message announces, as the adapters mark it. */
function closeIn(body: { message?: { metadata?: string }; biz_opaque_callback_data?: string }): string | undefined {
  return /^adjourn:(.+)$/.exec(body.message?.metadata ?? body.biz_opaque_callback_data ?? '')?.[1];
}
