import { expect, test } from 'vitest';
import { toCursor } from '../../src/middleware/cursor.ts';
import { adaKey, toyBot } from '../middleware/toy.ts';
import { type Answer, adminBot, ask, expectShape, inPath, meant } from './server.ts';

/** A desk with Kim, who takes two at once, and Lee, who takes any number; Grace looks after it. */
async function staffed() {
  const bot = await adminBot({ authorize: () => ({ by: 'grace' }) }, { agents: { closeAfter: 60 } });
  const desk = bot.sessions.desk('front desk/1', { agents: [{ id: 'kim', capacity: 2 }, 'lee'] });
  const path = `/desks/${inPath('front desk/1')}`;
  const act = (what: string, body: object) => bot.change('POST', `${path}/${what}`, body);
  const from = (user: string) =>
    bot.deliver(bot.message('hi', { user, conversation: { id: user, kind: 'direct' } }), (turn) =>
      turn.session.handoff('front desk/1', 'queue'),
    );
  return { ...bot, desk, path, act, from };
}

test('who is there, and how much they have', async () => {
  const { get, act, from, eventsOf } = await staffed();
  await from('ada');
  const there = await act('presence', { agent: 'kim', state: 'online' });
  expectShape(there, 'Desk');
  expect((await act('assign', { key: adaKey, agent: 'kim' })).json).toEqual({ changed: true });
  const desks = await get('/desks');
  expectShape(desks, 'Desks');
  expect(desks.json).toEqual({
    desks: [
      {
        name: 'front desk/1',
        agents: [
          { id: 'kim', online: true, capacity: 2, load: 1 },
          { id: 'lee', online: false, load: 0 },
        ],
      },
    ],
  });
  await act('presence', { agent: 'kim', state: 'online' });
  await act('presence', { agent: 'kim', state: 'offline' });
  expect(eventsOf('presence')).toMatchObject([
    { desk: 'front desk/1', agent: 'kim', state: 'online', by: 'grace' },
    { desk: 'front desk/1', agent: 'kim', state: 'offline', by: 'grace' },
  ]);
});

test('which conversations wait, and whose the others are, the oldest first, page by page', async () => {
  const { get, act, from, path, clock, desk } = await staffed();
  await desk.presence('kim', 'online');
  for (const user of ['eve', 'bob', 'ada']) await from(user);
  await clock.advance(1_000);
  await from('zoe');
  await act('assign', { key: 'toy/main/bob', agent: 'kim' });
  await clock.advance(100);
  const whole = await get(`${path}/conversations`);
  expectShape(whole, 'DeskConversations');
  const keys = (answer: Answer) => (answer.json['conversations'] as { key: string }[]).map(({ key }) => key.slice(9));
  expect(keys(whole)).toEqual(['ada', 'bob', 'eve', 'zoe']);
  expect(whole.json['conversations']).toMatchObject([{ waits: false }, { agent: 'kim' }, {}, {}]);
  expect(whole.json).not.toHaveProperty('next');
  const pages: string[][] = [];
  for (let after = '', more = true; more && pages.length < 9; ) {
    const page = await get(`${path}/conversations?limit=3${after}`);
    pages.push(keys(page));
    more = page.json['next'] !== undefined;
    after = `&after=${page.json['next']}`;
  }
  expect(pages).toEqual([['ada', 'bob', 'eve'], ['zoe']]);
  for (const query of ['limit=0', 'limit=10000', 'after=!', `after=${toCursor(1)}`, `after=${toCursor('a', 'b')}`, 'agent=kim']) {
    expect((await get(`${path}/conversations?${query}`)).status).toBe(400);
  }
});

test('a conversation goes to people, to an agent, back to the bot, and is closed; all of it by whoever asked', async () => {
  const { act, says, until, get, eventsOf, sessions } = await staffed();
  await act('presence', { agent: 'kim', state: 'online' });
  await says('hi');
  const queued = await act('handoff', { key: adaKey, to: 'queue' });
  expectShape(queued, 'Changed');
  expect(queued.json).toEqual({ changed: true });
  expect((await act('handoff', { key: adaKey, to: 'queue' })).json).toEqual({ changed: false });
  expect((await act('handoff', { key: adaKey, to: { agent: 'kim' } })).json).toEqual({ changed: true });
  await until('10:00:01');
  const explained = await get(`/conversations/${inPath(adaKey)}/explain`);
  expectShape(explained, 'Explanation');
  expect(explained.json).toMatchObject({ owner: 'agent', agent: 'kim', desk: 'front desk/1', givenBy: 'grace' });
  expect((await act('release', { key: adaKey })).json).toEqual({ changed: true });
  expect((await act('release', { key: adaKey })).json).toEqual({ changed: false });
  expect((await sessions.explain(adaKey)).owner).toBe('bot');
  expect((await act('close', { key: adaKey, outcome: 'resolved' })).json).toEqual({ changed: true });
  const [closed] = eventsOf('closed');
  const kept = await get(`/sessions/${closed?.session}`);
  expectShape(kept, 'ExplainedSession');
  expect(kept.json).toMatchObject({ reason: 'agent', outcome: 'resolved', by: 'grace' });
  expect([eventsOf('handed_off'), eventsOf('handed_back')]).toMatchObject([[{ by: 'grace' }], [{ by: 'grace' }]]);
});

test('who is away, full or not of the desk gets nothing; what nobody knows stays unknown', async () => {
  const { act, says, change, get, desk, sessions, events } = await staffed();
  await says('hi');
  const stranger = 'toy/main/nobody';
  const told = events.length;
  const answers = await Promise.all([
    act('assign', { key: adaKey, agent: 'kim' }),
    act('assign', { key: adaKey, agent: 'nobody' }),
    act('handoff', { key: adaKey, to: { agent: 'nobody' } }),
    act('presence', { agent: 'nobody', state: 'online' }),
    act('assign', { key: stranger, agent: 'kim' }),
    act('handoff', { key: stranger }),
    act('release', { key: stranger }),
    act('close', { key: stranger }),
    change('POST', '/desks/other/handoff', { key: adaKey }),
    get('/desks/__proto__/conversations'),
  ]);
  for (const answer of answers) expectShape(answer, 'Problem', answer.status);
  expect(answers.map(({ status }) => status)).toEqual([409, 409, 409, 409, 404, 404, 404, 404, 404, 404]);
  expect(events).toHaveLength(told);
  expect(await desk.conversations()).toEqual([]);
  expect((await sessions.contact(stranger).export()).identities).toEqual([]);
});

test('what is no request of ours changes nothing', async () => {
  const { act, says, path, port, get, events } = await staffed();
  await says('hi');
  const told = events.length;
  const post = (headers: Record<string, string>, method = 'POST') =>
    ask(port, `${path}/close`, { method, headers, body: { key: adaKey } });
  const refused = await Promise.all([
    post({ 'content-type': 'application/json' }),
    post({ 'x-adjourn': '1', 'content-type': 'text/plain' }),
    post({ ...meant, origin: 'https://evil.example' }),
    post({ ...meant, 'sec-fetch-site': 'cross-site' }),
    post(meant, 'PUT'),
    get(`${path}/close`),
    act('close', { key: adaKey, outcome: 'x'.repeat(70_000) }),
  ]);
  expect(refused.map(({ status }) => status)).toEqual([403, 415, 403, 403, 405, 405, 413]);
  const bad: [string, object][] = [
    ['close', {}],
    ['close', { key: 7 }],
    ['close', { key: adaKey, by: 'mallory' }],
    ['close', { key: adaKey, outcome: 'x'.repeat(513) }],
    ...['', 'toy', '~desk/front/1', '~settings', 'toy/main/a\u0000', '../../settings/x/y'].map((key): [string, object] => [
      'close',
      { key },
    ]),
    ['assign', { key: adaKey }],
    ['assign', { key: adaKey, agent: { id: 'kim' } }],
    ['handoff', { key: adaKey, to: 'kim' }],
    ['handoff', { key: adaKey, to: { agent: 'kim', by: 'mallory' } }],
    ['presence', { agent: 'kim' }],
    ['presence', { agent: 'kim', state: 'away' }],
  ];
  const answers = await Promise.all(bad.map(([what, body]) => act(what, body)));
  expect(answers.map(({ status, text }) => [status, text.includes('mallory')])).toEqual(bad.map(() => [400, false]));
  expect(events).toHaveLength(told);
});

test('the desks of a process are told by name', () => {
  const { sessions } = toyBot();
  expect([...sessions.desks.keys()]).toEqual([]);
  const desk = sessions.desk('support', { agents: ['A'] });
  expect(sessions.desks.get('support')).toBe(desk);
});
