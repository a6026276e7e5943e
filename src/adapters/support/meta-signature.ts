import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Whether `X-Hub-Signature-256` fits these bytes under one of the app secrets (several while one is being replaced).
 * Meta signs the body as it sends it, non-ASCII as `\u00e4` and `/` as `\/`: only raw bytes can be checked, never re-written JSON.
 * Compared in constant time. Rule: developers.facebook.com/docs/messenger-platform/webhooks#validate-payloads
 */
export function isSigned(bytes: Uint8Array, header: string | undefined, secrets: readonly string[]): boolean {
  const given = /^sha256=([0-9a-f]{64})$/i.exec(header ?? '')?.[1];
  if (given === undefined) return false;
  const signature = Buffer.from(given, 'hex');
  return secrets.map((secret) => timingSafeEqual(mac(bytes, secret), signature)).includes(true);
}

/** The value of `X-Hub-Signature-256` for these bytes. */
export function signatureOf(bytes: Uint8Array, secret: string): string {
  return `sha256=${mac(bytes, secret).toString('hex')}`;
}

/** Whether two texts are the same, in a time that tells nothing about where they differ. */
export function isSame(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

function mac(bytes: Uint8Array, secret: string): Buffer {
  return createHmac('sha256', secret).update(bytes).digest();
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
