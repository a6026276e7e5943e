import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { AdjournError } from './errors.ts';

/** Keeps tokens unreadable at rest. */
export interface Vault {
  seal(value: unknown, context: string): unknown;
  /** @throws AdjournError `ADJ_AUTH_UNREADABLE` where no key fits */
  open(sealed: unknown, context: string): unknown;
}

/** Without a key values stay as they are. */
const openVault: Vault = { seal: (value) => value, open: (value) => value };

const cipher = 'aes-256-gcm';
const mark = 'adjourn:1';

/**
 * Seals with the first key and opens with any, so that a key is rotated by putting the new one first.
 * @param secrets any texts; the encryption keys are derived from them
 */
export function vault(secrets: readonly string[] = []): Vault {
  const [first] = secrets;
  if (first === undefined) return openVault;
  const keys = new Map(secrets.map((secret) => [idOf(secret), keyOf(secret)]));
  const newest = idOf(first);
  return {
    seal(value, context) {
      const iv = randomBytes(12);
      const box = createCipheriv(cipher, keyOf(first), iv).setAAD(Buffer.from(context));
      const text = Buffer.concat([box.update(JSON.stringify(value), 'utf8'), box.final()]);
      return [mark, newest, ...[iv, box.getAuthTag(), text].map((part) => part.toString('base64url'))].join('.');
    },
    open(sealed, context) {
      // What was kept before there was a key is read as it is.
      if (typeof sealed !== 'string' || !sealed.startsWith(`${mark}.`)) return sealed;
      const [, id = '', iv = '', tag = '', text = ''] = sealed.split('.');
      const key = keys.get(id);
      try {
        if (key === undefined) throw new Error(`No key ${id}.`);
        const box = createDecipheriv(cipher, key, Buffer.from(iv, 'base64url')).setAAD(Buffer.from(context));
        box.setAuthTag(Buffer.from(tag, 'base64url'));
        return JSON.parse(Buffer.concat([box.update(Buffer.from(text, 'base64url')), box.final()]).toString('utf8'));
      } catch (cause) {
        throw new AdjournError('ADJ_AUTH_UNREADABLE', 'The tokens cannot be decrypted with the keys at hand.', {
          where: context,
          hint: 'Keep retired keys in encryptionKeys until every profile has been written again.',
          cause,
        });
      }
    },
  };
}

function keyOf(secret: string): Buffer {
  return createHash('sha256').update(`key:${secret}`).digest();
}

/** Names a key without telling it. */
function idOf(secret: string): string {
  return createHash('sha256').update(`id:${secret}`).digest('base64url').slice(0, 8);
}
