import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { keyvStore } from '../../src/stores/keyv.ts';
import { closingBot, silent } from './toy.ts';

const oldKey = 'an old key with more than thirty-two bytes in it';
const newKey = 'a new key, of which there are more than 32 bytes';
const token = 'xoxb-very-secret-4711';

/** Everything a store holds, as text. */
async function stored(store: ReturnType<typeof keyvStore>): Promise<string> {
  return JSON.stringify((await store.find({})).records);
}

const keeps = (bot: ReturnType<typeof closingBot>) =>
  bot.says('a', (turn) => turn.session.auth.set('crm', { access: token, scopes: ['read'] }));
const reads = async (bot: ReturnType<typeof closingBot>) => {
  let found: unknown;
  await bot.says('b', (turn) => {
    found = turn.session.auth.get('crm');
  });
  return found;
};

describe('tokens', () => {
  test('are sealed at rest, and open for the bot', async () => {
    const store = keyvStore();
    const bot = closingBot({}, { store, encryptionKeys: [newKey] });
    await keeps(bot);
    expect(await stored(store)).not.toContain(token);
    expect(await stored(store)).toContain('"crm"');
    expect(await reads(bot)).toEqual({ access: token, scopes: ['read'] });
  });

  test('are kept as they are without a key', async () => {
    const store = keyvStore();
    await keeps(closingBot({}, { store }));
    expect(await stored(store)).toContain(token);
  });

  test('survive the rotation of keys, and are sealed with the new one when they are written', async () => {
    const store = keyvStore();
    await keeps(closingBot({}, { store, encryptionKeys: [oldKey] }));
    const both = closingBot({}, { store, encryptionKeys: [newKey, oldKey] });
    expect(await reads(both)).toMatchObject({ access: token });
    await keeps(both);
    expect(await reads(closingBot({}, { store, encryptionKeys: [newKey] }))).toMatchObject({ access: token });
  });

  test('from before there was a key can be read', async () => {
    const store = keyvStore();
    await keeps(closingBot({}, { store }));
    expect(await reads(closingBot({}, { store, encryptionKeys: [newKey] }))).toMatchObject({ access: token });
  });

  test.each([
    ['another key', [newKey]],
    ['no key at all', undefined],
  ])('do not open with %s', async (_what, encryptionKeys) => {
    const store = keyvStore();
    await keeps(closingBot({}, { store, encryptionKeys: [oldKey] }));
    const bot = closingBot({}, { store, encryptionKeys });
    await expect(reads(bot)).rejects.toMatchObject({ code: 'ADJ_AUTH_UNREADABLE' });
  });

  test('do not open in another conversation, or when they were changed', async () => {
    const store = keyvStore();
    const bot = closingBot({}, { store, encryptionKeys: [newKey] });
    await keeps(bot);
    const { lease, record } = await store.begin('toy/main/ada', { now: 0, leaseMs: 1_000, waitMs: 0 });
    await store.release(lease);
    const other = await store.begin('toy/main/eve', { now: 0, leaseMs: 1_000, waitMs: 0 });
    await store.commit(other.lease, record, null);
    const eve = bot.message('b', { user: 'eve', conversation: { id: 'eve', kind: 'direct' } });
    const stolen = bot.deliver(eve, (turn) => turn.session.auth.get('crm'));
    await expect(stolen).rejects.toMatchObject({ code: 'ADJ_AUTH_UNREADABLE' });
  });

  test('go along when their person gets another name', async () => {
    const store = keyvStore();
    const bot = closingBot({}, { store, encryptionKeys: [newKey] });
    await keeps(bot);
    let found: unknown;
    const renamed = bot.message('b', { user: 'ada-2', alias: 'ada', conversation: { id: 'ada-2', kind: 'direct' } });
    await bot.deliver(renamed, (turn) => {
      found = turn.session.auth.get('crm');
    });
    expect(found).toMatchObject({ access: token });
    expect(await stored(store)).not.toContain(token);
  });

  test('are never in events, logs or errors', async () => {
    const lines: string[] = [];
    const note = (line: string) => void lines.push(line);
    const store = keyvStore();
    const bot = closingBot(
      {
        closingMessage: 'bye',
        onClosing: (session) => session.auth.set('crm', token),
        onClose: (session) => session.auth.clearAllAuthProfiles(),
      },
      { store, encryptionKeys: [oldKey], logger: { ...silent, info: note, warn: note, error: note, debug: note } },
    );
    await keeps(bot);
    await bot.says('x', () => Promise.reject(new Error('handler'))).catch(() => {});
    await bot.until('11:00:00');
    await keeps(bot);
    const blind = closingBot({}, { store, encryptionKeys: [newKey], clock: bot.clock });
    const error = await reads(blind).catch((one: unknown) => one);
    const seen = inspect([bot.events, blind.events, lines, error, await bot.closes()], { depth: 12 });
    expect(seen).toContain('ADJ_AUTH_UNREADABLE');
    for (const secret of [token, oldKey, newKey]) expect(seen).not.toContain(secret);
  });
});

test.each([[['short']], [[newKey, '']]])('a weak key is refused, and not told: %j', (encryptionKeys) => {
  expect(() => closingBot({}, { encryptionKeys })).toThrow(/ADJ_CONFIG_INVALID: encryptionKeys\[[01]\]/);
  expect(() => closingBot({}, { encryptionKeys })).not.toThrow(/short/);
});

describe('clearAuthProfiles', () => {
  test.each([
    [true, ''],
    [false, 'crm'],
  ])('%s: after a close there is "%s"', async (clearAuthProfiles, left) => {
    const bot = closingBot({ clearAuthProfiles });
    await keeps(bot);
    await bot.until('10:31:00');
    await bot.says('b', (turn) => turn.reply(turn.session.auth.profiles().join()));
    expect(bot.told).toEqual([left]);
  });
});
