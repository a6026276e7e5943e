import { describe, expect, it } from 'vitest';
import { keyvStore } from '../../src/stores/keyv.ts';
import { toyBot } from './toy.ts';

const phone = { user: '4917', conversation: { id: '4917', kind: 'direct' as const } };
const scoped = { user: 'DE.1', conversation: { id: 'DE.1', kind: 'direct' as const } };

describe('a person who is known by two names', () => {
  it('keeps the session when the first name came alone, and is found by it later', async () => {
    const bot = toyBot();
    await bot.deliver(bot.message('phone only', phone));
    await bot.deliver(bot.message('both', { ...scoped, alias: '4917' }));
    await bot.deliver(bot.message('new name only', scoped));
    await bot.deliver(bot.message('phone again', phone));
    expect(bot.told).toEqual(['#1 phone only', '#2 both', '#3 new name only', '#4 phone again']);
    expect(bot.names()).toEqual(['opened']);
  });

  it('is found by the other name when both came first', async () => {
    const bot = toyBot();
    await bot.deliver(bot.message('both', { ...scoped, alias: '4917' }));
    await bot.deliver(bot.message('phone', phone));
    expect(bot.told).toEqual(['#1 both', '#2 phone']);
  });

  it('keeps the session when the number changes, whoever they write as next', async () => {
    const bot = toyBot();
    await bot.deliver(bot.message('old', { ...scoped, alias: '4917' }));
    const next = { user: 'DE.2', conversation: { id: 'DE.2', kind: 'direct' as const } };
    await bot.deliver({
      kind: 'lifecycle',
      type: 'user_changed_number',
      channel: 'toy',
      ...next,
      alias: 'DE.1',
      means: 'renamed',
    });
    await bot.deliver(bot.message('new', next));
    await bot.deliver(bot.message('old phone', phone));
    expect(bot.told).toEqual(['#1 old', 'passed', '#2 new', '#3 old phone']);
    expect(await bot.sessions.explain('toy/main/4917')).toEqual(await bot.sessions.explain('toy/main/DE.2'));
  });

  it('keeps the session when the number of somebody known by both names changes', async () => {
    const bot = toyBot();
    await bot.deliver(bot.message('old', { ...scoped, alias: '4917' }));
    const next = { user: 'DE.2', conversation: { id: 'DE.2', kind: 'direct' as const } };
    await bot.deliver({
      kind: 'lifecycle',
      type: 'user_changed_number',
      channel: 'toy',
      ...next,
      alias: '4917',
      means: 'renamed',
    });
    await bot.deliver(bot.message('new', next));
    expect(bot.told).toEqual(['#1 old', 'passed', '#2 new']);
  });

  it('does not hand a session on with the number', async () => {
    const bot = toyBot();
    await bot.deliver(bot.message('old owner', { ...scoped, alias: '4917' }));
    await bot.deliver(bot.message('new owner', { user: 'DE.9', conversation: { id: 'DE.9', kind: 'direct' }, alias: '4917' }));
    await bot.deliver(bot.message('by number', phone));
    await bot.deliver(bot.message('old owner again', scoped));
    expect(bot.told).toEqual(['#1 old owner', '#1 new owner', '#2 by number', '#2 old owner again']);
  });

  it('is not mixed up with somebody who has a session of their own', async () => {
    const bot = toyBot();
    await bot.deliver(bot.message('a', phone));
    await bot.deliver(bot.message('b', scoped));
    await bot.deliver(bot.message('c', { ...scoped, alias: '4917' }));
    expect(bot.told).toEqual(['#1 a', '#1 b', '#2 c']);
  });

  it('costs a store nothing while the record is there', async () => {
    const inner = keyvStore();
    const keys: string[] = [];
    const begin: typeof inner.begin = (key, options) => {
      keys.push(key);
      return inner.begin(key, options);
    };
    const bot = toyBot({ store: { ...inner, begin } });
    await bot.deliver(bot.message('a', { ...scoped, alias: '4917' }));
    keys.length = 0;
    await bot.deliver(bot.message('b', { ...scoped, alias: '4917' }));
    expect(keys).toEqual(['toy/main/DE.1']);
  });
});
