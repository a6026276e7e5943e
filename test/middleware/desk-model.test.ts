import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ConversationRecord } from '../../src/middleware/core/conversation.ts';
import type { AdjournEvent } from '../../src/middleware/events.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { deskBot, handsOff, keyOf } from './desk-bot.ts';

const users = ['u1', 'u2', 'u3'];
const capacities: Readonly<Record<string, number>> = { A: 1, B: 1, C: 2, D: 1 };
const agents = Object.keys(capacities);
const replyWithinMs = 30 * 60_000;

const user = fc.constantFrom(...users);
const agent = fc.constantFrom(...agents);
/** Which of the two processes. */
const where = fc.nat(1);

type Step =
  | { readonly do: 'says' | 'asks' | 'refreshes' | 'returns' | 'closes'; readonly user: string; readonly where: number }
  | { readonly do: 'wants' | 'takes' | 'answers'; readonly user: string; readonly agent: string; readonly where: number }
  | { readonly do: 'comes' | 'goes'; readonly agent: string; readonly where: number }
  | { readonly do: 'passes'; readonly minutes: number };

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('says' as const, 'asks' as const), user, where }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('refreshes' as const, 'returns' as const, 'closes' as const), user, where }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('wants' as const, 'takes' as const, 'answers' as const), user, agent, where }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('comes' as const, 'goes' as const), agent, where }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('passes' as const), minutes: fc.constantFrom(1, 5, 10, 30, 70) }) },
);

/** Two processes over one store, and everything that happens in either. */
async function world() {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const store = keyvStore();
  const staff = agents.map((id) => ({ id, capacity: capacities[id] ?? 1 }));
  const options = { store, clock, staff, organization: { maxExpiration: '8h' }, worker: { pollMs: 60_000 } } as const;
  const bots = [await deskBot({ ...options, away: ['C', 'D'] }), await deskBot({ ...options, away: agents })];
  const events: AdjournEvent[] = [];
  /** Conversations that an agent is taking: what happens to them then is no doing of the desk. */
  const taking = new Set<string>();
  const moves = new Map<string, string[]>();
  for (const { sessions } of bots) {
    sessions.on('*', (event) => {
      events.push(event);
      if (event.type === 'answered' || event.type === 'handed_back') moves.delete(event.key ?? '');
      if (event.type !== 'reassigned' || taking.has(event.key ?? '')) return;
      moves.set(event.key ?? '', [...(moves.get(event.key ?? '') ?? []), event.agent]);
      const had = moves.get(event.key ?? '') ?? [];
      expect(had.length).toBeLessThanOrEqual(3);
      expect(new Set(had).size).toBe(had.length);
    });
  }
  const conversations = async () => {
    const { records } = await store.find({ prefix: 'toy/' });
    return records.map(({ key, record }) => ({ key, ...(record as unknown as ConversationRecord) }));
  };
  const owner = async (who: string) => (await conversations()).find(({ key }) => key === keyOf(who))?.session?.handover?.agent;
  const take = async (step: Step): Promise<unknown> => {
    if (step.do === 'passes') return clock.advance(step.minutes * 60_000);
    const { desk, from } = bots[step.where] as (typeof bots)[number];
    switch (step.do) {
      case 'says':
        return from(step.user);
      case 'asks':
        return from(step.user, 'help', handsOff);
      case 'refreshes':
        return from(step.user, 'refresh');
      case 'returns':
        return desk.returnToBot(keyOf(step.user));
      case 'closes':
        return desk.close(keyOf(step.user));
      case 'answers': {
        // Whoever has it answers; where nobody does, somebody takes it by that, if they have room.
        const who = (await owner(step.user)) ?? step.agent;
        return desk.reply(keyOf(step.user), { agent: who, message: 'Yes?' }).catch(isRefusal);
      }
      case 'wants':
        return desk.handoff(keyOf(step.user), { agent: step.agent });
      case 'takes':
        taking.add(keyOf(step.user));
        await desk.assign(keyOf(step.user), step.agent).catch(isRefusal);
        return taking.delete(keyOf(step.user));
      case 'comes':
        return desk.presence(step.agent, 'online');
      case 'goes':
        return desk.presence(step.agent, 'offline');
    }
  };
  return { bots, clock, events, conversations, take };
}

function isRefusal(error: unknown): void {
  expect(error).toMatchObject({ code: expect.stringMatching(/^ADJ_NO_(AGENT|SESSION)$/) });
}

/** Who has each session, as told: nobody gets what somebody else has. */
function owners(events: readonly AdjournEvent[]): Map<string, string> {
  const has = new Map<string, string>();
  const since = new Map<string, { at: number; warned: number; overdue: number }>();
  for (const event of events) {
    if (!('session' in event) || event.session === undefined) continue;
    const { session } = event;
    const wait = since.get(session);
    if (event.type === 'assigned') {
      expect(has.get(session), 'assigned while somebody had it').toBeUndefined();
      has.set(session, event.agent);
    } else if (event.type === 'reassigned') {
      expect(event.from, 'from somebody who did not have it').toBe(has.get(session));
      has.set(session, event.agent);
    } else if (event.type === 'escalated' || event.type === 'handed_back') has.delete(session);
    if (event.type === 'answered' || event.type === 'handed_back') since.delete(session);
    else if (
      (event.type === 'handed_off' || event.type === 'assigned' || event.type === 'customer_wrote') &&
      wait === undefined
    ) {
      since.set(session, { at: event.at, warned: 0, overdue: 0 });
    } else if (event.type === 'warned' && wait) wait.warned += 1;
    else if (event.type === 'overdue' && wait) {
      wait.overdue += 1;
      expect(event.dueAt).toBe(wait.at + replyWithinMs);
    }
    expect(wait?.warned ?? 0).toBeLessThanOrEqual(1);
    expect(wait?.overdue ?? 0).toBeLessThanOrEqual(1);
  }
  return has;
}

test('whatever customers and agents do, in whichever process', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 40, size: 'max' }), async (all) => {
      const { bots, clock, events, conversations, take } = await world();
      for (const step of all) {
        await take(step);
        await clock.advance(1_000);
        const told = owners(events);
        const loads: Record<string, number> = Object.fromEntries(agents.map((id) => [id, 0]));
        for (const { session, outbox } of await conversations()) {
          expect(outbox).toBeUndefined();
          if (session === undefined) continue;
          const { agent: has, wait } = session.handover ?? {};
          expect(told.get(session.id)).toBe(has);
          if (has !== undefined) loads[has] = (loads[has] ?? 0) + 1;
          if (has !== undefined && wait !== undefined) expect(wait.tried).toContain(has);
        }
        for (const id of agents) expect(loads[id]).toBeLessThanOrEqual(capacities[id] ?? 0);
        expect(Object.fromEntries((await bots[0]?.desk.agents())?.map(({ id, load }) => [id, load]) ?? [])).toEqual(loads);
      }
      expect(events.filter(({ type }) => type === 'error' || type === 'save_failed')).toEqual([]);
      // In the end the organisation's cap ends whatever is left, and every seat is free.
      await clock.advance(8 * 3_600_000);
      expect((await conversations()).flatMap(({ session }) => session ?? [])).toEqual([]);
      expect((await bots[0]?.desk.agents())?.map(({ load }) => load)).toEqual([0, 0, 0, 0]);
      expect(await bots[0]?.desk.conversations()).toEqual([]);
      await Promise.all(bots.map(({ sessions }) => sessions.stop()));
    }),
    { numRuns: 100 },
  );
}, 120_000);
