import type { IncomingHttpHeaders } from 'node:http';
import { isActor } from '../middleware/actor.ts';
import { AdjournError } from '../middleware/errors.ts';
import { bucket } from './bucket.ts';
import { knownCallers } from './known.ts';
import { Refused } from './refused.ts';
import type { AdminRequest } from './request.ts';

/** Who asks, and for what they may be held to account. `by` is kept with every change. */
export interface Authorized {
  /** A name or an id: one line of up to 200 characters. */
  readonly by: string;
}

/**
 * Says who makes a request, by whatever the application knows people by. `true` stands for `{ by: 'admin' }`. What is neither is
 * refused, and so is everything where it throws.
 */
export type Authorize = (req: AdminRequest) => Authorized | boolean | undefined | Promise<Authorized | boolean | undefined>;

export interface GuardOptions {
  /** @default only requests from this very machine are answered, and none with `NODE_ENV=production` */
  readonly authorize?: Authorize | undefined;
  /** Names the API may be asked by, with a port or for every port: against DNS rebinding. @default any with `authorize` */
  readonly hosts?: readonly string[] | undefined;
  /**
   * Most requests a second of those who were let in lately, all together; and as many of all others. Whoever is over it is refused before
   * the authoriser is asked. @default 50
   */
  readonly rate?: number | undefined;
}

/**
 * Lets requests in.
 * @returns gives who asks, or throws Refused; an AdjournError `ADJ_HOOK_FAILED` where the authoriser fails
 * @throws AdjournError `ADJ_ADMIN_UNPROTECTED` in production without an authoriser, `ADJ_CONFIG_INVALID`
 */
export function guard({ authorize, hosts, rate = 50 }: GuardOptions): (req: AdminRequest) => Promise<string> {
  if (!Number.isFinite(rate) || rate <= 0)
    throw new AdjournError('ADJ_CONFIG_INVALID', 'It must be a number > 0.', { where: 'adminHandler, rate' });
  if (authorize === undefined && process.env['NODE_ENV'] === 'production') {
    throw new AdjournError('ADJ_ADMIN_UNPROTECTED', 'It must know who may ask.', {
      where: 'adminHandler',
      hint: 'Give it `authorize`.',
    });
  }
  const allowed = hosts && new Set(hosts.map((one) => one.toLowerCase()));
  // A flood of strangers can neither make the authoriser work without end nor take the places of those it knows.
  const [admitted, strangers] = [bucket(rate), bucket(rate)];
  const known = knownCallers();
  return async (req) => {
    const host = req.headers.host?.toLowerCase() ?? '';
    if (authorize === undefined) mustBeLocal(req, host);
    if (allowed !== undefined && !allowed.has(host) && !allowed.has(nameOf(host)))
      throw forbidden('This host is not one of ours.');
    mustBeSameSite(req.headers, host);
    if (req.method !== 'GET') mustBeMeant(req.headers);
    const wait = known.has(req.headers) ? admitted() : strangers();
    if (wait > 0) throw new Refused(429, 'Too many requests.', { 'retry-after': String(wait) });
    if (authorize === undefined) return 'local';
    const by = await whoAsks(authorize, req);
    known.note(req.headers, by !== undefined);
    if (by === undefined) throw forbidden('You may not.');
    return by;
  };
}

/** Undefined: somebody who may not. */
async function whoAsks(authorize: Authorize, req: AdminRequest): Promise<string | undefined> {
  let answer: unknown;
  try {
    answer = await authorize(req);
  } catch (error) {
    throw new AdjournError('ADJ_HOOK_FAILED', 'The authoriser threw.', { where: 'adminHandler', cause: error });
  }
  if (answer === true) return 'admin';
  const by = typeof answer === 'object' && answer !== null && 'by' in answer ? answer.by : undefined;
  return isActor(by) ? by : undefined;
}

/** Without an authoriser: no other machine, no proxy that speaks for one, and no page that got this machine's address by a name of its own. */
function mustBeLocal({ socket, headers }: AdminRequest, host: string): void {
  const { remoteAddress = '' } = socket;
  const near = /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/.test(remoteAddress);
  const relayed = Object.keys(headers).some((one) => /^(forwarded|via|x-real-ip|x-forwarded.*)$/.test(one));
  if (!near || relayed || !['localhost', '127.0.0.1', '[::1]'].includes(nameOf(host))) {
    throw forbidden('Without an authoriser only this machine is answered.');
  }
}

/** No page of another site, whether it reads or writes. */
function mustBeSameSite(headers: IncomingHttpHeaders, host: string): void {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw forbidden('Other sites may not ask.');
  const { origin } = headers;
  if (origin !== undefined && (host === '' || hostOf(origin) !== host)) throw forbidden('Other origins may not ask.');
}

/** What changes something is what no form and no link can send. */
function mustBeMeant(headers: IncomingHttpHeaders): void {
  if (!/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(headers['content-type'] ?? '')) {
    throw new Refused(415, 'It must have content-type: application/json.');
  }
  if (headers['x-adjourn'] !== '1') throw forbidden('It must have x-adjourn: 1.');
}

function forbidden(why: string): Refused {
  return new Refused(403, why);
}

/** The name without the port. */
function nameOf(host: string): string {
  return host.replace(/:\d+$/, '');
}

function hostOf(origin: string): string | undefined {
  return /^https?:\/\/([^/?#@\s]+)$/i.exec(origin)?.[1]?.toLowerCase();
}
