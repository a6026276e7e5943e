import { expect, test } from 'vitest';
import { type Archive, memoryArchive, type TranscriptLine } from '../../src/middleware/archive.ts';
import { adaKey, type ClosingBotOptions, closingBot, gate } from './toy.ts';

/** A bot that keeps transcripts, and what they say. */
function written(more: ClosingBotOptions = {}, settings = {}) {
  const bot = closingBot({ transcripts: true, closingMessage: 'bye', ...settings }, more);
  const lines = async (session = 0): Promise<readonly TranscriptLine[]> => {
    await bot.sessions.stop();
    const id = bot.eventsOf('opened').at(session)?.session ?? '';
    bot.sessions.start();
    return (await bot.archive.transcript({ session: id })).lines;
  };
  const told = async (session = 0) =>
    (await lines(session)).map(({ from, text, delivery = '-' }) => `${from}: ${text} ${delivery}`);
  return { ...bot, lines, told };
}

test('both sides of a session stand in order, with what became of what was sent', async () => {
  const bot = written({ answers: [{ outcome: 'unknown', reason: 'timeout' }] });
  await bot.says('hi');
  await bot.says('open order', async (turn) => {
    await turn.reply('which one?');
    await turn.reply('this?');
  });
  await bot.says('discard');
  await bot.until('10:40:00');
  expect(await bot.told()).toEqual([
    'user: hi -',
    'bot: #1 hi sent',
    'user: open order -',
    'bot: which one? sent',
    'bot: this? sent',
    'user: discard -',
    'system: Discarded. sent',
    'system: bye unknown',
  ]);
  expect((await bot.lines()).map(({ order }) => order)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(await bot.closes()).toMatchObject([{ messagesIn: 2, messagesOut: 5 }]);
});

test('off by default: nothing is written down, and what went out is counted all the same', async () => {
  const bot = written({}, { transcripts: false });
  await bot.says('hi');
  await bot.until('10:40:00');
  expect(await bot.lines()).toEqual([]);
  expect(await bot.closes()).toMatchObject([{ messagesIn: 1, messagesOut: 2 }]);
});

test('a redelivery, a handler that throws, and its redelivery: each line once', async () => {
  const bot = written();
  const message = bot.message('boom');
  const crash = async (turn: Parameters<typeof bot.says>[1] extends ((turn: infer T) => unknown) | undefined ? T : never) => {
    await turn.reply('half an answer');
    throw new Error('crash');
  };
  await expect(bot.deliver(message, crash)).rejects.toThrow('crash');
  await bot.deliver(message);
  await bot.deliver(message);
  expect((await bot.told()).toSorted()).toEqual(['bot: #1 boom sent', 'bot: half an answer sent', 'user: boom -']);
});

test('a turn that runs beside another is written down when its lease comes', async () => {
  const bot = written();
  const slow = gate();
  const first = bot.says('slow', async (turn) => {
    await slow.promise;
    await turn.reply('done');
  });
  const second = bot.says('quick', undefined, { waitMs: 0 });
  await second;
  slow.resolve();
  await first;
  await bot.sessions.close();
  const id = bot.eventsOf('opened')[0]?.session ?? '';
  const { lines } = await bot.archive.transcript({ session: id });
  expect(lines.map(({ from, text }) => `${from}: ${text}`)).toEqual(['user: slow', 'bot: done', 'user: quick', 'bot: #1 quick']);
});

test('work outside a request speaks in the session that is live', async () => {
  const bot = written();
  await bot.deliver(bot.message('hi'), undefined, { to: { address: 'ada' } });
  await bot.sessions.run(adaKey, (turn) => turn.reply('your parcel is here'));
  bot.channel.said({ text: 'sent by hand' }, { conversation: { id: 'ada', kind: 'direct' }, user: 'ada' });
  await bot.sessions.run(adaKey, async () => {});
  expect((await bot.told()).slice(2)).toEqual(['bot: your parcel is here sent', 'bot: sent by hand sent']);
});

test('an archive that is out loses nothing that fits into memory; what it took twice it keeps once', async () => {
  const inner = memoryArchive();
  let isOut = true;
  let after = false;
  const archive: Archive = {
    ...inner,
    async append(lines) {
      if (isOut && !after) throw new Error('out');
      await inner.append(lines);
      if (isOut) throw new Error('out after all');
    },
  };
  const bot = written({ archive });
  await bot.says('hi');
  expect(await bot.lines()).toEqual([]);
  after = true;
  await bot.says('again');
  expect((await bot.lines()).length).toBe(4);
  isOut = false;
  expect(await bot.told()).toEqual(['user: hi -', 'bot: #1 hi sent', 'user: again -', 'bot: #2 again sent']);
  expect(bot.eventsOf('error')).toHaveLength(1);
});
