import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';

/** Who signs the simulated Bot Connector's tokens; the bots' SDKs are told to trust it instead of `https://api.botframework.com`. */
export const tokenIssuer = 'https://bot-connector.simulator.invalid';

/** A token the Bot Connector sends along with an activity (Microsoft: "Authentication with the Bot Connector API"). */
export interface TokenClaims {
  /** The bot's app id. */
  readonly audience: string;
  /** Must be the activity's own. */
  readonly serviceUrl: string | undefined;
  /** Real time, epoch ms. */
  readonly issuedAt: number;
}

const lifetimeMs = 3_600_000;

/** An RS256 token. @param signature `wrong`: by the right key, but of something else */
export function bearerToken({ audience, serviceUrl, issuedAt }: TokenClaims, signature: 'right' | 'wrong'): string {
  const { privateKey, id } = signingKey();
  const issued = Math.floor(issuedAt / 1000);
  const claims = {
    iss: tokenIssuer,
    aud: audience,
    serviceurl: serviceUrl,
    iat: issued,
    nbf: issued,
    exp: issued + lifetimeMs / 1000,
  };
  const content = `${encoded({ alg: 'RS256', typ: 'JWT', kid: id })}.${encoded(claims)}`;
  const signed = signature === 'right' ? content : `${content} of somebody else`;
  return `${content}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`;
}

/** The JSON Web Key Set that checks the tokens. */
export function keySet(): { readonly keys: readonly object[] } {
  const { publicKey, id } = signingKey();
  return { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: id, use: 'sig', alg: 'RS256' }] };
}

interface SigningKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly id: string;
}

let made: SigningKey | undefined;

/** One key for as long as the process lives, made when it is first needed: making one takes a while. */
function signingKey(): SigningKey {
  if (made === undefined) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    made = { privateKey, publicKey, id: hash('sha256', publicKey.export({ format: 'der', type: 'spki' }), 'base64url') };
  }
  return made;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
