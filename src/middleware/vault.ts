import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { AdjournError } from './errors.ts';

/** Keeps tokens unreadable at rest. */
export interface Vault {
  seal(value: unknown, context: string): unknown;
  /** @throws AdjournError `ADJ_AUTH_UNREADABLE` where no key fits */
  open(sealed: unknown, context: string): unknown;
}

const cipher = 'aes-256-gcm';
const mark = 'adjourn:1';
/** A shorter secret is guessed sooner than the cipher is broken. */
const shortest = 32;

/**
 * Seals with the first key and opens with any, so that a key is rotated by putting the new one first. Without one values stay as they are.
 * @param secrets texts of 32 bytes or more; the encryption keys are derived from them
 * @throws AdjournError `ADJ_CONFIG_INVALID` for a shorter one
 */
export function vault(secrets: readonly string[] = []): Vault {
  const [first] = secrets;
  const weak = secrets.findIndex((secret) => Buffer.byteLength(secret) < shortest);
  if (weak !== -1) {
    throw new AdjournError('ADJ_CONFIG_INVALID', `It has fewer than ${shortest} bytes.`, {
      where: `encryptionKeys[${weak}]`,
      hint: 'Make one with: openssl rand -base64 32',
    });
  }
  const keys = new Map(secrets.map((secret) => [idOf(secret), keyOf(secret)]));
  return {
    seal(value, context) {
      if (first === undefined) return value;
      const iv = randomBytes(12);
      const box = createCipheriv(cipher, keyOf(first), iv).setAAD(Buffer.from(context));
      const text = Buffer.concat([box.update(JSON.stringify(value), 'utf8'), box.final()]);
      return [mark, idOf(first), ...[iv, box.getAuthTag(), text].map((part) => part.toString('base64url'))].join('.');
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

/** What tokens are bound to: moved to another conversation or profile, they do not open. */
export function sealingContext(key: string, profile: string): string {
  return `${key} ${profile}`;
}

function keyOf(secret: string): Buffer {
  return createHash('sha256').update(`key:${secret}`).digest();
}

/** Names a key without telling it. */
function idOf(secret: string): string {
  return createHash('sha256').update(`id:${secret}`).digest('base64url').slice(0, 8);
}
