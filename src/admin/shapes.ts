import type { Schema } from './form.ts';

const at: Schema = { type: 'integer', description: 'Session time, epoch ms' };
const ms: Schema = { type: 'number', description: 'Milliseconds' };
const word: Schema = { type: 'string' };
const count: Schema = { type: 'integer', minimum: 0 };
const yes: Schema = { type: 'boolean' };
const anything: Schema = { type: 'object' };
const next: Schema = { type: 'string', description: 'For `after`; absent on the last page' };
const counts: Schema = { type: 'object', additionalProperties: count };

const list = (items: Schema): Schema => ({ type: 'array', items });
export const named = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
/** Every member is there but those whose names are given. */
const whole = (properties: Readonly<Record<string, Schema>>, ...optional: readonly string[]): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});

const place = { session: word, channel: word, endpoint: word, key: word, user: word };
const because: Schema = { type: 'array', items: word, description: 'Why, in plain sentences; times are UTC' };
const chosen = { effectiveMs: ms, level: word, inputs: list(anything), cap: anything };
const percentiles = whole({ p50: ms, p90: ms, p99: ms });
const changed = whole({ by: word, at });

const closed = {
  ...place,
  reason: word,
  startedAt: at,
  endedAt: at,
  closedAt: at,
  deadline: at,
  message: word,
  interactive: yes,
  developer: yes,
  billable: yes,
  turns: count,
  outcome: word,
  agent: word,
  by: word,
  why: named('Why'),
};
const mayLack = ['user', 'deadline', 'outcome', 'agent', 'by', 'why'] as const;

/** What the API answers with, by name. */
export const shapes: Readonly<Record<string, Schema>> = {
  Problem: whole({ type: word, title: word, status: { type: 'integer' }, code: word, detail: word }, 'detail'),
  Description: anything,
  LiveSession: whole(
    {
      ...place,
      state: { type: 'string', enum: ['live', 'expired'] },
      startReason: word,
      startedAt: at,
      lastActivityAt: at,
      deadline: at,
      turns: count,
      interactive: yes,
      developer: yes,
      outcome: word,
      owner: { type: 'string', enum: ['bot', 'queue', 'agent'] },
      agent: word,
    },
    'user',
    'deadline',
    'outcome',
    'agent',
  ),
  LivePage: whole({ sessions: list(named('LiveSession')), next }, 'next'),
  Why: whole(
    {
      ...chosen,
      ...{ lastActivityAt: at, extendedMs: ms, maxDurationMs: ms },
      ...{ lastWordAt: at, answeredAt: at, closeAfterMs: ms, change: anything },
    },
    'cap',
    'extendedMs',
    'maxDurationMs',
    'lastWordAt',
    'answeredAt',
    'closeAfterMs',
    'change',
  ),
  ClosedSession: whole(closed, ...mayLack),
  ExplainedSession: whole({ ...closed, because }, ...mayLack),
  Contact: whole(
    {
      key: word,
      identities: list(word),
      sessions: list({ anyOf: [named('LiveSession'), named('ClosedSession')] }),
      next,
    },
    'next',
  ),
  Identities: whole({ identities: list(word) }),
  ContactExport: whole({ at, identities: list(anything), sessions: list(anything) }),
  ErasureReport: whole({ conversations: count, sessions: count, lines: count, settings: count }),
  TranscriptLine: whole(
    {
      ...place,
      id: word,
      startedAt: at,
      at,
      order: count,
      from: { type: 'string', enum: ['user', 'bot', 'agent', 'system'] },
      agent: word,
      type: word,
      text: word,
      delivery: word,
    },
    'user',
    'agent',
    'text',
    'delivery',
  ),
  Transcript: whole({ lines: list(named('TranscriptLine')), next }, 'next'),
  Explanation: whole(
    {
      ...chosen,
      owner: word,
      desk: word,
      agent: word,
      givenBy: word,
      clock: { type: 'string', enum: ['user', 'agent', 'customer', 'nobody'] },
      session: anything,
      timers: list(whole({ what: word, at })),
      because,
    },
    'cap',
    'owner',
    'desk',
    'agent',
    'givenBy',
    'session',
  ),
  Ended: whole({ ended: yes }),
  Agent: whole({ id: word, online: yes, capacity: count, load: count, chosenAt: at }, 'capacity', 'chosenAt'),
  Desk: whole({ name: word, agents: list(named('Agent')) }),
  Desks: whole({ desks: list(named('Desk')) }),
  DeskConversation: whole({ key: word, session: word, since: at, agent: word, waits: yes }, 'agent'),
  DeskConversations: whole({ conversations: list(named('DeskConversation')), next }, 'next'),
  Changed: whole({ changed: yes }),
  StatsRow: whole(
    {
      group: anything,
      opened: count,
      closed: count,
      reasons: counts,
      interactive: count,
      developer: count,
      billable: count,
      turns: count,
      messagesIn: count,
      messagesOut: count,
      duration: percentiles,
      lag: percentiles,
      messages: counts,
      deadlines: whole({ met: count, missed: count }),
      billing: whole({ sessions: count, blocks: count, spans: count }),
    },
    'duration',
    'lag',
  ),
  Stats: whole({ rows: list(named('StatsRow')) }),
  SettingsInEffect: whole(
    { version: count, last: changed, organization: anything, endpoints: anything, changed: anything },
    'last',
  ),
  SettingsReport: whole({ sessions: count, closing: count, version: count }),
  SettingsHistory: whole({
    changes: list(
      whole({
        version: count,
        by: word,
        at,
        apply: { type: 'string', enum: ['live', 'nextSession'] },
        change: anything,
        before: anything,
      }),
    ),
  }),
};
