import { expect, test } from 'vitest';
import type { LifecycleActivity } from '../../src/middleware/core/activity.ts';
import type { AgentSettings } from '../../src/middleware/core/agents.ts';
import { adaKey, closingBot, timeOf } from './toy.ts';

type Told = Pick<LifecycleActivity, 'means' | 'agent' | 'elsewhere' | 'id' | 'at'>;

/** A bot whose channel tells what people do in the vendor's own inbox. */
function watched(agents: AgentSettings = { replyWithin: 30, closeAfter: 60, closingMessage: 'Thank you, bye' }) {
  const bot = closingBot({ agents });
  let ids = 0;
  const hears = (told: Told) =>
    bot.deliver({
      ...bot.message(''),
      kind: 'lifecycle',
      type: 'told',
      id: `told ${++ids}`,
      at: bot.clock.now(),
      ...told,
    } as LifecycleActivity);
  const happened = () =>
    bot.events
      .filter(({ type }) => type !== 'opened')
      .map((event) => [timeOf(event.at), event.type, 'agent' in event ? event.agent : '-'].join(' '));
  const explained = async () => (await bot.sessions.explain(adaKey)).timers.map(({ what, at }) => `${timeOf(at)} ${what}`);
  return { ...bot, hears, happened, explained };
}

test('somebody answers in the vendor’s inbox: the bot is silent, their silence ends the session', async () => {
  const bot = watched();
  await bot.says('hi');
  await bot.until('10:05:00');
  await bot.hears({ means: 'agent_replied', agent: 'page' });
  await bot.says('thanks');
  expect(bot.told).toEqual(['#1 hi', 'passed', 'consumed: undefined']);
  expect(bot.happened()).toEqual(['10:05:00 assigned page', '10:05:00 answered page', '10:05:00 customer_wrote page']);
  expect(await bot.explained()).toEqual(['10:35:00 overdue']);
  await bot.until('10:10:00');
  await bot.hears({ means: 'agent_replied', agent: 'page' });
  await bot.until('11:10:00');
  expect(await bot.closes()).toMatchObject([{ reason: 'agent_inactivity', agent: 'page', deadlines: { met: 1, missed: 0 } }]);
  expect(bot.vendor.texts()).toEqual(['11:10:00 Thank you, bye']);
});

test('what is told again changes nothing, and what was written before the message that waits is no answer to it', async () => {
  const bot = watched();
  await bot.says('hi');
  const earlier = bot.clock.now();
  await bot.hears({ means: 'agent_replied', agent: 'page', id: 'echo 1' });
  await bot.until('10:05:00');
  await bot.says('and?');
  await bot.hears({ means: 'agent_replied', agent: 'page', id: 'echo 1' });
  await bot.hears({ means: 'agent_replied', agent: 'page', at: earlier });
  expect(await bot.explained()).toEqual(['10:35:00 overdue']);
  expect(bot.eventsOf('answered')).toHaveLength(2);
  await bot.until('10:36:00');
  expect(bot.eventsOf('overdue')).toHaveLength(1);
  // Told only now, but in time.
  await bot.hears({ means: 'agent_replied', agent: 'page', at: bot.clock.now() - 2 * 60_000 });
  await bot.hears({ means: 'handed_back' });
  await bot.sessions.end(adaKey);
  expect(await bot.closes()).toMatchObject([{ deadlines: { met: 1, missed: 0 } }]);
});

test('another app takes the conversation: its customer waits there, and what comes to us again is the bot’s', async () => {
  const bot = watched();
  await bot.says('hi');
  await bot.hears({ means: 'handed_off', agent: 'app 7', elsewhere: true });
  expect(await bot.explained()).toEqual([]);
  await bot.until('10:10:00');
  await bot.hears({ means: 'customer_wrote' });
  expect(await bot.explained()).toEqual(['10:40:00 overdue']);
  await bot.until('10:20:00');
  await bot.hears({ means: 'agent_replied', agent: 'app 7' });
  expect(await bot.explained()).toEqual(['11:20:00 agent_inactivity']);
  await bot.until('10:50:00');
  await bot.hears({ means: 'customer_wrote' });
  expect(await bot.explained()).toEqual(['11:20:00 overdue']);
  await bot.says('discard');
  await bot.says('still there?');
  expect(bot.told.filter((one) => one !== 'passed')).toEqual(['#1 hi', 'consumed: Discarded.', '#2 still there?']);
  expect(bot.happened()).toEqual([
    '10:00:00 assigned app 7',
    '10:10:00 customer_wrote app 7',
    '10:20:00 answered app 7',
    '10:50:00 customer_wrote app 7',
    '10:50:00 handed_back app 7',
    '10:50:00 command -',
  ]);
});

test('a message that another app got shows that it has the conversation; nothing of ours is sent there', async () => {
  const bot = watched({ closeAfter: 60, closingMessage: 'Thank you, bye', reassignAfter: 5 });
  await bot.says('hi');
  await bot.hears({ means: 'customer_wrote' });
  expect(bot.happened()).toEqual(['10:00:00 assigned somebody', '10:00:00 customer_wrote somebody']);
  // Nobody of ours could answer there.
  expect(await bot.explained()).toEqual([]);
  await bot.hears({ means: 'agent_replied' });
  await bot.until('12:00:00');
  expect(await bot.closes()).toMatchObject([{ reason: 'agent_inactivity', endedAt: Date.parse('2026-11-02T11:00:00Z') }]);
  expect([bot.vendor.texts(), (await bot.closes())[0]?.message]).toEqual([[], 'skipped:elsewhere']);
});

test('a cap that ends the session there is not lifted by what comes to us after it', async () => {
  const bot = closingBot(
    { agents: { replyWithin: 30 }, closing: 'lazy' },
    { organization: { maxExpiration: 60 }, worker: false },
  );
  await bot.says('hi');
  const told = { kind: 'lifecycle', type: 'told', means: 'handed_off', agent: 'app 7', elsewhere: true } as const;
  await bot.deliver({ ...bot.message(''), ...told } as LifecycleActivity);
  await bot.until('11:00:00');
  await bot.says('again');
  expect(bot.told).toEqual(['#1 hi', 'passed', '#1 again']);
  expect(bot.eventsOf('closed')).toMatchObject([{ reason: 'inactivity', endedAt: Date.parse('2026-11-02T11:00:00Z') }]);
});

test('where nobody’s time is counted, what people do elsewhere is no business of the bot’s session', async () => {
  const bot = watched({});
  await bot.says('hi');
  for (const means of ['agent_replied', 'handed_off', 'customer_wrote', 'handed_back'] as const) await bot.hears({ means });
  await bot.says('and?');
  expect(bot.told.filter((one) => one !== 'passed')).toEqual(['#1 hi', '#2 and?']);
  expect(bot.happened()).toEqual([]);
});

test('whoever answers at no desk of ours has no colleagues to hand the conversation to', async () => {
  const bot = watched({ reassignAfter: 10 });
  await bot.says('hi');
  await bot.hears({ means: 'agent_replied', agent: 'page' });
  await bot.says('and?');
  await bot.until('11:00:00');
  expect(bot.happened()).toEqual(['10:00:00 assigned page', '10:00:00 answered page', '10:00:00 customer_wrote page']);
  expect(await bot.explained()).toEqual([]);
});
