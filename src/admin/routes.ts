import type { LiveSettings } from '../middleware/live-settings.ts';
import type { Sessions } from '../middleware/sessions.ts';
import { type Form, type Forms, flag, integer, listOf, oneOf, type Schema, text, type Values } from './form.ts';
import { describeRoutes } from './openapi.ts';
import { Refused } from './refused.ts';
import { withoutTexts, withoutTextsOfAll } from './texts.ts';

/** What the API needs of sessions. */
export type Offered = Pick<Sessions, 'contact' | 'closed' | 'explain' | 'end' | 'live' | 'stats' | 'on'> & {
  readonly settings: LiveSettings;
};

/** One request that may be answered. */
export interface Call<Query = never, Body = never> {
  readonly sessions: Offered;
  /** The conversation or the session that the path names; empty where it names none. */
  readonly name: string;
  readonly query: Query;
  readonly body: Body;
  /** Who asks. */
  readonly by: string;
  /** Whether texts are left out. */
  readonly redact: boolean;
}

/** One row of the table that requests are found and checked by, and that the description is made of. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** `{key}` is a conversation's key, `{session}` a session's id; each is one segment. */
  readonly path: string;
  readonly summary: string;
  readonly query: Forms;
  /** Which parameters of the query must be there. */
  readonly required: readonly string[];
  /** Absent: no body, or an empty object. */
  readonly body?: Schema | undefined;
  /** Name of the shape it answers with; `'events'`: it does not end. */
  readonly answer: string;
  readonly run: (call: Call) => unknown;
}

interface Row<Query extends Forms, Body extends Forms> extends Omit<Route, 'query' | 'required' | 'body' | 'run'> {
  readonly query?: Query;
  readonly body?: Body;
  /** Which members of the body or the query must be there. */
  readonly required?: readonly (keyof (Query & Body) & string)[];
  readonly run: (call: Call<Values<Query>, Values<Body>>) => unknown;
}

/** Largest page. */
const mostItems = 500;
const limit = integer(1, mostItems, { default: 100 });
const after = text(4_096, { description: 'The `next` of the page before' });
const page = { limit, after };
const name = text(512);
/** Session time that a date can have. */
const instant = integer(0, 8_640_000_000_000_000, { description: 'Session time, epoch ms' });
const key = text(20_000, { description: 'Key of a conversation' });
const settings: Form<object> = { type: 'object' };
const groups = oneOf('day', 'endpoint', 'channel', 'reason', 'outcome', 'interactive', 'developer', 'billable');

export const routes: readonly Route[] = [
  row({
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description',
    answer: 'Description',
    run: () => describeRoutes(routes),
  }),
  row({
    method: 'GET',
    path: '/contacts/{key}',
    summary: 'A contact: all their conversations, and their sessions, newest first',
    query: page,
    answer: 'Contact',
    async run({ sessions, name: of, query }) {
      const contact = sessions.contact(of);
      return { key: of, identities: await contact.identities(), ...(await contact.sessions({ limit: 100, ...query })) };
    },
  }),
  row({
    method: 'GET',
    path: '/contacts/{key}/export',
    summary: 'Everything that is kept of a contact, without tokens',
    answer: 'ContactExport',
    async run({ sessions, name: of, redact }) {
      const all = await sessions.contact(of).export();
      return redact ? withoutTextsOfAll(all) : all;
    },
  }),
  row({
    method: 'POST',
    path: '/contacts/{key}/identities',
    summary: 'Notes that another conversation is with the same person',
    body: { key },
    required: ['key'],
    answer: 'Identities',
    async run({ sessions, name: of, body }) {
      const contact = sessions.contact(of);
      await contact.link(body.key ?? '');
      return { identities: await contact.identities() };
    },
  }),
  row({
    method: 'DELETE',
    path: '/contacts/{key}/identities',
    summary: 'Notes that this conversation is with nobody else',
    answer: 'Identities',
    async run({ sessions, name: of }) {
      const contact = sessions.contact(of);
      await contact.unlink();
      return { identities: await contact.identities() };
    },
  }),
  row({
    method: 'DELETE',
    path: '/contacts/{key}',
    summary: 'Erases a contact with everything that is linked',
    answer: 'ErasureReport',
    run: ({ sessions, name: of, by }) => sessions.contact(of).erase({ by }),
  }),
  row({
    method: 'GET',
    path: '/sessions/{session}',
    summary: 'A session that is over, and why it ended',
    answer: 'ClosedSession',
    run: async ({ sessions, name: id }) => (await sessions.closed(id)) ?? unknown(),
  }),
  row({
    method: 'GET',
    path: '/sessions/{session}/transcript',
    summary: 'What was said in a session, where the endpoint keeps transcripts',
    query: page,
    answer: 'Transcript',
    async run({ sessions, name: id, query, redact }) {
      const closed = await sessions.closed(id);
      // Lines go by their session alone: a live one's are there before its conversation can be told from them.
      const told = await sessions.contact(closed?.key ?? '').transcript(id, { limit: 100, ...query });
      if (closed === undefined && told.lines.length === 0 && query.after === undefined) return unknown();
      return redact ? { ...told, lines: withoutTexts(told.lines) } : told;
    },
  }),
  row({
    method: 'GET',
    path: '/conversations/{key}/explain',
    summary: 'The effective expiration of a conversation, and everything that led to it',
    answer: 'Explanation',
    run: ({ sessions, name: of }) => sessions.explain(of),
  }),
  row({
    method: 'POST',
    path: '/conversations/{key}/end',
    summary: 'Ends the live session, with reason `api`',
    answer: 'Ended',
    async run({ sessions, name: of, by }) {
      // A conversation that nobody knows stays unknown.
      const { session } = await sessions.explain(of);
      return { ended: session !== undefined && (await sessions.end(of, { by })) };
    },
  }),
  row({
    method: 'GET',
    path: '/live',
    summary: 'Sessions that are not closed yet; a page may be short though more follow',
    query: { ...page, channel: name, endpoint: name },
    answer: 'LivePage',
    run: ({ sessions, query }) => sessions.live(query),
  }),
  row({
    method: 'GET',
    path: '/stats',
    summary: 'Counts over closed and live sessions',
    query: {
      from: instant,
      to: instant,
      by: listOf(groups, 8),
      offset: integer(-1_440, 1_440, { default: 0, description: 'Minutes the zone of a day is east of UTC' }),
      channel: name,
      endpoint: name,
      developer: flag(),
      live: flag({ default: true, description: 'Whether live sessions count as opened: it reads all of them' }),
    },
    required: ['from', 'to'],
    answer: 'Stats',
    run: async ({ sessions, query: { from = 0, to = 0, ...more } }) => ({ rows: await sessions.stats({ from, to, ...more }) }),
  }),
  row({
    method: 'GET',
    path: '/settings',
    summary: 'The settings as they count now, and which were changed while running',
    answer: 'SettingsInEffect',
    run: ({ sessions }) => sessions.settings.get(),
  }),
  row({
    method: 'PATCH',
    path: '/settings',
    summary: 'Changes settings while running, or says what that would do',
    body: {
      change: {
        type: 'object',
        properties: { organization: settings, endpoints: { type: 'object', additionalProperties: settings } },
        additionalProperties: false,
      } as Form<object>,
      apply: oneOf('live', 'nextSession'),
      dryRun: flag({ default: false }),
      expectedVersion: integer(0, Number.MAX_SAFE_INTEGER),
    },
    required: ['change'],
    answer: 'SettingsReport',
    run: ({ sessions, body: { change = {}, ...options }, by }) => sessions.settings.set(change, { ...options, by }),
  }),
  row({
    method: 'GET',
    path: '/settings/history',
    summary: 'The latest changes of settings, newest first; a hundred are kept',
    query: { limit: integer(1, mostItems, { default: 20 }), after: integer(0, Number.MAX_SAFE_INTEGER) },
    answer: 'SettingsHistory',
    run: async ({ sessions, query }) => ({ changes: await sessions.settings.history(query) }),
  }),
  row({
    method: 'GET',
    path: '/events',
    summary: 'Events of all sessions as they happen, as server-sent events; `Last-Event-ID` goes on where a stream broke off',
    answer: 'events',
    run: () => undefined,
  }),
];

/** A row whose types are kept from its forms to its `run`; from here on only the forms count. */
function row<Query extends Forms = Forms, Body extends Forms = Forms>(given: Row<Query, Body>): Route {
  const { query = {}, body, required = [], run, ...rest } = given;
  const needed = required.filter((one) => body !== undefined && Object.hasOwn(body, one));
  const demanded = required.filter((one) => Object.hasOwn(query, one));
  const schema: Schema | undefined = body && { type: 'object', properties: body, required: needed, additionalProperties: false };
  return { ...rest, query, required: demanded, ...(schema && { body: schema }), run: run as Route['run'] };
}

function unknown(): never {
  throw new Refused(404, 'No session of this name is kept.');
}
