import { describe, expect, test } from 'vitest';
import type { SendOutcome } from '../../src/middleware/adapter.ts';
import { memoryArchive } from '../../src/middleware/archive.ts';
import type { Text } from '../../src/middleware/core/message.ts';
import { type Answer, adaKey, closingBot, timeOf, toyBot } from './toy.ts';

const later = (afterMs?: number): SendOutcome => ({ outcome: 'retry', reason: '429', afterMs });

describe('what the vendor says of a closing message', () => {
  test.each<[string, Answer[], string, string[]]>([
    ['takes it', [], 'sent', ['10:30:00']],
    ['puts it off once', [later(20_000)], 'sent', ['10:30:00', '10:30:20']],
    ['puts it off without a time', [later()], 'sent', ['10:30:00', '10:31:00']],
    ['puts it off three times', [later(1_000), later(1_000), later(1_000)], 'failed:429', ['10:30:00', '10:30:01', '10:30:02']],
    ['refuses it', [{ outcome: 'refused', reason: 'window' }], 'failed:window', ['10:30:00']],
    ['may have sent it', [{ outcome: 'unknown', reason: '500' }], 'unknown', ['10:30:00']],
    ['does not answer', ['hangs'], 'unknown', ['10:30:00']],
    ['breaks', [new Error('socket hang up')], 'unknown', ['10:30:00']],
  ])('%s', async (_what, answers, message, times) => {
    const bot = closingBot({ closingMessage: 'bye' }, { answers });
    await bot.says('a');
    await bot.until('11:00:00');
    expect(await bot.closes()).toMatchObject([{ message, endedAt: Date.parse('2026-11-02T10:30:00Z') }]);
    expect(bot.vendor.asked.map(({ at }) => at)).toEqual(times);
    expect(new Set(bot.vendor.asked.map(({ key }) => key)).size).toBe(1);
    expect(bot.eventsOf('closed')).toHaveLength(1);
    expect((await bot.sessions.explain(adaKey)).session).toBeUndefined();
  });

  test('no answer costs 15 seconds, and nobody waits for longer', async () => {
    const bot = closingBot({ closingMessage: 'bye' }, { answers: ['hangs'] });
    await bot.says('a');
    await bot.until('10:31:00');
    expect((await bot.closes()).map(({ closedAt }) => timeOf(closedAt))).toEqual(['10:30:15']);
  });

  test('with a key for it, an unknown outcome is asked for again under the same key', async () => {
    const bot = closingBot({ closingMessage: 'bye' }, { answers: ['hangs'], toy: { capabilities: { idempotentSend: true } } });
    await bot.says('a');
    await bot.until('11:00:00');
    expect(bot.vendor.asked.map(({ at }) => at)).toEqual(['10:30:00', '10:31:15']);
    expect(new Set(bot.vendor.asked.map(({ key }) => key)).size).toBe(1);
    expect(await bot.closes()).toMatchObject([{ message: 'sent' }]);
  });

  test('many due at once leave at the endpoint’s own rate, beyond a burst, each once', async () => {
    const bot = closingBot({ closingMessage: 'bye', sendRate: 2 });
    for (let n = 0; n < 15; n++)
      await bot.deliver(bot.message('a', { user: `u${n}`, conversation: { id: `u${n}`, kind: 'direct' } }));
    await bot.until('11:00:00');
    const times = bot.vendor.asked.map(({ at }) => at);
    const atOnce = Array.from({ length: 10 }, () => '10:30:00');
    expect(times).toEqual([...atOnce, '10:30:00.050', '10:30:00.500', '10:30:01', '10:30:01.500', '10:30:02']);
    expect(bot.eventsOf('closed').every(({ message }) => message === 'sent')).toBe(true);
  });

  test('a text put off for too long is dropped: overdue by ten minutes it would only puzzle its reader', async () => {
    const bot = closingBot({ closingMessage: 'bye' }, { answers: [later(11 * 60_000)] });
    await bot.says('a');
    await bot.until('11:00:00');
    expect(bot.vendor.texts()).toEqual(['10:30:00 bye']);
    expect(await bot.closes()).toMatchObject([{ message: 'skipped:overdue' }]);
  });

  test('who cannot be reached is closed silently from then on, until they write', async () => {
    const bot = closingBot(
      { closingMessage: 'bye', closingMessageTo: 'all' },
      { answers: [{ outcome: 'refused', reason: 'blocked', unreachable: true }] },
    );
    await bot.says('a');
    await bot.until('10:31:00');
    await bot.sessions.open({ channel: 'toy', endpoint: 'main', user: 'ada' });
    await bot.until('11:02:00');
    await bot.says('b');
    await bot.until('12:00:00');
    expect((await bot.closes()).map(({ message }) => message)).toEqual(['sent', 'skipped:blocked', 'failed:blocked']);
  });

  test('a contact who leaves is not written to', async () => {
    const bot = closingBot({ closingMessage: 'bye' });
    await bot.says('a');
    await bot.deliver({
      kind: 'lifecycle',
      type: 'opt_out',
      means: 'unreachable',
      channel: 'toy',
      conversation: { id: 'ada', kind: 'direct' },
      user: 'ada',
    });
    await bot.until('11:00:00');
    expect(bot.vendor.texts()).toEqual([]);
    expect(await bot.closes()).toHaveLength(1);
  });

  test('a later word of the vendor lands on the close record', async () => {
    const bot = closingBot({ closingMessage: 'bye' });
    await bot.says('a');
    await bot.until('10:31:00');
    const [{ session = '' } = {}] = await bot.closes();
    await bot.deliver({
      kind: 'lifecycle',
      type: 'status',
      channel: 'toy',
      conversation: { id: 'ada', kind: 'direct' },
      user: 'ada',
      report: { closeId: session, message: 'failed:131047' },
    });
    expect(await bot.closes()).toMatchObject([{ session, message: 'failed:131047' }]);
    expect(bot.eventsOf('send_failed')).toMatchObject([{ session, message: 'failed:131047' }]);
  });

  test('a later word that the archive cannot be told waits until it can', async () => {
    const kept = memoryArchive();
    let isOut = false;
    const amend = async (...args: Parameters<typeof kept.amend>) => {
      if (isOut) throw new Error('The archive is out.');
      return kept.amend(...args);
    };
    const bot = closingBot({ closingMessage: 'bye' }, { archive: { ...kept, amend } });
    const reported = (message: 'sent' | 'failed:131047') =>
      bot.deliver({
        kind: 'lifecycle',
        type: 'status',
        channel: 'toy',
        conversation: { id: 'ada', kind: 'direct' },
        user: 'ada',
        report: { closeId: bot.eventsOf('closed')[0]?.session ?? '', message },
      });
    await bot.says('a');
    await bot.until('10:31:00');
    isOut = true;
    await reported('sent');
    await reported('failed:131047');
    await bot.until('10:33:00');
    expect(await bot.closes()).toMatchObject([{ message: 'sent' }]);
    expect(bot.eventsOf('send_failed')).toMatchObject([{ message: 'failed:131047' }]);
    isOut = false;
    await bot.until('10:35:00');
    expect(await bot.closes()).toMatchObject([{ message: 'failed:131047' }]);
    expect((await bot.sessions.explain(adaKey)).session).toBeUndefined();
  });

  test('without a sender in this process the close goes on', async () => {
    const bot = toyBot({ endpoints: { main: { closing: 'proactive', closingMessage: 'bye' } } });
    await bot.says('a');
    await bot.clock.advance(30 * 60_000);
    expect(bot.events.at(-1)).toMatchObject({ type: 'closed', message: 'failed:no_sender' });
  });
});

describe('when no text may be sent', () => {
  test.each([
    ['the reply window is over by then', { replyWindow: 30 * 60_000 }, 'skipped:window', []],
    ['it is nearly over', { replyWindow: 40 * 60_000 }, 'skipped:window', []],
    ['it is open', { replyWindow: 41 * 60_000 }, 'sent', ['10:30:00 bye']],
  ])('%s', async (_when, capabilities, message, texts) => {
    const bot = closingBot({ closingMessage: 'bye' }, { toy: { capabilities } });
    await bot.says('a');
    await bot.until('11:00:00');
    expect(await bot.closes()).toMatchObject([{ message }]);
    expect(bot.vendor.texts()).toEqual(texts);
  });

  test.each([
    ['10:40:00', 'sent'],
    ['10:40:01', 'skipped:overdue'],
  ])('the worker comes back at %s: %s', async (time, message) => {
    const bot = closingBot({ closingMessage: 'bye' });
    await bot.says('a');
    await bot.sessions.stop();
    await bot.until(time);
    bot.sessions.start();
    await bot.clock.advance(1_000);
    expect(await bot.closes()).toMatchObject([{ message }]);
  });

  test('other reasons to close send none', async () => {
    const bot = closingBot({ closingMessage: 'bye' });
    await bot.says('a', (turn) => turn.session.close({ outcome: 'resolved' }));
    await bot.says('b');
    expect(await bot.sessions.end(adaKey)).toBe(true);
    expect(await bot.sessions.end(adaKey)).toBe(false);
    await bot.says('c');
    await bot.says('refresh');
    await bot.until('10:01:00');
    expect((await bot.closes()).map(({ reason, outcome }) => outcome ?? reason).toSorted()).toEqual([
      'api',
      'refresh',
      'resolved',
    ]);
    expect(bot.vendor.texts()).toEqual([]);
  });
});

describe('which channels get the organisation’s text', () => {
  test.each([
    ['all', {}, {}, 'sent'],
    ['included', { channels: { include: ['toy'] } }, {}, 'sent'],
    ['added later than the list', { channels: { include: ['mail'] } }, {}, 'excluded'],
    ['excluded', { channels: { exclude: ['toy', 'mail'] } }, {}, 'excluded'],
    ['not excluded', { channels: { exclude: ['mail'] } }, {}, 'sent'],
    ['excluded, with a text of its own', { channels: { exclude: ['toy'] } }, { closingMessage: 'bye' }, 'sent'],
    ['excluded, with a function of its own', { channels: { exclude: ['toy'] } }, { closingMessage: () => 'bye' }, 'sent'],
    ['all, but this endpoint wants none', {}, { closingMessage: false as const }, 'off'],
  ])('%s', async (_which, organization, settings, message) => {
    for (const closingMessage of ['hello', () => 'hello']) {
      const bot = closingBot(settings, { organization: { closingMessage, ...organization } });
      await bot.says('a');
      await bot.until('11:00:00');
      expect(await bot.closes()).toMatchObject([{ message }]);
      const own = 'closingMessage' in settings;
      expect(bot.vendor.texts()).toEqual(message === 'sent' ? [`10:30:00 ${own ? 'bye' : 'hello'}`] : []);
    }
  });
});

describe('on a channel that relays other networks', () => {
  const relaying = { toy: { capabilities: { relays: true } } };
  test.each([
    ['the network is included', { include: ['msteams'] }, 'sent'],
    ['another network is', { include: ['facebook'] }, 'excluded'],
    ['the channel as a whole is', { include: ['toy'] }, 'sent'],
    ['the network is excluded', { exclude: ['msteams'] }, 'excluded'],
    ['another network is excluded', { exclude: ['facebook'] }, 'sent'],
  ])('each counts for itself: %s', async (_which, channels, message) => {
    const bot = closingBot({}, { organization: { closingMessage: 'hello', channels }, ...relaying });
    await bot.deliver(bot.message('a', { via: 'msteams' }));
    await bot.until('11:00:00');
    expect(await bot.closes()).toMatchObject([{ message }]);
  });
});

describe('the text', () => {
  const closes = async (closingMessage: Text, locales: (string | undefined)[]) => {
    const bot = closingBot({ closingMessage });
    for (const locale of locales) {
      await bot.deliver(bot.message('a', locale === undefined ? {} : { locale }));
      await bot.clock.advance(31 * 60_000);
    }
    return { texts: bot.vendor.asked.map(({ text }) => text), messages: (await bot.closes()).map(({ message }) => message) };
  };

  test('rotates through its variants', async () => {
    const { texts } = await closes(['one', 'two', 'three'], [undefined, undefined, undefined, undefined]);
    expect(texts).toEqual(['one', 'two', 'three', 'one']);
  });

  test('is of the user’s locale; without one for it there is none', async () => {
    const { texts, messages } = await closes({ de: 'Tschüss', 'pt-BR': ['Tchau'] }, ['de-AT', 'pt-BR', 'PT-br', 'fr', 'DE']);
    expect(texts).toEqual(['Tschüss', 'Tchau', 'Tchau', 'Tschüss']);
    expect(messages.filter((message) => message === 'skipped:no_text')).toHaveLength(1);
  });

  test.each([
    ['of the session before it is cleared', 'sent', ['10:30:00 bye, 1 milk']],
    ['none', 'skipped:no_text', []],
    ['blank', 'skipped:no_text', []],
    ['an error', 'failed:function', []],
    ['too slow', 'failed:function', []],
  ])('may be a function: %s', async (what, message, texts) => {
    const bot = closingBot({
      closingMessage: (session) => {
        if (what === 'none') return undefined;
        if (what === 'blank') return ' ';
        if (what === 'an error') throw new Error('no');
        if (what === 'too slow') return new Promise<never>(() => {});
        return `bye, ${session.turnCount} ${session.data.list}`;
      },
    });
    await bot.says('a', (turn) => {
      turn.session.data.list = ['milk'];
    });
    await bot.until('11:00:00');
    expect(bot.vendor.texts()).toEqual(texts);
    expect(await bot.closes()).toMatchObject([{ message }]);
    expect(bot.eventsOf('error')).toHaveLength(message === 'failed:function' ? 1 : 0);
  });
});

describe('a message of the user while the session closes', () => {
  test('waits for the close under way, and opens the next session', async () => {
    const bot = closingBot({ closingMessage: 'bye' }, { answers: ['hangs'] });
    await bot.says('a');
    await bot.until('10:30:05');
    expect(bot.vendor.texts()).toEqual(['10:30:00 bye']);
    const waiting = bot.says('b', undefined, { waitMs: 60_000 });
    await bot.until('10:30:14');
    expect(bot.told).toEqual(['#1 a']);
    await bot.until('10:30:16');
    await waiting;
    expect(bot.told).toEqual(['#1 a', '#1 b']);
    expect(bot.names().filter((name) => name === 'opened' || name === 'closed')).toEqual(['opened', 'closed', 'opened']);
  });

  test('overtakes a text the vendor has put off', async () => {
    let hooks = 0;
    const bot = closingBot(
      { closingMessage: 'bye', onClosing: () => void hooks++, onClose: () => void hooks++ },
      { answers: [later(5 * 60_000)] },
    );
    await bot.says('a');
    await bot.until('10:32:00');
    await bot.says('b');
    await bot.until('10:59:00');
    expect(bot.told.at(-1)).toBe('#1 b');
    expect(bot.vendor.texts()).toEqual(['10:30:00 bye']);
    expect(await bot.closes()).toMatchObject([
      { message: 'skipped:user_returned', hook: 'done', script: 'done', reason: 'inactivity' },
    ]);
    expect(hooks).toBe(2);
  });
});

test('turn.reply outside a request goes the same way, and says what failed', async () => {
  const bot = closingBot({}, { answers: [{ outcome: 'sent', id: 'v1' }, later(), 'hangs'] });
  await bot.says('a');
  expect(await bot.sessions.run(adaKey, (turn) => turn.reply('paid'))).toBe('v1');
  await expect(bot.sessions.run(adaKey, (turn) => turn.reply('paid'))).rejects.toMatchObject({ code: 'ADJ_SEND_FAILED' });
  const timeout = expect(bot.sessions.run(adaKey, (turn) => turn.reply('paid'))).rejects.toMatchObject({
    code: 'ADJ_SEND_FAILED',
  });
  await bot.clock.advance(15_000);
  await timeout;
});

test('everybody is written to at their own address, once', async () => {
  const bot = closingBot({ closingMessage: 'bye' });
  for (const user of ['ada', 'bob']) await bot.deliver(bot.message('a', { user, conversation: { id: user, kind: 'direct' } }));
  await bot.until('11:00:00');
  expect(bot.vendor.asked.map(({ user }) => user).toSorted()).toEqual(['ada', 'bob']);
  expect(new Set(bot.vendor.asked.map(({ closeId }) => closeId)).size).toBe(2);
});
