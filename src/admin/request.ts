import type { IncomingMessage } from 'node:http';
import { type Forms, misfit, type Schema } from './form.ts';
import { Refused } from './refused.ts';

/** A request as Node gives it, with the body where a framework has parsed it. */
export interface AdminRequest extends IncomingMessage {
  readonly body?: unknown;
}

/** Largest body, bytes. */
const mostBytes = 65_536;
/** Most levels of a body: what looks into it further on goes down by a call each. */
const mostLevels = 32;
/** How long a body may take, real milliseconds. */
const patienceMs = 10_000;

/** The parameters of a query, each once, none that has no form. @throws Refused */
export function queryOf(search: string, forms: Forms, required: readonly string[]): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of new URLSearchParams(search)) {
    const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
    if (form === undefined)
      throw new Refused(400, `The query has a parameter that it may not have. It may have ${nameAll(forms)}.`);
    if (Object.hasOwn(values, name)) throw new Refused(400, `The query has ${name} twice.`);
    values[name] = read(form, value);
  }
  check({ type: 'object', properties: forms, required }, values, 'query');
  return values;
}

/** The body of a request that may have one. @throws Refused */
export async function bodyOf(
  req: AdminRequest,
  form: Schema = { type: 'object', additionalProperties: false },
): Promise<unknown> {
  const body = await parsedBody(req);
  if (isDeep(body)) throw new Refused(400, `A body may have ${mostLevels} levels at most.`);
  check(form, body, 'body');
  return body;
}

function check(form: Schema, value: unknown, where: string): void {
  const wrong = misfit(form, value, where);
  if (wrong !== undefined) throw new Refused(400, wrong);
}

function nameAll(forms: Forms): string {
  return Object.keys(forms).join(', ') || 'none';
}

/** A value from text; what cannot be read stays text, and fits no form. */
function read({ type }: Schema, value: string): unknown {
  if (type === 'integer' && /^-?\d{1,16}$/.test(value)) return Number(value);
  if (type === 'boolean') return value === 'true' ? true : value === 'false' ? false : value;
  return type === 'array' ? value.split(',') : value;
}

async function parsedBody(req: AdminRequest): Promise<unknown> {
  const { body } = req;
  if (body === undefined) return parse(await bytesOf(req));
  if (typeof body === 'string') return parse(Buffer.from(body));
  if (body instanceof Uint8Array) return parse(body);
  if (!isDeep(body) && Buffer.byteLength(JSON.stringify(body)) > mostBytes) throw tooLarge();
  return body;
}

function isDeep(body: unknown): boolean {
  let level = [body];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > mostLevels) return true;
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
  }
  return false;
}

/** No body counts as an empty object. */
function parse(bytes: Uint8Array): unknown {
  if (bytes.length > mostBytes) throw tooLarge();
  if (bytes.length === 0) return {};
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // The parser's own words hold a piece of the body.
    throw new Refused(400, 'The body is no JSON.');
  }
}

function bytesOf(req: AdminRequest): Promise<Uint8Array> {
  if (Number(req.headers['content-length'] ?? 0) > mostBytes) throw tooLarge();
  // Somebody else has read it, and kept nothing.
  if (req.readableEnded) return Promise.resolve(new Uint8Array());
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const take = (chunk: Uint8Array) => {
    size += chunk.length;
    if (size > mostBytes) reject(tooLarge());
    else chunks.push(chunk);
  };
  const cut = () => reject(new Refused(400, 'The body broke off.'));
  const timer = setTimeout(() => reject(new Refused(408, 'The body took too long.', closing)), patienceMs);
  req
    .on('data', take)
    .once('end', () => resolve(Buffer.concat(chunks)))
    .once('error', cut)
    .once('close', cut);
  return promise.finally(() => {
    clearTimeout(timer);
    req.off('data', take).off('close', cut);
  });
}

/** Nothing more of the request is read. */
const closing = { connection: 'close' };

function tooLarge(): Refused {
  return new Refused(413, `A body may have ${mostBytes} bytes at most.`, closing);
}
