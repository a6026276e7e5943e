import { Agent, request } from 'node:http';
import type { SignedWebhook, Webhook, WebhookAnswer } from './vendor.ts';

/** Carries webhooks to bots over HTTP. */
export interface Post {
  /** @throws the network's error where the bot cannot be reached or hangs up */
  send(webhook: Webhook, signed: SignedWebhook, url: string): Promise<WebhookAnswer>;
  close(): void;
}

export function post(): Post {
  const agent = new Agent({ keepAlive: true });
  return {
    send: ({ method }, { headers, bytes }, url) =>
      new Promise((resolve, reject) => {
        const body = Buffer.from(bytes, 'utf8');
        const call = request(url, { agent, method, headers: { ...headers, 'content-length': String(body.length) } }, (res) => {
          const chunks: Buffer[] = [];
          res.on('data', (chunk: Buffer) => chunks.push(chunk));
          res.on('error', reject);
          res.on('end', () => {
            const named = Object.entries(res.headers).map(([name, value]) => [
              name,
              Array.isArray(value) ? value.join(', ') : (value ?? ''),
            ]);
            resolve({
              status: res.statusCode ?? 0,
              headers: Object.fromEntries(named),
              text: Buffer.concat(chunks).toString('utf8'),
            });
          });
        });
        call.on('error', reject);
        call.end(body);
      }),
    close: () => agent.destroy(),
  };
}
