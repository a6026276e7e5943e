import { describe, expect, test } from 'vitest';
import { type Archive, memoryArchive } from '../../src/middleware/archive.ts';
import { AdjournError } from '../../src/middleware/errors.ts';
import type { Store } from '../../src/middleware/store.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { adaKey, closingBot } from './toy.ts';

/** An archive that is out until told otherwise. */
function failingArchive(): Archive & { out: boolean; puts: number } {
  const inner = memoryArchive();
  return {
    ...inner,
    out: true,
    puts: 0,
    async put(closed) {
      this.puts++;
      if (this.out) throw new Error('archive is out');
      await inner.put(closed);
    },
  };
}

describe('an archive that is out', () => {
  test('gets the entry later, once; hooks do not run again and nothing is told twice', async () => {
    const archive = failingArchive();
    let hooks = 0;
    const bot = closingBot({ closing: 'lazy', onClose: () => void hooks++ }, { archive });
    await bot.says('a');
    await bot.until('10:45:00');
    await bot.says('b');
    await bot.until('10:48:00');
    expect(archive.puts).toBeGreaterThan(2);
    archive.out = false;
    await bot.until('10:50:00');
    expect(await bot.closes()).toMatchObject([{ script: 'done' }]);
    expect(hooks).toBe(1);
    expect(bot.eventsOf('closed')).toHaveLength(1);
  });

  test('holds up neither warnings nor the next close', async () => {
    const archive = failingArchive();
    const bot = closingBot({ closingMessage: 'bye', warnings: [{ before: 5, message: '5 left' }] }, { archive });
    await bot.says('a', (turn) => turn.session.close());
    await bot.says('b');
    await bot.until('11:00:00');
    expect(bot.vendor.texts()).toEqual(['10:25:00 5 left', '10:30:00 bye']);
    expect(bot.eventsOf('closed')).toHaveLength(2);
    archive.out = false;
    await bot.until('11:02:00');
    expect((await bot.closes()).map(({ reason }) => reason).toSorted()).toEqual(['bot', 'inactivity']);
  });

  test('is tried again by another process, which tells of the close too, where the first has stopped', async () => {
    const archive = failingArchive();
    const store = keyvStore();
    const one = closingBot({}, { archive, store });
    await one.says('a', (turn) => turn.session.close());
    await one.clock.advance(1_000);
    await one.sessions.stop();
    archive.out = false;
    const other = closingBot({}, { archive, store, clock: one.clock });
    await one.until('10:02:00');
    expect(await other.closes()).toMatchObject([{ reason: 'bot' }]);
    expect(other.eventsOf('closed')).toMatchObject([{ reason: 'bot', message: 'off' }]);
  });
});

describe('hooks that have run do not run again', () => {
  test('in another process, when only the archive was out', async () => {
    const archive = failingArchive();
    const store = keyvStore();
    let hooks = 0;
    const settings = { closing: 'lazy' as const, onClose: () => void hooks++ };
    const one = closingBot(settings, { archive, store });
    await one.says('a', (turn) => turn.session.close());
    await one.clock.advance(1_000);
    await one.sessions.stop();
    archive.out = false;
    const other = closingBot(settings, { archive, store, clock: one.clock });
    await one.until('10:02:00');
    expect(await other.closes()).toMatchObject([{ script: 'done' }]);
    expect(hooks).toBe(1);
  });

  test('when the store is out by the time they are done', async () => {
    const inner = keyvStore();
    let out = false;
    let hooks = 0;
    const store: Store = {
      ...inner,
      async begin(...args) {
        if (out) throw new AdjournError('STORE_UNAVAILABLE', 'It is out.');
        return inner.begin(...args);
      },
    };
    const onClose = () => {
      hooks++;
      out = true;
    };
    const bot = closingBot({ onClose }, { store });
    await bot.says('a', (turn) => turn.session.close());
    await bot.clock.advance(1_000);
    expect(bot.eventsOf('error')).toMatchObject([{ code: 'STORE_UNAVAILABLE' }]);
    out = false;
    await bot.until('10:05:00');
    expect(hooks).toBe(1);
    expect(bot.eventsOf('closed')).toHaveLength(1);
    expect((await inner.find({ keys: [adaKey] })).records[0]?.record).not.toHaveProperty('outbox');
  });
});

test('an archive that takes its time is asked once', async () => {
  const inner = memoryArchive();
  let puts = 0;
  let hooks = 0;
  const archive: Archive = {
    ...inner,
    async put(closed) {
      puts++;
      await bot.clock.sleep(90_000);
      await inner.put(closed);
    },
  };
  const bot: ReturnType<typeof closingBot> = closingBot({ closing: 'lazy', onClose: () => void hooks++ }, { archive });
  await bot.says('a');
  await bot.until('10:45:00');
  await bot.says('b');
  await bot.until('10:50:00');
  expect([puts, hooks]).toEqual([1, 1]);
  expect(await bot.closes()).toMatchObject([{ script: 'done' }]);
});

test('an outbox behind a long turn waits for its end', async () => {
  let hooks = 0;
  const bot = closingBot({ closing: 'lazy', onClose: () => void hooks++ });
  await bot.says('a');
  await bot.until('10:45:00');
  const long = bot.clock.sleep(20_000);
  await Promise.all([bot.says('b'), bot.says('c', () => long, { waitMs: 60_000 }), bot.clock.advance(21_000)]);
  await bot.until('10:50:00');
  expect(hooks).toBe(1);
  expect(bot.eventsOf('error')).toEqual([]);
  expect(await bot.closes()).toHaveLength(1);
});

test('what is delivered leaves the record', async () => {
  const store = keyvStore();
  const bot = closingBot({ onClose() {} }, { store });
  await bot.says('a');
  await bot.until('10:31:00');
  const { records } = await store.find({ keys: [adaKey] });
  expect(records[0]?.record).not.toHaveProperty('outbox');
  expect(records[0]?.record).not.toHaveProperty('session');
});
