import { context, trace } from '@opentelemetry/api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { instrument } from '../src/otel.ts';
import { telemetry } from './kit/telemetry.ts';
import { closingBot } from './middleware/toy.ts';

const secret = 'my card is 4111';

function world() {
  const bot = closingBot({ closingMessage: 'bye' });
  return { bot, ...telemetry(bot.sessions) };
}

let one: ReturnType<typeof world>;
beforeEach(() => {
  one = world();
});
afterEach(async () => {
  await one.close();
  context.disable();
});

test('a turn is a span with the bot’s own spans inside it; a close and a sweep are spans, too', async () => {
  const { bot, spans, tracer } = one;
  await bot.says('hi', () => tracer.startActiveSpan('bot work', (span) => span.end()));
  const id = bot.eventsOf('opened')[0]?.session;
  await bot.until('10:30:00');
  const finished = spans();
  const [work, turn] = finished;
  expect([work?.name, work?.parentSpanContext?.spanId]).toEqual(['bot work', turn?.spanContext().spanId]);
  expect(turn).toMatchObject({
    name: 'adjourn.turn',
    attributes: { 'messaging.system': 'toy', 'messaging.destination.name': 'main', 'session.id': id, 'adjourn.verdict': 'run' },
  });
  const close = finished.find(({ name }) => name === 'adjourn.close');
  const sweep = finished.find((span) => span.spanContext().spanId === close?.parentSpanContext?.spanId);
  expect(close?.attributes).toMatchObject({ 'session.id': id });
  expect(sweep).toMatchObject({ name: 'adjourn.sweep', attributes: { 'messaging.batch.message_count': 1 } });
});

test('what a handler throws marks the span by its name, never by its text', async () => {
  const { bot, spans, metrics } = one;
  const crash = () => {
    throw new RangeError(secret);
  };
  await expect(bot.says(secret, crash)).rejects.toThrow(secret);
  const [turn] = spans();
  expect(turn).toMatchObject({ attributes: { 'error.type': 'RangeError' }, status: { code: 2 }, events: [] });
  expect(JSON.stringify([turn?.attributes, turn?.status, await metrics()])).not.toContain('4111');
});

test('counters and histograms tell of closes, their lag and their reasons', async () => {
  const { bot, metrics } = one;
  await bot.says(secret);
  await bot.until('10:29:00');
  await bot.sessions.stop();
  await bot.until('10:31:00');
  bot.sessions.start();
  await bot.until('10:31:01');
  const told = await metrics();
  const reason = { 'adjourn.close.reason': 'inactivity' };
  expect(told['adjourn.sessions.closed']).toMatchObject([
    { value: 1, attributes: { ...reason, 'adjourn.close.message': 'sent', 'adjourn.session.billable': true } },
  ]);
  expect(told['adjourn.close.lag']).toMatchObject([{ value: { sum: 60, count: 1 }, attributes: reason }]);
  expect(told['adjourn.session.duration']).toMatchObject([{ value: { sum: 1_800, count: 1 } }]);
  expect(told['messaging.process.duration']).toMatchObject([{ value: { count: 1 }, attributes: { 'adjourn.verdict': 'run' } }]);
  const events = told['adjourn.events']?.map(({ attributes, value }) => [attributes['adjourn.event'], value]);
  expect(events).toEqual([
    ['opened', 1],
    ['closed', 1],
  ]);
  expect(JSON.stringify(told)).not.toMatch(/4111|ada/);
});

test('nothing is watched any more once it is taken off, and either half works alone', async () => {
  const { bot, spans, tracer, remove } = one;
  remove();
  await bot.says('hi');
  expect(spans()).toEqual([]);
  const again = instrument(bot.sessions, { tracer });
  await bot.says('hi');
  again();
  await bot.says('hi');
  expect(spans().map(({ name }) => name)).toEqual(['adjourn.turn']);
  expect(trace.getActiveSpan()).toBeUndefined();
});
