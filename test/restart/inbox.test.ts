import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type BotProcess, killAll, redis, startProcess, sweep } from './process.ts';

const namespace = `inbox-${randomUUID()}`;
const client = await redis();
afterEach(killAll);
afterAll(() => sweep(client, namespace));

const meta = (body: string) => ({ 'x-hub-signature-256': `sha256=${createHmac('sha256', 'secret').update(body).digest('hex')}` });

/** A text message as each vendor delivers it, signed. */
const channels = {
  line: {
    payload: (id: string, text: string) => ({
      destination: 'U00000000000000000000000000000001',
      events: [
        {
          type: 'message',
          mode: 'active',
          timestamp: Date.now(),
          webhookEventId: id,
          deliveryContext: { isRedelivery: false },
          replyToken: `reply-${id}`,
          source: { type: 'user', userId: 'U00000000000000000000000000000002' },
          message: { type: 'text', id, text },
        },
      ],
    }),
    sign: (body: string) => ({ 'x-line-signature': createHmac('sha256', 'secret').update(body).digest('base64') }),
  },
  messenger: {
    payload: (mid: string, text: string) => ({
      object: 'page',
      entry: [
        {
          id: '1001',
          time: Date.now(),
          messaging: [{ sender: { id: '2001' }, recipient: { id: '1001' }, timestamp: Date.now(), message: { mid, text } }],
        },
      ],
    }),
    sign: meta,
  },
  whatsapp: {
    payload: (id: string, body: string) => ({
      object: 'whatsapp_business_account',
      entry: [
        {
          id: '3001',
          changes: [
            {
              field: 'messages',
              value: {
                messaging_product: 'whatsapp',
                metadata: { display_phone_number: '15550100001', phone_number_id: '4001' },
                contacts: [{ wa_id: '15550100002', profile: { name: 'Ada' } }],
                messages: [
                  { from: '15550100002', id, timestamp: String(Math.floor(Date.now() / 1000)), type: 'text', text: { body } },
                ],
              },
            },
          ],
        },
      ],
    }),
    sign: meta,
  },
};

async function post(bot: BotProcess, channel: keyof typeof channels, id: string, text: string): Promise<number> {
  const { payload, sign } = channels[channel];
  const body = JSON.stringify(payload(id, text));
  const headers = { 'content-type': 'application/json', ...sign(body) };
  return (await fetch(`${bot.url}/${channel}`, { method: 'POST', body, headers })).status;
}

describe.skipIf(client === undefined)('a process killed between the acknowledgement and the handler', () => {
  it.each(Object.keys(channels) as (keyof typeof channels)[])(
    'on %s, the message is handled after the restart, once and in order',
    async (channel) => {
      const first = await startProcess('./inbox-bot.ts', namespace, 'hang');
      expect(await post(first, channel, `${channel}-1`, 'one')).toBe(200);
      await first.kill();

      const second = await startProcess('./inbox-bot.ts', namespace, 'run');
      expect(await post(second, channel, `${channel}-2`, 'two')).toBe(200);
      expect(await second.line()).toBe('#1 one');
      expect(await second.line()).toBe('#2 two');
      expect(await post(second, channel, `${channel}-1`, 'one')).toBe(200);
      expect(await post(second, channel, `${channel}-3`, 'three')).toBe(200);
      expect(await second.line()).toBe('#3 three');
    },
    30_000,
  );
});
