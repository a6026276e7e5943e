import { AdjournError } from '../../middleware/errors.ts';
import type { WebRequest } from './express.ts';
import { isSame, isSigned } from './meta-signature.ts';

/** How webhooks are told from forgeries. */
export interface MetaWebhookOptions {
  /** The app's secret, which signs webhooks; several while one is being replaced. Needed unless `signature` says otherwise. */
  readonly appSecret?: string | readonly string[] | undefined;
  /** What the app dashboard sends when the webhook is set up. Without it, verification requests pass through to the bot. */
  readonly verifyToken?: string | undefined;
  /** `'verified'`: the bot, or the SDK in front of us, checks signatures itself; we do not. @default we check */
  readonly signature?: 'verified' | undefined;
  /** Largest body that is read, bytes. Meta sends up to 3 MB. @default 4 MiB */
  readonly bodyLimit?: number | undefined;
}

/** What to do with a request: answer it, leave it to the bot, or take its payload. */
export type Admission =
  | { readonly do: 'answer'; readonly status: number; readonly text: string }
  | { readonly do: 'pass' }
  | { readonly do: 'take'; readonly payload: object; readonly bytes: Uint8Array | undefined };

/** A Node request that something in front of us may have read: serverless hosts leave the bytes in `rawBody`. */
export type RawRequest = WebRequest & { rawBody?: unknown };

const defaultLimit = 4 * 1024 * 1024;

/** @throws AdjournError `ADJ_CONFIG_INVALID` for a secret or token that would let anybody in. */
export function checkWebhookOptions(channel: string, options: MetaWebhookOptions): void {
  if (options.signature !== 'verified' && (secretsOf(options).length === 0 || secretsOf(options).includes(''))) {
    throw new AdjournError('ADJ_CONFIG_INVALID', 'There is no app secret to check signatures with.', {
      where: `${channel}, appSecret`,
      hint: "Set it (App Dashboard, Settings, Basic), or signature: 'verified' if the bot checks signatures itself.",
    });
  }
  if (options.verifyToken === '') {
    throw new AdjournError('ADJ_CONFIG_INVALID', 'An empty verify token fits any request.', { where: `${channel}, verifyToken` });
  }
}

/** Looks at a Node request; reads its body where nobody has. @throws AdjournError `ADJ_RAW_BODY_MISSING` */
export async function admitNode(channel: string, req: RawRequest, options: MetaWebhookOptions): Promise<Admission> {
  const query = () => new URL(req.url ?? '/', 'http://localhost').searchParams;
  if (req.method !== 'POST') return handshake(req.method, query, options);
  const found = bytesIn(req.rawBody) ?? bytesIn(req.body);
  const parsed = options.signature === 'verified' && typeof req.body === 'object' && req.body !== null;
  if (found === undefined && parsed) return { do: 'take', payload: req.body as object, bytes: undefined };
  if (found === undefined && (req.readableDidRead || req.readableEnded)) throw rawBodyMissing(channel);
  const bytes = found ?? (await read(req, options.bodyLimit ?? defaultLimit));
  if (bytes === undefined) return tooLarge;
  return check(bytes, one(req.headers['x-hub-signature-256']), options);
}

/** Looks at a web-standard request. @throws AdjournError `ADJ_RAW_BODY_MISSING` */
export async function admitFetch(channel: string, request: Request, options: MetaWebhookOptions): Promise<Admission> {
  if (request.method !== 'POST') return handshake(request.method, () => new URL(request.url).searchParams, options);
  if (request.bodyUsed) throw rawBodyMissing(channel);
  const limit = options.bodyLimit ?? defaultLimit;
  if (Number(request.headers.get('content-length')) > limit) return tooLarge;
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.length > limit) return tooLarge;
  return check(bytes, request.headers.get('x-hub-signature-256') ?? undefined, options);
}

export function secretsOf({ appSecret }: MetaWebhookOptions): readonly string[] {
  return appSecret === undefined ? [] : [appSecret].flat();
}

const tooLarge: Admission = { do: 'answer', status: 413, text: 'Payload too large' };

/** The dashboard's verification: the challenge back for the right token. Other requests that are no webhook go to the bot. */
function handshake(method: string | undefined, query: () => URLSearchParams, { verifyToken }: MetaWebhookOptions): Admission {
  if (method !== 'GET' || verifyToken === undefined) return { do: 'pass' };
  const parameters = query();
  if (parameters.get('hub.mode') !== 'subscribe') return { do: 'pass' };
  return isSame(parameters.get('hub.verify_token') ?? '', verifyToken)
    ? { do: 'answer', status: 200, text: parameters.get('hub.challenge') ?? '' }
    : { do: 'answer', status: 403, text: 'Wrong verify token' };
}

function check(bytes: Uint8Array, signature: string | undefined, options: MetaWebhookOptions): Admission {
  if (options.signature !== 'verified' && !isSigned(bytes, signature, secretsOf(options))) {
    return { do: 'answer', status: 401, text: 'Wrong signature' };
  }
  return { do: 'take', payload: payloadOf(bytes), bytes };
}

/** What the bytes say; an empty payload where that is no object: Meta switches webhooks off that answer with errors. */
function payloadOf(bytes: Uint8Array): object {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function bytesIn(value: unknown): Uint8Array | undefined {
  if (typeof value === 'string') return new TextEncoder().encode(value);
  return value instanceof Uint8Array ? value : undefined;
}

/** The body's bytes, or undefined if there are too many; the rest stays unread, so that an answer can still be sent. */
async function read(req: RawRequest, limit: number): Promise<Uint8Array | undefined> {
  if (Number(req.headers['content-length']) > limit) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of req.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function one(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.[0];
}

function rawBodyMissing(channel: string): AdjournError {
  return new AdjournError('ADJ_RAW_BODY_MISSING', 'The body was read before its signature could be checked.', {
    where: channel,
    hint:
      'Mount this handler before express.json(), or keep the bytes: express.json({ verify: (req, res, bytes) => { req.rawBody = bytes; } }), ' +
      "or set signature: 'verified' if the bot checks signatures itself.",
  });
}
