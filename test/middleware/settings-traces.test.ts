import { describe, expect, test } from 'vitest';
import { endpointForms } from '../../src/middleware/core/setting-forms.ts';
import { keptChanges, settingsKey } from '../../src/middleware/core/settings-record.ts';
import { AdjournError } from '../../src/middleware/errors.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { adaKey, type ClosingBotOptions, closingBot, timeOf } from './toy.ts';

const grace = { by: 'grace' };
const developers = (...users: string[]) => ({ endpoints: { main: { developer: users } } });

/** A bot on two endpoints, and everything that is stored of its settings. */
function known(more: ClosingBotOptions = {}) {
  const store = more.store ?? keyvStore();
  const bot = closingBot({ transcripts: true }, { store, endpoints: { main: {}, shop: {} }, ...more });
  return {
    ...bot,
    ada: bot.sessions.contact(adaKey),
    set: bot.sessions.settings.set,
    stored: async () => JSON.stringify((await store.find({ keys: [settingsKey], limit: 1 })).records),
    /** The lists of developers that were set, newest first, with what they replaced. */
    lists: async () =>
      (await bot.sessions.settings.history({ limit: 200 })).map(({ change, before }) =>
        [change, before].map(({ endpoints }) => endpoints?.['main']?.developer),
      ),
  };
}

describe('who is erased', () => {
  test('is in no list of developers any more, in what counts and in the history', async () => {
    const bot = known();
    await bot.set(developers('ada', 'eve'), grace);
    await bot.says('hi', ({ session }) => expect(session.developer).toBe(true));
    await bot.set(developers('eve', 'ada', 'bob'), grace);
    expect(await bot.ada.erase(grace)).toMatchObject({ settings: 2 });
    expect(await bot.stored()).not.toContain('ada');
    expect(await bot.lists()).toEqual([
      [['eve', 'bob'], ['eve']],
      [['eve'], null],
    ]);
    const { endpoints, version, last } = await bot.sessions.settings.get();
    expect([endpoints['main']?.developer, version, last?.by]).toEqual([['eve', 'bob'], 3, 'grace']);
    expect(bot.eventsOf('erased')).toMatchObject([{ settings: 2 }]);
    await bot.until('10:05:00');
    await bot.says('again', ({ session }) => expect(session.developer).toBe(false));
    await expect(bot.set(developers('bob'), { ...grace, expectedVersion: 2 })).rejects.toThrow(/^ADJ_SETTINGS_CONFLICT/);
    await bot.set(developers('bob'), { ...grace, expectedVersion: 3 });
    expect(await bot.lists()).toHaveLength(3);
  });

  test('is forgotten in every process', async () => {
    const store = keyvStore();
    const [here, there] = [known({ store, worker: false }), known({ store, worker: false })];
    await here.set(developers('ada', 'eve'), grace);
    expect((await there.sessions.settings.get()).endpoints['main']?.developer).toEqual(['ada', 'eve']);
    await here.ada.erase(grace);
    expect((await there.sessions.settings.get()).endpoints['main']?.developer).toEqual(['eve']);
    // No change of settings that anybody made.
    expect(there.eventsOf('settings_changed')).toHaveLength(1);
  });

  test('is forgotten where they are known by an older name, or by the archive alone', async () => {
    const bot = known();
    const phone = { user: '4917', conversation: { id: '4917', kind: 'direct' as const } };
    const scoped = { user: 'DE.1', conversation: { id: 'DE.1', kind: 'direct' as const } };
    const channel = { user: 'U1', conversation: { id: 'D1', kind: 'direct' as const } };
    await bot.deliver(bot.message('hi', channel));
    await bot.sessions.end('toy/main/D1');
    await bot.sessions.contact('toy/main/DE.1').link('toy/main/D1');
    for (let hours = 0; hours < 48; hours++) await bot.clock.advance(3_600_000);
    expect((await bot.sessions.contact('toy/main/D1').export()).identities).toEqual([]);
    await bot.deliver(bot.message('from a phone', phone));
    await bot.deliver(bot.message('by both names', { ...scoped, alias: '4917' }));
    await bot.set(developers('4917', 'DE.1', 'U1', 'eve'), grace);
    expect(await bot.sessions.contact('toy/main/DE.1').erase(grace)).toMatchObject({ settings: 1 });
    expect(await bot.lists()).toEqual([[['eve'], null]]);
  });

  test('is no other person of that name, nobody else in a group, and nobody who changes settings', async () => {
    const bot = known({ endpoints: { main: { scope: 'conversation' }, shop: {} } });
    await bot.says('hi');
    await bot.deliver(bot.message('hi', { user: 'bob', conversation: { id: 'room', kind: 'shared' } }));
    await bot.sessions.end('toy/main/room');
    await bot.set({ endpoints: { shop: { developer: ['ada'] }, main: { developer: ['bob'] } } }, { by: 'ada' });
    const before = await bot.stored();
    expect(await bot.ada.erase(grace)).toMatchObject({ settings: 0 });
    expect(await bot.sessions.contact('toy/main/room').erase(grace)).toMatchObject({ settings: 0 });
    expect(await bot.stored()).toBe(before);
  });

  test('made no change under the key of their conversation', async () => {
    const bot = known();
    await bot.says('hi');
    await bot.set({ organization: { maxTurns: 9 } }, { by: adaKey });
    await bot.set({ organization: { maxTurns: 8 } }, { by: 'toy/main/eve' });
    expect(await bot.ada.erase(grace)).toMatchObject({ settings: 1 });
    expect((await bot.sessions.settings.history()).map(({ by }) => by)).toEqual(['toy/main/eve', 'erased']);
  });

  test('is gone from changes that are kept no longer one by one', async () => {
    const bot = known();
    await bot.set(developers('ada', 'eve'), { by: adaKey });
    for (let n = 1; n <= keptChanges; n++) await bot.set({ organization: { maxTurns: n } }, grace);
    expect(await bot.ada.erase(grace)).toMatchObject({ settings: 2 });
    expect(await bot.stored()).not.toContain('ada');
    const { endpoints, changed } = await bot.sessions.settings.get();
    expect([endpoints['main']?.developer, changed.endpoints['main']?.['developer']?.by]).toEqual([['eve'], 'erased']);
  });
});

test('an erasure that could not even find the names is gone on with later', async () => {
  const bot = known();
  const { sessions } = bot.archive;
  await bot.set(developers('ada'), grace);
  await bot.says('hi');
  bot.archive.sessions = async () => {
    throw new AdjournError('STORE_UNAVAILABLE', 'It is out.');
  };
  await expect(bot.ada.erase(grace)).rejects.toThrow(/^STORE_UNAVAILABLE/);
  bot.archive.sessions = sessions;
  await bot.until('10:02:00');
  expect(bot.eventsOf('erased')).toMatchObject([{ by: 'grace', conversations: 1, settings: 1 }]);
  expect(bot.eventsOf('closed').map(({ at }) => timeOf(at) > '10:00:59')).toEqual([true]);
  expect(await bot.lists()).toEqual([[[], null]]);
});

test('only the list of developers names people', () => {
  // A setting that is new belongs into this list, or into what withoutContact looks through.
  const nobody = [
    ...[
      'agents',
      'carryOver',
      'clearAuthProfiles',
      'closing',
      'closingMessage',
      'closingMessageTo',
      'commands',
      'continueWithin',
    ],
    ...['discardEndsSession', 'expiration', 'expirationRange', 'inbox', 'lateAfter', 'maxDuration', 'maxTurns', 'onError'],
    ...['onStoreError', 'retention', 'scope', 'sendRate', 'transcripts', 'turnTimeout', 'warnings'],
  ];
  expect(Object.keys(endpointForms).sort()).toEqual([...nobody, 'developer'].sort());
});
