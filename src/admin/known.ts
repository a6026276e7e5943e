import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Whose credentials were good a little while ago. Of the credentials only fingerprints are kept, by a key that nobody else has. */
export interface Known {
  has(headers: IncomingHttpHeaders): boolean;
  /** What came of asking about them. */
  note(headers: IncomingHttpHeaders, admitted: boolean): void;
}

/** For so long after they were last let in, real milliseconds. */
const rememberedMs = 10 * 60_000;
/** So many of them; whoever came longest ago is forgotten first. */
const mostKnown = 1_000;

/** @param now real time, milliseconds, never going backwards */
export function knownCallers(now: () => number = () => performance.now()): Known {
  const secret = randomBytes(32);
  const admittedAt = new Map<string, number>();
  const fingerprint = ({ authorization, cookie }: IncomingHttpHeaders): string | undefined => {
    if (authorization === undefined && cookie === undefined) return undefined;
    return createHmac('sha256', secret)
      .update(JSON.stringify([authorization, cookie]))
      .digest('base64url');
  };
  return {
    has(headers) {
      const who = fingerprint(headers);
      return who !== undefined && (admittedAt.get(who) ?? Number.NEGATIVE_INFINITY) + rememberedMs > now();
    },
    note(headers, admitted) {
      const who = fingerprint(headers);
      if (who === undefined) return;
      admittedAt.delete(who);
      if (!admitted) return;
      admittedAt.set(who, now());
      const [oldest] = admittedAt.keys();
      if (admittedAt.size > mostKnown && oldest !== undefined) admittedAt.delete(oldest);
    },
  };
}
