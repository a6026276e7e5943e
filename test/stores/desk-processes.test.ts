import { describe, expect, test } from 'vitest';
import type { AgentSettings } from '../../src/middleware/core/agents.ts';
import type { ConversationRecord } from '../../src/middleware/core/conversation.ts';
import type { AdjournEvent } from '../../src/middleware/events.ts';
import type { Store } from '../../src/middleware/store.ts';
import type { StoreEntry } from '../kit/store.ts';
import { handsOff, keyOf } from '../middleware/desk-bot.ts';
import { toyBot } from '../middleware/toy.ts';
import { movableClock } from './movable-clock.ts';
import { entries as redisEntries } from './redis.kit.ts';
import { entries as sqlEntries } from './sql.kit.ts';

/** Several processes' engines over one backend, each with a store and a worker of its own, and one desk that all of them know. */
async function processes(
  entry: StoreEntry,
  count: number,
  staff: readonly { readonly id: string; readonly capacity?: number }[],
  agents: AgentSettings = { replyWithin: 600 },
) {
  const { store, reopen, dispose } = await entry.open();
  if (reopen === undefined) throw new Error('A shared store brings reopen().');
  const clock = movableClock('2026-11-02T10:00:00Z');
  const stores = [store];
  while (stores.length < count) stores.push(await reopen());
  const events: AdjournEvent[] = [];
  const bots = stores.map((one) => {
    const bot = toyBot({
      store: one,
      clock: clock as never,
      worker: false,
      endpoints: { main: { agents, expiration: 0 } },
    });
    bot.sessions.on('*', (event) => events.push(event));
    return { ...bot, desk: bot.sessions.desk('support', { agents: staff }) };
  });
  type Bot = (typeof bots)[number];
  const bot = (n: number): Bot => bots[n % bots.length] as Bot;
  return {
    store,
    bot,
    clock,
    events,
    asks: (n: number, user: string) =>
      bot(n).deliver(bot(n).message('help', { user, conversation: { id: user, kind: 'direct' } }), handsOff),
    /** All workers at once, until none of them finds anything to do. */
    async rest() {
      for (let quiet = 0, rounds = 0; quiet < 2; rounds++) {
        const looked = await Promise.all(bots.map(({ sessions }) => sessions.sweep()));
        quiet = looked.every((one) => one === 0) ? quiet + 1 : 0;
        if (rounds > 200) throw new Error('They do not come to rest.');
      }
    },
    told: <Name extends AdjournEvent['type']>(name: Name) =>
      events.filter((event): event is Extract<AdjournEvent, { type: Name }> => event.type === name),
    async close() {
      await Promise.all(bots.slice(1).map(({ sessions }) => sessions.close()));
      await dispose();
    },
  };
}

/** Who has which conversation, as the conversations themselves say. */
async function owners(store: Pick<Store, 'find'>): Promise<Map<string, string | undefined>> {
  const { records } = await store.find({ prefix: 'toy/', limit: 500 });
  const found = new Map<string, string | undefined>();
  for (const { key, record } of records) {
    const { session } = record as unknown as ConversationRecord;
    if (session?.handover !== undefined) found.set(key, session.handover.agent);
  }
  return found;
}

function loadsOf(found: ReadonlyMap<string, string | undefined>): Record<string, number> {
  const loads: Record<string, number> = {};
  for (const agent of found.values()) if (agent !== undefined) loads[agent] = (loads[agent] ?? 0) + 1;
  return loads;
}

/** The most conversations each agent had at once, as told, one event after the other. */
function peaks(events: readonly AdjournEvent[]): Record<string, number> {
  const holder = new Map<string, string>();
  const most: Record<string, number> = {};
  for (const event of events.toSorted((a, b) => a.decidedAt - b.decidedAt)) {
    const { key = '' } = event;
    if (event.type === 'handed_back') holder.delete(key);
    if (event.type !== 'assigned' && event.type !== 'reassigned') continue;
    holder.set(key, event.agent);
    const load = [...holder.values()].filter((agent) => agent === event.agent).length;
    most[event.agent] = Math.max(most[event.agent] ?? 0, load);
  }
  return most;
}

const backends: readonly (readonly [string, StoreEntry | undefined])[] = [
  ['Redis', redisEntries['node-redis 6']],
  ['PostgreSQL', sqlEntries['PostgreSQL']],
  ['SQLite in a file', sqlEntries['SQLite in a file']],
];

for (const [name, entry] of backends) {
  if (entry === undefined) throw new Error(`${name} has no entry in its kit.`);
  const reason = await entry.unavailable?.();
  if (reason !== undefined) {
    console.warn(`LEFT OUT: desks over ${name}: ${reason}`);
    test(`desks over ${name} are tested`, ({ skip }) => {
      if (process.env['CI']) throw new Error(`They were left out: ${reason}`);
      skip(reason);
    });
    continue;
  }

  describe(`desks of several processes over ${name}`, () => {
    test('a timer fires once, whoever looks', async () => {
      const four = await processes(entry, 4, [{ id: 'A' }, { id: 'B' }, { id: 'C' }], { reassignAfter: 10, replyWithin: 25 });
      try {
        for (const agent of ['A', 'B', 'C']) await four.bot(0).desk.presence(agent, 'online');
        const users = Array.from({ length: 12 }, (_, n) => `u${n}`);
        await Promise.all(users.map((user, n) => four.asks(n, user)));
        await four.rest();
        expect(four.told('assigned')).toHaveLength(12);
        for (const [type, count] of [
          ['reassigned', 12],
          ['reassigned', 24],
          ['nobody_free', 12],
        ] as const) {
          four.clock.move(10 * 60_000);
          await four.rest();
          expect(four.told(type)).toHaveLength(count);
        }
        expect(four.told('overdue')).toHaveLength(12);
        for (const user of users) {
          const had = four.events.flatMap((event) =>
            event.key === keyOf(user) && (event.type === 'assigned' || event.type === 'reassigned') ? [event.agent] : [],
          );
          expect(had.toSorted()).toEqual(['A', 'B', 'C']);
        }
      } finally {
        await four.close();
      }
    });

    test('however many come at once, nobody has more than they can take, and everybody is served in the end', async () => {
      const staff = [
        { id: 'A', capacity: 3 },
        { id: 'B', capacity: 1 },
        { id: 'C', capacity: 2 },
        { id: 'D', capacity: 4 },
      ];
      const most = { A: 3, B: 1, C: 2, D: 4 };
      const four = await processes(entry, 4, staff);
      try {
        await Promise.all(staff.map(({ id }, n) => four.bot(n).desk.presence(id, 'online')));
        const users = Array.from({ length: 30 }, (_, n) => `u${n}`);
        await Promise.all([...users.map((user, n) => four.asks(n, user)), four.rest(), four.rest()]);
        await four.rest();
        const find = async () => owners(four.store);
        expect(loadsOf(await find())).toEqual(most);
        let served = 0;
        while (served < users.length) {
          const taken = [...(await find())].flatMap(([key, agent]) => (agent === undefined ? [] : [key]));
          expect(taken.length).toBeGreaterThan(0);
          // One that agents take themselves on the way, where they have room.
          const [waits] = [...(await find())].flatMap(([key, agent]) => (agent === undefined ? [key] : []));
          const takes =
            waits === undefined
              ? []
              : staff.map(({ id }, n) =>
                  four
                    .bot(n)
                    .desk.assign(waits, id)
                    .catch(() => {}),
                );
          await Promise.all([...taken.map((key, n) => four.bot(n).desk.close(key)), four.rest(), ...takes]);
          served += taken.length;
          await four.rest();
          for (const [agent, load] of Object.entries(loadsOf(await find()))) expect(load).toBeLessThanOrEqual(most[agent as 'A']);
        }
        expect((await four.bot(0).desk.agents()).map(({ load }) => load)).toEqual([0, 0, 0, 0]);
        expect(await four.bot(1).desk.conversations()).toEqual([]);
        for (const [agent, peak] of Object.entries(peaks(four.events))) expect(peak).toBeLessThanOrEqual(most[agent as 'A']);
        expect(four.told('error')).toEqual([]);
      } finally {
        await four.close();
      }
    });

    test('batches that hold several conversations and take agents for them wait for nobody in vain', async () => {
      const two = await processes(entry, 2, [{ id: 'A', capacity: 6 }, { id: 'B' }]);
      try {
        await two.bot(0).desk.presence('A', 'online');
        await two.bot(1).desk.presence('B', 'online');
        const users = ['u1', 'u2', 'u3', 'u4'];
        const others = ['o1', 'o2', 'o3', 'o4'];
        let runs = 0;
        const request = async (n: number) => {
          const { channel, delivery, message, desk } = two.bot(n);
          const order = n % 2 ? users : users.toReversed();
          const deliveries = order.map((user) =>
            delivery([message('hi', { user, conversation: { id: user, kind: 'direct' } })], () => {}),
          );
          await channel.batch(deliveries, async (turns) => {
            runs += 1;
            for (const turn of turns) await desk.assign(turn.key, n % 3 ? 'A' : 'B');
            for (const turn of turns) await desk.returnToBot(turn.key);
          });
        };
        await Promise.all([
          ...Array.from({ length: 8 }, (_, n) => request(n)),
          ...others.map((user, n) => two.asks(n, user)),
          two.rest(),
        ]);
        await two.rest();
        expect(runs).toBe(8);
        const loads = loadsOf(await owners(two.store));
        expect(Object.values(loads).reduce((sum, one) => sum + one, 0)).toBe(4);
        const agents = await two.bot(0).desk.agents();
        expect(Object.fromEntries(agents.map(({ id, load }) => [id, load]))).toEqual({ A: 0, B: 0, ...loads });
        expect(two.told('reassigned')).toEqual([]);
        expect(two.told('error')).toEqual([]);
      } finally {
        await two.close();
      }
    });
  });
}
