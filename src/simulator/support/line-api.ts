import { createHash } from 'node:crypto';
import type { ApiAnswer, ApiCall, Identity, VendorWorld } from '../vendor.ts';
import { isRecord } from './form-fields.ts';

/** What LINE remembers about one channel, from its first call on. */
interface Memory {
  /** Reply tokens that were used. */
  readonly spent: Set<string>;
  /** The answers to pushes that came with a retry key. */
  readonly pushed: Map<string, ApiAnswer>;
  /** Pushes so far; replies are free. */
  usage: number;
}

const memories = new WeakMap<Identity, Memory>();

const fewest = 1;
const most = 5;
const longestText = 5_000;

/** Answers a call of the Messaging API; undefined where it has no such route. */
export function lineApi(call: ApiCall, world: VendorWorld): ApiAnswer | undefined {
  const answer = routeOf(call);
  if (answer === undefined) return undefined;
  const identity = world.identities().find((one) => call.headers['authorization'] === `Bearer ${one.token}`);
  return identity === undefined
    ? refusal(401, 'The access token in the authorization header is not valid.')
    : answer(call, world, identity);
}

/** Whether a call sends a message to a person. */
export function isSend(call: ApiCall): boolean {
  return call.method === 'POST' && /^\/v2\/bot\/message\/(reply|push)$/.test(pathOf(call));
}

/** LINE's error shape. */
export function refusal(status: number, message: string, property?: string): ApiAnswer {
  const details = property === undefined ? {} : { details: [{ message, property }] };
  return { status, body: { message: property === undefined ? message : 'The request body has 1 error(s)', ...details } };
}

/**
 * A reply token for one event. It names the person, since nothing else tells LINE's side of a later call whom it is for.
 * @param person `U` and 32 hexadecimal digits
 * @param nonce 32 hexadecimal digits
 */
export function replyTokenFor(person: string, nonce: string): string {
  return `${nonce}${person.slice(1)}`;
}

type Route = (call: ApiCall, world: VendorWorld, identity: Identity) => ApiAnswer;

function routeOf(call: ApiCall): Route | undefined {
  const path = pathOf(call);
  switch (`${call.method} ${path}`) {
    case 'POST /v2/bot/message/reply':
      return reply;
    case 'POST /v2/bot/message/push':
      return push;
    case 'GET /v2/bot/message/quota':
      return () => ({ status: 200, body: { type: 'none' } });
    case 'GET /v2/bot/message/quota/consumption':
      return (_call, _world, identity) => ({
        status: 200,
        body: { totalUsage: memoryOf(identity).usage },
      });
  }
  const person = call.method === 'GET' ? /^\/v2\/bot\/profile\/([^/]+)$/.exec(path)?.[1] : undefined;
  return person === undefined
    ? undefined
    : () => ({ status: 200, body: { userId: person, displayName: `Person ${person.slice(1, 5)}` } });
}

/** A token works once. It does not grow old here, as the vendor is not told when its webhook arrived. */
function reply(call: ApiCall, world: VendorWorld, identity: Identity): ApiAnswer {
  const asked = bodyOf(call);
  const token = asked['replyToken'];
  const { spent } = memoryOf(identity);
  if (typeof token !== 'string' || !/^[0-9a-f]{64}$/.test(token) || spent.has(token)) return refusal(400, 'Invalid reply token');
  const problem = problemIn(asked['messages']);
  if (problem !== undefined) return problem;
  spent.add(token);
  return send(`U${token.slice(32)}`, asked['messages'] as readonly unknown[], world, identity);
}

/** A retry key is executed once; who comes with it again is told so, with the first answer's messages. */
function push(call: ApiCall, world: VendorWorld, identity: Identity): ApiAnswer {
  const asked = bodyOf(call);
  const memory = memoryOf(identity);
  const retryKey = call.headers['x-line-retry-key'];
  const before = retryKey === undefined ? undefined : memory.pushed.get(retryKey);
  if (before !== undefined) {
    const { sentMessages } = before.body as { sentMessages: unknown };
    const body = { message: 'The retry key is already accepted', sentMessages };
    return { status: 409, headers: { 'x-line-accepted-request-id': retryKey ?? '' }, body };
  }
  const to = asked['to'];
  if (typeof to !== 'string' || !/^[UCR][0-9a-f]{32}$/.test(to)) return refusal(400, 'Invalid recipient', 'to');
  const problem = problemIn(asked['messages']);
  if (problem !== undefined) return problem;
  const answer = send(to, asked['messages'] as readonly unknown[], world, identity);
  memory.usage += 1;
  if (retryKey !== undefined) memory.pushed.set(retryKey, answer);
  return answer;
}

function send(to: string, messages: readonly unknown[], world: VendorWorld, identity: Identity): ApiAnswer {
  const sentMessages = messages.map((message) => {
    const id = String(500_000_000_000_000_000n + BigInt(world.next()));
    world.receive({ to, text: shown(message), id, identity });
    return { id, quoteToken: createHash('sha256').update(`quote ${id}`).digest('hex').slice(0, 32) };
  });
  return { status: 200, body: { sentMessages } };
}

function problemIn(messages: unknown): ApiAnswer | undefined {
  if (!Array.isArray(messages) || messages.length < fewest || messages.length > most) {
    return refusal(400, `Size must be between ${fewest} and ${most}`, 'messages');
  }
  for (const [index, message] of messages.entries()) {
    if (!isRecord(message) || typeof message['type'] !== 'string')
      return refusal(400, 'Must be specified', `messages[${index}].type`);
    const { type, text } = message;
    if (type === 'text' && (typeof text !== 'string' || text === '' || text.length > longestText)) {
      return refusal(400, `Length must be between 1 and ${longestText}`, `messages[${index}].text`);
    }
  }
  return undefined;
}

/** What a person sees of a message: its text, its alternative text, or what it is. */
function shown(message: unknown): string {
  if (!isRecord(message)) return '';
  const text = message['text'] ?? message['altText'];
  return typeof text === 'string' ? text : `[${String(message['type'])}]`;
}

function bodyOf(call: ApiCall): Readonly<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(call.text);
    return isRecord(body) ? body : {};
  } catch {
    return {};
  }
}

function pathOf(call: ApiCall): string {
  return call.path.split('?', 1)[0] ?? '';
}

function memoryOf(identity: Identity): Memory {
  const memory: Memory = memories.get(identity) ?? { spent: new Set(), pushed: new Map(), usage: 0 };
  memories.set(identity, memory);
  return memory;
}
