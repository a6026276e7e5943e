import { describe, expect, test } from 'vitest';
import { systemKey } from '../../src/middleware/core/activity.ts';
import type { ConversationRecord } from '../../src/middleware/core/conversation.ts';
import type { DeskRecord } from '../../src/middleware/core/desk-record.ts';
import type { Store } from '../../src/middleware/store.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { type DeskBotOptions, deskBot, handsOff, keyOf } from './desk-bot.ts';
import { mortal } from './mortal.ts';

type DeskBot = Awaited<ReturnType<typeof deskBot>>;

/** What the first process does until it dies. */
interface Scene {
  readonly options?: DeskBotOptions;
  /** Before anything can go wrong. */
  readonly before?: (bot: DeskBot) => Promise<unknown>;
  /** In the middle of which it dies. */
  readonly act: (bot: DeskBot) => unknown;
  /** How long it has for that; then its heir comes. Milliseconds. */
  readonly lastsMs?: number;
  /** Done again by whoever asked for it, where it was not answered as done. */
  readonly again?: (heir: DeskBot) => Promise<unknown>;
}

/** Two agents who take one conversation each. */
const staff = [
  { id: 'A', capacity: 1 },
  { id: 'B', capacity: 1 },
];

/** The first process dies after `calls` steps; the second takes over. What has become of it four minutes later. */
async function killedAfter(calls: number, { options, before, act, lastsMs = 2_000, again }: Scene) {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const store = keyvStore();
  const first = mortal(store);
  const given = { staff, agents: { replyWithin: 600 }, ...options, clock };
  const bot = await deskBot({ ...given, store: first.store });
  await before?.(bot);
  await clock.advance(2_000);
  first.grant(calls);
  let answered = false;
  void (async () => act(bot))().then(
    () => {
      answered = true;
    },
    () => {},
  );
  await clock.advance(lastsMs);
  const died = first.isDead();
  await first.lapse();
  const heir = await deskBot({ ...given, store, away: ['A', 'B'] });
  if (!answered) await again?.(heir);
  await clock.advance(4 * 60_000);
  const outcome = { died, steps: first.trace, heir, ...(await standing(store)), loads: await heir.loads() };
  await heir.sessions.stop();
  return outcome;
}

/** What the store says: who has which conversation, who waits, and what is still to be done. */
async function standing(store: Store) {
  const { records } = await store.find({ limit: 500 });
  const owners: Record<string, string | undefined> = {};
  const left: string[] = [];
  let desk: DeskRecord | undefined;
  for (const { key, record } of records) {
    if (key === systemKey('desk', 'support')) {
      desk = record as unknown as DeskRecord;
      continue;
    }
    const { session, outbox } = record as unknown as ConversationRecord;
    if (session?.handover !== undefined) owners[key.slice('toy/main/'.length)] = session.handover.agent;
    if (outbox !== undefined) left.push(key);
  }
  const seats = Object.values(desk?.places ?? {}).filter((place) => place.seats !== undefined);
  return { owners, left, seats, offers: desk?.offers };
}

/** The same for every step there is; always, nothing is left over, nobody has too many, and nobody waits for somebody who is free. */
async function everyStep(scene: Scene, check: (outcome: Awaited<ReturnType<typeof killedAfter>>, step: string) => void) {
  for (let calls = 1; ; calls++) {
    const outcome = await killedAfter(calls, scene);
    const { owners, loads, left, seats, offers, steps, died } = outcome;
    const step = `after ${steps.join(' ')}`;
    const have = (agent: string) => Object.values(owners).filter((owner) => owner === agent).length;
    expect(loads, step).toEqual([have('A'), have('B')]);
    expect(Math.max(...loads), step).toBeLessThanOrEqual(1);
    expect([left, seats, offers], step).toEqual([[], [], undefined]);
    check(outcome, step);
    if (!died) return steps;
  }
}

const look = ['begin', 'commit'];
const crossedOff = ['begin', 'commit'];
const assigned = ['claim', 'begin', 'begin', 'commit', 'commit', ...look, ...crossedOff];

describe('a process killed at each step of', () => {
  test('a hand-over, and of the search for an agent', async () => {
    let help: ReturnType<DeskBot['message']> | undefined;
    const scene: Scene = {
      act: (bot) => {
        help = bot.message('help');
        return bot.deliver(help, handsOff);
      },
      // The vendor delivers again what was not acknowledged.
      again: async (heir) => help && heir.deliver(help, handsOff),
    };
    const steps = await everyStep(scene, ({ owners }, step) => {
      expect(Object.keys(owners), step).toEqual(['ada']);
      expect(owners['ada'], step).toMatch(/^[AB]$/);
    });
    // The look and the search go side by side.
    expect(steps.toSorted()).toEqual(['begin', 'commit', ...look, ...crossedOff, ...assigned].toSorted());
  });

  test('a hand-over for which nobody is free', async () => {
    const scene: Scene = {
      before: async (bot) => {
        await bot.from('bob', 'help', handsOff);
        await bot.from('eve', 'help', handsOff);
      },
      act: (bot) => bot.says('help', handsOff),
      again: (heir) => heir.says('help', handsOff),
    };
    await everyStep(scene, ({ owners }, step) => expect(owners, step).toEqual({ ada: undefined, bob: 'A', eve: 'B' }));
  });

  test('taking a conversation: it is taken, or it is not', async () => {
    const scene: Scene = {
      before: (bot) => bot.says('hi'),
      act: (bot) => bot.desk.assign(keyOf('ada'), 'B'),
    };
    const steps = await everyStep(scene, ({ owners, steps: done }, step) => {
      expect(owners['ada'], step).toBe(done.length >= 4 ? 'B' : undefined);
    });
    expect(steps).toEqual(['begin', 'begin', 'commit', 'commit', ...look, ...crossedOff]);
  });

  test('taking a conversation while others wait: a seat that came to nothing goes to them', async () => {
    const scene: Scene = {
      before: async (bot) => {
        await bot.says('hi');
        await bot.from('bob', 'help', handsOff);
      },
      act: async (bot) => {
        await bot.desk.assign(keyOf('ada'), 'B');
        await bot.from('eve', 'help', handsOff);
      },
      again: async (heir) => {
        await heir.from('eve', 'help', handsOff);
      },
    };
    await everyStep(scene, ({ owners, steps: done }, step) => {
      expect(owners, step).toEqual(done.length >= 4 ? { ada: 'B', bob: 'A', eve: undefined } : { bob: 'A', eve: 'B' });
    });
  });

  test('handing on to somebody else', async () => {
    const scene: Scene = {
      options: { agents: { reassignAfter: 10 } },
      before: async (bot) => {
        await bot.says('help', handsOff);
        await bot.until('10:09:57');
      },
      act: () => {},
      lastsMs: 4_000,
    };
    const steps = await everyStep(scene, ({ owners, heir, steps: done }, step) => {
      expect(owners, step).toEqual({ ada: 'B' });
      // Told by whoever saved it, unless they died of it.
      const told = heir.eventsOf('reassigned').length;
      expect(told, step).toBe(done.length >= 5 ? 0 : 1);
    });
    expect(steps).toEqual(assigned);
  });

  test('an offer to somebody who comes', async () => {
    const scene: Scene = {
      options: { away: ['A', 'B'] },
      before: async (bot) => {
        for (const user of ['ada', 'bob', 'eve']) {
          await bot.from(user, 'help', handsOff);
          await bot.clock.advance(100);
        }
      },
      act: (bot) => bot.desk.presence('A', 'online'),
      again: (heir) => heir.desk.presence('A', 'online'),
    };
    await everyStep(scene, ({ owners }, step) => expect(owners, step).toEqual({ ada: 'A', bob: undefined, eve: undefined }));
  });

  test('a close that lets an agent go to whoever waits', async () => {
    const scene: Scene = {
      before: async (bot) => {
        for (const user of ['ada', 'bob', 'eve']) {
          await bot.from(user, 'help', handsOff);
          await bot.clock.advance(100);
        }
      },
      act: (bot) => bot.desk.close(keyOf('ada')),
      again: (heir) => heir.desk.close(keyOf('ada')),
    };
    await everyStep(scene, ({ owners }, step) => expect(owners, step).toEqual({ bob: 'B', eve: 'A' }));
  });

  test('a reply: it is sent, and noted once', async () => {
    const scene: Scene = {
      before: (bot) => bot.says('help', (turn) => turn.session.handoff('support', 'queue')),
      act: (bot) => bot.desk.reply(keyOf('ada'), { agent: 'A', message: 'Yes?', id: 'r1' }),
      again: (heir) => heir.desk.reply(keyOf('ada'), { agent: 'A', message: 'Yes?', id: 'r1' }),
    };
    await everyStep(scene, ({ owners }, step) => expect(owners, step).toEqual({ ada: 'A' }));
  });
});

test('a seat that a dead process kept is nobody’s for a minute, and free after it', async () => {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const store = keyvStore();
  const first = mortal(store);
  const bot = await deskBot({ store: first.store, clock, staff: [{ id: 'A', capacity: 1 }] });
  await bot.says('hi');
  first.grant(3);
  void bot.desk.assign(keyOf('ada'), 'A');
  await clock.advance(2_000);
  await first.lapse();
  const heir = await deskBot({ store, clock, staff: [{ id: 'A', capacity: 1 }] });
  await heir.from('bob', 'help', handsOff);
  await clock.advance(50_000);
  expect(await heir.loads()).toEqual([1]);
  expect(heir.eventsOf('nobody_free')).toHaveLength(1);
  await clock.advance(10_000);
  expect(heir.eventsOf('assigned')).toMatchObject([{ key: keyOf('bob'), agent: 'A' }]);
  expect(await heir.loads()).toEqual([1]);
});
