import type { Schema } from './form.ts';
import type { Route } from './route.ts';
import { named, shapes } from './shapes.ts';

/** The OpenAPI 3.1 description of a table of routes. Source: https://spec.openapis.org/oas/v3.1.1.html */
export function describeRoutes(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  return {
    openapi: '3.1.0',
    info: { title: 'adjourn admin', version: '1' },
    // Where the handler is mounted, seen from this document.
    servers: [{ url: '.' }],
    paths,
    components: { schemas: shapes },
  };
}

const inPath: Readonly<Record<string, string>> = {
  key: 'Key of a conversation, percent-encoded as a whole: one segment',
  session: 'Id of a session',
  desk: 'Name of a desk',
};

function operation(route: Route): object {
  const { method, path, summary, query, required, body, answer } = route;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    ...{ name, in: 'path', required: true, schema: { type: 'string' } },
    description: inPath[name],
  }));
  const inQuery = Object.entries(query).map(([name, schema]) => ({
    ...{ name, in: 'query', required: required.includes(name), schema },
    // `by=day,endpoint`
    ...(schema.type === 'array' ? { style: 'form', explode: false } : {}),
  }));
  const guard: Schema = { type: 'string', enum: ['1'] };
  const inHead = method === 'GET' ? [] : [{ name: 'x-adjourn', in: 'header', required: true, schema: guard }];
  const resume =
    answer === 'events' ? [{ name: 'last-event-id', in: 'header', required: false, schema: { type: 'string' } }] : [];
  const content =
    answer === 'events'
      ? { 'text/event-stream': { schema: { type: 'string' } } }
      : { 'application/json': { schema: named(answer) } };
  return {
    operationId: operationId(method, path),
    summary,
    parameters: [...names, ...inQuery, ...inHead, ...resume],
    ...(body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: {
      200: { description: summary, content },
      default: { description: 'A problem', content: { 'application/problem+json': { schema: named('Problem') } } },
    },
  };
}

/** `getContactsKeyExport` of `GET /contacts/{key}/export`. */
function operationId(method: string, path: string): string {
  const words = path.match(/\w+/g) ?? [];
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}
