import { expect, test } from 'vitest';
import { closingBot } from './toy.ts';

test('an entry says everything that is known of a session', async () => {
  const bot = closingBot({ closingMessage: 'bye', onClosing() {}, onClose() {}, developer: ['ada'] });
  await bot.says('a', (turn) => {
    turn.session.outcome = 'resolved';
  });
  await bot.until('10:31:00');
  const [opened] = bot.eventsOf('opened');
  expect(await bot.closes()).toEqual([
    {
      session: opened?.session,
      channel: 'toy',
      endpoint: 'main',
      key: 'toy/main/ada',
      user: 'ada',
      reason: 'inactivity',
      startedAt: Date.parse('2026-11-02T10:00:00Z'),
      deadline: Date.parse('2026-11-02T10:30:00Z'),
      endedAt: Date.parse('2026-11-02T10:30:00Z'),
      closedAt: Date.parse('2026-11-02T10:30:00Z'),
      message: 'sent',
      messageId: 'v1',
      hook: 'done',
      script: 'done',
      interactive: true,
      developer: true,
      billable: false,
      turns: 1,
      outcome: 'resolved',
      messagesIn: 1,
      messagesOut: 1,
      billing: { blocks: 2, spans: 1 },
      why: {
        effectiveMs: 30 * 60_000,
        level: 'default',
        inputs: [{ level: 'default', ms: 30 * 60_000, wins: true }],
        lastActivityAt: Date.parse('2026-11-02T10:00:00Z'),
      },
    },
  ]);
});
