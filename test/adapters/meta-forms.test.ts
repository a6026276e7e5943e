import type { Request, Response } from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isInput } from '../../src/middleware/core/activity.ts';
import { answer, batch, type MetaBot, metaBot, until } from './meta-bot.ts';

interface Entry {
  readonly messaging?: object[];
  readonly changes?: { readonly value?: { readonly messages?: object[] } }[];
}

describe.each(['messenger', 'whatsapp'] as const)('%s', (channel) => {
  let bot: MetaBot;
  beforeEach(async () => {
    bot = await metaBot(channel);
  });
  afterEach(() => bot.close());

  /** The events of a request, as a bot finds them in `req.body`. */
  const eventsIn = (body: unknown): object[] => {
    const entries = (body as { entry?: Entry[] }).entry ?? [];
    return entries.flatMap(({ messaging = [], changes = [] }) => [
      ...messaging,
      ...changes.flatMap(({ value }) => value?.messages ?? []),
    ]);
  };
  const answerAll = async (req: { body?: unknown }) => {
    const turns = new Set(eventsIn(req.body).flatMap((event) => bot.sessions.turn(event) ?? []));
    for (const turn of turns) await answer(turn);
  };

  /** The four ways to plug in, each with the same bot behind it; returns how a webhook gets to it. */
  const forms = {
    events: () => {
      const handler = bot.events$(async (event, turn) => {
        expect(bot.sessions.of(event)).toBe(turn.session);
        await answer(turn);
      });
      bot.mount((web) => web.use('/hook', handler));
      return bot.post;
    },
    wrap: () => {
      const handler = bot.plain().wrap(async (req: Request, res: Response) => {
        await answerAll(req);
        res.sendStatus(200);
      });
      bot.mount((web) => web.use('/hook', handler));
      return bot.post;
    },
    plain: () => {
      bot.mount((web) =>
        web.use('/hook', bot.plain(), async (req, res) => {
          await answerAll(req);
          res.sendStatus(200);
        }),
      );
      return bot.post;
    },
    fetch: () => {
      const handler = bot.events$((_event, turn) => answer(turn));
      return async (...[webhook, signature]: Parameters<MetaBot['post']>) =>
        (await handler.fetch(bot.request(webhook, signature))).status;
    },
  };

  describe.each(Object.keys(forms) as (keyof typeof forms)[])('as %s', (form) => {
    it('answers in a session, consumes commands and meets nothing twice', async () => {
      const post = forms[form]();
      const first = bot.does('ada', 'Córdoba 😀 a/b');
      const statuses = [
        await post(first),
        await post(first),
        await post(bot.does('ada', 'discard')),
        await post(bot.does('ada', { does: 'taps', payload: 'pier-4' })),
        await post(bot.does('ada', { does: 'refreshes' })),
        await post(bot.does('ada', { does: 'reads' })),
        await post(bot.does('ada', 'again')),
      ];
      expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 200]);
      expect(bot.received).toEqual(
        ['#1 Córdoba 😀 a/b', 'Discarded.', '#2 pier-4', 'Refreshed.', '#1 again'].map((text) => `ada: ${text}`),
      );
      expect(bot.events.filter(({ type }) => type === 'duplicate')).toHaveLength(1);
    });

    it('keeps people apart, and their order', async () => {
      const post = forms[form]();
      const [a1, b1, a2, b2] = ['ada 1', 'bo 1', 'ada 2', 'bo 2'].map((text) => bot.does(text.slice(0, -2), text));
      if (!a1 || !b1 || !a2 || !b2) throw new Error('unreachable');
      expect(await post(batch(a1, b1, a2, b2))).toBe(200);
      const texts = (user: string) =>
        bot.received.filter((line) => line.startsWith(user)).map((line) => line.replace(/#\d+ /, ''));
      expect(texts('ada')).toEqual(['ada: ada 1', 'ada: ada 2']);
      expect(texts('bo')).toEqual(['bo: bo 1', 'bo: bo 2']);
      expect(bot.opened()).toBe(2);
      const again = [b1, a1, b2, a2, bot.does('ada', 'ada 3'), bot.does('bo', 'bo 3')];
      expect(await post(batch(...again))).toBe(200);
      expect(texts('ada')).toHaveLength(3);
      expect(texts('bo')).toHaveLength(3);
      expect(bot.opened()).toBe(2);
    });

    it('answers fifty overlapping messages of one person, each once', async () => {
      const post = forms[form]();
      const webhooks = Array.from({ length: 50 }, (_, index) => bot.does('ada', `message ${index}`));
      expect(new Set(await Promise.all(webhooks.map((webhook) => post(webhook))))).toEqual(new Set([200]));
      const numbers = bot.received.map((line) => /#(\d+)/.exec(line)?.[1]);
      expect(numbers).toEqual(Array.from({ length: 50 }, (_, index) => String(index + 1)));
      expect(new Set(bot.received.map((line) => line.replace(/#\d+/, '#'))).size).toBe(50);
    });

    it.each(['wrong', 'none', 'stale'] as const)('refuses a signature that is %s', async (signature) => {
      const post = forms[form]();
      expect(await post(bot.does('ada', 'Córdoba 😀'), signature)).toBe(401);
      expect([bot.opened(), bot.received]).toEqual([0, []]);
    });

    it('lets pass what it does not know, with 200', async () => {
      const post = forms[form]();
      const bodies = [
        { events: [] },
        {},
        { object: 'page', entry: [] },
        { object: 'page', entry: [{ id: '0', time: 1, changes: [{ field: 'messages', value: { page_id: '0' } }] }] },
        {
          object: 'whatsapp_business_account',
          entry: [
            {
              id: '0',
              changes: [
                {
                  field: 'messages',
                  value: { messages: [{ from: '16315551181', id: 'x', type: 'text', text: { body: 'hi' } }] },
                },
              ],
            },
          ],
        },
        JSON.parse('{"__proto__":{"entry":[]},"object":"page","entry":[{"__proto__":{"messaging":[]},"id":"1"}]}'),
      ];
      for (const body of bodies) expect(await post(bot.raw(body))).toBe(200);
      expect([bot.opened(), bot.received]).toEqual([0, []]);
    });

    it.each([
      ['a text of a megabyte', (text: string) => text.repeat(1_000_000)],
      ['half a character', () => 'hi \ud83d'],
    ])('opens nothing for %s', async (_name, hostile) => {
      const post = forms[form]();
      expect(await post(bot.does('ada', hostile('x')))).toBe(200);
      expect([bot.opened(), bot.received]).toEqual([0, []]);
    });

    it('opens nothing for a person whose id no vendor would send', async () => {
      const post = forms[form]();
      for (const person of ['x'.repeat(600), '\ud800']) {
        const text = JSON.stringify(bot.does('ada', 'hi').body).replaceAll(
          bot.simulator.person(channel, 'ada'),
          person.replace('\ud800', '\\ud800'),
        );
        expect(await post(bot.raw(JSON.parse(text)))).toBe(200);
      }
      expect(bot.received).toEqual([]);
      expect(bot.opened()).toBe(0);
    });
  });

  it('answers with 500 when the bot throws, and runs the message again when it is delivered again', async () => {
    let broken = true;
    const handler = bot.events$(async (_event, turn) => {
      if (broken) throw new Error('the kitchen is closed');
      await answer(turn);
    });
    bot.mount((web) => web.use('/hook', handler));
    const webhook = bot.does('ada', 'hi');
    expect(await bot.post(webhook)).toBe(500);
    expect(bot.failures).toMatchObject([{ message: 'the kitchen is closed' }]);
    expect((await handler.fetch(bot.request(webhook))).status).toBe(500);
    expect(bot.events).toContainEqual(expect.objectContaining({ type: 'error', code: 'HANDLER_FAILED' }));
    broken = false;
    expect(await bot.post(webhook)).toBe(200);
    expect(bot.received).toEqual(['ada: #1 hi']);
  });

  it('is answered shortly before Meta gives up, and the turn goes on', async () => {
    const handler = bot.events$(async (_event, turn) => {
      await bot.clock.sleep(20_000);
      await answer(turn);
    });
    bot.mount((web) => web.use('/hook', handler));
    const answered = bot.post(bot.does('ada', 'hi'));
    await until(() => bot.clock.nextWake() === bot.clock.now() + 4_500);
    await bot.clock.advance(4_500);
    expect(await answered).toBe(200);
    expect(bot.received).toEqual([]);
    await bot.clock.advance(15_500);
    await until(() => bot.received.length > 0);
    expect(bot.received).toEqual(['ada: #1 hi']);
  });

  it('hands a turn that outlasts its answer to the platform', async () => {
    const handler = bot.events$(async (_event, turn) => {
      await bot.clock.sleep(20_000);
      await answer(turn);
    });
    const kept: Promise<unknown>[] = [];
    const answered = handler.fetch(bot.request(bot.does('ada', 'hi')), { waitUntil: (promise) => kept.push(promise) });
    await until(() => bot.clock.nextWake() === bot.clock.now() + 4_500);
    await bot.clock.advance(4_500);
    expect((await answered).status).toBe(200);
    expect([kept.length, bot.received]).toEqual([1, []]);
    await bot.clock.advance(15_500);
    await Promise.all(kept);
    expect(bot.received).toEqual(['ada: #1 hi']);
  });

  it('acknowledges no message before it is saved where the inbox is durable, however long its conversation is busy', async () => {
    const busy = Promise.withResolvers<void>();
    const handler = bot.events$(
      async (_event, turn) => {
        if (turn.session.turnCount === 1) await busy.promise;
        await answer(turn);
      },
      { inbox: 'durable' },
    );
    bot.mount((web) => web.use('/hook', handler));
    const [hi, more] = [bot.does('ada', 'hi'), bot.does('ada', 'more')];
    expect(await bot.post(hi)).toBe(200);
    const second = bot.post(more);
    await until(() => bot.clock.nextWake() === bot.clock.now() + 4_500);
    await bot.clock.advance(4_500);
    expect(await second).toBe(500);
    expect(bot.failures).toMatchObject([{ code: 'LEASE_TIMEOUT' }]);
    busy.resolve();
    await until(() => bot.received.length === 2);
    // It was not lost with its answer, and the vendor's next try is a duplicate.
    expect(await bot.post(more)).toBe(200);
    expect(bot.received).toEqual(['ada: #1 hi', 'ada: #2 more']);
  });

  it('gives a bot with a part for it what belongs to no session', async () => {
    const told: string[] = [];
    const handler = bot.events$((_event, turn) => answer(turn), {
      sessionless: (_event: object, activity: { readonly type: string }) => told.push(activity.type),
    });
    bot.mount((web) => web.use('/hook', handler));
    await bot.post(bot.does('ada', 'hi'));
    await bot.post(batch(bot.does('ada', { does: 'reacts' }), bot.does('ada', 'two')));
    await bot.post(bot.raw({}));
    expect(told).toEqual(['reaction', 'unknown']);
    expect(bot.received).toEqual(['ada: #1 hi', 'ada: #2 two']);
  });

  it('leaves other accounts to the bot', async () => {
    const handler = bot.events$((_event, turn) => answer(turn), { accounts: ['1'] });
    bot.mount((web) => web.use('/hook', handler));
    expect(await bot.post(bot.does('ada', 'hi'))).toBe(200);
    expect([bot.opened(), bot.received]).toEqual([0, []]);
  });

  it('takes what is done out of the body, and signs the rest anew for an SDK that checks again', async () => {
    const bodies: string[] = [];
    const behind: string[] = [];
    const second = bot.events$((_event, turn) => void behind.push(String((turn.activity as { text?: string }).text)), {
      endpoint: 'second',
      commands: false,
    });
    bot.mount((web) =>
      web.use(
        '/hook',
        bot.plain(),
        (req, _res, next) => {
          bodies.push(JSON.stringify(req.body));
          next();
        },
        second,
      ),
    );
    const hi = bot.does('ada', 'hi');
    expect(await bot.post(hi)).toBe(200);
    const mixed = batch(hi, bot.does('ada', 'discard'), bot.does('ada', { does: 'reacts' }), bot.does('bo', 'two'));
    expect(await bot.post(mixed)).toBe(200);
    expect(bodies).toEqual([JSON.stringify(hi.body), expect.stringMatching(/reaction.*two/)]);
    expect(bodies[1]).not.toMatch(/discard|"hi"/);
    expect(behind).toEqual(['hi', 'two']);
    await until(() => bot.received.length > 0);
    expect(bot.received).toEqual(['ada: Discarded.']);
  });

  it('has a turn whose activities are the user’s own', async () => {
    const kinds: boolean[] = [];
    const handler = bot.events$((_event, turn) => void kinds.push(...turn.activities.map(isInput)));
    bot.mount((web) => web.use('/hook', handler));
    for (const does of ['reads', 'reacts', 'edits', 'unsends', 'joins'] as const) await bot.post(bot.does('ada', { does }));
    await bot.post(bot.does('ada', 'hi'));
    expect(kinds).toEqual([true]);
  });
});
