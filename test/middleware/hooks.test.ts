import { describe, expect, test } from 'vitest';
import type { ClosingContext } from '../../src/middleware/hooks.ts';
import type { Session } from '../../src/middleware/turn.ts';
import { adaKey, closingBot, type Data, timeOf } from './toy.ts';

const endless = () => new Promise<never>(() => {});
const boom = () => {
  throw new Error('no');
};

describe('hook, text and script of a proactive close', () => {
  test('run in this order, on the session as it was, with the close’s id and deadline', async () => {
    const bot = closingBot({
      closingMessage: (session) => `bye ${note('text', session)}`,
      onClosing: (session, close) => note('hook', session, close),
      onClose: (session, close) => note('script', session, close),
    });
    const seen: string[] = [];
    const note = (what: string, { data, id }: Session<Data>, close?: { id: string; reason: string; endedAt: number }) => {
      seen.push(`${what} ${data.list} ${close ? `${close.reason} ${timeOf(close.endedAt)}` : ''}`.trim());
      if (close) expect(close.id).toBe(id);
      return id.length;
    };
    await bot.says('a', (turn) => {
      turn.session.data.list = ['milk'];
    });
    await bot.until('10:31:00');
    expect(seen).toEqual(['hook milk inactivity 10:30:00', 'text milk', 'script milk inactivity 10:30:00']);
    expect(await bot.closes()).toMatchObject([{ hook: 'done', script: 'done', message: 'sent' }]);
  });

  test.each([
    ['throws', boom, '10:30:00'],
    ['rejects', () => Promise.reject(new Error('no')), '10:30:00'],
    ['never returns', endless, '10:30:05'],
  ])('a hook that %s is recorded and blocks nothing', async (_what, onClosing, closedAt) => {
    const bot = closingBot({ closingMessage: 'bye', onClosing });
    await bot.says('a');
    await bot.until('10:31:00');
    expect(await bot.closes()).toMatchObject([{ hook: 'failed', message: 'sent' }]);
    expect((await bot.closes()).map((closed) => timeOf(closed.closedAt))).toEqual([closedAt]);
    expect((await bot.closes())[0]).not.toHaveProperty('script');
    expect(bot.eventsOf('error')).toHaveLength(1);
  });

  test.each([
    ['throws', boom],
    ['never returns', endless],
  ])('a script that %s is recorded, and what it has cleared stays cleared', async (_what, end) => {
    const bot = closingBot({
      onClose: (session) => {
        session.auth.clearAuthProfile('crm');
        return end();
      },
    });
    await bot.says('a', (turn) => {
      turn.session.auth.set('crm', 'x');
      turn.session.auth.set('mail', 'y');
      turn.session.variables.set('name', 'Ada', { scope: 'contact', profile: 'crm' });
    });
    await bot.until('10:31:00');
    await bot.says('b', ({ session, reply }) => reply(`${session.auth.profiles()} ${session.variables.names()}.`));
    expect(bot.told).toEqual(['mail .']);
    expect(await bot.closes()).toMatchObject([{ script: 'failed' }]);
  });

  test('see a session that they cannot change', async () => {
    const refused: unknown[] = [];
    const attempt = (work: () => unknown) => {
      try {
        work();
      } catch (error) {
        refused.push((error as { code?: string }).code);
      }
    };
    const bot = closingBot({
      onClosing: (session) => {
        attempt(() => session.data.list?.push('eggs'));
        attempt(() => {
          session.data.count = 7;
        });
        attempt(() => session.variables.set('a', 1));
        attempt(() => session.expireAfter(60));
        attempt(() => session.close());
        attempt(() => session.auth.set('crm', 'x'));
      },
    });
    await bot.says('a', (turn) => {
      turn.session.data.list = ['milk'];
    });
    await bot.until('10:31:00');
    expect(refused).toEqual(Array.from({ length: 6 }, () => 'ADJ_TURN_ENDED'));
    expect(await bot.closes()).toMatchObject([{ hook: 'done' }]);
  });
});

describe('extend', () => {
  const extending = (by: (close: ClosingContext, call: number) => void) => {
    let calls = 0;
    return closingBot({
      closingMessage: 'bye',
      onClosing: (_session, close) => by(close, ++calls),
      warnings: [{ before: 5, message: '5 left' }],
    });
  };

  test('puts the close off once per idle period', async () => {
    const ids: string[] = [];
    const bot = extending((close) => {
      ids.push(close.id);
      close.extend(10);
    });
    await bot.says('a');
    await bot.until('10:39:59');
    expect(bot.eventsOf('closed')).toEqual([]);
    await bot.until('10:41:00');
    expect(bot.vendor.texts()).toEqual(['10:25:00 5 left', '10:40:00 bye']);
    expect((await bot.closes()).map(({ endedAt }) => timeOf(endedAt))).toEqual(['10:40:00']);
    expect(new Set(ids).size).toBe(1);
    expect(ids).toHaveLength(2);
  });

  test('again in the next idle period', async () => {
    const bot = extending((close) => close.extend('10m'));
    await bot.says('a');
    await bot.until('10:35:00');
    await bot.says('b');
    expect(bot.told.at(-1)).toBe('#2 b');
    await bot.until('11:14:00');
    expect(bot.eventsOf('closed')).toEqual([]);
    await bot.until('11:16:00');
    expect((await bot.closes()).map(({ endedAt }) => timeOf(endedAt))).toEqual(['11:15:00']);
  });

  test.each([
    [35, '10:35:00'],
    [30, '10:30:00'],
  ])('goes no further than a cap of %i minutes', async (maxExpiration, ends) => {
    const organization = { maxExpiration };
    const bot = closingBot({ closingMessage: 'bye', onClosing: (_session, close) => close.extend(10) }, { organization });
    await bot.says('a');
    await bot.until('11:00:00');
    expect((await bot.closes()).map(({ endedAt }) => timeOf(endedAt))).toEqual([ends]);
  });

  test('counts from when the hook ran, where the worker came late', async () => {
    const bot = closingBot({ closingMessage: 'bye', onClosing: (_session, close) => close.extend(10) });
    await bot.says('a');
    await bot.sessions.stop();
    await bot.until('10:45:00');
    bot.sessions.start();
    await bot.until('10:54:00');
    expect(bot.eventsOf('closed')).toEqual([]);
    await bot.until('11:00:00');
    expect((await bot.closes()).map(({ endedAt }) => timeOf(endedAt))).toEqual(['10:55:00']);
  });

  test.each([0, -1, Number.NaN, 'soon'])('%s is no time: the hook has failed, the session closes', async (by) => {
    const bot = extending((close) => close.extend(by as number));
    await bot.says('a');
    await bot.until('10:31:00');
    expect(await bot.closes()).toMatchObject([{ hook: 'failed' }]);
    expect(bot.eventsOf('error')).toMatchObject([{ code: 'ADJ_CONFIG_INVALID' }]);
  });

  test('does not apply to a lazy close', async () => {
    const bot = closingBot({ closing: 'lazy', onClosing: (_session, close) => close.extend(10) });
    await bot.says('a');
    await bot.until('10:31:00');
    await bot.says('b');
    await bot.clock.advance(0);
    expect(bot.told).toEqual(['#1 a', '#1 b']);
    expect(await bot.closes()).toMatchObject([{ hook: 'done' }]);
  });
});

describe('hook and script of a lazy close', () => {
  test('run once, from the session that closed, while the next one is under way', async () => {
    const seen: string[] = [];
    const note = (what: string) => (session: Session<Data>, close: { id: string }) => {
      seen.push(`${what} ${session.data.list} ${session.variables.get('order')} ${session.auth.get('crm')} ${close.id}`);
    };
    const bot = closingBot({ closing: 'lazy', onClosing: note('hook'), onClose: note('script'), clearAuthProfiles: false });
    await bot.says('a', (turn) => {
      turn.session.data.list = ['milk'];
      turn.session.variables.set('order', 7);
      turn.session.auth.set('crm', 'token');
    });
    await bot.until('10:45:00');
    await bot.says('b');
    await bot.clock.advance(0);
    const [{ session } = { session: '' }] = await bot.closes();
    expect(seen).toEqual([`hook milk 7 token ${session}`, `script milk 7 token ${session}`]);
    await bot.says('c');
    await bot.until('12:00:00');
    expect(seen).toHaveLength(2);
    expect(await bot.closes()).toHaveLength(1);
  });

  test('see what the bot kept in depth, also where the bot itself ended the session', async () => {
    const seen: unknown[] = [];
    const bot = closingBot({
      onClose: (session) => {
        seen.push(session.data.list?.map((one) => one.toUpperCase()));
        expect(() => session.data.list?.push('more')).toThrow(expect.objectContaining({ code: 'ADJ_TURN_ENDED' }));
      },
    });
    await bot.says('a', (turn) => {
      turn.session.data.list = ['milk', 'tea'];
      turn.session.close();
    });
    await bot.clock.advance(0);
    expect(seen).toEqual([['MILK', 'TEA']]);
    expect(await bot.closes()).toMatchObject([{ reason: 'bot', script: 'done' }]);
  });

  test('slow ones run once, however many messages come meanwhile', async () => {
    let runs = 0;
    const bot = closingBot({
      closing: 'lazy',
      onClose: async () => {
        runs++;
        await bot.clock.sleep(4_000);
      },
    });
    await bot.says('a');
    await bot.until('10:45:00');
    for (const text of ['b', 'c', 'd']) await bot.says(text);
    expect(bot.told).toEqual(['#1 a', '#1 b', '#2 c', '#3 d']);
    await bot.clock.advance(10_000);
    expect(runs).toBe(1);
    expect(await bot.closes()).toMatchObject([{ script: 'done' }]);
  });

  test.each([
    ['with', true],
    ['without', false],
  ])('every other close has its script run, too, %s a start hook', async (_how, greets) => {
    const seen: string[] = [];
    const bot = closingBot({
      onClose: (_session, { reason }) => void seen.push(reason),
      ...(greets ? { onSessionStart() {} } : {}),
    });
    await bot.says('a', (turn) => turn.session.close());
    await bot.says('b');
    await bot.says('refresh');
    await bot.sessions.end(adaKey);
    await bot.clock.advance(1_000);
    expect(seen).toEqual(['bot', 'refresh', 'api']);
    expect(await bot.closes()).toHaveLength(3);
  });
});

describe('onSessionStart', () => {
  const starting = (settings: Parameters<typeof closingBot>[0] = {}) => {
    const bot = closingBot(
      {
        closing: 'lazy',
        onSessionStart: async (turn, reason) => {
          turn.session.data.list = [reason];
          await turn.reply(`hello: ${reason}`);
        },
        ...settings,
      },
      { answers: [] },
    );
    return bot;
  };

  test('greets first, expired, refreshed and closed sessions, before the handler', async () => {
    const bot = starting();
    const list = ({ session, reply }: Parameters<NonNullable<Parameters<typeof bot.says>[1]>>[0]) =>
      reply(`${session.data.list}`);
    await bot.says('a', list);
    await bot.says('b', list);
    await bot.until('10:45:00');
    await bot.says('c', list);
    await bot.says('refresh');
    await bot.says('d', (turn) => turn.session.close());
    await bot.says('e', list);
    expect(bot.told.filter((text) => !text.startsWith('consumed'))).toEqual([
      ...['hello: first', 'first', 'first'],
      ...['hello: expired', 'expired'],
      'hello: refresh',
      ...['hello: closed', 'closed'],
    ]);
  });

  test('greets for a session the bot begins, by its address', async () => {
    const bot = starting();
    await bot.sessions.open({ channel: 'toy', endpoint: 'main', user: 'ada' });
    expect(bot.vendor.texts()).toEqual(['10:00:00 hello: bot']);
    await bot.says('a', ({ session, reply }) => reply(`${session.data.list} ${session.turnCount}`));
    expect(bot.told).toEqual(['bot 1']);
  });

  test.each([
    ['throws', boom],
    ['never returns', endless],
  ])('one that %s holds nothing up', async (_what, onSessionStart) => {
    const bot = starting({ onSessionStart });
    const turn = bot.says('a');
    await bot.clock.advance(5_000);
    await turn;
    expect(bot.told).toEqual(['#1 a']);
    expect(bot.eventsOf('error')).toHaveLength(1);
  });
});
