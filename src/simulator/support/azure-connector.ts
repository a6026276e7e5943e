import type { ApiAnswer, ApiCall, Identity, VendorWorld } from '../vendor.ts';
import { isRecord } from './form-fields.ts';

/** What the Bot Connector offers bots (Microsoft: "Bot Connector API reference"), for one-to-one conversations. */
interface Route {
  readonly method: string;
  readonly at: RegExp;
  readonly answer: (request: Request) => ApiAnswer;
}

interface Request {
  readonly conversation: string;
  /** The activity or member a path ends with. */
  readonly other: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly identity: Identity;
  readonly world: VendorWorld;
}

const sending = /^\/v3\/conversations\/([^/]+)\/activities(?:\/([^/]+))?$/;
const oneActivity = /^\/v3\/conversations\/([^/]+)\/activities\/([^/]+)$/;

const routes: readonly Route[] = [
  { method: 'POST', at: sending, answer: (request) => post(request, request.body) },
  { method: 'POST', at: /^\/v3\/conversations$/, answer: create },
  { method: 'PUT', at: oneActivity, answer: ({ other }) => ok({ id: other }) },
  { method: 'DELETE', at: oneActivity, answer: () => ok({}) },
  {
    method: 'GET',
    at: /^\/v3\/conversations\/([^/]+)\/(?:activities\/[^/]+\/)?members$/,
    answer: (request) => ok(membersOf(request)),
  },
  { method: 'GET', at: /^\/v3\/conversations\/([^/]+)\/pagedmembers$/, answer: (request) => ok({ members: membersOf(request) }) },
  { method: 'GET', at: /^\/v3\/conversations\/([^/]+)\/members\/([^/]+)$/, answer: member },
];

/** Answers a bot's call. Undefined: there is no such operation here. @param path below the service URL */
export function connectorAnswer(path: string, call: ApiCall, world: VendorWorld): ApiAnswer | undefined {
  const route = routes.find(({ method, at }) => method === call.method && at.test(path));
  if (route === undefined) return undefined;
  const identity = world.identities().find((one) => call.headers['authorization'] === `Bearer ${one.token}`);
  if (identity === undefined) return connectorError(401, 'Unauthorized', 'Authorization has been denied for this request.');
  const [, conversation = '', other = ''] = (route.at.exec(path) ?? []).map((one) => decoded(one ?? ''));
  return route.answer({ conversation, other, body: jsonIn(call.text), identity, world });
}

/** Whether a `POST` here sends something to a person. @param path below the service URL */
export function isSend(path: string): boolean {
  return sending.test(path);
}

/** Begins with the person, so that a call about a conversation tells whom it reaches. */
export function conversationOf(person: string, identity: Identity): string {
  return `${person}:${identity.account}-us`;
}

/** The Bot Connector's error shape. */
export function connectorError(status: number, code: string, message: string): ApiAnswer {
  return { status, body: { error: { code, message } } };
}

/** The JSON object in a text; an empty one for anything else. */
export function jsonIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

function post({ conversation, identity, world }: Request, activity: Readonly<Record<string, unknown>>): ApiAnswer {
  const person = personIn(conversation, identity) ?? personOfOwnConversation(activity);
  const isOfAnother = world.identities().some((other) => other !== identity && personIn(conversation, other) !== undefined);
  if (person === undefined || isOfAnother) return connectorError(404, 'ConversationNotFound', 'Conversation not found.');
  const id = `${conversation}|${String(world.next()).padStart(7, '0')}`;
  if (activity['type'] === 'message') world.receive({ to: person, text: String(activity['text'] ?? ''), id, identity });
  return ok({ id });
}

/** A scenario's own activities may come from conversations nobody here has made; the answer names the person. */
function personOfOwnConversation(activity: Readonly<Record<string, unknown>>): string | undefined {
  const id = isRecord(activity['recipient']) ? activity['recipient']['id'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

function create(request: Request): ApiAnswer {
  const { body, identity } = request;
  const [first]: unknown[] = Array.isArray(body['members']) ? body['members'] : [];
  const person = isRecord(first) ? first['id'] : undefined;
  if (typeof person !== 'string') return connectorError(400, 'BadArgument', 'A conversation needs a member.');
  const conversation = conversationOf(person, identity);
  const activity = body['activity'];
  const posted = isRecord(activity) ? post({ ...request, conversation }, activity) : ok({});
  const { id: activityId } = posted.body as { id?: string };
  return { status: 201, body: { id: conversation, activityId } };
}

function member(request: Request): ApiAnswer {
  const [only] = membersOf(request);
  const found = only !== undefined && personIn(request.conversation, request.identity) === request.other;
  return found ? ok(only) : connectorError(404, 'MemberNotFoundInConversation', 'Member not found.');
}

function membersOf({ conversation, identity }: Request): object[] {
  const person = personIn(conversation, identity);
  return person === undefined ? [] : [{ id: person, role: 'user' }];
}

/** Undefined for a conversation of another bot. */
function personIn(conversation: string, identity: Identity): string | undefined {
  const [person = ''] = conversation.split(':', 1);
  return person !== '' && conversation === conversationOf(person, identity) ? person : undefined;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function ok(body: unknown): ApiAnswer {
  return { status: 200, body };
}
