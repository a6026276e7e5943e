import { describe, expect, it } from 'vitest';
import type { Session, Turn } from '../../src/middleware/turn.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { allOf, found } from '../secrets/needles.ts';
import { type Data, gate, toyBot } from './toy.ts';

describe('a turn', () => {
  it('opens a session, counts its turns and keeps its data', async () => {
    const bot = toyBot();
    const add = (turn: Turn<Data>) => {
      turn.session.data.count += 1;
      return turn.reply(`${turn.session.turnCount}:${turn.session.data.count}:${turn.session.isNew}`);
    };
    await bot.says('a', add);
    await bot.says('b', add);
    expect(bot.told).toEqual(['1:1:true', '2:2:false']);
    expect(bot.names()).toEqual(['opened']);
  });

  it('finds an expired session closed at its deadline, and delivers the message to the next one', async () => {
    const bot = toyBot();
    await bot.says('a');
    await bot.clock.advance(30 * 60_000);
    await bot.says('b');
    expect(bot.told).toEqual(['#1 a', '#1 b']);
    expect(bot.names()).toEqual(['opened', 'closed', 'opened']);
    expect(bot.events[1]).toMatchObject({ type: 'closed', reason: 'inactivity', endedAt: Date.parse('2026-11-02T10:30:00Z') });
  });

  it('keeps it one millisecond before', async () => {
    const bot = toyBot();
    await bot.says('a');
    await bot.clock.advance(30 * 60_000 - 1);
    await bot.says('b');
    expect(bot.told).toEqual(['#1 a', '#2 b']);
  });

  it('consumes a command after it is saved', async () => {
    const bot = toyBot();
    await bot.says('a', (turn) => turn.session.dialog.push('order'));
    expect(await bot.says(' DISCARD ')).toMatchObject({ verdict: 'consume' });
    await bot.says('b', (turn) => bot.told.push(`depth ${turn.session.dialog.stack.length}`));
    expect(bot.told).toEqual(['consumed: Discarded.', 'depth 0']);
  });

  it('tells of an answer that did not go out by a code, without what the SDK hung on its error', async () => {
    const bot = toyBot();
    const error = Object.assign(new Error('secret text'), { code: 'ERR_403', config: { authorization: 'Bearer secret' } });
    await bot.says('discard', undefined, { consumed: () => Promise.reject(error) });
    const told = bot.events.find(({ type }) => type === 'error');
    expect(told).toMatchObject({ code: 'ADJ_SEND_FAILED', error: { message: expect.stringContaining('ERR_403') } });
    expect(found({ text: 'secret text', token: 'Bearer secret' }, allOf(told))).toEqual([]);
  });

  it('does not quote a text that was to be a duration', async () => {
    const bot = toyBot();
    const work = (turn: Turn<Data>) => turn.session.expireAfter('never mind' as never);
    const error = await bot.says('hi', work).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'ADJ_CONFIG_INVALID', message: expect.stringContaining('is not a duration') });
    expect(error.message).not.toContain('never mind');
  });

  it('runs turns of one conversation one at a time, in order of arrival', async () => {
    const bot = toyBot();
    const running: string[] = [];
    await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        bot.says(`m${n}`, async (turn) => {
          running.push(`in ${n}`);
          await new Promise((resolve) => setImmediate(resolve));
          turn.session.data.count += 1;
          running.push(`out ${n} ${turn.session.turnCount} ${turn.session.data.count}`);
        }),
      ),
    );
    expect(running).toEqual(Array.from({ length: 50 }, (_, n) => [`in ${n}`, `out ${n} ${n + 1} ${n + 1}`]).flat());
  });

  it('does not hold up other conversations', async () => {
    const bot = toyBot();
    const busy = gate();
    const first = bot.says('slow', () => busy.promise);
    await bot.deliver(bot.message('quick', { conversation: { id: 'bo', kind: 'direct' }, user: 'bo' }));
    expect(bot.told).toEqual(['#1 quick']);
    busy.resolve();
    await first;
  });

  it('answers a redelivery as a duplicate, after the running original', async () => {
    const bot = toyBot();
    const busy = gate();
    const original = bot.message('a');
    const first = bot.deliver(original, async (turn) => {
      await busy.promise;
      return turn.reply('done');
    });
    const second = bot.deliver(original);
    busy.resolve();
    expect((await first).verdict).toBe('run');
    expect((await second).verdict).toBe('drop');
    expect(bot.told).toEqual(['done', 'duplicate']);
    expect(bot.names()).toEqual(['opened', 'duplicate']);
  });

  it('drops what a failing handler changed, moves the clock, and runs a redelivery', async () => {
    const bot = toyBot();
    await bot.says('a');
    await bot.clock.advance(20 * 60_000);
    const message = bot.message('b');
    const crash = bot.deliver(message, (turn) => {
      turn.session.data.count = 99;
      throw new Error('boom');
    });
    await expect(crash).rejects.toThrow('boom');
    await bot.clock.advance(20 * 60_000);
    await bot.deliver(message, (turn) => turn.reply(`#${turn.session.turnCount} ${turn.session.data.count}`));
    expect(bot.told).toEqual(['#1 a', '#2 0']);
    expect(bot.names()).toEqual(['opened', 'late']);
  });

  it('keeps them where the endpoint says so', async () => {
    const bot = toyBot({ endpoints: { main: { onError: 'keep' } } });
    const crash = bot.says('a', (turn) => {
      turn.session.data.count = 7;
      throw new Error('boom');
    });
    await expect(crash).rejects.toThrow('boom');
    await bot.says('b', (turn) => turn.reply(`#${turn.session.turnCount} ${turn.session.data.count}`));
    expect(bot.told).toEqual(['#1 7']);
  });

  it('stays open until everything given to waitUntil has settled, without holding its host', async () => {
    const bot = toyBot();
    const later = gate();
    const outcome = await bot.says('a', (turn) => {
      turn.waitUntil(later.promise.then(() => Object.assign(turn.session.data, { count: 5 })));
    });
    later.resolve();
    expect(await outcome.saved).toBe(true);
    await bot.says('b', (turn) => turn.reply(`${turn.session.data.count}`));
    expect(bot.told).toEqual(['5']);
  });

  it('refuses changes after its end, loudly', async () => {
    const bot = toyBot();
    const kept: { session?: Session<Data>; turn?: Turn<Data>; data?: Data } = {};
    await bot.says('a', (turn) => {
      turn.session.data.list = ['tea'];
      Object.assign(kept, { session: turn.session, turn, data: turn.session.data });
    });
    const { session, turn, data } = kept as Required<typeof kept>;
    const ended = expect.objectContaining({ code: 'ADJ_TURN_ENDED' });
    expect(() => session.variables.set('a', 1)).toThrow(ended);
    expect(() => Object.assign(session.data, { count: 2 })).toThrow(ended);
    expect(() => session.data.list?.push('milk')).toThrow(ended);
    expect(() => session.dialog.push('x')).toThrow(ended);
    expect(() => turn.waitUntil(Promise.resolve())).toThrow(ended);
    expect(() => Object.assign(data, { count: 3 })).toThrow(TypeError);
    expect(session.data.count).toBe(0);
  });

  it('is given up when its handler hangs, so that the user is not silenced', async () => {
    const bot = toyBot({ endpoints: { main: { turnTimeout: '2m' } } });
    let signal: AbortSignal | undefined;
    const hung = bot.says('a', (turn) => {
      signal = turn.signal;
      return new Promise(() => {});
    });
    const failed = expect(hung).rejects.toMatchObject({ code: 'ADJ_TURN_TIMEOUT' });
    const next = bot.says('b', undefined, { waitMs: 600_000 });
    await bot.clock.advance(2 * 60_000);
    await failed;
    await next;
    expect(signal?.aborted).toBe(true);
    expect(bot.told).toEqual(['#1 b']);
  });

  it('ends the session with the turn when the bot closes it', async () => {
    const bot = toyBot();
    await bot.says('a', (turn) => turn.session.close({ outcome: 'resolved' }));
    await bot.says('b', (turn) => turn.reply(`${turn.session.startReason} ${turn.session.previous?.reason}`));
    expect(bot.told).toEqual(['closed bot']);
    expect(bot.events[1]).toMatchObject({ type: 'closed', reason: 'bot', outcome: 'resolved', turns: 1 });
  });
});

describe('a busy conversation', () => {
  it('lets an answer that cannot wait run beside the holder, and saves its changes when the lease comes', async () => {
    const bot = toyBot();
    await bot.says('first');
    const busy = gate();
    const slow = bot.says('slow', async (turn) => {
      await busy.promise;
      turn.session.data.list = ['slow'];
    });
    const quick = bot.says('quick', (turn) => {
      expect(turn.exclusive).toBe(false);
      expect(() => turn.session.variables.set('x', 1)).toThrow(expect.objectContaining({ code: 'ADJ_TURN_SHARED' }));
      expect(() => Object.assign(turn.session.data, { count: 1 })).toThrow(expect.objectContaining({ code: 'ADJ_TURN_SHARED' }));
      turn.update(() => {
        throw new Error('a change that cannot be made');
      });
      turn.update((session) => session.data.list?.push('quick'));
      return turn.reply('quick answer');
    });
    await bot.clock.advance(2_500);
    expect((await quick).verdict).toBe('run');
    expect(bot.told).toEqual(['#1 first', 'quick answer']);
    busy.resolve();
    await slow;
    await bot.says('last', (turn) => turn.reply(`#${turn.session.turnCount} ${turn.session.data.list}`));
    expect(bot.told.at(-1)).toBe('#4 slow,quick');
  });

  it('takes a command at once and applies it when the lease comes', async () => {
    const bot = toyBot();
    const busy = gate();
    const slow = bot.says('slow', async (turn) => {
      turn.session.dialog.push('order');
      await busy.promise;
    });
    const command = bot.says('discard all');
    await bot.clock.advance(2_500);
    await command;
    expect(bot.told).toEqual(['consumed: All discarded.']);
    busy.resolve();
    await slow;
    await bot.says('b', (turn) => turn.reply(`depth ${turn.session.dialog.stack.length}`));
    expect(bot.told.at(-1)).toBe('depth 0');
    expect(bot.names()).toEqual(['opened', 'command']);
  });

  it('answers a duplicate of what still runs in time, and runs nothing twice', async () => {
    const bot = toyBot();
    const busy = gate();
    const original = bot.message('a');
    const first = bot.deliver(original, () => busy.promise);
    const second = bot.deliver(original);
    await bot.clock.advance(2_500);
    expect((await second).verdict).toBe('drop');
    busy.resolve();
    await first;
    expect(bot.told).toEqual(['duplicate']);
  });
});

describe('two processes', () => {
  it('do not wait for each other over what was handled long ago', async () => {
    const store = keyvStore();
    const [one, other] = [toyBot({ store }), toyBot({ store })];
    const handled = one.message('a');
    await one.deliver(handled);
    const busy = gate();
    const slow = one.says('slow', () => busy.promise);
    const again = other.deliver(handled);
    await other.clock.advance(2_500);
    const outcome = await again;
    // Nothing is left to be saved, while the conversation is busy still.
    expect([outcome.verdict, await outcome.saved]).toEqual(['drop', true]);
    expect(other.told).toEqual(['duplicate']);
    expect(other.names()).toEqual(['duplicate']);
    busy.resolve();
    await slow;
    expect(one.told).toEqual(['#1 a']);
  });
});

describe('a host that calls its middleware again inside a turn', () => {
  it('joins the running turn instead of waiting for its own lease', async () => {
    const bot = toyBot();
    const inner = {};
    await bot.says('a', async (turn) => {
      const proactive = {
        kind: 'lifecycle',
        type: 'event',
        channel: 'toy',
        conversation: { id: 'ada', kind: 'direct' },
        means: 'proactive',
      } as const;
      await bot.deliver(proactive, () => bot.told.push(`inside ${turn === bot.sessions.current()}`), { hosts: [inner] });
      expect(bot.sessions.of(inner).id).toBe(turn.session.id);
    });
    expect(bot.told).toEqual(['inside true']);
  });

  it('gives a turn the bot began the live session, and no session where none is live', async () => {
    const bot = toyBot();
    const proactive = {
      kind: 'lifecycle',
      type: 'event',
      channel: 'toy',
      conversation: { id: 'ada', kind: 'direct' },
      means: 'proactive',
    } as const;
    await bot.deliver(proactive);
    await bot.says('a');
    await bot.deliver(proactive, (turn) => {
      turn.session.data.count = 3;
      return turn.reply(`still #${turn.session.turnCount}`);
    });
    await bot.clock.advance(29 * 60_000);
    await bot.says('b', (turn) => turn.reply(`#${turn.session.turnCount} ${turn.session.data.count}`));
    expect(bot.told).toEqual(['passed', '#1 a', 'still #1', '#2 3']);
  });
});

describe('a request with several conversations', () => {
  const of = (user: string) => ({ conversation: { id: user, kind: 'direct' as const }, user });

  it('runs once inside all their turns, less commands and duplicates', async () => {
    const bot = toyBot();
    const known = bot.message('hi', of('ada'));
    await bot.deliver(known);
    const req = {};
    const groups = bot.channel.group(
      [known, bot.message('one', of('bo')), bot.message('two', of('ada')), bot.message('discard', of('cy'))].map((activity) => ({
        activity,
      })),
    );
    expect(groups.map((group) => group.length)).toEqual([2, 1, 1]);
    const outcome = await bot.channel.batch(
      groups.map((group) =>
        bot.delivery(
          group.map(({ activity }) => activity),
          () => {},
          { hosts: [req] },
        ),
      ),
      async (turns) => {
        bot.told.push(turns.map((turn) => `${turn.activities.length} of ${turn.activity.user}`).join());
        expect(() => bot.sessions.of(req)).toThrow(expect.objectContaining({ code: 'ADJ_SEVERAL_CONVERSATIONS' }));
      },
    );
    expect(outcome.verdict).toBe('run');
    expect(bot.told).toEqual(['#1 hi', 'consumed: Discarded.', '1 of ada,1 of bo', 'duplicate']);
  });

  it('does not run at all when nothing is left', async () => {
    const bot = toyBot();
    const outcome = await bot.channel.batch([bot.delivery([bot.message('discard')], () => {})], async () => bot.told.push('ran'));
    expect(outcome.verdict).toBe('consume');
    expect(bot.told).toEqual(['consumed: Discarded.']);
  });
});

describe('a host object', () => {
  const revocable = Proxy.revocable({}, {});
  it.each([
    ['of the ordinary kind', {}, () => {}],
    ['that is frozen', Object.freeze({}), () => {}],
    ['that its vendor revokes', revocable.proxy, revocable.revoke],
  ])('%s leads to its turn, during it and after it', async (_, host, end) => {
    const bot = toyBot();
    await bot.deliver(bot.message('hi'), (turn) => expect(bot.sessions.turn(host)).toBe(turn), { hosts: [host] });
    // Whoever copies or prints it sees nothing of ours.
    expect(Reflect.ownKeys({ ...host })).toEqual([]);
    end();
    expect(bot.sessions.turn(host)?.session.turnCount).toBe(1);
  });
});
