import { describe, expect, it } from 'vitest';
import { attach } from '../../src/middleware/attach.ts';
import type { Activity } from '../../src/middleware/core/activity.ts';
import { sessionsOver } from '../../src/middleware/sessions.ts';
import type { Store } from '../../src/middleware/store.ts';
import type { Turn } from '../../src/middleware/turn.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { type VirtualClock, virtualClock } from '../../src/testing/virtual-clock.ts';
import { gate, silent } from './toy.ts';

const capabilities = {
  redeliversFor: 3_600_000,
  ackWithinMs: 3_000,
  batches: true,
  replyWindow: 0,
  idempotentSend: false,
  reservedWords: [],
};

/** A bot with a durable inbox. Killed, it never touches its store again, and its leases lapse. */
function bot(inner: Store, clock: VirtualClock, told: string[], run: (text: string, turn: Turn) => unknown = () => {}) {
  let dead = false;
  const forever = new Promise<never>(() => {});
  const guard =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    (...args: Args) =>
      dead ? forever : call(...args);
  const store = {
    ...inner,
    begin: guard(inner.begin),
    commit: guard(inner.commit),
    save: guard(inner.save),
    renew: guard(inner.renew),
    claimDue: guard(inner.claimDue),
  };
  const endpoints = { main: { inbox: 'durable', closing: 'proactive' } as const };
  const sessions = sessionsOver(store, { clock, logger: silent, leaseMs: 20, endpoints });
  const make = (kept: unknown) => {
    const activity = kept as Activity;
    return {
      activities: [activity],
      hosts: [],
      host: undefined,
      keep: kept,
      accepted: () => told.push('accepted'),
      reply: async () => {},
      run: async (turn: Turn) => {
        const { text = '' } = activity as { text?: string };
        await run(text, turn);
        told.push(`#${turn.session.turnCount} ${text}`);
      },
      pass: async () => {},
      consumed: async () => told.push('consumed'),
      duplicate: async () => told.push('duplicate'),
    };
  };
  const channel = attach(sessions, { name: 'toy', parse: () => [], capabilities }, { endpoint: 'main' });
  channel.replays(make);
  return {
    sessions,
    kill: () => {
      dead = true;
    },
    /** @param waitMs the vendor's patience, if it is not the channel's */
    says: (text: string, id: string, waitMs?: number) =>
      channel.turn({
        ...make({
          kind: 'message',
          type: 'message',
          channel: 'toy',
          conversation: { id: 'ada', kind: 'direct' },
          user: 'ada',
          id,
          at: clock.now(),
          text,
          addressed: true,
        }),
        waitMs,
      }),
  };
}

/** A bot that has accepted 'one', as `m1`, and never comes to the end of its handler. */
async function amidst(inner: Store, clock: VirtualClock, told: string[]) {
  const never = gate();
  const one = bot(inner, clock, told, () => never.promise);
  void one.says('one', 'm1');
  await expect.poll(() => told).toEqual(['accepted']);
  return one;
}

describe("inbox: 'durable'", () => {
  it('saves a message before it is acknowledged, and forgets it with the save of its turn', async () => {
    const [inner, clock, told] = [keyvStore(), virtualClock(), [] as string[]];
    const one = bot(inner, clock, told, () => told.push('runs'));
    await one.says('hi', 'm1');
    expect(told).toEqual(['accepted', 'runs', '#1 hi']);
    expect((await inner.find({})).records[0]?.record['inbox']).toBeUndefined();
    await one.says('hi', 'm1');
    expect(told.at(-1)).toBe('duplicate');
    await one.sessions.stop();
  });

  it('is handled by whoever comes next, when its process died between acknowledgement and handler', async () => {
    const [inner, clock, told] = [keyvStore(), virtualClock(), [] as string[]];
    const first = await amidst(inner, clock, told);
    first.kill();

    const second = bot(inner, clock, told);
    await second.says('two', 'm2');
    expect(told).toEqual(['accepted', '#1 one', 'accepted', '#2 two']);
    expect(await second.says('one', 'm1')).toMatchObject({ verdict: 'drop' });
    await second.sessions.stop();
  });

  it('is handled before those who wait already, and they keep their order', async () => {
    const inner: Store = { ...keyvStore(), capabilities: { scope: 'shared', durable: true } };
    const [clock, told] = [virtualClock(), [] as string[]];
    const first = await amidst(inner, clock, told);
    const [second, third] = [bot(inner, clock, told), bot(inner, clock, told)];
    // Processes that have only just started read the settings first.
    await Promise.all([second.sessions.settings.get(), third.sessions.settings.get()]);
    const waiting = [second.says('two', 'm2'), third.says('three', 'm3'), second.says('four', 'm4')];
    first.kill();
    await Promise.all(waiting);
    expect(told.filter((one) => one !== 'accepted')).toEqual(['#1 one', '#2 two', '#3 three', '#4 four']);
    await Promise.all([second.sessions.stop(), third.sessions.stop()]);
  });

  it.each([
    ['is forgotten where it was handled beside the process that died', 1_000, ['#1 one', 'duplicate', 'accepted', '#2 two']],
    [
      'that was repeated while it was handled is handled again after that process died',
      2_500,
      ['duplicate', '#1 one', 'accepted', '#2 two'],
    ],
  ])('%s', async (_, waitMs, expected) => {
    const inner: Store = { ...keyvStore(), capabilities: { scope: 'shared', durable: true } };
    const [clock, told] = [virtualClock(), [] as string[]];
    const first = await amidst(inner, clock, told);
    const second = bot(inner, clock, told);
    const again = second.says('one', 'm1', waitMs);
    await clock.advance(waitMs);
    await again;
    first.kill();
    await second.says('two', 'm2');
    expect(told.slice(1)).toEqual(expected);
    const [stored] = (await inner.find({})).records;
    expect(stored?.record['inbox'] ?? []).toEqual([]);
    expect(stored?.record).not.toHaveProperty('running');
    await second.sessions.stop();
  });

  it('that cannot be saved is tried once by whoever comes next, and holds up nobody', async () => {
    const [inner, clock, told] = [keyvStore(), virtualClock(), [] as string[]];
    const first = await amidst(inner, clock, told);
    first.kill();

    const second = bot(inner, clock, told, (text, turn) => {
      if (text === 'one') (turn.session as { data: unknown }).data = { big: 1n };
    });
    await second.says('two', 'm2');
    expect(told).toEqual(['accepted', '#1 one', 'accepted', '#1 two']);
    const third = bot(inner, clock, told);
    await third.says('three', 'm3');
    expect(told.slice(4)).toEqual(['#2 one', 'accepted', '#3 three']);
    await Promise.all([second.sessions.stop(), third.sessions.stop()]);
  });

  it('is handled by the worker where nobody comes', async () => {
    const [inner, clock, told] = [keyvStore(), virtualClock(), [] as string[]];
    const first = await amidst(inner, clock, told);
    first.kill();

    const second = bot(inner, clock, told);
    const { lease } = await inner.begin('toy/main/ada', { now: 0, leaseMs: 1_000, waitMs: 1_000 });
    await inner.release(lease);
    await clock.advance(61_000);
    expect(told).toEqual(['accepted', '#1 one']);
    await second.sessions.stop();
  });
});
