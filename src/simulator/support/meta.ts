import { createHash, createHmac } from 'node:crypto';
import type { ApiAnswer, ApiCall, Identity, Signature, SignedWebhook, VendorWorld, Webhook } from '../vendor.ts';
import { isRecord } from './form-fields.ts';

/** 64 hexadecimal digits, the same for the same text. */
export function digest(text: string): string {
  return createHash('sha256').update(`meta ${text}`).digest('hex');
}

/** `length` decimal digits that begin with `prefix`, the same for the same text. */
export function digits(prefix: string, length: number, text: string): string {
  const rest = length - prefix.length;
  return prefix + String(BigInt(`0x${digest(text)}`) % 10n ** BigInt(rest)).padStart(rest, '0');
}

/** JSON as Meta writes it: ASCII only, slashes escaped. Who signs what `JSON.stringify` makes of it gets another signature. */
function metaJson(body: unknown): string {
  const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(body)
    .replace(/\//g, '\\/')
    .replace(/[\u0080-\uffff]/g, escaped);
}

/** Signatures carry no time. A stale one is right for bytes that came before these. */
export function signMeta(webhook: Webhook, { secret }: Identity, signature: Signature): SignedWebhook {
  const bytes = metaJson(webhook.body);
  const headers = { ...webhook.headers, 'content-type': 'application/json', 'user-agent': 'facebookexternalua' };
  if (signature === 'none') return { headers, bytes };
  const key = signature === 'wrong' ? digest('somebody else') : secret;
  const signed = createHmac('sha256', key).update(signature === 'stale' ? `${bytes} before` : bytes);
  return { headers: { ...headers, 'x-hub-signature-256': `sha256=${signed.digest('hex')}` }, bytes };
}

/** A webhook with a body of one's own. @param idOf finds the first event's id in it */
export function rawMeta(body: unknown, headers: Readonly<Record<string, string>>, idOf: (body: unknown) => unknown): Webhook {
  const data = isRecord(body) ? body : {};
  const id = idOf(data);
  return {
    id: typeof id === 'string' ? id : digest(JSON.stringify(data)),
    method: 'POST',
    body: data,
    encoding: 'json',
    headers,
  };
}

/** One step down into a payload: a member, or an element of a list. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (found, name) => (typeof found === 'object' && found !== null ? Reflect.get(found, name) : undefined),
    value,
  );
}

/** A call of the Graph API, taken apart. Undefined where the path names no version. */
export interface GraphCall {
  readonly method: string;
  /** What the path is about: an id, or `me`. */
  readonly node: string;
  /** What of it: `messages`. */
  readonly edge: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
  readonly token: string | undefined;
}

export function graphCall(call: ApiCall): GraphCall | undefined {
  const { pathname, searchParams } = new URL(call.path, 'http://graph');
  const [, node, edge] = /^\/v\d+\.\d+\/([^/]+)(?:\/([^/]+))?\/?$/.exec(pathname) ?? [];
  if (node === undefined) return undefined;
  const body = jsonOf(call.text);
  const token = /^Bearer (.+)$/.exec(call.headers['authorization'] ?? '')?.[1] ?? searchParams.get('access_token') ?? undefined;
  return { method: call.method, node: decodeURIComponent(node), edge, body, token };
}

/** Whose token it is. */
export function identityOf({ token }: GraphCall, world: VendorWorld): Identity | undefined {
  return world.identities().find((identity) => identity.token === token);
}

export interface GraphRefusal {
  readonly status: number;
  readonly code: number;
  readonly subcode?: number | undefined;
  readonly message: string;
  readonly type?: string | undefined;
}

/** Graph's error shape. */
export function refusal({ status, code, subcode, message, type = 'OAuthException' }: GraphRefusal): ApiAnswer {
  const detail = subcode === undefined ? {} : { error_subcode: subcode };
  return {
    status,
    body: { error: { message: `(#${code}) ${message}`, type, code, ...detail, fbtrace_id: digest(message).slice(0, 23) } },
  };
}

export const unknownToken: GraphRefusal = { status: 401, code: 190, message: 'Invalid OAuth access token.' };
export const noSuchRoute: GraphRefusal = { status: 501, code: 2500, message: 'The simulator has no such resource.' };

function jsonOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(text);
    return isRecord(body) ? body : {};
  } catch {
    return {};
  }
}
