import { expect, test } from 'vitest';
import { memoryArchive } from '../../src/middleware/archive.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { adaKey, closingBot, gate, timeOf } from './toy.ts';

const other = 'toy/main/ada%40work';

function written() {
  const bot = closingBot({ transcripts: true, closingMessage: 'bye' });
  return { ...bot, ada: bot.sessions.contact(adaKey) };
}

test('three sessions: expired, refreshed, closed by an agent; newest first, the live one included, each with its transcript', async () => {
  const bot = written();
  const desk = bot.sessions.desk('support', { agents: ['A'] });
  await bot.says('one');
  await bot.until('10:31:00');
  await bot.says('two');
  await bot.says('refresh');
  await bot.says('three', (turn) => turn.session.handoff('support', 'queue'));
  await bot.until('10:31:30');
  await desk.assign(adaKey, 'A').catch(() => {});
  await desk.close(adaKey, { outcome: 'resolved' });
  await bot.until('10:32:00');
  await bot.says('four');
  const { sessions, next } = await bot.ada.sessions();
  expect(next).toBeUndefined();
  expect(sessions.map((one) => (one.state === 'closed' ? one.reason : one.state))).toEqual([
    'live',
    'agent',
    'refresh',
    'inactivity',
  ]);
  const texts = await Promise.all(sessions.map(async ({ session }) => (await bot.ada.transcript(session)).lines));
  expect(texts.map((lines) => lines.map(({ from, text }) => `${from}: ${text}`))).toEqual([
    ['user: four', 'bot: #1 four'],
    ['user: refresh', 'system: Refreshed.', 'user: three'],
    ['user: two', 'bot: #1 two'],
    ['user: one', 'bot: #1 one', 'system: bye'],
  ]);
});

test('an overdue lazy session reads as expired at its deadline', async () => {
  const bot = closingBot({ closing: 'lazy' });
  await bot.says('hi');
  await bot.until('11:00:00');
  const { sessions } = await bot.sessions.contact(adaKey).sessions();
  expect(sessions).toMatchObject([{ state: 'expired', turns: 1, owner: 'bot' }]);
  expect(sessions[0]?.state !== 'closed' && timeOf(sessions[0]?.deadline ?? 0)).toBe('10:30:00');
});

test('identities are linked and unlinked, and share one profile', async () => {
  const bot = written();
  await bot.says('hi');
  await bot.deliver(bot.message('from work', { conversation: { id: 'ada@work', kind: 'direct' }, user: 'ada@work' }));
  await bot.ada.link(other);
  await bot.ada.link(other);
  const both = [
    [adaKey, other],
    [other, adaKey],
  ];
  expect([await bot.ada.identities(), await bot.sessions.contact(other).identities()]).toEqual(both);
  expect((await bot.ada.sessions()).sessions).toHaveLength(2);
  await bot.sessions.contact(other).unlink();
  expect(await bot.ada.identities()).toEqual([adaKey]);
  expect((await bot.sessions.contact(other).sessions()).sessions).toHaveLength(1);
});

test('export holds everything but tokens', async () => {
  const bot = written();
  await bot.says('my name is Ada', (turn) => {
    turn.session.variables.set('name', 'Ada', { scope: 'contact' });
    turn.session.auth.set('google', { accessToken: 'tok-1' });
  });
  const told = JSON.stringify(await bot.ada.export());
  expect(told).toContain('my name is Ada');
  expect(told).toContain('"name":{"value":"Ada"');
  expect(told).toContain('"authProfiles":["google"]');
  expect(told).not.toContain('tok-1');
});

test('erased in the middle of a live session: what comes late brings nothing back, and what is new begins anew', async () => {
  const bot = written();
  const old = bot.message('old');
  await bot.deliver(old);
  const unseen = bot.message('never arrived');
  await bot.says('set', (turn) => turn.session.variables.set('name', 'Ada', { scope: 'contact' }));
  await bot.until('10:05:00');
  expect(await bot.ada.erase({ by: 'ada herself' })).toEqual({ conversations: 1, sessions: 1, lines: 3, settings: 0 });
  expect(bot.eventsOf('closed')).toMatchObject([{ reason: 'erased' }]);
  expect(bot.eventsOf('erased')).toMatchObject([{ by: 'ada herself', lines: 3 }]);
  expect(await bot.deliver(old)).toMatchObject({ verdict: 'drop' });
  expect(await bot.deliver(unseen)).toMatchObject({ verdict: 'drop' });
  expect((await bot.ada.sessions()).sessions).toEqual([]);
  expect((await bot.ada.export()).sessions).toEqual([]);
  await bot.until('10:06:00');
  let name: unknown = 'nothing read';
  await bot.says('hello', (turn) => {
    name = turn.session.variables.get('name');
    expect(turn.session).toMatchObject({ startReason: 'first', turnCount: 1 });
  });
  expect(name).toBeUndefined();
  expect((await bot.ada.sessions()).sessions).toHaveLength(1);
});

test('an erasure that is cut off in the archive is finished by the worker of another process', async () => {
  const store = keyvStore();
  const archive = memoryArchive();
  const cut = gate<never>();
  const dying = closingBot({ transcripts: true }, { store, archive: { ...archive, erase: () => cut.promise } });
  await dying.says('hi');
  await dying.sessions.stop();
  const erasing = dying.sessions.contact(adaKey).erase({ by: 'admin' });
  const bot = closingBot({ transcripts: true }, { store, archive, clock: dying.clock });
  await bot.until('10:02:00');
  expect(bot.eventsOf('erased')).toMatchObject([{ by: 'admin', lines: 2 }]);
  expect((await bot.sessions.contact(adaKey).sessions()).sessions).toEqual([]);
  cut.reject(new Error('too late'));
  await expect(erasing).rejects.toThrow('too late');
});
