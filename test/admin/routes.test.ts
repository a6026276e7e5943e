import { createServer } from 'node:http';
import express from 'express';
import { expect, test } from 'vitest';
import type { Schema } from '../../src/admin/form.ts';
import { routes } from '../../src/admin/routes.ts';
import { adminHandler } from '../../src/admin.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { adaKey, closingBot } from '../middleware/toy.ts';
import { type Answer, adminBot, ask, expectShape, inPath, listening, meant } from './server.ts';

const ada = inPath(adaKey);
const other = 'toy/main/ada%40work';

/** Ada had a session that expired, and is in another one. */
async function written(...given: Parameters<typeof adminBot>) {
  const bot = await adminBot(...given);
  await bot.says('one');
  await bot.until('10:31:00');
  await bot.says('two');
  const [closed] = await bot.closes();
  return { ...bot, closed: closed?.session ?? '' };
}

test('a contact, page by page', async () => {
  const { get } = await written();
  const whole = await get(`/contacts/${ada}`);
  expectShape(whole, 'Contact');
  expect(whole.json).toMatchObject({ key: adaKey, identities: [adaKey], sessions: [{ state: 'live' }, { state: 'closed' }] });
  expect((await get(`/contacts/${ada}?limit=1`)).json['sessions']).toHaveLength(2);
});

test('pages go on where they ended', async () => {
  const bot = await written();
  await bot.says('refresh');
  const first = await bot.get(`/contacts/${ada}?limit=1`);
  const second = await bot.get(`/contacts/${ada}?limit=1&after=${first.json['next']}`);
  expect([first.json['sessions'], second.json['sessions']]).toMatchObject([
    [{ state: 'live' }, { reason: 'refresh' }],
    [{ reason: 'inactivity' }],
  ]);
  expect(second.json).not.toHaveProperty('next');
});

test('a closed session tells why it ended, and what was said in it', async () => {
  const { get, closed } = await written();
  const session = await get(`/sessions/${closed}`);
  expectShape(session, 'ExplainedSession');
  expect(session.json).toMatchObject({ reason: 'inactivity', why: { effectiveMs: 1_800_000 } });
  expect((session.json['because'] as string[]).at(-1)).toBe('So it ended at 2026-11-02T10:30:00Z.');
  const transcript = await get(`/sessions/${closed}/transcript`);
  expectShape(transcript, 'Transcript');
  expect(transcript.json['lines']).toMatchObject([{ text: 'one' }, { text: '#1 one' }]);
  const page = await get(`/sessions/${closed}/transcript?limit=1`);
  const rest = await get(`/sessions/${closed}/transcript?after=${page.json['next']}`);
  expect(rest.json['lines']).toMatchObject([{ text: '#1 one' }]);
  expectShape(await get('/sessions/nobody'), 'Problem', 404);
  expectShape(await get('/sessions/nobody/transcript'), 'Problem', 404);
});

test('the transcript of a live session is there, too', async () => {
  const { get, eventsOf } = await written();
  const transcript = await get(`/sessions/${eventsOf('opened').at(-1)?.session}/transcript`);
  expect(transcript.json['lines']).toMatchObject([{ text: 'two' }, { text: '#1 two' }]);
});

test('a transcript holds nothing of what was said with redact', async () => {
  const { get, closed } = await written({ redact: true });
  const transcript = await get(`/sessions/${closed}/transcript`);
  expectShape(transcript, 'Transcript');
  expect(transcript.json['lines']).toHaveLength(2);
  expect(transcript.text).not.toMatch(/#1|"one"|"text"/);
});

test('identities are linked and unlinked, with slashes and percent signs in their keys', async () => {
  const { get, change } = await written();
  const both = await change('POST', `/contacts/${ada}/identities`, { key: other });
  expectShape(both, 'Identities');
  expect(both.json['identities']).toEqual([adaKey, other]);
  expect((await get(`/contacts/${inPath(other)}`)).json).toMatchObject({ identities: [other, adaKey], sessions: [{}, {}] });
  const one = await change('DELETE', `/contacts/${inPath(other)}/identities`);
  expectShape(one, 'Identities');
  expect(one.json['identities']).toEqual([other]);
  expect((await change('POST', `/contacts/${ada}/identities`, { key: '~person/x' })).status).toBe(400);
});

test('an erasure reports what it removed, and says who asked for it', async () => {
  const { get, change, eventsOf } = await written({ authorize: () => ({ by: 'grace' }) });
  const report = await change('DELETE', `/contacts/${ada}`);
  expectShape(report, 'ErasureReport');
  expect(report.json).toEqual({ conversations: 1, sessions: 2, lines: 4, settings: 0 });
  expect(eventsOf('erased')).toMatchObject([{ by: 'grace' }]);
  expect(eventsOf('closed').at(-1)).toMatchObject({ reason: 'erased', by: 'grace' });
  expect((await get(`/contacts/${ada}`)).json['sessions']).toEqual([]);
});

test('a conversation is explained, and ended once, by whoever asked', async () => {
  const { get, change, eventsOf, sessions } = await written({ authorize: () => ({ by: 'grace' }) });
  const explained = await get(`/conversations/${ada}/explain`);
  expectShape(explained, 'Explanation');
  expect(explained.json).toMatchObject({ effectiveMs: 1_800_000, clock: 'user' });
  expect((explained.json['because'] as string[]).at(-1)).toBe('By their silence it ends at 2026-11-02T11:01:00Z.');
  const ended = await change('POST', `/conversations/${ada}/end`);
  expectShape(ended, 'Ended');
  expect([ended.json, (await change('POST', `/conversations/${ada}/end`)).json]).toEqual([{ ended: true }, { ended: false }]);
  expect(eventsOf('closed').map(({ reason, by }) => [reason, by])).toEqual([
    ['inactivity', undefined],
    ['api', 'grace'],
  ]);
  const closed = await get(`/sessions/${eventsOf('closed').at(-1)?.session}`);
  expectShape(closed, 'ExplainedSession');
  expect(closed.json).toMatchObject({ reason: 'api', by: 'grace' });
  expect((await change('POST', `/conversations/${inPath('toy/main/nobody')}/end`)).json).toEqual({ ended: false });
  expect((await sessions.contact('toy/main/nobody').export()).identities).toEqual([]);
});

test('live sessions are listed by channel and endpoint, page by page, without the library’s own records', async () => {
  const bot = await written();
  for (const id of ['bob', 'ada@work']) await bot.deliver(bot.message('hi', { conversation: { id, kind: 'direct' }, user: id }));
  await bot.change('POST', `/contacts/${ada}/identities`, { key: other });
  const keys = (answer: Answer) => (answer.json['sessions'] as { key: string }[]).map(({ key }) => key);
  const all = await bot.get('/live');
  expectShape(all, 'LivePage');
  expect(keys(all)).toEqual([adaKey, other, 'toy/main/bob']);
  const seen: string[] = [];
  for (let path: string | undefined = '/live?limit=1'; path !== undefined && seen.length < 9; ) {
    const page: Answer = await bot.get(path);
    seen.push(...keys(page));
    path = typeof page.json['next'] === 'string' ? `/live?limit=1&after=${page.json['next']}` : undefined;
  }
  expect(seen).toEqual([adaKey, other, 'toy/main/bob']);
  const some = [
    'channel=toy',
    'endpoint=main',
    'channel=toy&endpoint=main',
    'channel=to',
    'endpoint=shop',
    'channel=toy&endpoint=mai',
  ];
  const found = await Promise.all(some.map(async (query) => keys(await bot.get(`/live?${query}`)).length));
  expect(found).toEqual([3, 3, 3, 0, 0, 0]);
});

test('where few of many conversations are live, a page gets short instead of slow, and the next one goes on', async () => {
  const store = keyvStore();
  let reads = 0;
  const find: typeof store.find = (query) => {
    reads += query.keys === undefined ? 1 : 0;
    return store.find(query);
  };
  const bot = await adminBot({}, {}, { store: { ...store, find } });
  for (let i = 10; i < 35; i++) {
    const id = `guest${i}`;
    await bot.deliver(bot.message('hi', { conversation: { id, kind: 'direct' }, user: id }));
    if (i < 34) await bot.sessions.end(`toy/main/${id}`);
  }
  const found: unknown[] = [];
  for (let after = '', more = true; more; ) {
    reads = 0;
    const { json } = await bot.get(`/live?limit=1${after}`);
    expect(reads).toBeLessThanOrEqual(10);
    found.push((json['sessions'] as unknown[]).length);
    more = json['next'] !== undefined;
    after = `&after=${json['next']}`;
  }
  expect(found).toEqual([0, 0, 1]);
});

test('sessions are counted', async () => {
  const { get, clock } = await written();
  const from = Date.parse('2026-11-02T00:00:00Z');
  const stats = await get(`/stats?from=${from}&to=${clock.now() + 1}&by=day,reason&live=false`);
  expectShape(stats, 'Stats');
  expect(stats.json['rows']).toMatchObject([{ group: { day: '2026-11-02', reason: 'inactivity' }, closed: 1 }]);
  expect((await get(`/stats?from=${from}&to=${clock.now() + 1}`)).json['rows']).toMatchObject([{ opened: 2, closed: 1 }]);
  expect((await get('/stats?from=1')).json).toMatchObject({ status: 400, code: 'ADJ_ADMIN_REFUSED' });
});

test('settings are read, tried, changed and told of; a change on what stands no more is refused', async () => {
  const { get, change } = await written({ authorize: async () => ({ by: 'grace' }) });
  const shorter = { change: { endpoints: { main: { expiration: 10 } } } };
  const before = await get('/settings');
  expectShape(before, 'SettingsInEffect');
  const tried = await change('PATCH', '/settings', { ...shorter, dryRun: true });
  expectShape(tried, 'SettingsReport');
  expect(tried.json).toMatchObject({ sessions: 1, version: 0 });
  const made = await change('PATCH', '/settings', { ...shorter, expectedVersion: 0, apply: 'nextSession' });
  expect(made.json).toMatchObject({ version: 1 });
  const late = await change('PATCH', '/settings', { ...shorter, expectedVersion: 0 });
  expectShape(late, 'Problem', 409);
  expect(late.json).toMatchObject({ code: 'ADJ_SETTINGS_CONFLICT' });
  expect((await get('/settings')).json).toMatchObject({ version: 1, last: { by: 'grace' } });
  const history = await get('/settings/history?limit=5');
  expectShape(history, 'SettingsHistory');
  expect(history.json['changes']).toMatchObject([{ version: 1, by: 'grace', apply: 'nextSession' }]);
  expect((await get('/settings/history?after=1')).json['changes']).toEqual([]);
  const wrong = await change('PATCH', '/settings', { change: { endpoints: { main: { expiration: 'soon' } } } });
  expect(wrong.json).toMatchObject({ status: 400, code: 'ADJ_CONFIG_INVALID' });
});

test('under a path of Express, before and behind a parser of bodies; what is not its own goes on', async () => {
  const bot = closingBot({ transcripts: true });
  await bot.says('hi');
  const handler = adminHandler(bot.sessions);
  const web = express()
    .use('/plain/admin', handler)
    .use('/parsed', express.json({ limit: '1mb' }), handler);
  web.use((_req, res) => void res.status(418).send('the application’s own'));
  const port = await listening(createServer(web));
  const answers = await Promise.all([
    ask(port, `/plain/admin/contacts/${ada}`),
    ask(port, '/plain/admin/nothing'),
    ask(port, '/plain/admin'),
    ask(port, '/parsed/settings', {
      method: 'PATCH',
      headers: meant,
      body: { change: { endpoints: { main: { maxTurns: 5 } } } },
    }),
    ask(port, '/parsed/settings', { method: 'PATCH', headers: meant, body: { change: {}, more: 1 } }),
    ask(port, `/parsed/conversations/${ada}/end`, { method: 'POST', headers: meant }),
  ]);
  const large = { change: { endpoints: { main: { closingMessage: 'x'.repeat(70_000) } } } };
  const deep = `{"change":{"endpoints":{"main":{"commands":${'['.repeat(20_000)}${']'.repeat(20_000)}}}}}`;
  const hostile = [{ body: large }, { raw: deep }, { raw: '{' }];
  const refused = await Promise.all(
    hostile.map((one) => ask(port, '/parsed/settings', { method: 'PATCH', headers: meant, ...one })),
  );
  handler.close();
  expect(answers.map(({ status }) => status)).toEqual([200, 418, 418, 200, 400, 200]);
  // The parser of the application has its own answer to what is no JSON.
  expect(refused.map(({ status }) => status)).toEqual([413, 400, 400]);
});

test('every answer is kept from caches, pages and other origins', async () => {
  const { get } = await adminBot();
  for (const path of ['/live', '/nothing', '/openapi.json']) {
    const { headers } = await get(path);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
});

test('the description has every route, once, and every $ref leads somewhere', async () => {
  const { get } = await adminBot();
  const { status, json } = await get('/openapi.json');
  expect([status, json['openapi']]).toEqual([200, '3.1.0']);
  const paths = json['paths'] as Record<
    string,
    Record<string, { operationId: string; parameters: { name: string; in: string }[]; responses: object }>
  >;
  const told = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((one) => `${one.toUpperCase()} ${path}`),
  );
  expect(told.sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort());
  const operations = Object.entries(paths).flatMap(([path, methods]) => Object.values(methods).map((one) => ({ path, ...one })));
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(routes.length);
  for (const { path, parameters, responses } of operations) {
    const inBraces = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(parameters.filter((one) => one.in === 'path').map(({ name }) => name)).toEqual(inBraces);
    expect(Object.keys(responses)).toEqual(['200', 'default']);
  }
  const schemas = (json['components'] as { schemas: Record<string, Schema> }).schemas;
  const refs = [...JSON.stringify(json).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name = '']) => name);
  expect(refs.length).toBeGreaterThan(routes.length);
  expect(refs.filter((name) => !Object.hasOwn(schemas, name))).toEqual([]);
  expect(JSON.stringify(json).match(/"\$ref"/g)).toHaveLength(refs.length);
});
