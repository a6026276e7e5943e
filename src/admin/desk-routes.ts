import { isKey } from '../middleware/core/activity.ts';
import { fromCursor, toCursor } from '../middleware/cursor.ts';
import type { Desk, DeskConversation } from '../middleware/desk.ts';
import type { HandoffTo } from '../middleware/turn.ts';
import { type Form, type Forms, oneOf, type Values } from './form.ts';
import { Refused } from './refused.ts';
import { key, name, type Offered, page, type Route, row } from './route.ts';

const agent = name;
const to = {
  anyOf: [oneOf('rule', 'queue'), { type: 'object', properties: { agent }, required: ['agent'], additionalProperties: false }],
  default: 'rule',
} as Form<HandoffTo>;

/** What people look after at desks: who is there, who waits, who has what. */
export const deskRoutes: readonly Route[] = [
  row({
    method: 'GET',
    path: '/desks',
    summary: 'The desks of this process, with their agents: who is there, and how many conversations they have',
    answer: 'Desks',
    run: async ({ sessions }) => ({ desks: await Promise.all([...sessions.desks.values()].map(shown)) }),
  }),
  row({
    method: 'GET',
    path: '/desks/{desk}/conversations',
    summary: 'Conversations in the queue and with agents, the oldest first',
    query: page,
    answer: 'DeskConversations',
    run: async ({ sessions, name: of, query }) => pageOf(await deskOf(sessions, of).conversations(), query),
  }),
  row({
    method: 'POST',
    path: '/desks/{desk}/presence',
    summary: 'Notes that an agent is there, or is not',
    body: { agent, state: oneOf('online', 'offline') },
    required: ['agent', 'state'],
    answer: 'Desk',
    async run({ sessions, name: of, body, by }) {
      const desk = deskOf(sessions, of);
      await desk.presence(body.agent ?? '', body.state ?? 'offline', { by });
      return shown(desk);
    },
  }),
  change({
    path: '/desks/{desk}/handoff',
    summary: 'Gives the live session to people; while an agent has it, nothing changes',
    body: { key, to },
    required: ['key'],
    run: (desk, { to: whom }, of, who) => desk.handoff(of, whom, who),
  }),
  change({
    path: '/desks/{desk}/assign',
    summary: 'Gives the live session to an agent who takes it, from the bot, the queue or a colleague',
    body: { key, agent },
    required: ['key', 'agent'],
    async run(desk, { agent: whose = '' }, of, who) {
      await desk.assign(of, whose, who);
      return true;
    },
  }),
  change({
    path: '/desks/{desk}/release',
    summary: 'Gives the live session back to the bot',
    body: { key },
    required: ['key'],
    run: (desk, _body, of, who) => desk.returnToBot(of, who),
  }),
  change({
    path: '/desks/{desk}/close',
    summary: 'Ends the live session, with reason `agent`',
    body: { key, outcome: name },
    required: ['key'],
    run: (desk, { outcome }, of, who) => desk.close(of, { outcome, ...who }),
  }),
];

/** A row that changes how one live session stands at a desk. */
function change<Body extends Forms & { readonly key: Form<string> }>({
  run,
  ...rest
}: Pick<Route, 'path' | 'summary'> & {
  readonly body: Body;
  readonly required: readonly (keyof Body & string)[];
  /** @returns whether it changed anything */
  readonly run: (desk: Desk, body: Values<Body>, key: string, who: { readonly by: string }) => Promise<boolean>;
}): Route {
  return row<Forms, Body>({
    method: 'POST',
    answer: 'Changed',
    ...rest,
    async run({ sessions, name: of, body, by }) {
      const desk = deskOf(sessions, of);
      const { key: one = '' } = body as { readonly key?: string };
      if (!isKey(one)) throw new Refused(400, 'body.key: it must be the key of a conversation.');
      // A conversation that nobody knows stays unknown.
      const { session } = await sessions.explain(one);
      if (session === undefined) throw new Refused(404, 'No session is live in this conversation.');
      return { changed: await run(desk, body, one, { by }) };
    },
  });
}

function deskOf({ desks }: Offered, of: string): Desk {
  const desk = desks.get(of);
  if (desk === undefined) throw new Refused(404, 'This process has no desk of this name.');
  return desk;
}

/** A desk for JSON, which has no word for a capacity without limit. */
async function shown(desk: Desk): Promise<object> {
  const agents = await desk.agents();
  return {
    name: desk.name,
    agents: agents.map(({ capacity, ...one }) => ({ ...one, ...(Number.isFinite(capacity) ? { capacity } : {}) })),
  };
}

/** A page of what a desk gives out whole. */
function pageOf(
  all: readonly DeskConversation[],
  { limit = 100, after }: { readonly limit?: number | undefined; readonly after?: string | undefined },
): object {
  const [since, last] = after === undefined ? [Number.NEGATIVE_INFINITY, ''] : fromCursor(after, 'number', 'string');
  const left = all.filter((one) => one.since > since || (one.since === since && one.key > last)).sort(byAge);
  const conversations = left.slice(0, limit);
  const end = conversations.at(-1);
  return { conversations, ...(end && left.length > limit ? { next: toCursor(end.since, end.key) } : {}) };
}

/** Among those of one moment by key, so that pages go on where they ended. */
function byAge(one: DeskConversation, other: DeskConversation): number {
  return one.since - other.since || (one.key < other.key ? -1 : 1);
}
