import { describe, expect, test } from 'vitest';
import { memoryArchive } from '../../src/middleware/archive.ts';
import type { ConversationRecord } from '../../src/middleware/core/conversation.ts';
import type { Hooks } from '../../src/middleware/hooks.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { mortal } from './mortal.ts';
import { adaKey, closingBot, type Data, timeOf, toyBot, toyVendor } from './toy.ts';

interface Case {
  readonly closing: 'proactive' | 'lazy';
  readonly idempotentSend?: boolean;
}

/** Two processes over one store. The first dies after `calls` steps of a close; the second takes over a while later. */
async function killedAfter(calls: number, { closing, idempotentSend = false }: Case) {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const store = keyvStore();
  const archive = memoryArchive();
  const vendor = toyVendor(clock);
  const first = mortal(store);
  const hooks: string[] = [];
  const process = (
    behind: typeof store,
    through: <T>(name: string, work: () => T | Promise<T>) => Promise<T>,
  ): ReturnType<typeof toyBot> => {
    const hooked: Hooks<Data> = {
      onClosing: (_session, { id }) => through('onClosing', () => void hooks.push(`onClosing ${id}`)),
      onClose: (session, { id }) =>
        through('onClose', () => {
          hooks.push(`onClose ${id}`);
          session.auth.clearAuthProfile('crm');
        }),
    };
    return toyBot({
      clock,
      store: behind,
      endpoints: { main: { closing, ...(closing === 'proactive' ? { closingMessage: 'bye' } : {}), ...hooked } },
      archive: { ...archive, put: (closed) => through('archive', () => archive.put(closed)) },
      send: (...args) => through('send', () => vendor.send(...args)),
      toy: { capabilities: { idempotentSend } },
    });
  };
  const bot = process(first.store, first.through);
  let id = '';
  await bot.says('a', (turn) => {
    turn.session.auth.set('crm', 'secret');
    id = turn.session.id;
  });
  await clock.advance(2_000);
  first.grant(calls);
  const back = bot.message('b', { at: Date.parse('2026-11-02T10:40:00Z') });
  if (closing === 'lazy') {
    await clock.advanceTo('2026-11-02T10:40:00Z');
    void bot.deliver(back, (turn) => first.through('handler', () => void turn));
  }
  await clock.advance(closing === 'lazy' ? 100 : 30 * 60_000);
  const died = first.isDead();
  await first.lapse();
  const heir = process(store, async (_name, work) => work());
  if (closing === 'lazy') await heir.deliver(back);
  await clock.advance(5 * 60_000);
  const { records } = await store.find({ keys: [adaKey] });
  const record = records[0]?.record as unknown as ConversationRecord;
  const closed = (await archive.sessions({ keys: [adaKey] })).sessions;
  const told = [...bot.events, ...heir.events].filter(({ type }) => type === 'closed');
  await heir.sessions.stop();
  return { died, trace: first.trace, at: first.trace.at(-1), id, hooks, record, closed, told, asked: vendor.asked, heir };
}

/** The same for every step there is. */
async function everyStep(one: Case, check: (outcome: Awaited<ReturnType<typeof killedAfter>>) => void): Promise<string[]> {
  for (let calls = 1; ; calls++) {
    const outcome = await killedAfter(calls, one);
    check(outcome);
    if (!outcome.died) return outcome.trace;
  }
}

const proactiveSteps = [
  ...['claim', 'begin', 'save'],
  ...['onClosing', 'save'],
  ...['save', 'send', 'save'],
  ...['onClose', 'commit'],
  ...['archive', 'begin', 'commit'],
];

describe('a process killed at each step of a proactive close', () => {
  test('everything has happened but perhaps the message, which is sent at most once', async () => {
    const trace = await everyStep({ closing: 'proactive' }, ({ trace: steps, at, id, hooks, record, closed, told, asked }) => {
      const step = `after ${steps.join(' ')}`;
      const claimed = steps.length === 6 || at === 'send';
      expect(record.session, step).toBeUndefined();
      expect(record.outbox, step).toBeUndefined();
      expect(record.auth, step).toEqual({});
      expect(closed, step).toHaveLength(1);
      expect(closed, step).toMatchObject([
        {
          session: id,
          reason: 'inactivity',
          hook: 'done',
          script: 'done',
          message: claimed ? 'unknown' : 'sent',
          endedAt: Date.parse('2026-11-02T10:30:00Z'),
        },
      ]);
      expect(asked, step).toHaveLength(steps.length === 6 ? 0 : 1);
      const again = at === 'onClosing' ? ['onClosing'] : at === 'onClose' ? ['onClose'] : [];
      expect(hooks.toSorted(), step).toEqual(['onClosing', 'onClose', ...again].map((name) => `${name} ${id}`).toSorted());
      expect(told.length, step).toBeGreaterThan(0);
      expect(new Set(told.map((event) => 'session' in event && event.session)), step).toEqual(new Set([id]));
    });
    expect(trace).toEqual(proactiveSteps);
  });

  test('with a key for it, the message is sent again and arrives once', async () => {
    const trace = await everyStep({ closing: 'proactive', idempotentSend: true }, ({ trace: steps, at, closed, asked, id }) => {
      const step = `after ${steps.join(' ')}`;
      expect(closed, step).toMatchObject([{ message: 'sent' }]);
      expect(asked, step).toHaveLength(at === 'send' ? 2 : 1);
      expect(new Set(asked.map(({ key, closeId }) => `${key} ${closeId}`)).size, step).toBe(1);
      expect(asked[0]?.closeId, step).toBe(id);
    });
    expect(trace).toEqual(proactiveSteps);
  });
});

describe('a process killed at each step of a lazy close', () => {
  test('the message is handled, and what follows the close happens', async () => {
    const trace = await everyStep({ closing: 'lazy' }, ({ trace: steps, id, hooks, record, closed, told, heir }) => {
      const step = `after ${steps.join(' ')}`;
      const saved = steps.includes('commit');
      expect(record.session, step).toMatchObject({ previous: { id }, turns: 1 });
      expect(heir.told, step).toEqual(saved ? ['duplicate'] : ['#1 b']);
      expect(record.outbox, step).toBeUndefined();
      expect(record.auth, step).toEqual({});
      expect(closed, step).toMatchObject([{ session: id, hook: 'done', script: 'done', message: 'off' }]);
      expect(closed, step).toHaveLength(1);
      const done = steps.filter((one) => one === 'commit').length === 2;
      for (const name of ['onClosing', 'onClose']) {
        const again = steps.includes(name) && !done;
        expect(
          hooks.filter((one) => one.startsWith(`${name} `)),
          `${name} ${step}`,
        ).toEqual(Array.from({ length: again ? 2 : 1 }, () => `${name} ${id}`));
      }
      expect(told.length, step).toBeGreaterThan(0);
    });
    expect(trace).toEqual(['begin', 'handler', 'commit', 'onClosing', 'onClose', 'archive', 'begin', 'commit']);
  });
});

test('what a dead process left is taken up a minute later', async () => {
  const { closed } = await killedAfter(6, { closing: 'proactive' });
  expect(closed.map(({ closedAt }) => timeOf(closedAt))).toEqual(['10:31:00']);
});

test('a message to a close that a dead process left half done opens the next session; done steps are not done again', async () => {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const store = keyvStore();
  const first = mortal(store);
  let hooks = 0;
  const onClosing = () => void hooks++;
  const archive = memoryArchive();
  const one = toyBot({
    clock,
    archive,
    store: first.store,
    endpoints: { main: { closing: 'proactive', closingMessage: 'bye', onClosing } },
    send: () => new Promise(() => {}),
  });
  await one.says('a');
  await clock.advance(2_000);
  first.grant(5);
  await clock.advance(30 * 60_000);
  expect(first.trace).toEqual(['claim', 'begin', 'save', 'save', 'save']);
  await first.lapse();
  const other = closingBot({ closingMessage: 'bye', onClosing }, { clock, store, archive });
  await other.deliver({ ...one.message('b'), id: 'later' } as Parameters<typeof other.deliver>[0]);
  await clock.advance(1_000);
  expect(other.told).toEqual(['#1 b']);
  expect(hooks).toBe(1);
  expect(await other.closes()).toMatchObject([{ hook: 'done', message: 'unknown', endedAt: Date.parse('2026-11-02T10:30:00Z') }]);
});

test('a process killed at each step of a warning: it is sent at most once, and the session closes all the same', async () => {
  const outcomes: string[] = [];
  for (let calls = 1; ; calls++) {
    const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
    const store = keyvStore();
    const vendor = toyVendor(clock);
    const archive = memoryArchive();
    const first = mortal(store);
    const endpoints = { main: { closing: 'proactive' as const, warnings: [{ before: 5, message: 'soon' }] } };
    const one = toyBot({
      clock,
      archive,
      endpoints,
      store: first.store,
      send: (...args) => first.through('send', () => vendor.send(...args)),
    });
    await one.says('a');
    await clock.advance(24 * 60_000);
    first.grant(calls);
    await clock.advance(90_000);
    const died = first.isDead();
    await first.lapse();
    toyBot({ clock, archive, endpoints, store, send: vendor.send });
    await clock.advance(20 * 60_000);
    outcomes.push(`${first.trace.at(-1)}: ${vendor.texts()}`);
    expect((await archive.sessions({ keys: [adaKey] })).sessions).toMatchObject([{ reason: 'inactivity' }]);
    if (!died) break;
  }
  expect(outcomes.slice(0, 5)).toEqual([
    'claim: 10:26:00 soon',
    // Its wake-up had been put off by the claim, so that another process takes it up a minute later.
    'begin: 10:26:00 soon',
    'save: ',
    'send: 10:25:00 soon',
    'commit: 10:25:00 soon',
  ]);
});
