import { deskRoutes } from './desk-routes.ts';
import { exportText } from './export.ts';
import { type Form, flag, integer, listOf, oneOf } from './form.ts';
import { describeRoutes } from './openapi.ts';
import { Refused } from './refused.ts';
import { key, mostItems, name, page, type Route, row } from './route.ts';
import { withoutTexts } from './texts.ts';

/** Session time that a date can have. */
const instant = integer(0, 8_640_000_000_000_000, { description: 'Session time, epoch ms' });
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
    run: ({ sessions, name: of, redact }) => exportText(sessions.clock.now(), sessions.contact(of).exportParts(), redact),
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
    answer: 'ExplainedSession',
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
  ...deskRoutes,
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

function unknown(): never {
  throw new Refused(404, 'No session of this name is kept.');
}
