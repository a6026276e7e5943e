import { createServer } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { bucket } from '../../src/admin/bucket.ts';
import { knownCallers } from '../../src/admin/known.ts';
import type { AdminRequest } from '../../src/admin/request.ts';
import { adminHandler } from '../../src/admin.ts';
import { toCursor } from '../../src/middleware/cursor.ts';
import { AdjournError } from '../../src/middleware/errors.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { adaKey, closingBot } from '../middleware/toy.ts';
import { type Answer, adminBot, ask, inPath, listening, meant } from './server.ts';

const ada = inPath(adaKey);
const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status);

/** Says something to a server that no client of Node's would, and hears it out. */
async function rawly(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1', () => socket.write(request));
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

describe('without an authoriser', () => {
  test('nothing begins in production', () => {
    vi.stubEnv('NODE_ENV', 'production');
    const { sessions } = closingBot();
    expect(() => adminHandler(sessions)).toThrow(/ADJ_ADMIN_UNPROTECTED/);
    expect(() => adminHandler(sessions, { authorize: () => true })).not.toThrow();
  });

  test('only this machine, by its own name and through nobody, is answered', async () => {
    const { get, port } = await adminBot();
    expect(
      statuses(await Promise.all([get('/live'), get('/live', { host: `localhost:${port}` }), get('/live', { host: '[::1]' })])),
    ).toEqual([200, 200, 200]);
    const relayed = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded', 'via', 'x-real-ip'];
    const named = [
      'evil.example',
      '127.0.0.1.evil.example',
      'localhost.evil.example:80',
      '10.0.0.1',
      '0.0.0.0',
      'localhost@evil.example',
    ];
    const answers = await Promise.all([
      ...relayed.map((name) => get('/live', { [name]: '127.0.0.1' })),
      ...named.map((host) => get('/live', { host })),
    ]);
    expect(statuses(answers)).toEqual(answers.map(() => 403));
    for (const head of ['GET /live HTTP/1.0', 'GET /live HTTP/1.1\r\nhost:']) {
      expect(await rawly(port, `${head}\r\nconnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 403/);
    }
  });

  test('a socket from another machine is refused, whatever it says of itself', async () => {
    const handler = adminHandler(closingBot().sessions);
    const far = ['10.0.0.7', '::ffff:10.0.0.7', '128.0.0.1', '1127.0.0.1', '', undefined];
    let next: string | undefined;
    const port = await listening(
      createServer((req, res) => {
        Object.defineProperty(req.socket, 'remoteAddress', { value: next });
        handler(req, res);
      }),
    );
    for (const address of far) {
      next = address;
      expect((await ask(port, '/live', { headers: { host: 'localhost' } })).status, String(address)).toBe(403);
    }
    next = '::ffff:127.0.0.1';
    expect((await ask(port, '/live')).status).toBe(200);
    handler.close();
  });
});

describe('an authoriser', () => {
  test.each([false, undefined, null, 1, 'ada', {}, { by: '' }, { by: 'a\nb' }, { by: 'x'.repeat(201) }, { by: 1 }])(
    'that answers %j lets nobody in',
    async (answer) => {
      const { get } = await adminBot({ authorize: (() => answer) as () => undefined });
      expect((await get('/live')).json).toMatchObject({ status: 403, code: 'ADJ_ADMIN_REFUSED' });
    },
  );

  test('that throws lets nobody in, and what it threw is not told', async () => {
    const bot = await adminBot({ authorize: async () => Promise.reject(new Error('secret-dsn')) });
    const { status, json, text } = await bot.get('/live');
    expect([status, json['code']]).toEqual([500, 'ADJ_HOOK_FAILED']);
    expect(text).not.toContain('secret-dsn');
    expect(bot.eventsOf('error')).toMatchObject([{ code: 'ADJ_HOOK_FAILED' }]);
  });

  test('is asked about events and the description, too', async () => {
    const { get } = await adminBot({ authorize: ({ headers }) => headers['authorization'] === 'Bearer t' });
    const paths = ['/events', '/openapi.json', '/settings'];
    expect(statuses(await Promise.all(paths.map((path) => get(path))))).toEqual([403, 403, 403]);
    expect((await get('/settings', { authorization: 'Bearer t' })).status).toBe(200);
  });
});

describe('a page of another site', () => {
  test('cannot read or write, by a name of its own, a form or a script', async () => {
    const bot = await adminBot({ authorize: () => true });
    await bot.says('hi');
    const end = (headers: Record<string, string | undefined>) => {
      const sent = Object.entries({ ...meant, ...headers }).filter((entry): entry is [string, string] => entry[1] !== undefined);
      return ask(bot.port, `/conversations/${ada}/end`, { method: 'POST', headers: Object.fromEntries(sent), raw: '' });
    };
    const answers = await Promise.all([
      end({ origin: 'https://evil.example' }),
      end({ origin: 'null' }),
      end({ origin: `http://127.0.0.1:${bot.port}.evil.example` }),
      end({ origin: `http://evil.example@127.0.0.1:${bot.port}` }),
      end({ 'sec-fetch-site': 'cross-site' }),
      end({ 'sec-fetch-site': 'same-site' }),
      end({ 'x-adjourn': undefined }),
      end({ 'x-adjourn': '0' }),
      bot.get('/live', { 'sec-fetch-site': 'cross-site' }),
      bot.get('/events', { origin: 'https://evil.example' }),
    ]);
    expect(new Set(statuses(answers))).toEqual(new Set([403]));
    const forms = [
      'application/x-www-form-urlencoded',
      'text/plain',
      'multipart/form-data',
      'application/json, text/plain',
      undefined,
    ];
    const posted = await Promise.all(forms.map((type) => end({ 'content-type': type })));
    expect(new Set(statuses(posted))).toEqual(new Set([415]));
    expect(bot.eventsOf('closed')).toEqual([]);
    const own = { origin: `http://127.0.0.1:${bot.port}`, 'sec-fetch-site': 'same-origin' };
    expect((await end({ ...own, 'content-type': 'application/json; charset=utf-8' })).json).toEqual({ ended: true });
  });

  test('cannot come by a name that leads here: hosts', async () => {
    const { get } = await adminBot({ authorize: () => true, hosts: ['Admin.Example', 'other.example:8443'] });
    const hosts = [
      'admin.example',
      'admin.example:99',
      'ADMIN.example',
      'other.example:8443',
      'other.example',
      'evil.example',
      'admin.example.evil.example',
      '',
    ];
    expect(statuses(await Promise.all(hosts.map((host) => get('/live', { host }))))).toEqual([
      200, 200, 200, 200, 403, 403, 403, 403,
    ]);
  });

  test('gets no leave by OPTIONS, and no other method', async () => {
    const { port } = await adminBot();
    for (const method of ['OPTIONS', 'HEAD', 'PUT', 'TRACE', 'POST']) {
      const { status, headers } = await ask(port, '/live', { method, headers: { ...meant, origin: 'https://evil.example' } });
      expect([status, headers['allow'], headers['access-control-allow-origin']]).toEqual([405, 'GET', undefined]);
    }
  });
});

test('tricks with paths lead nowhere', async () => {
  const { get, port } = await adminBot();
  const nowhere = [
    '//live',
    '/live/',
    '/./live',
    '/../live',
    '/%6cive',
    '/live%00',
    '/sessions//transcript',
    'http://evil.example/live',
    '/LIVE',
    '*',
  ];
  const noKey = [
    '..%2fsettings',
    '%252e%252e%252f',
    inPath(ada),
    'toy',
    'toy%2Fmain',
    'toy%2F%2Fada',
    '%',
    '%ff',
    'toy%2Fmain%2F%00',
    'toy%2Fmain%2Fa%0Ab',
    '~settings',
    '~desk%2Fx%2Fy',
    'toy%2Fmain%2Fada%2Fx%2Fy',
    '__proto__',
    'toy%2Fmain%2F%25zz',
    'toy%2Fmain%2F%2561',
  ];
  const noSession = ['%00', 'a%0d%0ab', '%', 'x'.repeat(513)];
  expect(statuses(await Promise.all(nowhere.map((path) => get(path))))).toEqual(nowhere.map(() => 404));
  expect(statuses(await Promise.all(noKey.map((key) => get(`/contacts/${key}`))))).toEqual(noKey.map(() => 400));
  expect(statuses(await Promise.all(noSession.map((id) => get(`/sessions/${id}`))))).toEqual(noSession.map(() => 400));
  // It has the form of a key: it names a contact that nobody knows, and no other path.
  expect((await get('/contacts/..%2F..%2Fsettings')).json).toEqual({
    key: '../../settings',
    identities: ['../../settings'],
    sessions: [],
  });
  expect((await ask(port, `/contacts/${ada}?limit=1#x`)).status).toBe(400);
});

test('pages that nobody could want, and cursors that nobody gave, are refused', async () => {
  const bot = await adminBot();
  await bot.says('hi');
  const limits = ['0', '-1', '501', '10000', '1e2', '1.5', 'NaN', '', '99999999999999999999', '0x10'];
  const cursors = [
    '',
    '!',
    '[]',
    toCursor('a', 'b'),
    toCursor('~settings'),
    toCursor('toy/main/\0'),
    toCursor(1),
    'x'.repeat(5_000),
  ];
  const queries = [
    ...limits.map((limit) => `limit=${limit}`),
    ...cursors.map((after) => `after=${inPath(after)}`),
    'limit=1&limit=2',
    'more=1',
    '__proto__=1',
    'constructor=1',
  ];
  const answers = await Promise.all(
    ['/live', `/contacts/${ada}`, '/sessions/x/transcript'].flatMap((path) =>
      queries.map((query) => bot.get(`${path}?${query}`)),
    ),
  );
  expect(statuses(answers)).toEqual(answers.map(() => 400));
  const counts = [
    'from=x&to=1',
    'from=0&to=1&by=user',
    'from=0&to=1&by=',
    'from=0&to=1&offset=1e9',
    'from=-1&to=1',
    'from=0&to=1&live=yes',
    'to=1',
  ];
  const counted = await Promise.all(counts.map((query) => bot.get(`/stats?${query}`)));
  expect(statuses(counted)).toEqual(counted.map(() => 400));
});

describe('bodies', () => {
  test('that are no JSON, not ours or too large are refused, and nothing of them is repeated', async () => {
    const { port, get } = await adminBot();
    const patch = (raw: string | Uint8Array) => ask(port, '/settings', { method: 'PATCH', headers: meant, raw });
    const bad = [
      '{"change": secret',
      '',
      '[]',
      'null',
      '"secret"',
      '{"change":{},"secret":1}',
      '{"change":{"secret":{}}}',
      '{"change":{"endpoints":{"main":{"secret":1}}}}',
      '{"change":{"endpoints":{"main":{"expiration":10}}},"by":"secret"}',
      '{"change":{"endpoints":{"main":{"expiration":10}}},"expectedVersion":"0"}',
      '{"__proto__":{"change":{}},"change":{"endpoints":{"main":{"expiration":10}}}}',
      '{"change":{"__proto__":{"x":1},"endpoints":{"main":{"expiration":10}}}}',
      '{"change":{"endpoints":{"__proto__":{"expiration":10}}}}',
      '{"change":{"endpoints":{"main":{"__proto__":{"expiration":10}}}}}',
      '{"constructor":{"prototype":{"x":1}},"change":{}}',
      Buffer.from([0x22, 0xff, 0x22]),
      `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
    ];
    for (const raw of bad) {
      const { status, text } = await patch(raw);
      expect(status, String(raw).slice(0, 80)).toBe(400);
      expect(text).not.toMatch(/: secret|"secret"/);
    }
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    expect((await patch(`{"change":{"endpoints":{"main":{"commands":${deep}}}}}`)).status).toBe(400);
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
    expect(
      (await patch(JSON.stringify({ change: { endpoints: { main: { closingMessage: 'x'.repeat(70_000) } } } }))).status,
    ).toBe(413);
    expect((await get('/settings')).json['version']).toBe(0);
  });

  test('without a length are cut where they get too large, and where they take too long', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { port } = await adminBot();
    const head = `PATCH /settings HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-adjourn: 1\r\ntransfer-encoding: chunked\r\n\r\n`;
    const answered = async (send: (socket: ReturnType<typeof connect>) => void, more: () => void = () => {}) => {
      let text = '';
      const socket = connect(port, '127.0.0.1', () => send(socket));
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', () => {});
      await expect
        .poll(
          () => {
            more();
            return text;
          },
          { interval: 5, timeout: 5_000 },
        )
        .toMatch(/^HTTP\/1\.1 \d+/);
      socket.destroy();
      return text;
    };
    const large = `${(40_000).toString(16)}\r\n${'x'.repeat(40_000)}\r\n`;
    expect(await answered((socket) => socket.write(head + large + large))).toMatch(/^HTTP\/1\.1 413[\s\S]*connection: close/i);
    const slow = await answered(
      (socket) => socket.write(`${head}1\r\n{\r\n`),
      () => vi.advanceTimersByTime(2_000),
    );
    expect(slow).toMatch(/^HTTP\/1\.1 408[\s\S]*connection: close/i);
  });
});

test('more requests than a bucket holds wait', async () => {
  let now = 0;
  const take = bucket(2, () => now);
  expect([take(), take(), take(), take()]).toEqual([0, 0, 1, 1]);
  now = 500;
  expect([take(), take()]).toEqual([0, 1]);
  now = 3_600_000;
  expect([take(), take(), take()]).toEqual([0, 0, 1]);
  const { get } = await adminBot({ rate: 0.001 });
  expect((await get('/live')).status).toBe(200);
  const refused = await get('/live');
  expect([refused.status, Number(refused.headers['retry-after']) > 0]).toEqual([429, true]);
  expect(() => adminHandler(closingBot().sessions, { rate: 0 })).toThrow(/ADJ_CONFIG_INVALID/);
});

describe('strangers in great numbers', () => {
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  async function guarded() {
    const asked: string[] = [];
    const good = new Set(['ada', 'bob']);
    const authorize = ({ headers }: AdminRequest) => {
      const token = String(headers.authorization ?? headers['x-key']).replace('Bearer ', '');
      asked.push(token);
      return good.has(token) && { by: token };
    };
    return { ...(await adminBot({ authorize, rate: 0.001 })), asked, good };
  }

  test('do not reach the authoriser, and do not shut out who was let in before', async () => {
    const { get, asked } = await guarded();
    expect((await get('/live', bearer('ada'))).status).toBe(200);
    const flood = await Promise.all(Array.from({ length: 20 }, (_, n) => get('/live', bearer(`guess${n}`))));
    expect(new Set(statuses(flood))).toEqual(new Set([429]));
    expect(Number(flood[0]?.headers['retry-after'])).toBeGreaterThan(0);
    expect((await get('/live', bearer('ada'))).status).toBe(200);
    // Whoever is new waits with them, and nobody has more than their share.
    expect(statuses([await get('/live', bearer('bob')), await get('/live', bearer('ada'))])).toEqual([429, 429]);
    expect(asked).toEqual(['ada', 'ada']);
  });

  test('are known by nothing that was refused since', async () => {
    const { get, asked, good } = await guarded();
    await get('/live', bearer('ada'));
    good.delete('ada');
    expect(statuses([await get('/live', bearer('ada')), await get('/live', bearer('ada'))])).toEqual([403, 429]);
    expect(asked).toEqual(['ada', 'ada']);
  });

  test('share the places of those who are known by other means', async () => {
    const { get } = await guarded();
    expect(statuses([await get('/live', { 'x-key': 'ada' }), await get('/live', { 'x-key': 'ada' })])).toEqual([200, 429]);
  });

  test('push nobody out of memory but the one who came longest ago', () => {
    let now = 0;
    const known = knownCallers(() => now);
    for (let n = 0; n < 1_001; n++) known.note({ cookie: `${n}` }, true);
    known.note({ cookie: 'refused' }, false);
    known.note({}, true);
    const has = (...cookies: string[]) => cookies.map((cookie) => known.has({ cookie }));
    expect([...has('0', '1', '1000', 'refused'), known.has({}), known.has({ authorization: '1' })]).toEqual([
      false,
      true,
      true,
      false,
      false,
      false,
    ]);
    now = 599_999;
    known.note({ cookie: '2' }, true);
    now = 600_000;
    expect(has('1', '2')).toEqual([false, true]);
  });
});

test('a store that is out is a problem of 503, and its own words stay here', async () => {
  const store = keyvStore();
  let out = false;
  const find: typeof store.find = async (query) => {
    if (out) throw new AdjournError('STORE_UNAVAILABLE', 'redis://user:secret@host is out.');
    return store.find(query);
  };
  const bot = await adminBot({}, {}, { store: { ...store, find } });
  await bot.says('hi');
  out = true;
  const answers = await Promise.all([
    bot.get('/live'),
    bot.get(`/contacts/${ada}`),
    bot.get('/settings'),
    bot.change('POST', `/conversations/${ada}/end`),
  ]);
  for (const { status, headers, json, text } of answers) {
    expect([status, headers['content-type'], json['code']]).toEqual([503, 'application/problem+json', 'STORE_UNAVAILABLE']);
    expect(text).not.toContain('secret');
  }
  await pause(0);
  out = false;
  expect((await bot.get('/live')).status).toBe(200);
});

test('an archive that throws what is not ours tells no caller why', async () => {
  const bot = await adminBot();
  bot.archive.find = async () => {
    throw new TypeError('select secret');
  };
  const { status, json, text } = await bot.get('/sessions/x');
  expect([status, json]).toEqual([
    500,
    { type: 'about:blank', title: expect.any(String), status: 500, code: 'ADJ_ADMIN_FAILED' },
  ]);
  expect(text).not.toContain('secret');
});
