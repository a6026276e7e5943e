import { describe, expect, test } from 'vitest';
import type { AssignmentRule, DeskOptions } from '../../src/middleware/desk.ts';
import { AdjournError } from '../../src/middleware/errors.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { deskBot, handsOff, keyOf } from './desk-bot.ts';
import { adaKey, closingBot, type Data, timeOf, toyBot } from './toy.ts';

describe('a desk that cannot work is refused', () => {
  test.each<[string, string, unknown]>([
    ['two agents of one name', 'support', { agents: ['A', { id: 'A', capacity: 2 }] }],
    ...[0, -1, 1.5, Number.NaN, Number.NEGATIVE_INFINITY, null, '3'].map((capacity): [string, string, unknown] => [
      `a capacity of ${capacity}`,
      'support',
      { agents: [{ id: 'A', capacity }] },
    ]),
    ['an agent without a name', 'support', { agents: [''] }],
    ['no name', '', { agents: ['A'] }],
    ['the name that people elsewhere have', 'outside', { agents: ['A'] }],
    ['half a character', '\ud800', { agents: ['A'] }],
    ['a rule nobody knows', 'support', { agents: ['A'], rule: 'constructor' }],
  ])('%s', (_what, name, options) => {
    const { sessions } = toyBot();
    expect(() => sessions.desk(name, options as DeskOptions<Data>)).toThrow(/^ADJ_CONFIG_INVALID/);
  });

  test('without a limit or with a whole number it is taken', () => {
    const { sessions } = toyBot();
    expect(sessions.desk('support', { agents: ['A', { id: 'B', capacity: 1 }, { id: 'C' }] }).name).toBe('support');
  });
});

describe('handing over', () => {
  test('in turn, to whoever is online; who has the conversation is told', async () => {
    const bot = await deskBot({ away: ['B'] });
    for (const user of ['ada', 'bob', 'eve']) await bot.from(user, 'help', handsOff);
    await bot.rest();
    expect(bot.eventsOf('assigned').map(({ key, agent }) => `${key} ${agent}`)).toEqual([
      'toy/main/ada A',
      'toy/main/bob C',
      'toy/main/eve A',
    ]);
    expect(await bot.loads()).toEqual([2, 0, 1]);
    expect((await bot.desk.conversations()).map(({ key, agent, waits }) => [key, agent, waits])).toEqual([
      ['toy/main/ada', 'A', false],
      ['toy/main/bob', 'C', false],
      ['toy/main/eve', 'A', false],
    ]);
  });

  test('to the least busy', async () => {
    const bot = await deskBot({ staff: ['A', 'B'], desk: { rule: 'leastBusy' } });
    await bot.from('ada', 'help', handsOff);
    await bot.from('bob', 'help', handsOff);
    await bot.rest();
    await bot.desk.close(keyOf('bob'));
    await bot.rest();
    await bot.from('eve', 'help', handsOff);
    await bot.from('joe', 'help', handsOff);
    await bot.rest();
    expect(bot.eventsOf('assigned').map(({ agent }) => agent)).toEqual(['A', 'B', 'B', 'A']);
  });

  test('to whom the rule’s function chooses', async () => {
    const asked: unknown[] = [];
    const rule: AssignmentRule = (session, agents, { exclude }) => {
      asked.push([session, agents.map(({ id, load }) => `${id}${load}`), exclude]);
      return agents.at(-1)?.id;
    };
    const bot = await deskBot({ desk: { rule } });
    await bot.says('help', (turn) => {
      turn.session.tags.set(['vip']);
      handsOff(turn);
    });
    await bot.until('10:10:01');
    expect(bot.story()).toEqual(['10:00:00 handed_off -', '10:00:00 assigned C', '10:10:00 reassigned B']);
    const session = { key: adaKey, id: expect.any(String), since: Date.parse('2026-11-02T10:00:00Z'), tags: ['vip'] };
    expect(asked).toEqual([
      [session, ['A0', 'B0', 'C0'], []],
      [session, ['A0', 'B0'], ['C']],
    ]);
  });

  test.each<[string, unknown]>([
    [
      'throws',
      () => {
        throw new Error('no idea');
      },
    ],
    ['names a stranger', () => 'Z'],
    ['names somebody who is away', () => 'B'],
    ['answers later', async () => 'A'],
    ['fails later', () => Promise.reject(new Error('no idea'))],
    ['answers with an object', () => ({ id: 'A' })],
  ])('a rule that %s has chosen nobody; it is asked again when somebody comes', async (_what, rule) => {
    let broken = true;
    const bot = await deskBot({
      away: ['B'],
      desk: { rule: (...args) => (broken ? (rule as AssignmentRule)(...args) : 'B') },
    });
    await bot.says('help', handsOff);
    await bot.until('10:05:00');
    expect(bot.eventsOf('error')).toMatchObject([{ code: 'ADJ_HOOK_FAILED', key: adaKey }]);
    expect(String(bot.eventsOf('error')[0]?.error)).toMatch(/desk support, rule/);
    expect(bot.story()).toEqual(['10:00:00 handed_off -', '10:00:00 error -', '10:00:00 nobody_free -']);
    broken = false;
    await bot.desk.presence('B', 'online');
    await bot.rest();
    expect(bot.story().at(-1)).toBe('10:05:00 assigned B');
  });

  test('a rule that chooses nobody leaves it in the queue', async () => {
    const bot = await deskBot({ desk: { rule: () => undefined } });
    await bot.says('help', handsOff);
    await bot.until('10:05:00');
    expect(bot.story()).toEqual(['10:00:00 handed_off -', '10:00:00 nobody_free -']);
  });

  test('to the queue: it stays there until somebody takes it', async () => {
    const bot = await deskBot();
    await bot.says('help', (turn) => turn.session.handoff('support', 'queue'));
    await bot.until('10:20:00');
    await bot.desk.presence('A', 'online');
    await bot.until('10:34:00');
    expect(bot.story()).toEqual(['10:00:00 handed_off -', '10:25:00 warned -', '10:30:00 overdue -']);
    expect(await bot.desk.conversations()).toMatchObject([{ key: adaKey, waits: false }]);
    await bot.desk.assign(adaKey, 'B');
    expect(bot.story().at(-1)).toBe('10:34:00 assigned B');
    expect(await bot.desk.handoff(adaKey)).toBe(false);
  });

  test('from the queue to the rule', async () => {
    const bot = await deskBot();
    await bot.says('help', (turn) => turn.session.handoff('support', 'queue'));
    expect(await bot.desk.handoff(adaKey, 'queue')).toBe(false);
    expect(await bot.desk.handoff(adaKey)).toBe(true);
    await bot.rest();
    expect(bot.story()).toEqual(['10:00:00 handed_off -', '10:00:00 assigned A']);
  });

  test('from the queue of one desk to another', async () => {
    const bot = await deskBot({ away: ['A', 'B', 'C'] });
    const billing = bot.sessions.desk('billing', { agents: ['Z'] });
    await billing.presence('Z', 'online');
    await bot.says('help', handsOff);
    await bot.rest();
    expect(await billing.handoff(adaKey)).toBe(true);
    await bot.rest();
    expect(bot.eventsOf('handed_off').map(({ desk }) => desk)).toEqual(['support', 'billing']);
    expect(await bot.desk.conversations()).toEqual([]);
    expect(await billing.conversations()).toMatchObject([{ key: adaKey, agent: 'Z' }]);
  });

  test('to an agent who is away: it stays queued, and is theirs when they come', async () => {
    const bot = await deskBot({ away: ['B'] });
    await bot.says('help', (turn) => turn.session.handoff('support', { agent: 'B' }));
    await bot.until('10:05:00');
    await bot.desk.presence('A', 'online');
    await bot.until('10:07:00');
    await bot.desk.presence('B', 'online');
    await bot.rest();
    expect(bot.story()).toEqual(['10:00:00 handed_off B', '10:00:00 nobody_free -', '10:07:00 assigned B']);
  });

  test('to an agent who is full: it is theirs when they have room, and nobody else’s', async () => {
    const bot = await deskBot({ staff: [{ id: 'A', capacity: 1 }, 'B'] });
    await bot.from('bob', 'help', (turn) => turn.session.handoff('support', { agent: 'A' }));
    await bot.says('help', (turn) => turn.session.handoff('support', { agent: 'A' }));
    await bot.until('10:05:00');
    expect(await bot.loads()).toEqual([1, 0]);
    await bot.desk.returnToBot(keyOf('bob'));
    await bot.rest();
    expect(bot.story().slice(-2)).toEqual(['10:05:00 handed_back A', '10:05:00 assigned A']);
    expect(await bot.loads()).toEqual([1, 0]);
  });

  test('nobody gets more than they can take; who comes first is served first', async () => {
    const bot = await deskBot({
      staff: [
        { id: 'A', capacity: 1 },
        { id: 'B', capacity: 2 },
      ],
    });
    for (const user of ['u1', 'u2', 'u3', 'u4', 'u5']) {
      await bot.from(user, 'help', handsOff);
      await bot.clock.advance(1_000);
    }
    expect(await bot.loads()).toEqual([1, 2]);
    await bot.desk.close(keyOf('u2'));
    await bot.rest();
    await bot.desk.close(keyOf('u1'));
    await bot.rest();
    expect(bot.eventsOf('assigned').map(({ key, agent }) => `${key?.slice(-2)} ${agent}`)).toEqual([
      'u1 A',
      'u2 B',
      'u3 B',
      'u4 B',
      'u5 A',
    ]);
    expect(await bot.loads()).toEqual([1, 2]);
  });

  test('to a desk or an agent that is not there: the bot hears of it, and keeps the session', async () => {
    const bot = await deskBot();
    await bot.says('help', (turn) => {
      expect(() => turn.session.handoff('suport')).toThrow(/^ADJ_NO_DESK: desk suport/);
      expect(() => turn.session.handoff('support', { agent: 'Z' })).toThrow(/^ADJ_NO_AGENT: desk support, agent Z/);
    });
    await expect(bot.desk.handoff(adaKey, { agent: 'Z' })).rejects.toMatchObject({ code: 'ADJ_NO_AGENT' });
    expect((await bot.sessions.explain(adaKey)).owner).toBe('bot');
  });

  test('where no session is live it changes nothing', async () => {
    const bot = await deskBot();
    expect(await bot.desk.handoff(adaKey)).toBe(false);
    expect(await bot.desk.returnToBot(adaKey)).toBe(false);
    expect(await bot.desk.agentReplied(adaKey, 'A')).toBe(false);
    expect(await bot.desk.close(adaKey)).toBe(false);
    await expect(bot.desk.assign(adaKey, 'A')).rejects.toMatchObject({ code: 'ADJ_NO_SESSION' });
    await expect(bot.desk.reply(adaKey, { agent: 'A', message: 'hi' })).rejects.toMatchObject({ code: 'ADJ_NO_SESSION' });
    expect(await bot.loads()).toEqual([0, 0, 0]);
  });
});

describe('an agent takes a conversation', () => {
  test('from the bot: they owe the customer a word', async () => {
    const bot = await deskBot();
    await bot.says('hi');
    await bot.until('10:05:00');
    await bot.desk.assign(adaKey, 'B');
    await bot.desk.assign(adaKey, 'B');
    await bot.until('10:35:00');
    expect(bot.story()).toEqual([
      '10:05:00 assigned B',
      '10:15:00 reassigned A',
      '10:25:00 reassigned C',
      '10:30:00 warned C',
      '10:35:00 overdue C',
      '10:35:00 nobody_free C',
    ]);
  });

  test('from a colleague: the wait goes on, and what people do themselves is no move', async () => {
    const bot = await deskBot({ staff: ['A', 'B', 'C', 'D', 'E'] });
    await bot.says('help', handsOff);
    await bot.until('10:05:00');
    await bot.desk.assign(adaKey, 'B');
    expect(bot.eventsOf('reassigned')).toMatchObject([{ from: 'A', agent: 'B' }]);
    await bot.until('10:46:00');
    expect(bot.story().slice(2)).toEqual([
      '10:05:00 reassigned B',
      '10:15:00 reassigned C',
      '10:25:00 reassigned D',
      '10:25:00 warned D',
      '10:30:00 overdue D',
      '10:35:00 reassigned E',
      '10:45:00 escalated E',
    ]);
    await bot.rest();
    expect(await bot.loads()).toEqual([0, 0, 0, 0, 0]);
  });

  test('of another desk', async () => {
    const bot = await deskBot();
    const billing = bot.sessions.desk('billing', { agents: [{ id: 'Z', capacity: 1 }, 'A'] });
    await billing.presence('Z', 'online');
    await bot.says('help', handsOff);
    await bot.rest();
    await billing.assign(adaKey, 'Z');
    await bot.rest();
    expect(await bot.loads()).toEqual([0, 0, 0]);
    expect((await billing.agents()).map(({ load }) => load)).toEqual([1, 0]);
    expect(await bot.sessions.explain(adaKey)).toMatchObject({ owner: 'agent', desk: 'billing', agent: 'Z' });
    await bot.from('bob', 'help', handsOff);
    await expect(billing.assign(keyOf('bob'), 'Z')).rejects.toMatchObject({ code: 'ADJ_NO_AGENT' });
    await billing.close(adaKey);
    await bot.rest();
    expect((await billing.agents()).map(({ load }) => load)).toEqual([0, 0]);
  });

  test.each([
    ['who is away', 'C', /offline/],
    ['who is full', 'A', /as many conversations/],
    ['whom nobody knows', 'Z', /no such agent/],
  ])('not one %s', async (_what, agent, why) => {
    const bot = await deskBot({ staff: [{ id: 'A', capacity: 1 }, 'B', 'C'], away: ['C'] });
    await bot.from('bob', 'help', (turn) => turn.session.handoff('support', { agent: 'A' }));
    await bot.says('hi');
    await bot.rest();
    await expect(bot.desk.assign(adaKey, agent)).rejects.toThrow(why);
    expect((await bot.sessions.explain(adaKey)).owner).toBe('bot');
    expect(await bot.loads()).toEqual([1, 0, 0]);
    expect((await bot.desk.conversations()).map(({ key }) => key)).toEqual([keyOf('bob')]);
    await expect(bot.desk.presence('Z', 'online')).rejects.toMatchObject({ code: 'ADJ_NO_AGENT' });
  });
});

describe('an agent answers', () => {
  test('where nobody has the conversation: it is theirs', async () => {
    const bot = await deskBot({ away: ['A', 'B', 'C'] });
    await bot.says('help', handsOff);
    await bot.until('10:05:00');
    await bot.desk.reply(adaKey, { agent: 'B', message: 'Yes?' });
    await bot.rest();
    expect(bot.vendor.texts()).toEqual(['10:05:00 Yes?']);
    expect(bot.story().slice(-2)).toEqual(['10:05:00 assigned B', '10:05:00 answered B']);
    expect(await bot.loads()).toEqual([0, 1, 0]);
    expect(await bot.sessions.explain(adaKey)).toMatchObject({ owner: 'agent', agent: 'B', clock: 'customer' });
  });

  test('for a colleague: it stays theirs', async () => {
    const bot = await deskBot();
    await bot.says('help', handsOff);
    await bot.rest();
    await bot.desk.reply(adaKey, { agent: 'B', message: 'Yes?' });
    expect(bot.story().at(-1)).toBe('10:00:00.100 answered B');
    expect(await bot.sessions.explain(adaKey)).toMatchObject({ owner: 'agent', agent: 'A' });
  });

  test('where they would take it and are full: nothing is sent', async () => {
    const bot = await deskBot({ staff: [{ id: 'A', capacity: 1 }] });
    await bot.from('bob', 'help', handsOff);
    await bot.says('help', handsOff);
    await bot.rest();
    const reply = { agent: 'A', message: 'Yes?' };
    await expect(bot.desk.reply(adaKey, reply)).rejects.toMatchObject({ code: 'ADJ_NO_AGENT' });
    expect(bot.vendor.texts()).toEqual([]);
    await bot.desk.reply(keyOf('bob'), reply);
    expect(bot.vendor.texts()).toEqual(['10:00:00.100 Yes?']);
  });

  test('elsewhere, in the vendor’s inbox: what happened counts, even beyond their capacity', async () => {
    const bot = await deskBot({ staff: [{ id: 'A', capacity: 1 }, 'B'], away: ['B'] });
    await bot.from('bob', 'help', handsOff);
    await bot.says('help', handsOff);
    await bot.rest();
    expect(await bot.desk.agentReplied(adaKey, 'A')).toBe(true);
    await bot.rest();
    expect(await bot.loads()).toEqual([2, 0]);
    await bot.from('eve', 'help', handsOff);
    await bot.desk.close(adaKey);
    await bot.rest();
    expect(await bot.loads()).toEqual([1, 0]);
  });

  test('but the vendor refuses: the reply is none, and the seat is free again', async () => {
    const bot = await deskBot({ away: ['B'], answers: [{ outcome: 'refused', reason: 'blocked' }] });
    await bot.says('help', (turn) => turn.session.handoff('support', 'queue'));
    await bot.rest();
    const reply = { agent: 'B', message: 'Yes?' };
    await expect(bot.desk.reply(adaKey, reply)).rejects.toThrow(/^ADJ_SEND_FAILED: toy\/main\/ada: refused: blocked/);
    await bot.rest();
    expect(await bot.loads()).toEqual([0, 0, 0]);
    expect(bot.eventsOf('answered')).toEqual([]);
    expect((await bot.sessions.explain(adaKey)).owner).toBe('queue');
  });

  test('and it is not known whether it arrived: it counts', async () => {
    const bot = await deskBot({ answers: [{ outcome: 'unknown', reason: '500' }] });
    await bot.says('help', handsOff);
    await bot.rest();
    await bot.desk.reply(adaKey, { agent: 'A', message: 'Yes?' });
    expect(bot.eventsOf('answered')).toHaveLength(1);
  });

  test('once: the same reply has the same key', async () => {
    const bot = await deskBot();
    await bot.says('help', handsOff);
    await bot.rest();
    for (const id of ['r1', 'r1', 'r2']) await bot.desk.reply(adaKey, { agent: 'A', message: 'Yes?', id });
    const [first, again, other] = bot.vendor.asked.map(({ key }) => key);
    expect(first).toBe(again);
    expect(first).not.toBe(other);
  });

  test('without an adapter that can send', async () => {
    const bot = toyBot();
    const desk = bot.sessions.desk('support', { agents: ['A'] });
    await bot.says('help', handsOff);
    await expect(desk.reply(adaKey, { agent: 'A', message: 'hi' })).rejects.toMatchObject({ code: 'ADJ_NO_SENDER' });
  });
});

describe('back to the bot', () => {
  test('its clock begins anew, and so do its warnings', async () => {
    const bot = await deskBot({ settings: { warnings: [{ before: 5, message: 'Still there?' }] } });
    await bot.says('hi');
    await bot.until('10:26:00');
    await bot.desk.assign(adaKey, 'A');
    await bot.desk.agentReplied(adaKey, 'A');
    await bot.until('11:20:00');
    expect(await bot.desk.returnToBot(adaKey)).toBe(true);
    expect(await bot.desk.returnToBot(adaKey)).toBe(false);
    expect((await bot.sessions.explain(adaKey)).timers.map(({ what, at }) => `${timeOf(at)} ${what}`)).toEqual([
      '11:45:00 warns',
      '11:50:00 expires',
    ]);
    await bot.says('and now?');
    expect(bot.told.at(-1)).toBe('#2 and now?');
    await bot.until('12:00:00');
    expect(bot.vendor.texts()).toEqual(['10:25:00 Still there?', '11:45:00 Still there?']);
    expect(await bot.closes()).toMatchObject([{ reason: 'inactivity', agent: 'A' }]);
  });

  test('a reply that was overdue then was missed', async () => {
    const bot = await deskBot();
    await bot.says('help', handsOff);
    await bot.until('10:31:00');
    await bot.desk.returnToBot(adaKey);
    await bot.until('11:30:00');
    expect(await bot.closes()).toMatchObject([{ deadlines: { met: 0, missed: 1 } }]);
  });
});

describe('an agent closes', () => {
  test('with an outcome', async () => {
    const bot = await deskBot();
    await bot.says('help', handsOff);
    await bot.until('10:05:00');
    expect(await bot.desk.close(adaKey, { outcome: 'resolved' })).toBe(true);
    await bot.rest();
    expect(await bot.closes()).toMatchObject([
      { reason: 'agent', outcome: 'resolved', agent: 'A', endedAt: Date.parse('2026-11-02T10:05:00Z'), message: 'off' },
    ]);
    expect(bot.story().slice(-2)).toEqual(['10:05:00 handed_back A', '10:05:00 closed A']);
    expect(await bot.loads()).toEqual([0, 0, 0]);
    expect(await bot.desk.conversations()).toEqual([]);
    await bot.says('thanks');
    expect(bot.told.at(-1)).toBe('#1 thanks');
  });
});

test('what could not be saved is not answered as done, and its seat is free again', async () => {
  const inner = keyvStore();
  let out = false;
  const commit: typeof inner.commit = async (lease, ...rest) => {
    if (!out || lease.key.startsWith('~')) return inner.commit(lease, ...rest);
    throw new AdjournError('STORE_UNAVAILABLE', 'It is out.');
  };
  const bot = await deskBot({ store: { ...inner, commit } });
  await bot.says('hi');
  out = true;
  await expect(bot.desk.assign(adaKey, 'A')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await expect(bot.desk.agentReplied(adaKey, 'A')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  out = false;
  await bot.rest();
  expect(await bot.loads()).toEqual([0, 0, 0]);
  expect((await bot.sessions.explain(adaKey)).owner).toBe('bot');
});

test('a person who gets another name keeps their agent, and takes up one seat', async () => {
  const phone = { user: '4917', conversation: { id: '4917', kind: 'direct' as const } };
  const scoped = { user: 'DE.1', conversation: { id: 'DE.1', kind: 'direct' as const } };
  const bot = await deskBot({ staff: [{ id: 'A', capacity: 1 }] });
  await bot.deliver(bot.message('help', phone), handsOff);
  await bot.rest();
  await bot.deliver(bot.message('both', { ...scoped, alias: '4917' }));
  await bot.rest();
  expect(bot.heard).toEqual(['both']);
  expect(await bot.loads()).toEqual([1]);
  expect((await bot.desk.conversations()).map(({ key, agent }) => [key, agent])).toEqual([[keyOf('DE.1'), 'A']]);
  expect(await bot.desk.close(keyOf('4917'))).toBe(true);
  await bot.rest();
  expect(await bot.loads()).toEqual([0]);
});

test('people who take over in the vendor’s own inbox are handed on to nobody', async () => {
  const bot = closingBot({ agents: { reassignAfter: 10, replyWithin: 30 } });
  await bot.says('hi');
  const about = { kind: 'lifecycle', type: 'take_thread', text: undefined, addressed: undefined } as const;
  await bot.deliver(bot.message('', { ...about, means: 'handed_off', agent: 'Kim' } as never));
  await bot.until('11:00:00');
  expect(bot.names().slice(1)).toEqual(['assigned', 'overdue']);
  await bot.says('are you there?');
  expect(bot.told).toEqual(['#1 hi', 'passed', 'consumed: undefined']);
});
