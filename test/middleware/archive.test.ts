import { describe, expect, test } from 'vitest';
import { type ClosedSession, memoryArchive } from '../../src/middleware/archive.ts';
import { closingBot } from './toy.ts';

const closed = (session: string, closedAt: number, more: Partial<ClosedSession> = {}): ClosedSession => ({
  session,
  channel: 'toy',
  endpoint: 'main',
  key: 'toy/main/ada',
  reason: 'inactivity',
  startedAt: 0,
  endedAt: closedAt,
  closedAt,
  message: 'sent',
  interactive: true,
  developer: false,
  billable: true,
  turns: 1,
  ...more,
});

describe('memoryArchive', () => {
  test('keeps one entry per session, the first', async () => {
    const archive = memoryArchive();
    await archive.put(closed('s1', 10));
    await archive.put(closed('s1', 20));
    expect(await archive.list({ key: 'toy/main/ada' })).toEqual([closed('s1', 10)]);
  });

  test('lists a conversation, newest first, a page at a time', async () => {
    const archive = memoryArchive();
    for (let at = 1; at <= 5; at++) await archive.put(closed(`s${at}`, at));
    await archive.put(closed('other', 3, { key: 'toy/main/eve' }));
    const page = await archive.list({ key: 'toy/main/ada', limit: 2 });
    expect(page.map(({ session }) => session)).toEqual(['s5', 's4']);
    const next = await archive.list({ key: 'toy/main/ada', before: 4 });
    expect(next.map(({ session }) => session)).toEqual(['s3', 's2', 's1']);
  });

  test('amends the message, of sessions it knows; what it gives out is a copy', async () => {
    const archive = memoryArchive();
    await archive.put(closed('s1', 1));
    await archive.amend('s1', 'failed:blocked');
    await archive.amend('s2', 'failed:blocked');
    const [one] = await archive.list({ key: 'toy/main/ada' });
    expect(one).toMatchObject({ message: 'failed:blocked' });
    Object.assign(one ?? {}, { message: 'off' });
    expect(await archive.list({ key: 'toy/main/ada' })).toMatchObject([{ message: 'failed:blocked' }]);
  });
});

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
    },
  ]);
});
