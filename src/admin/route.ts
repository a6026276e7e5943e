import type { LiveSettings } from '../middleware/live-settings.ts';
import type { Sessions } from '../middleware/sessions.ts';
import { type Forms, integer, type Schema, text, type Values } from './form.ts';

/** What the API needs of sessions. */
export type Offered = Pick<Sessions, 'contact' | 'closed' | 'explain' | 'end' | 'live' | 'stats' | 'on' | 'desks' | 'clock'> & {
  readonly settings: LiveSettings;
};

/** One request that may be answered. */
export interface Call<Query = never, Body = never> {
  readonly sessions: Offered;
  /** The conversation, the session or the desk that the path names; empty where it names none. */
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
  /** `{key}` is a conversation's key, `{session}` a session's id, `{desk}` a desk's name; each is one segment. */
  readonly path: string;
  readonly summary: string;
  readonly query: Forms;
  /** Which parameters of the query must be there. */
  readonly required: readonly string[];
  /** Absent: no body, or an empty object. */
  readonly body?: Schema | undefined;
  /** Name of the shape it answers with; `'events'`: it does not end. */
  readonly answer: string;
  /** What to answer with; or the text of it, piece by piece. */
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
export const mostItems = 500;
const limit = integer(1, mostItems, { default: 100 });
const after = text(4_096, { description: 'The `next` of the page before' });
export const page = { limit, after };
/** A name or an id. */
export const name = text(512);
export const key = text(20_000, { description: 'Key of a conversation' });

/** A row whose types are kept from its forms to its `run`; from here on only the forms count. */
export function row<Query extends Forms = Forms, Body extends Forms = Forms>(given: Row<Query, Body>): Route {
  const { query = {}, body, required = [], run, ...rest } = given;
  const needed = required.filter((one) => body !== undefined && Object.hasOwn(body, one));
  const demanded = required.filter((one) => Object.hasOwn(query, one));
  const schema: Schema | undefined = body && { type: 'object', properties: body, required: needed, additionalProperties: false };
  return { ...rest, query, required: demanded, ...(schema && { body: schema }), run: run as Route['run'] };
}
