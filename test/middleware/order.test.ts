import { describe, expect, it } from 'vitest';
import { AdjournError } from '../../src/middleware/errors.ts';
import type { Lease, Store } from '../../src/middleware/store.ts';
import { adaKey, gate } from './toy.ts';
import { patient, twoProcesses } from './two-processes.ts';

const free = { now: 0, leaseMs: 1_000, waitMs: 0 };

describe('turns of one conversation in several processes', () => {
  it('run in order of arrival, whichever process they came to', async () => {
    const { a, b, ran, hold } = twoProcesses();
    const release = await hold();
    const others = [a.says('second'), b.says('third'), b.says('fourth'), a.says('fifth'), b.says('sixth')];
    await release();
    await Promise.all(others);
    expect(ran).toEqual(['first', 'second', 'third', 'fourth', 'fifth', 'sixth']);
  });

  it('let one that cannot wait run beside the holder, and save its changes in its place', async () => {
    const { clock, a, b, ran, hold } = twoProcesses();
    const release = await hold();
    const impatient = a.deliver(a.message('second'), (turn) => {
      ran.push(`second, exclusive: ${turn.exclusive}`);
      turn.update(({ data }) => {
        data.count += 1;
      });
    });
    const third = b.deliver(
      b.message('third'),
      (turn) => ran.push(`third #${turn.session.turnCount} ${turn.session.data.count}`),
      patient,
    );
    await clock.advance(2_500);
    await impatient;
    expect(ran).toEqual(['second, exclusive: false']);
    await release();
    await third;
    expect(ran).toEqual(['second, exclusive: false', 'first', 'third #3 1']);
  });

  it('wait for one beside the holder whose lease has come, as long as its handler takes', async () => {
    let renewals = 0;
    const wrap = (store: Store): Store => ({
      ...store,
      renew(lease) {
        renewals += 1;
        return store.renew(lease);
      },
    });
    const { clock, a, b, ran, hold } = twoProcesses({ leaseMs: 40, wrap });
    const release = await hold(b);
    const slow = gate();
    const beside = a.deliver(a.message('second'), async (turn) => {
      turn.update(({ data }) => {
        data.count += 1;
      });
      await slow.promise;
      ran.push('second');
    });
    const third = b.deliver(b.message('third'), (turn) => ran.push(`third ${turn.session.data.count}`), patient);
    await clock.advance(2_500);
    await release();
    const before = renewals;
    // Without renewal the lease would have lapsed by then.
    await expect.poll(() => renewals - before).toBeGreaterThan(3);
    expect(ran).toEqual(['first']);
    slow.resolve();
    await Promise.all([beside, third]);
    expect(ran).toEqual(['first', 'second', 'third 1']);
  });

  it('handle once what is sent again to another process while it still runs beside the holder', async () => {
    const { clock, a, b, ran, hold } = twoProcesses();
    const release = await hold();
    const message = a.message('second');
    const original = a.deliver(message, () => ran.push('second'));
    const again = b.deliver(message, () => ran.push('second, again'), patient);
    await clock.advance(2_500);
    await original;
    await release();
    expect(await again).toMatchObject({ verdict: 'drop' });
    expect(ran).toEqual(['second', 'first']);
  });

  it('take several conversations of one request without waiting for each other for ever', async () => {
    const { a, b, ran } = twoProcesses();
    const batch = (bot: typeof a, n: number, users: string[]) =>
      bot.channel.batch(
        users.map((user) =>
          bot.delivery([bot.message(`${n}`, { conversation: { id: user, kind: 'direct' }, user })], () => {}, patient),
        ),
        async (turns) => ran.push(turns.map(({ activity }) => activity.user).join()),
      );
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, n) => (n % 2 ? batch(a, n, ['ada', 'bo', 'cy']) : batch(b, n, ['cy', 'bo', 'ada']))),
    );
    expect(outcomes.map(({ verdict }) => verdict)).toEqual(Array(20).fill('run'));
    expect(ran).toEqual(Array(20).fill('ada,bo,cy'));
  });
});

describe('whoever has the lease next', () => {
  it('starts when the command before it has been answered', async () => {
    const { a, ran } = twoProcesses();
    const answered = gate();
    const asked = gate();
    const command = a.channel.turn(
      a.delivery([a.message('discard')], () => {}, {
        async consumed() {
          asked.resolve();
          await answered.promise;
          ran.push('answered');
        },
      }),
    );
    const next = a.says('next');
    await asked.promise;
    await clockless();
    expect(ran).toEqual([]);
    answered.resolve();
    await Promise.all([command, next]);
    expect(ran).toEqual(['answered', 'next']);
  });

  it('does not wait for one that has lost it', async () => {
    const leases: Lease[] = [];
    const wrap = (store: Store): Store => ({
      ...store,
      async begin(key, options) {
        const begun = await store.begin(key, options);
        leases.push(begun.lease);
        return begun;
      },
    });
    const { store, a, ran, hold } = twoProcesses({ wrap });
    const release = await hold();
    const next = a.says('next');
    await store.release(leases[0] as Lease);
    await next;
    expect(ran).toEqual(['next']);
    await release();
    expect(a.names()).toContain('save_failed');
  });
});

describe('whoever gives up', () => {
  it('leaves the queue', async () => {
    const { clock, store, a, b, ran, hold } = twoProcesses();
    const release = await hold();
    const tired = expect(b.sessions.run(adaKey, async () => ran.push('too late'))).rejects.toMatchObject({
      code: 'LEASE_TIMEOUT',
    });
    await clock.advance(60_000);
    await tired;
    const next = a.says('next');
    await release();
    await next;
    expect(ran).toEqual(['first', 'next']);
    await store.release((await store.begin(adaKey, free)).lease);
  });

  it('gives the lease back if it came at that moment', async () => {
    const coming = gate();
    let isSlow = false;
    const wrap = (store: Store): Store => ({
      ...store,
      async begin(key, options) {
        const begun = await store.begin(key, options);
        if (isSlow) await coming.promise;
        return begun;
      },
    });
    const { clock, store, b } = twoProcesses({ wrap });
    await b.says('first');
    isSlow = true;
    const tired = expect(b.sessions.run(adaKey, async () => {})).rejects.toMatchObject({ code: 'LEASE_TIMEOUT' });
    await clock.advance(60_000);
    await tired;
    isSlow = false;
    coming.resolve();
    await clockless();
    await store.release((await store.begin(adaKey, free)).lease);
  });
});

/** A store that gives no lease while it is out. */
const unplugged =
  (isOut: () => boolean) =>
  (store: Store): Store => ({
    ...store,
    async begin(key, options) {
      if (isOut()) throw new AdjournError('STORE_UNAVAILABLE', 'Unplugged.');
      return store.begin(key, options);
    },
  });

describe('while the store is out', () => {
  it('turns keep the order of their process', async () => {
    let isOut = false;
    const { a, ran, hold } = twoProcesses({ wrap: unplugged(() => isOut) });
    const release = await hold();
    isOut = true;
    const next = a.deliver(a.message('second'), (turn) => ran.push(`second, degraded: ${turn.degraded}`), patient);
    await clockless();
    expect(ran).toEqual([]);
    await release();
    await next;
    expect(ran).toEqual(['first', 'second, degraded: true']);
  });

  it('and so does the first one after it is back', async () => {
    let isOut = true;
    const { a, ran } = twoProcesses({ wrap: unplugged(() => isOut) });
    const slow = gate();
    const began = gate();
    const degraded = a.deliver(a.message('first'), async () => {
      began.resolve();
      await slow.promise;
      ran.push('first');
    });
    await began.promise;
    isOut = false;
    const next = a.says('second');
    await clockless();
    expect(ran).toEqual([]);
    slow.resolve();
    await Promise.all([degraded, next]);
    expect(ran).toEqual(['first', 'second']);
  });
});

/** Lets everything happen that needs no time. */
async function clockless(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
