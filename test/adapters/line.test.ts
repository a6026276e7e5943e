import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { Request, Response } from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lineSessions } from '../../src/adapters/line.ts';
import { isAdjournError, type Turn } from '../../src/index.ts';
import { type LineWebhookEvent, lineBot, type Notes } from './line-bot.ts';

let bot: Awaited<ReturnType<typeof lineBot>>;
beforeEach(async () => {
  bot = await lineBot();
});
afterEach(() => bot.close());

const gate = () => Promise.withResolvers<void>();

/** What an event says, in a word. */
function wordOf(event: LineWebhookEvent): string {
  if (event.type === 'message' && event.message.type === 'text') return event.message.text;
  return event.type === 'postback' ? event.postback.data : event.type;
}

/** The event handler form. */
function mountHandler(handler: (event: LineWebhookEvent, turn: Turn<Notes>) => unknown) {
  bot.mount(lineSessions(bot.sessions, bot.options, handler));
}

const count = (event: LineWebhookEvent, turn: Turn<Notes>) => turn.reply(`#${turn.session.turnCount} ${wordOf(event)}`);

describe('the event handler form', () => {
  it.each(['one after the other', 'by turns'])('gives two people with two events each their own sessions, %s', async (order) => {
    mountHandler(count);
    const [a1, a2] = [bot.webhookOf('ada', 'a1'), bot.webhookOf('ada', { does: 'taps', payload: 'a2' })];
    const [b1, b2] = [bot.webhookOf('ben', 'b1'), bot.webhookOf('ben', 'b2')];
    const request = order === 'by turns' ? bot.together(b1, a1, b2, a2) : bot.together(a1, a2, b1, b2);
    expect((await bot.send(request)).status).toBe(200);
    expect(bot.received.filter((line) => line.startsWith('ada'))).toEqual(['ada: #1 a1', 'ada: #2 a2']);
    expect(bot.received.filter((line) => line.startsWith('ben'))).toEqual(['ben: #1 b1', 'ben: #2 b2']);
  });

  it('counts fifty overlapping messages of one person, each once', async () => {
    mountHandler(count);
    await Promise.all(Array.from({ length: 50 }, () => bot.does('ada', 'hi')));
    expect(bot.received.toSorted()).toEqual(Array.from({ length: 50 }, (_, index) => `ada: #${index + 1} hi`).toSorted());
  });

  it('handles a redelivered event once, with and without the flag', async () => {
    mountHandler(count);
    const hi = bot.webhookOf('ada', 'hi');
    await bot.send(hi);
    expect((await bot.send(bot.simulator.redelivery('line', hi, 1))).status).toBe(200);
    expect((await bot.send(hi)).status).toBe(200);
    expect(bot.received).toEqual(['ada: #1 hi']);
    expect(bot.names().filter((name) => name === 'duplicate')).toHaveLength(2);
  });

  it('runs an event again whose handler threw', async () => {
    let broken = true;
    mountHandler((event, turn) => {
      if (broken) throw new Error('out of paper');
      return count(event, turn);
    });
    const hi = bot.webhookOf('ada', 'hi');
    expect(await bot.send(hi)).toMatchObject({ status: 500, text: 'out of paper' });
    broken = false;
    await bot.send(bot.simulator.redelivery('line', hi, 1));
    expect(bot.received).toEqual(['ada: #1 hi']);
  });

  it('answers within two seconds, whatever the bot takes', async () => {
    const [started, enough] = [gate(), gate()];
    mountHandler(async (event, turn) => {
      started.resolve();
      if (wordOf(event) === 'slow') await enough.promise;
      await count(event, turn);
    });
    const slow = bot.does('ada', 'slow');
    await started.promise;
    await bot.clock.advance(1_500);
    expect((await slow).status).toBe(200);
    expect(bot.received).toEqual([]);
    enough.resolve();
    await bot.does('ada', 'quick');
    expect(bot.received).toEqual(['ada: #1 slow', 'ada: #2 quick']);
  });

  it('gives joins, standby and unknown types to their own callback, untouched, and opens nothing', async () => {
    const others: object[] = [];
    const options = { ...bot.options, sessionless: (event: object) => others.push(event) };
    bot.mount(lineSessions(bot.sessions, options, () => expect.unreachable()));
    const standby = {
      type: 'message',
      mode: 'standby',
      source: { type: 'user', userId: 'U1' },
      message: { type: 'text', text: 'hi' },
    };
    await bot.does('ada', { does: 'joins' });
    await bot.raw({ destination: bot.identity.account, events: [standby, { type: 'orbit', moons: 2 }, null] });
    await bot.raw({ hello: 'world' });
    // Different conversations have no order between them.
    const all = [expect.objectContaining({ type: 'follow' }), standby, { type: 'orbit', moons: 2 }, null, { hello: 'world' }];
    expect(others).toEqual(expect.arrayContaining(all));
    expect(others).toHaveLength(all.length);
    expect(bot.events).toEqual([]);
  });

  it('ignores such events where nobody asks for them', async () => {
    mountHandler(count);
    expect((await bot.does('ada', { does: 'joins' })).status).toBe(200);
    expect(bot.received).toEqual([]);
  });
});

describe('commands', () => {
  it('are answered by reply token, which costs nothing', async () => {
    mountHandler((event, turn) => void turn.session.data.seen.push(wordOf(event)));
    await bot.does('ada', 'discard');
    await bot.does('ada', { does: 'taps', payload: 'discard-all' });
    await bot.does('ada', { does: 'refreshes' });
    expect(bot.received).toEqual(['ada: Discarded.', 'ada: All discarded.', 'ada: Refreshed.']);
    expect(await bot.pushes()).toBe(0);
    expect(bot.names().filter((name) => name === 'opened')).toHaveLength(1);
  });

  it('start a new session when they refresh', async () => {
    mountHandler(count);
    await bot.does('ada', 'hi');
    await bot.does('ada', { does: 'refreshes' });
    await bot.does('ada', 'hi');
    expect(bot.received).toEqual(['ada: #1 hi', 'ada: Refreshed.', 'ada: #1 hi']);
  });

  it('take effect all the same when LINE takes no answer', async () => {
    mountHandler(count);
    bot.simulator.fail('line', '500', 1);
    expect((await bot.does('ada', 'refresh')).status).toBe(200);
    expect(bot.names()).toContain('command');
    expect(bot.received).toEqual([]);
  });
});

describe('turn.reply', () => {
  it('uses the reply token once, then pushes', async () => {
    mountHandler(async (_event, turn) => {
      await turn.reply(['one', { type: 'sticker', packageId: '1', stickerId: '2' }]);
      await turn.reply('two');
    });
    await bot.does('ada', 'hi');
    expect(bot.received).toEqual(['ada: one', 'ada: [sticker]', 'ada: two']);
    expect(await bot.pushes()).toBe(1);
  });

  it('pushes where the bot has used the token itself', async () => {
    mountHandler(async (event, turn) => {
      const replyToken = 'replyToken' in event ? String(event.replyToken) : '';
      await bot.client.replyMessage({ replyToken, messages: [{ type: 'text', text: 'own' }] });
      await turn.reply('ours');
    });
    await bot.does('ada', 'hi');
    expect(bot.received).toEqual(['ada: own', 'ada: ours']);
    expect(await bot.pushes()).toBe(1);
  });

  it('pushes once the token is too old to be sure of', async () => {
    mountHandler(async (_event, turn) => {
      await bot.clock.sleep(50_000);
      await turn.reply('at last');
    });
    const slow = bot.does('ada', 'hi');
    await expect.poll(() => bot.clock.nextWake()).toBe(bot.clock.now() + 1_500);
    await bot.clock.advance(50_000);
    await slow;
    await expect.poll(() => bot.received).toEqual(['ada: at last']);
    expect(await bot.pushes()).toBe(1);
  });

  it.each([
    ['500-delivered', 'ADJ_SEND_FAILED: line: LINE answered with status 500.'],
    ['timeout', 'ADJ_SEND_FAILED: line: LINE did not answer (network).'],
  ] as const)('does not say a thing twice when LINE fails (%s)', async (fault, message) => {
    mountHandler((_event, turn) => turn.reply('secret text'));
    bot.simulator.fail('line', fault, 1);
    expect(await bot.does('ada', 'hi')).toMatchObject({ status: 500, text: message });
    expect(await bot.pushes()).toBe(0);
  });

  it('pushes outside a request', async () => {
    mountHandler(count);
    await bot.does('ada', 'hi');
    const key = bot.events.find(({ type }) => type === 'opened')?.key ?? '';
    await bot.sessions.run(key, (turn) => turn.reply('your parcel is here'));
    expect(bot.received.at(-1)).toBe('ada: your parcel is here');
    expect(await bot.pushes()).toBe(1);
  });
});

describe('groups', () => {
  const group = `C${'7'.repeat(32)}`;
  let said = 0;
  const from = (user: string, text: string, mentioned = false) => ({
    destination: bot.identity.account,
    events: [
      {
        type: 'message',
        mode: 'active',
        timestamp: bot.clock.now(),
        webhookEventId: `group-${++said}`,
        source: { type: 'group', groupId: group, userId: bot.simulator.person('line', user) },
        message: {
          id: String(said),
          type: 'text',
          text: mentioned ? `@Bot ${text}` : text,
          ...(mentioned ? { mention: { mentionees: [{ index: 0, length: 4, type: 'user', isSelf: true }] } } : {}),
        },
      },
    ],
  });

  it('have a session for each member, who is answered in the group', async () => {
    mountHandler(count);
    await bot.raw(from('ada', 'hi'));
    await bot.raw(from('ben', 'hi'));
    await bot.raw(from('ada', 'discard'));
    await bot.raw(from('ada', 'discard', true));
    expect(bot.received).toEqual([`${group}: #1 hi`, `${group}: #1 hi`, `${group}: #2 discard`, `${group}: Discarded.`]);
  });

  it('share one session where the endpoint says so', async () => {
    await bot.close();
    bot = await lineBot({ scope: 'conversation' });
    mountHandler(count);
    await bot.raw(from('ada', 'hi'));
    await bot.raw(from('ben', 'hi'));
    expect(bot.received).toEqual([`${group}: #1 hi`, `${group}: #2 hi`]);
  });
});

/** A bot as LINE's own examples have it: all events at once, answered by reply token. */
async function classicBot(req: Request, res: Response) {
  const { events } = req.body as { events: LineWebhookEvent[] };
  const answers = events.map(async (event) => {
    if (!('replyToken' in event) || !event.replyToken) return undefined;
    const turn = bot.sessions.turn(event);
    const text = turn ? `#${turn.session.turnCount} ${wordOf(event)}` : `welcome ${event.type}`;
    return bot.client.replyMessage({ replyToken: event.replyToken, messages: [{ type: 'text', text }] });
  });
  await Promise.all(answers);
  res.json(events.length);
}

describe.each(['wrapped', 'plain'] as const)('the %s form', (form) => {
  const mount = (handler: (req: Request, res: Response) => unknown) => {
    const line = lineSessions(bot.sessions, bot.options);
    if (form === 'wrapped') bot.mount(line.wrap(handler));
    else bot.mount(line, handler);
  };

  it('serves an existing bot, which meets no commands and no duplicates', async () => {
    mount(classicBot);
    const hi = bot.webhookOf('ada', 'hi');
    expect(await bot.send(hi)).toMatchObject({ status: 200, text: '1' });
    expect(await bot.does('ada', { does: 'joins' })).toMatchObject({ status: 200, text: '1' });
    expect(await bot.does('ada', 'discard')).toMatchObject({ status: 200, text: '' });
    expect(await bot.send(bot.simulator.redelivery('line', hi, 1))).toMatchObject({ status: 200, text: '' });
    const mixed = bot.together(
      hi,
      bot.webhookOf('ben', 'discard all'),
      bot.webhookOf('ada', 'again'),
      bot.webhookOf('ben', 'hello'),
    );
    expect(await bot.send(mixed)).toMatchObject({ status: 200, text: '2' });
    expect(bot.received.slice(0, 3)).toEqual(['ada: #1 hi', 'ada: welcome follow', 'ada: Discarded.']);
    await expect.poll(() => bot.received.slice(3).toSorted()).toEqual(['ada: #2 again', 'ben: #1 hello', 'ben: All discarded.']);
    expect(await bot.pushes()).toBe(0);
  });

  it.each(['one after the other', 'by turns'])('takes two people with two events each, %s', async (order) => {
    mount(async (req, res) => {
      for (const turn of new Set((req.body as { events: object[] }).events.map((event) => bot.sessions.turn(event)))) {
        turn?.session.data.seen.push(...turn.activities.map((activity) => (activity.kind === 'message' && activity.text) || ''));
        await turn?.reply(turn.session.data.seen.join());
      }
      res.end();
    });
    const [a1, a2, b1, b2] = [
      ['ada', 'a1'],
      ['ada', 'a2'],
      ['ben', 'b1'],
      ['ben', 'b2'],
    ].map(([user = '', text = '']) => bot.webhookOf(user, text)) as [never, never, never, never];
    await bot.send(order === 'by turns' ? bot.together(b1, a1, b2, a2) : bot.together(a1, a2, b1, b2));
    await bot.does('ada', 'a3');
    expect(bot.received.toSorted()).toEqual(['ada: a1,a2', 'ada: a1,a2,a3', 'ben: b1,b2']);
  });

  it('leaves what the bot throws to the error middleware', async () => {
    mount(async () => {
      throw new Error('out of paper');
    });
    expect(await bot.does('ada', 'hi')).toMatchObject({ status: 500, text: 'out of paper' });
  });

  it('is not ended by LINE hanging up', async () => {
    const started = gate();
    mount(async (req, res) => {
      const { data, turnCount } = bot.sessions.of(req);
      if (turnCount === 1) {
        started.resolve();
        await once(res, 'close');
      }
      data.seen.push(String(turnCount));
      res.send(data.seen.join());
    });
    const call = bot.open(bot.webhookOf('ada', 'hi'));
    await started.promise;
    call.destroy();
    expect((await bot.does('ada', 'hi')).text).toBe('1,2');
  });

  it('covers what the bot does after its answer', async () => {
    const answered = gate();
    mount(async (req, res) => {
      const turn = bot.sessions.turn(req);
      const work = answered.promise.then(() => turn?.session.data.seen.push('later'));
      if (form === 'plain') turn?.waitUntil(work);
      res.send(turn?.session.data.seen.join());
      await work;
    });
    expect((await bot.does('ada', 'hi')).text).toBe('');
    answered.resolve();
    expect((await bot.does('ada', 'hi')).text).toBe('later');
  });

  it('passes unknown shapes through untouched', async () => {
    mount((req, res) => res.json(req.body));
    const odd = { destination: 'U0', events: [{ type: 'orbit', moons: 2 }], more: true };
    expect(JSON.parse((await bot.raw(odd)).text)).toEqual(odd);
    expect(JSON.parse((await bot.raw({ hello: 'world' })).text)).toEqual({ hello: 'world' });
    expect(bot.events).toEqual([]);
  });
});

describe('at the door', () => {
  const forms = {
    handler: () => lineSessions(bot.sessions, bot.options, count),
    plain: () => lineSessions(bot.sessions, bot.options),
  };

  it.each(['handler', 'plain'] as const)('forged and missing signatures get 401 and open nothing (%s)', async (form) => {
    bot.mount(forms[form](), () => expect.unreachable());
    for (const signature of ['wrong', 'none', 'stale'] as const) {
      expect(await bot.send(bot.webhookOf('ada', 'hi'), signature)).toMatchObject({ status: 401, text: '' });
    }
    expect(bot.events).toEqual([]);
  });

  it('a body that is no JSON gets 400', async () => {
    mountHandler(count);
    const { url } = bot.bytes('');
    const headers = { 'x-line-signature': createHmac('sha256', bot.identity.secret).update('{"events":').digest('base64') };
    expect((await fetch(url, { method: 'POST', headers, body: '{"events":' })).status).toBe(400);
  });

  it.each(['handler', 'plain'] as const)('the connectivity check gets 200 (%s)', async (form) => {
    bot.mount(forms[form](), () => expect.unreachable());
    expect(await bot.raw({ destination: bot.identity.account, events: [] })).toMatchObject({ status: 200, text: '' });
    expect(bot.events).toEqual([]);
  });

  it('events for another account pass through', async () => {
    bot.mount(lineSessions(bot.sessions, { ...bot.options, accounts: ['U0'] }), (req, res) => {
      try {
        bot.sessions.of(req);
      } catch (error) {
        res.send(isAdjournError(error) && error.code);
      }
    });
    expect((await bot.does('ada', 'discard')).text).toBe('ADJ_NO_SESSION');
    expect(bot.events).toEqual([]);
  });

  it('a bot without a client learns so at its start', () => {
    const options = JSON.parse('{ "endpoint": "chat" }');
    expect(() => lineSessions(bot.sessions, options)).toThrow(/^ADJ_CONFIG_INVALID: line: .*MessagingApiClient/);
  });

  it('a bot without the SDK’s middleware learns what is missing', async () => {
    bot.mountBare(lineSessions(bot.sessions, bot.options, count));
    expect((await bot.does('ada', 'hi')).text).toMatch(/^ADJ_CONFIG_INVALID: line: .* behind middleware\(config\)/);
  });
});
