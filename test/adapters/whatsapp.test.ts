import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer, type MetaBot, metaBot } from './meta-bot.ts';

describe('a person who is known by several names', () => {
  let bot: MetaBot;
  let handler: ReturnType<MetaBot['events$']>;
  let count = 0;
  beforeEach(async () => {
    bot = await metaBot('whatsapp');
    handler = bot.events$((_event, turn) => answer(turn));
  });
  afterEach(() => bot.close());

  /** The two names of a simulated person. */
  const idOf = (name: string) => bot.simulator.person('whatsapp', name);
  const phoneOf = (name: string) => idOf(name).slice('DE.1'.length);

  async function hears(field: string, value: Readonly<Record<string, unknown>>): Promise<void> {
    const metadata = { phone_number_id: bot.identity.account };
    const entry = [{ id: '551', changes: [{ field, value: { messaging_product: 'whatsapp', metadata, ...value } }] }];
    expect((await handler.fetch(bot.request(bot.raw({ object: 'whatsapp_business_account', entry })))).status).toBe(200);
  }
  const message = (content: Readonly<Record<string, unknown>>) =>
    hears('messages', { messages: [{ id: `wamid.${++count}`, timestamp: String(bot.clock.now() / 1_000), ...content }] });
  const says = (text: string, from: Readonly<Record<string, string>>) => message({ ...from, type: 'text', text: { body: text } });
  const system = (type: string, more: Readonly<Record<string, string>>, from: Readonly<Record<string, string>> = {}) =>
    message({ ...from, type: 'system', system: { type, body: 'changed', ...more } });

  it('stays in the session when the business-scoped id comes to the phone number, and when the phone number goes', async () => {
    await says('one', { from: phoneOf('ada') });
    await says('two', { from: phoneOf('ada'), from_user_id: idOf('ada') });
    await says('three', { from_user_id: idOf('ada') });
    await says('four', { from: phoneOf('ada') });
    expect(bot.received.map((line) => line.replace(/^.*: /, ''))).toEqual(['#1 one', '#2 two', '#3 three', '#4 four']);
    expect(bot.opened()).toBe(1);
  });

  it('stays in the session when the business-scoped id is rotated', async () => {
    await says('one', { from_user_id: idOf('ada') });
    await hears('user_id_update', { user_id_update: [{ user_id: { previous: idOf('ada'), current: idOf('ada again') } }] });
    await says('two', { from_user_id: idOf('ada again') });
    await system('user_changed_user_id', { previous_user_id: idOf('ada again'), user_id: idOf('ada at last') });
    await says('three', { from_user_id: idOf('ada at last') });
    expect(bot.received.map((line) => line.replace(/^.*: /, ''))).toEqual(['#1 one', '#2 two', '#3 three']);
    expect(bot.opened()).toBe(1);
  });

  it.each([
    ['only that', {}],
    ['both names', { from_user_id: true }],
  ])('stays in the session when the phone number changes (%s was known)', async (_name, known) => {
    const before = { from: phoneOf('ada'), ...('from_user_id' in known ? { from_user_id: idOf('ada') } : {}) };
    await says('one', before);
    await system('user_changed_number', { wa_id: phoneOf('new'), user_id: idOf('new') }, { from: phoneOf('ada') });
    await says('two', { from: phoneOf('new'), from_user_id: idOf('new') });
    expect(bot.received.map((line) => line.replace(/^.*: /, ''))).toEqual(['#1 one', '#2 two']);
    expect(bot.opened()).toBe(1);
  });

  it('shares a session with a group only where the endpoint says so; commands are not read there', async () => {
    const inGroup = { group_id: 'harbour', from: phoneOf('ada'), from_user_id: idOf('ada') };
    const told: unknown[] = [];
    handler = bot.events$((_event, turn) => void told.push(turn.session.turnCount, (turn.activity as { text?: string }).text));
    await says('in private', { from: phoneOf('ada'), from_user_id: idOf('ada') });
    await says('discard', inGroup);
    expect(told).toEqual([1, 'in private', 1, 'discard']);
    expect(bot.opened()).toBe(2);
  });
});
