import { expect, test } from 'vitest';
import { deskBot } from './desk-bot.ts';
import { adaKey } from './toy.ts';

test('who does something at a desk from outside is told with it, and kept until somebody else does', async () => {
  const bot = await deskBot();
  const givenBy = async () => (await bot.sessions.explain(adaKey)).givenBy;
  await bot.says('hi');
  await bot.desk.handoff(adaKey, 'queue', { by: 'grace' });
  expect(await givenBy()).toBe('grace');
  await bot.desk.handoff(adaKey, 'rule', { by: 'heidi' });
  await bot.rest();
  expect(await bot.sessions.explain(adaKey)).toMatchObject({ agent: 'A', givenBy: 'heidi' });
  await bot.desk.assign(adaKey, 'B', { by: 'ivan' });
  expect(await bot.sessions.explain(adaKey)).toMatchObject({ agent: 'B', givenBy: 'ivan' });
  await bot.desk.assign(adaKey, 'C');
  expect(await givenBy()).toBeUndefined();
  await bot.desk.returnToBot(adaKey, { by: 'judy' });
  const told = ['handed_off', 'assigned', 'reassigned', 'handed_back'];
  expect(
    bot.events.filter(({ type }) => told.includes(type)).map((event) => [event.type, 'by' in event ? event.by : undefined]),
  ).toEqual([
    ['handed_off', 'grace'],
    ['assigned', undefined],
    ['reassigned', 'ivan'],
    ['reassigned', undefined],
    ['handed_back', 'judy'],
  ]);
});

test('who ends a session is kept with it', async () => {
  const bot = await deskBot();
  await bot.says('hi');
  await bot.desk.close(adaKey, { outcome: 'resolved', by: 'grace' });
  await bot.rest();
  await bot.says('again');
  await bot.sessions.end(adaKey, { by: 'heidi' });
  await bot.rest();
  await bot.says('and again');
  await bot.sessions.end(adaKey);
  const closes = await bot.closes();
  expect(closes.map(({ reason, by }) => [reason, by])).toEqual([
    ['api', undefined],
    ['api', 'heidi'],
    ['agent', 'grace'],
  ]);
  expect(closes[0]).not.toHaveProperty('by');
});

test.each(['', ' ', 'two\nlines', 'x'.repeat(201), 7, null])('%j names nobody, and nothing happens', async (given) => {
  const bot = await deskBot();
  await bot.says('hi');
  await bot.desk.handoff(adaKey, 'queue');
  const told = bot.events.length;
  const who = { by: given as string };
  for (const attempt of [
    () => bot.sessions.end(adaKey, who),
    () => bot.sessions.contact(adaKey).erase(who),
    () => bot.desk.handoff(adaKey, 'rule', who),
    () => bot.desk.assign(adaKey, 'A', who),
    () => bot.desk.returnToBot(adaKey, who),
    () => bot.desk.close(adaKey, who),
  ]) {
    await expect(attempt()).rejects.toThrow(/^ADJ_CONFIG_INVALID.*by/);
  }
  expect(bot.events).toHaveLength(told);
});
